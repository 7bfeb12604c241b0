// Averages and maxima of windows and their gradients, of planes and of images whose channels lie side by side; what
// their verifiers refuse.
#include <bit>

#include "test/refusals.h"
#include "test/rows.h"

namespace {
using namespace harness;

struct Pooling {
  Dims x;  // [P,D,H,W]
  int64_t kernel[3], stride[3], padding[3];
  bool ceil = false;
  int64_t dilation[3] = {1, 1, 1};

  Dims y() const {
    Dims dims = x;
    for (size_t i = 0; i < 3; i++) {
      const int64_t beyond = x[1 + i] + 2 * padding[i] - (kernel[i] - 1) * dilation[i] - 1;
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
    words.push_back(padded);
    words.push_back(std::bit_cast<uint32_t>(divisor));
    return words;
  }
  std::vector<uint32_t> max_attrs() const {
    std::vector<uint32_t> words;
    for (const auto* three : {&kernel, &stride, &padding, &dilation})
      for (int64_t value : *three) words.push_back(uint32_t(value));
    return words;
  }
  int64_t places() const { return kernel[0] * kernel[1] * kernel[2]; }
};

// The same elements with `channels` of the planes side by side: [P,D,H,W] as [P / channels,D,H,W,channels]; and back.
Tensor with_channels(const Tensor& planes, const Dims& dims, int64_t channels, bool back = false) {
  Tensor t(planes.dtype(), back ? dims : Dims{dims[0] / channels, dims[1], dims[2], dims[3], channels});
  const int64_t area = dims[1] * dims[2] * dims[3];
  for (int64_t p = 0; p < dims[0]; p++)
    for (int64_t i = 0; i < area; i++) {
      const int64_t own = p * area + i, other = (p / channels * area + i) * channels + p % channels;
      t.set(back ? own : other, planes.at(back ? other : own));
    }
  return t;
}

// Checks a case of planes, then as images of some channels, which must have the same bits. `dims`: of its tensors.
void check_both(KernelCase c, const std::vector<Dims>& of_in, const std::vector<Dims>& of_out) {
  check(c);
  const int64_t P = of_in[0][0];
  for (const int64_t channels : {P, P % 3 ? P : P / 3}) {
    if (channels == 0) continue;
    KernelCase images = c;
    images.text = "channels last " + c.text;
    for (size_t i = 0; i < c.in.size(); i++) images.in[i] = with_channels(c.in[i], of_in[i], channels);
    for (size_t i = 0; i < c.out.size(); i++)
      if (!c.out[i].absent) images.out[i] = with_channels(c.out[i], of_out[i], channels);
    check(images);
    const KernelTable& table = *targets().back().table;
    const auto want = c.run(table, 1), got = images.run(table, 1);
    for (size_t i = 0; i < want.size(); i++)
      if (!want[i].absent && !with_channels(got[i], of_out[i], channels, true).same_bits(want[i]))
        FAIL(images.text << " has other bits than planes");
    if (P % 3) return;
  }
}

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
    check_both(c, {gradient ? y : p.x}, {gradient ? p.x : y});
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
    check_pooling({{P, 2, 5, 150}, {2, 2, 3}, {1, 1, 2}, {0, 1, 1}});
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

// Of numbers that are whole, there are equals in windows.
void check_max(const Pooling& p, bool whole = false, float special = 0) {
  const Dims y = p.y();
  const DType type = p.places() <= 256 ? DType::u8 : DType::i32;
  const std::string text = text_of(" by", {p.kernel, p.kernel + 3}) + text_of(" every", {p.stride, p.stride + 3}) +
                           text_of(" beside", {p.padding, p.padding + 3}) +
                           text_of(" apart", {p.dilation, p.dilation + 3});
  Tensor x = random_tensor(DType::f32, p.x, 1, whole ? 2 : 1);
  if (whole)
    for (int64_t i = 0; i < x.stored(); i++) x.set(i, std::trunc(x.at(i)));
  if (special != 0)
    for (int64_t i = 0; i < x.stored(); i += 3) x.set(i, double(special));
  KernelCase forward = {
      row_max_pool, text_of("max_pool", p.x) + text, {x}, {Tensor(DType::f32, y), Tensor(type, y)}, p.max_attrs()};
  check_both(forward, {p.x}, {y, y});
  const std::vector<Tensor> found = forward.run(*targets().back().table, 1);
  forward.out[1] = Tensor();
  forward.text += " without index";
  check_both(forward, {p.x}, {y, y});

  check_both(
      {row_max_pool_take, text_of("max_pool_take", p.x) + text, {x, found[1]}, {Tensor(DType::f32, y)}, p.max_attrs()},
      {p.x, y}, {y});
  KernelCase gradient = {row_max_pool_grad,
                         text_of("max_pool_grad", p.x) + text,
                         {random_tensor(DType::f32, y, 2), found[1]},
                         {Tensor(DType::f32, p.x)},
                         p.max_attrs()};
  const double terms = std::sqrt(double(p.places()));
  gradient.tolerance = {1e-7 * (2 + terms), 4e-7 * terms};
  check_both(gradient, {y, y}, {p.x});
  // An index that nothing made: what it names is read, if it is there.
  gradient.in[1] = type == DType::u8 ? random_tensor(type, y, 3) : indices_below(2 * p.places(), y, 3);
  gradient.text += " of any index";
  check_both(gradient, {y, y}, {p.x});
  check_both({row_max_pool_take,
              text_of("max_pool_take of any index", p.x) + text,
              {x, gradient.in[1]},
              {Tensor(DType::f32, y)},
              p.max_attrs()},
             {p.x, y}, {y});
}

TEST_CASE("max_pool: kernels, strides, padding, dilation, equals") {
  for (int64_t W : {1, 2, 7, 17, 40})
    for (int64_t kernel : {1, 2, 3, 5})
      for (int64_t stride : {1, 2, 3, 7})
        for (int64_t dilation : {1, 2, 3})
          for (int64_t padding = 0; padding <= kernel / 2 && padding <= 2; padding++)
            if (W + 2 * padding >= (kernel - 1) * dilation + 1)
              check_max({{3, 1, 5, W}, {1, 2, kernel}, {1, 2, stride}, {0, 1, padding}, stride == 2, {1, 1, dilation}},
                        stride == 3);
}

TEST_CASE("max_pool: planes, none to many, and three axes") {
  for (int64_t P : {0, 1, 15, 16, 17, 51}) {
    check_max({{P, 1, 7, 7}, {1, 7, 7}, {1, 7, 7}, {0, 0, 0}});
    check_max({{P, 1, 14, 14}, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}}, true);
    check_max({{P, 5, 6, 7}, {2, 3, 4}, {1, 2, 3}, {1, 1, 2}, true, {2, 2, 1}});
  }
}

TEST_CASE("max_pool: kernels that bytes don't number, more rows than are kept, many chunks") {
  check_max({{3, 1, 17, 20}, {1, 17, 16}, {1, 1, 1}, {0, 8, 8}});
  check_max({{3, 1, 17, 20}, {1, 16, 16}, {1, 1, 1}, {0, 8, 8}});
  check_max({{20, 1, 60, 60}, {1, 55, 20}, {1, 3, 3}, {0, 20, 0}});
  check_max({{33, 1, 80, 80}, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}});
}

