// Normalisations and their gradients, of single rows and down columns; what their verifiers refuse.
#include <bit>

#include "test/refusals.h"
#include "test/rows.h"

namespace {
using namespace harness;

struct Norm {
  int64_t A, R, G, P;
  bool centered = true;

  Dims x() const { return {A, R, G, P}; }
  Dims statistic() const { return {A, G}; }
  Dims features() const { return {G, P}; }
};

// The norm of x, whose results begin `start` elements behind a line of the cache.
KernelCase norm_of(const Norm& n, const Tensor& x, const Tensor& weight, const Tensor& bias, int64_t start = 0) {
  const Tensor mean = n.centered ? Tensor(DType::f32, n.statistic()) : Tensor();
  return {row_norm,
          text_of("norm", n.x()) + text_of(" affine", {!weight.absent + !bias.absent}) + text_of(" from", {start}),
          {x, weight, bias, Tensor()},
          {Tensor(DType::f32, n.x(), {}, start), Tensor(DType::f32, n.statistic()), mean, Tensor()},
          {n.centered, std::bit_cast<uint32_t>(1e-3f)},
          {},
          {3e-6, 3e-6}};
}

// The gradient of what a norm got, `left` being what it left.
KernelCase gradient_of(const KernelCase& norm, const Norm& n, const std::vector<Tensor>& left, int64_t start = 0) {
  const double terms = std::sqrt(double(n.R * n.P) + 1);
  return {row_norm_grad,
          "gradient of " + norm.text,
          {random_tensor(DType::f32, n.x(), 2), norm.in[0], left[1], left[2], norm.in[1], Tensor()},
          {Tensor(DType::f32, n.x(), {}, start), Tensor(DType::f32, n.features()), Tensor(DType::f32, n.features())},
          {std::bit_cast<uint32_t>(1e-3f)},
          {},
          {4e-6, 4e-7 * (8 + terms * std::sqrt(double(n.A)))}};
}

// Checks the same norm of x and a residual, whose sum is a result, and is none.
void check_sums(KernelCase c, const Norm& n) {
  c.in[3] = random_tensor(DType::f32, n.x(), 5);
  c.out[3] = Tensor(DType::f32, n.x());
  c.text += " of a sum";
  check(c);
  c.out[3] = Tensor();
  c.text += " that nobody reads";
  check(c);
}

// Checks that a norm with a weight and a bias, a weight, or neither, is close to the reference, and its gradient, of
// what it gives; `offset` is added to x.
void check_norm(const Norm& n, double offset = 0, float special = 0) {
  Tensor x = random_tensor(DType::f32, n.x(), 1, 2);
  for (int64_t i = 0; i < x.stored(); i++) x.set(i, x.at(i) + offset);
  if (special != 0 && x.stored() > 0) x.set(x.stored() / 2, double(special));
  const Tensor none;
  for (int affine = 0; affine < (n.centered ? 3 : 2); affine++) {
    const Tensor weight = affine > 0 ? random_tensor(DType::f32, n.features(), 3, 2) : none;
    const Tensor bias = affine > 1 ? random_tensor(DType::f32, n.features(), 4, 2) : none;
    KernelCase forward = norm_of(n, x, weight, bias);
    // A mean is rounded, and what is around it with it.
    forward.tolerance.absolute += 1.5e-7 * std::abs(offset);
    // Statistics that are not finite may be NaN or an infinity.
    if (special == 0) check(forward);
    const std::vector<Tensor> left = forward.run(*targets().front().table, 1);
    forward.out[1] = forward.out[2] = none;
    forward.text += " without statistics";
    check(forward);
    if (n.R == 1) check_sums(forward, n);

    const KernelCase gradient = gradient_of(forward, n, left);
    check(gradient);
    if (n.R == 1) {
      KernelCase with_residual = gradient;
      with_residual.text += " with a residual";
      with_residual.in[5] = random_tensor(DType::f32, n.x(), 6);
      check(with_residual);
    }
    for (const bool only_x : {true, false}) {
      KernelCase less = gradient;
      less.text += only_x ? " of x" : " of weights";
      if (only_x)
        less.out[1] = less.out[2] = none;
      else
        less.out[0] = none;
      check(less);
    }
  }
}

TEST_CASE("norm: rows of every length") {
  for (int64_t P : kWidths) check_norm({3, 1, 1, P});
  for (int64_t P : {1, 7, 16, 33, 1025}) check_norm({11, 1, 1, P, false});
  check_norm({2, 1, 3, 5});
  check_norm({0, 1, 3, 5});
  check_norm({2, 1, 3, 0});
}

TEST_CASE("norm: many rows, chunks of them, groups in a row") {
  check_norm({301, 1, 1, 768});
  check_norm({1000, 1, 4, 10});
  check_norm({70, 1, 2, 3000});
  check_norm({200, 1, 1, 500, false});
  check_norm({1100, 1, 1, 960});
}

TEST_CASE("norm: columns, few and many, folded and not") {
  for (int64_t G : {1, 2, 3, 5, 7, 8, 16, 17, 31, 64, 100, 129})
    for (int64_t R : {2, 3, 8, 37}) check_norm({1, R, G, 1});
  for (int64_t R : {127, 128, 129, 512, 513, 1300}) check_norm({1, R, 130, 1});
  check_norm({1, 3, 5000, 1});
  check_norm({1, 0, 3, 1});
  check_norm({1, 140000, 3, 1});
  check_norm({1, 5000, 64, 1});
}

TEST_CASE("norm: columns of several parts and groups, whole and in segments") {
  for (int64_t P : {1, 2, 5}) {
    check_norm({7, 9, 3, P});
    check_norm({3, 49, 8, P});
    check_norm({2, 3000, 20, P});
  }
  check_norm({40, 300, 16, 2});
}

TEST_CASE("norm: results that go past the caches, and those that do not begin a line of one") {
  for (const Norm& n : {Norm{8200, 1, 1, 1024}, Norm{1, 8200, 1024, 1}})
    for (int64_t start : {0, 1}) {
      const Tensor weight = random_tensor(DType::f32, n.features(), 3, 2),
                   bias = random_tensor(DType::f32, n.features(), 4, 2);
      const KernelCase forward = norm_of(n, random_tensor(DType::f32, n.x(), 1, 2), weight, bias, start);
      check(forward);
      check(gradient_of(forward, n, forward.run(*targets().front().table, 1), start));
    }
}

TEST_CASE("norm: far from zero") {
  for (const double offset : {-300.0, 1e4}) {
    check_norm({3, 1, 1, 100}, offset);
    check_norm({3, 1, 1, 3000}, offset);
    check_norm({1, 700, 33, 1}, offset);
    check_norm({2, 50, 3, 4}, offset);
  }
}

TEST_CASE("norm: NaN and infinity stay with those that share statistics") {
  for (const float special : {kNaN, kInf, -kInf}) {
    check_norm({5, 1, 1, 20}, 0, special);
    check_norm({1, 20, 17, 1}, 0, special);
    check_norm({3, 20, 2, 3}, 0, special);
  }
}

TEST_CASE("verify checks what a norm is given") {
  using namespace refusals;
  struct Given {
    std::vector<uint32_t> x = {2, 3, 4, 5}, y = x, spread = {2, 4}, mean = {2, 4}, weight = {4, 5}, attrs = {1, 0};
    bool weighted = true;
    std::vector<uint32_t> residual = {}, sum = {};
  };
  const auto of = [](const Given& g) {
    return refusal_of([&](ProgramBuilder& b) {
      const uint32_t weight = g.weighted ? b.dense(Space::input, DType::f32, 1, g.weight) : kNone;
      const auto optional = [&](Space space, uint64_t at, const std::vector<uint32_t>& dims) {
        return dims.empty() ? kNone : b.dense(space, DType::f32, at, dims);
      };
      b.add(row_norm,
            {b.dense(Space::arena, DType::f32, 0, g.y), b.dense(Space::arena, DType::f32, 4096, g.spread),
             b.dense(Space::arena, DType::f32, 8192, g.mean), optional(Space::arena, 12288, g.sum)},
            {b.dense(Space::input, DType::f32, 0, g.x), weight, b.dense(Space::input, DType::f32, 2, {4, 5}),
             optional(Space::input, 3, g.residual)},
            g.attrs);
    });
  };
  CHECK(of({}) == "accepted");
  check_refused(of({.y = {2, 3, 5, 4}}), "not like x");
  check_refused(of({.x = {2, 3, 20}, .y = {2, 3, 20}}), "not dense [A,R,G,P]");
  check_refused(of({.spread = {2, 3}}), "statistics are not");
  check_refused(of({.mean = {4, 2}}), "statistics are not");
  check_refused(of({.weight = {5, 4}}), "weight or bias");
  check_refused(of({.weighted = false}), "a bias without a weight");
  check_refused(of({.attrs = {0, 0}}), "a mean square is of single rows");
  check_refused(of({.attrs = {2, 0}}), "attribute 0");
  check_refused(of({.attrs = {1, 0x7F800000}}), "eps");
  check_refused(of({.attrs = {1, 0x80000001}}), "eps");
  const std::vector<uint32_t> row = {6, 1, 4, 5}, statistic = {6, 4};
  const Given summed = {.x = row, .spread = statistic, .mean = statistic, .residual = row, .sum = row};
  CHECK(of(summed) == "accepted");
  check_refused(of({.residual = {2, 3, 4, 5}}), "a residual is of single rows");
  Given wrong = summed;
  wrong.residual = {6, 1, 5, 4};
  check_refused(of(wrong), "a residual is of single rows");
  wrong.residual = {};
  check_refused(of(wrong), "a sum is of two");

  const auto gradient = [](std::vector<uint32_t> dx, std::vector<uint32_t> dweight, std::vector<uint32_t> mean) {
    return refusal_of([&](ProgramBuilder& b) {
      const uint32_t center = mean.empty() ? kNone : b.dense(Space::input, DType::f32, 3, mean);
      b.add(row_norm_grad,
            {b.dense(Space::arena, DType::f32, 0, dx), b.dense(Space::arena, DType::f32, 4096, dweight), kNone},
            {b.dense(Space::input, DType::f32, 0, {2, 3, 4, 5}), b.dense(Space::input, DType::f32, 1, {2, 3, 4, 5}),
             b.dense(Space::input, DType::f32, 2, {2, 4}), center, kNone},
            {0});
    });
  };
  CHECK(gradient({2, 3, 4, 5}, {4, 5}, {2, 4}) == "accepted");
  check_refused(gradient({2, 3, 4, 6}, {4, 5}, {2, 4}), "dx is not like x");
  check_refused(gradient({2, 3, 4, 5}, {5, 4}, {2, 4}), "a weight or its gradient");
  check_refused(gradient({2, 3, 4, 5}, {4, 5}, {4, 2}), "statistics are not");
  check_refused(gradient({2, 3, 4, 5}, {4, 5}, {}), "a mean square is of single rows");
}
}  // namespace
