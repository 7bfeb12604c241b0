// pool and pool_grad, and what their verifier refuses.
#include "test/refusals.h"
#include "test/rows.h"

namespace {
using namespace harness;

struct Pooling {
  Dims x;  // [P,D,H,W]
  int64_t kernel[3], stride[3], padding[3];
  bool ceil = false;

  Dims y() const {
    Dims dims = x;
    for (size_t i = 0; i < 3; i++) {
      const int64_t beyond = x[1 + i] + 2 * padding[i] - kernel[i];
      int64_t windows = (beyond + (ceil ? stride[i] - 1 : 0)) / stride[i] + 1;
      if ((windows - 1) * stride[i] >= x[1 + i] + padding[i]) windows--;
      dims[1 + i] = windows;
    }
    return dims;
  }
  std::vector<uint32_t> attrs(bool padded, float divisor) const {
    std::vector<uint32_t> words = {reductions::mean};
    for (const auto* three : {&kernel, &stride, &padding})
      for (int64_t value : *three) words.push_back(uint32_t(value));
    uint32_t bits;
    std::memcpy(&bits, &divisor, 4);
    words.push_back(padded);
    words.push_back(bits);
    return words;
  }
};

void check_pooling(const Pooling& p, bool padded, float divisor, float special = 0) {
  const Dims y = p.y();
  for (const bool gradient : {false, true}) {
    KernelCase c = {gradient ? row_pool_grad : row_pool,
                    text_of(gradient ? "pool_grad" : "pool", p.x) + text_of(" by", {p.kernel, p.kernel + 3}) +
                        text_of(" every", {p.stride, p.stride + 3}) + text_of(" beside", {p.padding, p.padding + 3}),
                    {random_tensor(DType::f32, gradient ? y : p.x, 1)},
                    {Tensor(DType::f32, gradient ? p.x : y)},
                    p.attrs(padded, divisor)};
    const double terms = std::sqrt(double(p.kernel[0] * p.kernel[1] * p.kernel[2]));
    c.tolerance = {1e-7 * (2 + terms), 4e-7 * terms};
    if (special != 0 && c.in[0].stored() > 0) c.in[0].set(c.in[0].stored() / 2, double(special));
    check(c);
  }
}

void check_pooling(const Pooling& p) {
  for (const bool padded : {true, false}) check_pooling(p, padded, 0);
  check_pooling(p, true, 3);
}

TEST_CASE("pool: rows of every length, strides of 1, 2 and more, padding before and behind") {
  for (int64_t W : {1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 39, 40, 41, 42, 64, 79, 100, 131})
    for (int64_t kernel : {1, 2, 3, 5, 8})
      for (int64_t stride : {1, 2, 3, 7})
        for (int64_t padding = 0; padding <= kernel / 2 && padding <= 2; padding++)
          for (const bool ceil : {false, true})
            if (W + 2 * padding >= kernel)
              check_pooling({{3, 1, 5, W}, {1, 2, kernel}, {1, 2, stride}, {0, 1, padding}, ceil});
}

TEST_CASE("pool: planes, none to many, and three axes") {
  for (int64_t P : {0, 1, 15, 16, 17, 50}) {
    check_pooling({{P, 1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}});
    check_pooling({{P, 1, 7, 7}, {1, 7, 7}, {1, 7, 7}, {0, 0, 0}});
    check_pooling({{P, 1, 14, 14}, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}});
    check_pooling({{P, 5, 6, 7}, {2, 3, 4}, {1, 2, 3}, {1, 1, 2}, true});
    check_pooling({{P, 4, 5, 45}, {3, 2, 3}, {2, 1, 1}, {1, 0, 1}});
    check_pooling({{P, 4, 5, 45}, {3, 2, 3}, {2, 3, 2}, {1, 0, 1}, true});
  }
}

