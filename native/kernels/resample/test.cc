// Interpolation and padding along three axes, and their gradients, of planes and of images whose channels lie side by
// side; what the verifier refuses.
#include <bit>

#include "test/refusals.h"
#include "test/rows.h"

namespace {
using namespace harness;
using namespace anneal::resample_modes;

struct Resampling {
  Dims x;  // [P,D,H,W]
  int64_t m[3];
  uint32_t mode[3];
  int64_t before[3] = {0, 0, 0};

  Dims y() const { return {x[0], m[0], m[1], m[2]}; }
  std::vector<uint32_t> attrs() const {
    std::vector<uint32_t> words(mode, mode + 3);
    for (const int64_t n : before) words.push_back(uint32_t(n));
    for (size_t i = 0; i < 3; i++) {
      const bool corners = mode[i] == linear_corners || mode[i] == cubic_corners;
      const float step =
          corners ? (m[i] > 1 ? float(x[1 + i] - 1) / float(m[i] - 1) : 0) : float(x[1 + i]) / float(m[i] ? m[i] : 1);
      words.push_back(std::bit_cast<uint32_t>(step));
    }
    return words;
  }
};

// The same elements with all planes side by side: [P,D,H,W] as [1,D,H,W,P].
Tensor with_channels(const Tensor& planes, const Dims& dims, bool back = false) {
  Tensor t(planes.dtype(), back ? dims : Dims{1, dims[1], dims[2], dims[3], dims[0]});
  const int64_t area = dims[1] * dims[2] * dims[3];
  for (int64_t p = 0; p < dims[0]; p++)
    for (int64_t i = 0; i < area; i++) {
      const int64_t own = p * area + i, other = i * dims[0] + p;
      t.set(back ? own : other, planes.at(back ? other : own));
    }
  return t;
}

void check_resampling(const Resampling& r, float special = 0) {
  const Dims y = r.y();
  for (const bool gradient : {false, true}) {
    const Dims &from = gradient ? y : r.x, &to = gradient ? r.x : y;
    KernelCase planes = {gradient ? row_resample_grad : row_resample,
                         text_of(gradient ? "resample_grad" : "resample", r.x) + text_of(" to", {r.m, r.m + 3}) +
                             text_of(" by", {r.mode[0], r.mode[1], r.mode[2]}),
                         {random_tensor(DType::f32, from, 1)},
                         {Tensor(DType::f32, to)},
                         r.attrs()};
    planes.tolerance = {4e-6, 1e-6};
    if (special != 0 && planes.in[0].stored() > 0) planes.in[0].set(planes.in[0].stored() / 2, double(special));
    check(planes);
    KernelCase images = planes;
    images.text = "channels last " + planes.text;
    images.in[0] = with_channels(planes.in[0], from);
    images.out[0] = with_channels(planes.out[0], to);
    check(images);
    const KernelTable& table = *targets().back().table;
    const auto want = planes.run(table, 1), got = images.run(table, 1);
    if (!with_channels(got[0], to, true).same_bits(want[0])) FAIL(images.text << " has other bits than planes");
  }
}

TEST_CASE("resample: every mode, of sizes around each other") {
  for (const uint32_t mode :
       {nearest, nearest_exact, linear, linear_corners, cubic, cubic_corners, linear_antialias, cubic_antialias})
    for (const int64_t n : {1, 2, 3, 7, 17})
      for (const int64_t m : {1, 2, 3, 8, 17, 40}) {
        check_resampling({{3, 1, 1, n}, {1, 1, m}, {replicate, replicate, mode}});
        check_resampling({{3, 1, n, 5}, {1, m, 7}, {replicate, mode, mode}});
      }
}

TEST_CASE("resample: padding by elements, and less of them") {
  for (const uint32_t mode : {reflect, replicate, circular})
    for (const int64_t n : {1, 2, 5, 19})
      for (const int64_t before : {-2, -1, 0, 1, 4, 18})
        for (const int64_t after : {-1, 0, 1, 4, 18}) {
          const int64_t most = mode == reflect ? n - 1 : mode == circular ? n : 100, m = n + before + after;
          if (before > most || after > most || m < 0) continue;
          check_resampling({{2, 1, 3, n}, {1, 4, m}, {replicate, replicate, mode}, {0, 1, before}});
          check_resampling({{2, 1, n, 3}, {1, m, 3}, {replicate, mode, reflect}, {0, before, 0}});
        }
}

TEST_CASE("resample: three axes, planes from none to many, many chunks") {
  for (const int64_t P : {0, 1, 15, 16, 17, 50}) {
    check_resampling({{P, 2, 3, 4}, {5, 6, 7}, {linear, linear, linear}});
    check_resampling({{P, 4, 5, 3}, {3, 9, 5}, {circular, cubic, nearest}, {-1, 0, 0}});
    check_resampling({{P, 1, 14, 14}, {1, 28, 28}, {replicate, linear, linear}});
    check_resampling({{P, 1, 28, 28}, {1, 14, 14}, {replicate, linear_corners, linear_corners}});
  }
  check_resampling({{4, 1, 90, 90}, {1, 200, 131}, {replicate, cubic, cubic}});
  check_resampling({{20, 1, 90, 77}, {1, 20, 31}, {replicate, cubic_antialias, linear_antialias}});
  check_resampling({{40, 1, 56, 56}, {1, 112, 112}, {replicate, nearest, nearest}});
  check_resampling({{2, 1, 300, 9}, {1, 2, 3}, {replicate, nearest, nearest}});   // the gradient has rows of none
  check_resampling({{2, 1, 2, 3}, {1, 300, 90}, {replicate, nearest, nearest}});  // and of more than go at once
}

TEST_CASE("resample: NaN and infinity stay with the elements that are made of them") {
  for (const float special : {kNaN, kInf, -kInf})
    for (const uint32_t mode : {nearest, linear, cubic, reflect, cubic_antialias})
      check_resampling({{3, 1, 5, 6}, {1, 8, 9}, {replicate, mode, mode}, {0, 1, 2}}, special);
}

TEST_CASE("verify checks what a resampling is given") {
  using namespace refusals;
  const auto of = [](Dims x, Dims y, std::vector<uint32_t> attrs, DType dtype = DType::f32) {
    const auto dims = [](const Dims& d) { return std::vector<uint32_t>(d.begin(), d.end()); };
    return refusal_of([&](ProgramBuilder& b) {
      b.add(row_resample, {b.dense(Space::arena, dtype, 0, dims(y))}, {b.dense(Space::input, dtype, 0, dims(x))},
            attrs);
    });
  };
  const auto row = [&](int64_t n, int64_t m, uint32_t mode, int32_t before, uint32_t step = 0x3F800000) {
    return of({2, 1, 1, n}, {2, 1, 1, m},
              {replicate, replicate, mode, 0, 0, uint32_t(before), 0x3F800000, 0x3F800000, step});
  };
  const char* wrong = "an axis does not fit";
  CHECK(row(4, 9, linear, 0) == "accepted");
  CHECK(row(4, 9, linear, 0, 0x7F7FFFFF) == "accepted");
  CHECK(row(4, 9, cubic, 0, 0xFF7FFFFF) == "accepted");
  check_refused(row(4, 9, linear, 0, 0x7F800000), wrong);
  check_refused(row(4, 9, cubic, 0, 0x7FC00000), wrong);
  CHECK(row(4, 9, linear_antialias, 0, 0x3F000000) == "accepted");
  check_refused(row(4, 9, linear_antialias, 0), wrong);  // leads beyond x
  check_refused(row(4, 9, cubic_antialias, 0, 0xBF000000), wrong);
  check_refused(row(4, 9, cubic_antialias, 0, 0x7FC00000), wrong);
  check_refused(row(1 << 28, 1, cubic_antialias, 0), wrong);
  check_refused(row(0, 9, nearest, 0), wrong);
  check_refused(row(0, 2, replicate, 1), wrong);
  CHECK(row(4, 10, reflect, 3) == "accepted");
  check_refused(row(4, 10, reflect, 4), wrong);
  check_refused(row(4, 11, reflect, 3), wrong);
  CHECK(row(4, 12, circular, 4) == "accepted");
  check_refused(row(4, 12, circular, 5), wrong);
  check_refused(row(4, 13, circular, 4), wrong);
  check_refused(row(4, 4, circular, -2147483647 - 1), wrong);
  CHECK(row(4, 40, replicate, 30) == "accepted");
  check_refused(row(4, 4, cubic_antialias + 1, 0), wrong);
  check_refused(of({2, 1, 4}, {2, 1, 4}, std::vector<uint32_t>(9, 0)), "planes or images of three dimensions");
  check_refused(of({2, 1, 1, 4}, {2, 1, 1, 4}, std::vector<uint32_t>(9, 0), DType::i32), "not float");
}

}  // namespace
