// reduce: every kind, over every set of axes, by every layout.
#include <bit>

#include "test/rows.h"

namespace {
using namespace harness;

enum Kind : uint32_t {
  sum = reductions::sum,
  mean = reductions::mean,
  maximum = reductions::max,
  minimum = reductions::min,
  argmax = reductions::argmax,
  argmin = reductions::argmin,
  var = reductions::var,
  any = reductions::any,
  all = reductions::all
};
const char* const kNames[] = {"sum", "mean", "max", "min", "argmax", "argmin", "var", "any", "all"};
DType result_type(Kind kind, DType in) {
  if (kind == argmax || kind == argmin) return DType::i32;
  return kind == any || kind == all ? DType::boolean : in;
}

// Errors grow with the sum of magnitudes: R / 4 on average for values in [-0.5, 0.5), and each element passes through
// at most 64 + 6 + log2(R) roundings, of which few add up.
Tolerance tolerance_of(Kind kind, int64_t R) {
  const double r = double(R);
  switch (kind) {
    case sum:
      return {2.4e-7, 6e-7 * r / 4};
    case mean:
      return {2.4e-7, 6e-7 / 4};
    case var:
      return {1e-6, 1e-7};
    default:
      return {};
  }
}

struct Shape {
  Dims dims, strides;  // no strides: dense
  uint32_t axes;       // bit d: dimension d is reduced
};

KernelCase reduction(Kind kind, const Shape& s, DType dtype, uint64_t seed, float correction = 1) {
  Dims out = s.dims;
  int64_t R = 1;
  for (size_t d = 0; d < out.size(); d++)
    if (s.axes >> d & 1) R *= out[d], out[d] = 1;
  Numbers numbers(seed);
  Tensor in(dtype, s.dims, s.strides);
  in.fill([&](int64_t) -> double {
    if (dtype == DType::boolean)
      return double(numbers.below(kind == any ? 40 : 2) == 0 || (kind == all && numbers.below(20)));
    if (dtype == DType::i32) return double(numbers.below(kind == argmax ? 50 : 2000) - 20);
    if (kind == any || kind == all) return numbers.below(30) ? kind == all : double(kind == any);
    return kind == argmin ? double(numbers.below(40)) : double(numbers.uniform());  // with ties
  });
  std::string text = std::string(kNames[kind]) + " dtype " + std::to_string(int(dtype)) + " axes " +
                     std::to_string(s.axes) + (s.strides.empty() ? "" : " strided") + " of";
  for (int64_t d : s.dims) text += " " + std::to_string(d);
  KernelCase c = {
      row_reduce, text, {in}, {Tensor(result_type(kind, dtype), out)}, {kind, std::bit_cast<uint32_t>(correction), 0}};
  c.tolerance = tolerance_of(kind, R);
  return c;
}

void check_all(const Shape& s, uint64_t seed) {
  int64_t R = 1;
  for (size_t d = 0; d < s.dims.size(); d++)
    if (s.axes >> d & 1) R *= s.dims[d];
  for (Kind kind : {sum, mean, maximum, minimum, argmax, argmin, var, any, all}) {
    if (R == 0 && (kind == maximum || kind == minimum || kind == argmax || kind == argmin))
      continue;  // refused before they get here
    check(reduction(kind, s, DType::f32, seed++));
    if (kind == any || kind == all) check(reduction(kind, s, DType::boolean, seed++));
    if (kind == sum || kind == maximum || kind == minimum || kind == argmax || kind == argmin || kind == any)
      check(reduction(kind, s, DType::i32, seed++));
  }
}

TEST_CASE("reduce: one axis of every size around the vectors and blocks") {
  uint64_t seed = 1;
  for (int64_t n :
       {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 97, 128, 1000, 4095, 4096, 4097, 10007}) {
    check_all({{n}, {}, 1}, seed += 100);
    check_all({{3, n}, {}, 2}, seed += 100);
    check_all({{n, 5}, {}, 1}, seed += 100);
    check_all({{n, 37}, {}, 1}, seed += 100);
  }
}

TEST_CASE("reduce: every set of axes, dense, transposed and with gaps") {
  uint64_t seed = 100000;
  for (const Dims& dims : std::vector<Dims>{
           {}, {7, 11}, {5, 16, 9}, {4, 3, 17, 6}, {1, 6, 1, 33}, {2, 70, 19}, {0, 4}, {4, 0}, {2, 3, 2, 3, 4}})
    for (uint32_t axes = 0; axes < 1u << dims.size(); axes++) {
      Dims transposed(dims.size()), gaps = Tensor::dense(dims), broadcast = Tensor::dense(dims);
      int64_t s = 1;
      for (size_t d = 0; d < dims.size(); s *= dims[d++]) transposed[d] = s;
      for (int64_t& g : gaps) g *= 2;
      if (!broadcast.empty()) broadcast[broadcast.size() / 2] = 0;
      check_all({dims, {}, axes}, seed += 100);
      if (dims.empty()) continue;
      check_all({dims, transposed, axes}, seed += 100);
      check_all({dims, gaps, axes}, seed += 100);
      check_all({dims, broadcast, axes}, seed += 100);
    }
}

TEST_CASE("reduce: large arrays, in segments and not") {
  uint64_t seed = 900000;
  for (const Shape& s : std::vector<Shape>{{{300007}, {}, 1},
                                           {{3, 270001}, {}, 2},
                                           {{300, 1000}, {}, 1},
                                           {{300, 1000}, {}, 2},
                                           {{20001, 17}, {}, 1},
                                           {{40000, 10}, {}, 1},
                                           {{2000, 600}, {1, 2000}, 2},
                                           {{8, 30, 500}, {}, 5},
                                           {{100, 3000}, {}, 1},
                                           {{1100, 1100}, {}, 3}})
    for (Kind kind : {sum, mean, maximum, argmax, var}) check(reduction(kind, s, DType::f32, seed++));
}

TEST_CASE("reduce: down the columns of arrays beyond the caches") {
  uint64_t seed = 950000;
  for (const Shape& s : std::vector<Shape>{
           {{4105, 1027}, {}, 1}, {{60000, 71}, {}, 1}, {{35, 3, 40001}, {}, 1}, {{2, 1031, 2049}, {}, 2}})
    for (Kind kind : {sum, maximum, argmax, var}) check(reduction(kind, s, DType::f32, seed++));
}

TEST_CASE("reduce: sums of large arrays keep their digits") {
  constexpr int64_t n = 3000000;
  for (const Shape& s : std::vector<Shape>{{{n}, {}, 1}, {{n / 10, 10}, {}, 1}}) {
    KernelCase c = reduction(sum, s, DType::f32, 1);
    c.in[0].fill(
        [](int64_t i) { return 0.1 + double(i % 7) / 70; });  // all positive: chains of float32 would drift by 1e-3
    c.tolerance = {1e-6, 0};
    check(c);
  }
}

TEST_CASE("reduce: variances of values far from zero keep their digits") {
  for (const Shape& s :
       std::vector<Shape>{{{300007}, {}, 1}, {{60000, 10}, {}, 1}, {{3, 20000}, {}, 2}, {{50, 900}, {}, 1}}) {
    KernelCase c = reduction(var, s, DType::f32, 1);
    Numbers numbers(4);
    c.in[0].fill([&](int64_t) { return 1000 + double(numbers.uniform()); });
    c.tolerance = {2e-5, 0};
    check(c);
  }
}

TEST_CASE("reduce: NaN and infinity") {
  constexpr float kInf = std::numeric_limits<float>::infinity(), kNaN = std::numeric_limits<float>::quiet_NaN();
  for (int64_t n : {1, 5, 16, 40, 5000})
    for (int64_t other : {1, 3})
      for (const Dims& values : std::vector<Dims>{{0}, {1}, {2}, {0, 1}, {1, 2}, {2, 0, 1}})
        for (Kind kind : {sum, mean, maximum, minimum, argmax, argmin, var, any, all})
          for (uint32_t axes : {1u, 2u}) {
            KernelCase c =
                reduction(kind, {axes == 2 ? Dims{other, n} : Dims{n, other}, {}, axes}, DType::f32, uint64_t(n));
            Numbers numbers(uint64_t(n) + kind);
            for (int64_t v : values) c.in[0].set(numbers.below(n * other), v == 0 ? kNaN : v == 1 ? kInf : -kInf);
            c.tolerance.absolute += 1e-4;
            check(c);
          }
}

TEST_CASE("reduce: the correction of the variance, down to nothing left") {
  for (int64_t n : {1, 2, 3, 100})
    for (float correction : {0.0f, 0.5f, 1.0f, 2.0f, 5.0f, -1.5f})
      check(reduction(var, {{4, n}, {}, 2}, DType::f32, 7, correction));
}

TEST_CASE("reduce: of equal values the first is the largest and the smallest") {
  for (int64_t n : {2, 17, 100, 9000})
    for (Kind kind : {argmax, argmin}) {
      KernelCase c = reduction(kind, {{3, n}, {}, 2}, DType::f32, 1);
      c.in[0].fill([](int64_t) { return 2.5; });
      for (const Target& t : targets())
        for (int64_t i = 0; i < 3; i++) CHECK(c.run(*t.table, 1)[0].at(i) == 0);
    }
}

// Whole numbers are added in 64 bits: what int32 holds at the end is right, however far the sum was on its way.
TEST_CASE("reduce: sums of large integers are exact, or reported with their value") {
  for (const Shape& s : std::vector<Shape>{{{2}, {}, 1},
                                           {{70}, {}, 1},
                                           {{40000}, {}, 1},
                                           {{300002}, {}, 1},
                                           {{4, 300}, {}, 1},
                                           {{40000, 10}, {}, 1},
                                           {{1100, 1100}, {}, 1},
                                           {{3, 8200}, {}, 1},
                                           {{30, 4}, {1, 30}, 2},
                                           {{2, 64, 33}, {}, 2},
                                           {{6, 5, 4}, {}, 5}}) {
    KernelCase c = reduction(sum, s, DType::i32, 1);
    const int64_t outputs = c.out[0].stored();
    int64_t R = 1, inner = 1;
    for (size_t d = 0; d < s.dims.size(); d++)
      if (s.axes >> d & 1) R *= s.dims[d];
    for (size_t d = s.dims.size(); d-- > 0 && !(s.axes >> d & 1);) inner *= s.dims[d];
    // Half of each sum far up, half of it as far down.
    Numbers numbers(2);
    c.in[0].fill([&](int64_t i) { return i / inner % 2 ? -2147483647.0 : 2147483646.0; });
    if (R % 2 == 0 && s.axes != 5 && s.strides.empty()) check_report(c, 0, 0, 0, Failure::none);
    c.in[0].fill([](int64_t) { return 255.0 * 32768; });
    const int64_t total = 255 * 32768 * R;
    if (total > 2147483647)
      check_report(c, 0, total, 0, Failure::overflow);
    else
      check_report(c, 0, 0, 0, Failure::none);
    c.in[0].fill([](int64_t) { return -1.0; });
    check(c);
    // The last output alone is one below what int32 holds.
    const int64_t last = c.in[0].size() - 1;
    c.in[0].set(last, -2147483649.0 + double(R - 1));
    if (R > 1) check_report(c, outputs - 1, -2147483649, 0, Failure::overflow);
    c.in[0].set(last, -2147483648.0 + double(R - 1));
    check_report(c, 0, 0, 0, Failure::none);
  }
}
}  // namespace