TEST_CASE("max_pool: NaN and infinities") {
  for (const float special : {kNaN, kInf, -kInf})
    for (int64_t stride : {1, 2, 3})
      check_max({{3, 1, 9, 11}, {1, 3, 3}, {1, stride, stride}, {0, 1, 1}}, false, special);
  Pooling pixel = {{1, 1, 1, 4}, {1, 1, 4}, {1, 1, 1}, {0, 0, 0}};
  const auto of = [&](std::vector<float> values) {
    Tensor x(DType::f32, pixel.x);
    for (size_t i = 0; i < 4; i++) x.set(int64_t(i), double(values[i]));
    const auto out =
        KernelCase{
            row_max_pool, "", {x}, {Tensor(DType::f32, pixel.y()), Tensor(DType::u8, pixel.y())}, pixel.max_attrs()}
            .run(*targets().back().table, 1);
    return std::pair(out[0].at(0), out[1].at(0));
  };
  CHECK(of({1, 3, 3, 2}) == std::pair(3.0, 1.0));
  CHECK(of({-kInf, -kInf, -kInf, -kInf}) == std::pair(double(-kInf), 0.0));
  CHECK(of({kInf, kNaN, kInf, kNaN}).second == 3);
}

TEST_CASE("verify checks what a maximum is given") {
  using namespace refusals;
  const auto of = [](Dims x, Dims y, std::vector<uint32_t> attrs, DType index, Dims of_index) {
    const auto dims = [](const Dims& d) { return std::vector<uint32_t>(d.begin(), d.end()); };
    return refusal_of([&](ProgramBuilder& b) {
      b.add(row_max_pool,
            {b.dense(Space::arena, DType::f32, 0, dims(y)), b.dense(Space::arena, index, 4096, dims(of_index))},
            {b.dense(Space::input, DType::f32, 0, dims(x))}, attrs);
    });
  };
  const auto attrs = [](uint32_t kernel, uint32_t stride, uint32_t padding, uint32_t dilation) {
    return std::vector<uint32_t>{1, 1, kernel, 1, 1, stride, 0, 0, padding, 1, 1, dilation};
  };
  const auto row = [&](int64_t n, int64_t windows, std::vector<uint32_t> a) {
    return of({2, 1, 1, n}, {2, 1, 1, windows}, a, DType::u8, {2, 1, 1, windows});
  };
  CHECK(row(7, 3, attrs(2, 2, 0, 1)) == "accepted");
  CHECK(row(7, 3, attrs(3, 1, 0, 2)) == "accepted");
  check_refused(row(7, 3, attrs(3, 1, 0, 1)), "windows do not fit");
  check_refused(row(7, 3, attrs(3, 1, 0, 0)), "windows do not fit");
  check_refused(row(7, 1, attrs(0xFFFFFFFF, 1, 0, 0xFFFFFFFF)), "windows do not fit");
  check_refused(row(4, 1, attrs(0xFFFFFFFE, 0xFFFFFFFF, 0x7FFFFFFF, 1)), "too large to be indexed");
  check_refused(row(300, 1, attrs(300, 1, 0, 1)), "wrong dtype");
  check_refused(of({2, 1, 1, 4}, {2, 1, 1, 4}, attrs(1, 1, 0, 1), DType::i32, {2, 1, 1, 4}), "wrong dtype");
  check_refused(of({2, 1, 1, 4}, {2, 1, 1, 4}, attrs(1, 1, 0, 1), DType::u8, {2, 1, 1, 3}), "not like what is pooled");
  check_refused(of({2, 1, 1, 4, 3}, {2, 1, 1, 4, 2}, attrs(1, 1, 0, 1), DType::u8, {2, 1, 1, 4, 2}), "channels differ");
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
  check_refused(of({2, 1, 1, 4}, {3, 1, 1, 4}, attrs(1, 1, 0)), "planes or images of three dimensions");
  check_refused(of({2, 1, 4}, {2, 1, 4}, attrs(1, 1, 0)), "planes or images of three dimensions");
  check_refused(of({2, 1, 1, 4}, {2, 1, 1, 4}, attrs(1, 1, 0), DType::i32), "not float");
  auto other = attrs(1, 1, 0);
  other[0] = reductions::max;
  check_refused(of({2, 1, 1, 4}, {2, 1, 1, 4}, other), "unknown reduction");
  other = attrs(1, 1, 0);
  other[11] = 0x7F800000;
  check_refused(of({2, 1, 1, 4}, {2, 1, 1, 4}, other), "not finite");
}

}  // namespace
