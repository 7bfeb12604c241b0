// soft_cross_entropy.
#include <algorithm>

#include "test/rows.h"

namespace {
using namespace harness;

struct Soft {
  bool given;  // probabilities, else labels
  double smoothing;
  bool weighted;
};
const Soft kSofts[] = {{true, 0, false}, {true, 0, true}, {true, 0.2, true}, {false, 0.1, false}, {false, 0.3, true}};

KernelCase soft_cross_entropy(int64_t N, int64_t C, double scale, const Soft& soft, bool loss, bool gradient) {
  KernelCase c = {row_soft_cross_entropy,
                  text_of("soft_cross_entropy", {N, C, soft.given, soft.weighted}),
                  {random_tensor(DType::f32, {N, C}, uint64_t(N * C), scale), indices_below(C, {N}, uint64_t(N)),
                   Tensor(), Tensor(DType::f32, {}).fill([&](int64_t) { return soft.smoothing; })},
                  {Tensor(DType::f32, {N}), Tensor(DType::f32, {N, C})},
                  {0}};
  Numbers numbers(uint64_t(C + 1));
  // About one to a row, some of them 0.
  const auto share = [&](int64_t) { return std::max(0.0, double(numbers.uniform())) * 4 / double(C); };
  if (soft.given) c.in[1] = Tensor(DType::f32, {N, C}).fill(share);
  if (soft.weighted)
    c.in.push_back(Tensor(DType::f32, {C}).fill([&](int64_t) { return double(numbers.uniform()) + 1.0; }));
  c.out[0].absent = !loss;
  c.out[1].absent = !gradient;
  if (!gradient && N % 2) c.out.pop_back();
  // Margins as large as `scale` cancel against each other.
  c.tolerance = {2e-6, 2e-6 + 3e-7 * scale};
  return c;
}

TEST_CASE("soft_cross_entropy: loss and gradient in every combination") {
  for (const Soft& soft : kSofts) {
    for (int64_t C : kWidths)
      for (double scale : {1.0, 50.0, 10000.0})
        for (int which = 1; which < 4; which++)
          check(soft_cross_entropy(C > 500 ? 3 : 38, C, scale, soft, which & 1, which & 2));
    check(soft_cross_entropy(4, 50257, 10, soft, true, true));
    check(soft_cross_entropy(2000, 10, 10, soft, true, true));
    check(soft_cross_entropy(611, 300, 10, soft, true, true));
    check(soft_cross_entropy(0, 10, 1, soft, true, true));
  }
}

TEST_CASE("soft_cross_entropy: the gradient of each loss as a factor, of any stride") {
  for (const Soft& soft : kSofts)
    for (const Dims& dims : std::vector<Dims>{{1, 10}, {7, 3}, {38, 10}, {300, 700}})
      for (int64_t stride : {0, 1, 3}) {
        KernelCase c = soft_cross_entropy(dims[0], dims[1], 8, soft, stride != 1, true);
        Numbers numbers(5);
        c.in[2] = Tensor(DType::f32, {dims[0]}, {stride}).fill([&](int64_t) { return double(numbers.uniform()); });
        check(c);
      }
}

TEST_CASE("soft_cross_entropy: of certain labels it is cross_entropy") {
  for (const Dims& dims : std::vector<Dims>{{38, 10}, {5, 700}}) {
    const int64_t N = dims[0], C = dims[1];
    KernelCase soft = soft_cross_entropy(N, C, 6, {true, 0, false}, true, true);
    const Tensor labels = indices_below(C, {N}, 9);
    soft.in[1].fill([&](int64_t i) { return i % C == labels.at(i / C) ? 1.0 : 0.0; });
    KernelCase plain = {row_cross_entropy, "cross_entropy", {soft.in[0], labels}, soft.out, {0}};
    for (const Target& t : targets()) {
      const auto a = soft.run(*t.table, 1), b = plain.run(*t.table, 1);
      for (size_t o = 0; o < 2; o++) compare(t.table->name, a[o], b[o], {1e-6, 1e-6}, 1);
    }
  }
}

TEST_CASE("soft_cross_entropy: infinite and huge logits, NaN, in one row of many") {
  for (const Soft& soft : kSofts)
    for (int64_t C : {3, 10, 40, 256, 257, 3000})
      for (float special : {kInf, -kInf, kNaN, 1e4f, -1e4f, 3e38f, 1e-45f}) {
        KernelCase c = soft_cross_entropy(37, C, 4, soft, true, true);
        c.in[0].set(5 * C + C / 2, special);
        if (!soft.given) c.in[1].set(5, double(C / 2));
        c.tolerance = {2e-6, 1e-2};
        check(c);
      }
}

TEST_CASE("soft_cross_entropy: what has no probability may be impossible") {
  for (int64_t C : {3, 40, 300}) {
    KernelCase c = soft_cross_entropy(20, C, 4, {true, 0, false}, true, true);
    for (int64_t n = 0; n < 20; n++) c.in[0].set(n * C + 1, -kInf), c.in[1].set(n * C + 1, 0);
    check(c);
    for (const Target& t : targets())
      for (const Tensor& out : c.run(*t.table, 1))
        for (int64_t i = 0; i < out.stored(); i++) CHECK(std::isfinite(out.at(i)));
  }
}

TEST_CASE("soft_cross_entropy: a label out of range is reported, and leaves zeros") {
  for (int64_t C : {10, 300})
    for (double bad : {-1.0, double(C), 2147483647.0}) {
      KernelCase c = soft_cross_entropy(3000, C, 1, {false, 0.1, true}, true, true);
      c.in[1].set(3, bad);
      c.in[1].set(2999, -5);
      check_report(c, 3, int64_t(bad), C);
      c.attrs = {512};
      check_report(c, 515, int64_t(bad), C);
    }
}

}  // namespace