TEST_CASE("pool: windows larger than what is kept of rows, many chunks") {
  check_pooling({{3, 1, 90, 90}, {1, 90, 90}, {1, 1, 1}, {0, 0, 0}});
  check_pooling({{20, 1, 60, 60}, {1, 55, 50}, {1, 3, 3}, {0, 20, 0}});
  check_pooling({{2, 1, 200, 200}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}});
  check_pooling({{40, 1, 56, 56}, {1, 2, 2}, {1, 2, 2}, {0, 0, 0}});
  check_pooling({{40, 1, 56, 56}, {1, 4, 4}, {1, 4, 4}, {0, 0, 0}});
}

TEST_CASE("pool: NaN and infinity stay in their windows") {
  for (const float special : {kNaN, kInf, -kInf})
    for (int64_t stride : {1, 2, 3})
      for (int64_t W : {5, 50})
        check_pooling({{3, 1, 9, W}, {1, 3, 3}, {1, stride, stride}, {0, 1, 1}}, true, 0, special);
}

TEST_CASE("verify checks what a pooling is given") {
  using namespace refusals;
  const auto of = [](Dims x, Dims y, std::vector<uint32_t> attrs, DType dtype = DType::f32) {
    const auto dims = [](const Dims& d) { return std::vector<uint32_t>(d.begin(), d.end()); };
    return refusal_of([&](ProgramBuilder& b) {
      b.add(row_pool, {b.dense(Space::arena, dtype, 0, dims(y))}, {b.dense(Space::input, dtype, 0, dims(x))}, attrs);
    });
  };
  const auto attrs = [](uint32_t kernel, uint32_t stride, uint32_t padding) {
    return std::vector<uint32_t>{reductions::mean, 1, 1, kernel, 1, 1, stride, 0, 0, padding, 1, 0};
  };
  const auto row = [&](int64_t n, int64_t windows, uint32_t kernel, uint32_t stride, uint32_t padding) {
    return of({2, 1, 1, n}, {2, 1, 1, windows}, attrs(kernel, stride, padding));
  };
  CHECK(row(7, 3, 2, 2, 0) == "accepted");
  CHECK(row(7, 4, 2, 2, 0) == "accepted");  // ceil mode
  CHECK(row(8, 4, 3, 2, 1) == "accepted");
  CHECK(row(4, 1, 0xFFFFFFFE, 0xFFFFFFFF, 0x7FFFFFFF) == "accepted");
  check_refused(row(7, 2, 2, 2, 0), "windows do not fit");
  check_refused(row(7, 5, 2, 2, 0), "windows do not fit");
  check_refused(row(4, 3, 2, 2, 1), "accepted");
  check_refused(row(3, 3, 2, 2, 1), "windows do not fit");  // it would start in the padding behind
  check_refused(row(3, 1, 4, 1, 0), "windows do not fit");
  check_refused(row(8, 5, 3, 2, 2), "windows do not fit");
  check_refused(row(8, 8, 1, 0, 0), "windows do not fit");
  check_refused(row(8, 8, 0, 1, 0), "windows do not fit");
  check_refused(row(0, 1, 2, 1, 1), "windows do not fit");
  check_refused(of({2, 1, 1, 4}, {3, 1, 1, 4}, attrs(1, 1, 0)), "planes of three dimensions");
  check_refused(of({2, 1, 4}, {2, 1, 4}, attrs(1, 1, 0)), "planes of three dimensions");
  check_refused(of({2, 1, 1, 4}, {2, 1, 1, 4}, attrs(1, 1, 0), DType::i32), "not float");
  auto other = attrs(1, 1, 0);
  other[0] = reductions::max;
  check_refused(of({2, 1, 1, 4}, {2, 1, 1, 4}, other), "unknown reduction");
  other = attrs(1, 1, 0);
  other[11] = 0x7F800000;
  check_refused(of({2, 1, 1, 4}, {2, 1, 1, 4}, other), "not finite");
}

}  // namespace
