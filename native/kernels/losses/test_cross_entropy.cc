// cross_entropy.
#include "test/rows.h"

namespace {
using namespace harness;

KernelCase cross_entropy(int64_t N, int64_t C, double scale, bool loss, bool gradient) {
  KernelCase c = {row_cross_entropy,
                  text_of("cross_entropy", {N, C}),
                  {random_tensor(DType::f32, {N, C}, uint64_t(N * C), scale), indices_below(C, {N}, uint64_t(N))},
                  {Tensor(DType::f32, {N}), Tensor(DType::f32, {N, C})},
                  {0}};
  c.out[0].absent = !loss;
  c.out[1].absent = !gradient;
  if (!gradient && N % 2) c.out.pop_back();
  c.tolerance = {1e-6, 1e-6};
  return c;
}

TEST_CASE("cross_entropy: loss and gradient in every combination") {
  for (int64_t C : kWidths)
    for (double scale : {1.0, 50.0, 10000.0})
      for (int which = 1; which < 4; which++) check(cross_entropy(C > 500 ? 3 : 38, C, scale, which & 1, which & 2));
  check(cross_entropy(4, 50257, 10, true, true));
  check(cross_entropy(2000, 10, 10, true, true));
  check(cross_entropy(0, 10, 1, true, true));
  for (bool gradient : {false, true}) check(cross_entropy(611, 300, 10, true, gradient));
}

TEST_CASE("cross_entropy: the gradient of each loss as a factor, of any stride") {
  for (const Dims& dims : std::vector<Dims>{{1, 10}, {7, 3}, {38, 10}, {300, 33}, {300, 700}})
    for (int64_t stride : {0, 1, 3}) {
      KernelCase c = cross_entropy(dims[0], dims[1], 8, stride != 1, true);
      Numbers numbers(5);
      c.in.push_back(Tensor(DType::f32, {dims[0]}, {stride}).fill([&](int64_t) { return double(numbers.uniform()); }));
      check(c);
    }
}

TEST_CASE("cross_entropy: results that go past the caches") { check(cross_entropy(171, 50257, 10, true, true)); }

TEST_CASE("cross_entropy: infinite and huge logits, NaN, in one row of many") {
  for (int64_t C : {1, 3, 10, 40, 256, 257, 3000})
    for (float special : {kInf, -kInf, kNaN, 3e38f, -3e38f, 1e-45f, 200.0f}) {
      KernelCase c = cross_entropy(37, C, 4, true, true);
      c.in[0].set(5 * C + C / 2, special);
      c.in[1].set(5, double(C / 2));
      c.tolerance = {1e-6, 1e-6};
      check(c);
    }
}

TEST_CASE("cross_entropy: a label out of range is reported, and leaves zeros") {
  for (int64_t N : {5, 3000})
    for (double bad : {-1.0, 10.0, 2147483647.0, -2147483648.0}) {
      KernelCase c = cross_entropy(N, 10, 1, true, true);
      c.in[1].set(3, bad);
      c.in[1].set(N - 1, -5);
      check_report(c, 3, int64_t(bad), 10);
      c.attrs = {4096};  // the rows of a chunk
      check_report(c, 4099, int64_t(bad), 10);
    }
}

}  // namespace
