// softmax, its gradients and the cross-entropy of classes with the gradient of its logits. Two limits, of which the
// slower counts: a plain loop that reads and writes the bytes that must move, and so many exponentials by the
// library's own function over data in the first cache.
#include <string>

#include "bench.h"

namespace {
using namespace bench;

constexpr int64_t kResident = 2048;  // floats

// The pointwise row as a program would call it for one unary operation (opcodes.def).
enum : uint32_t {
#define ANNEAL_POINTWISE(name, ...) op_##name,
#include "../pointwise/opcodes.def"
#undef ANNEAL_POINTWISE
};

Limit exponentials(Bench& b, int64_t n) {
  std::vector<Closure> calls;
  for (int t = 0; t < b.threads; t++)
    calls.push_back(
        b.kernel(row_pointwise, {b.tensor({kResident})}, {b.tensor({kResident})}, {1, op_exp, 0, kNone, kNone, 1}));
  const double scale = double(n) / double(kResident * b.threads);
  if (b.threads == 1) return {"exponentials", calls[0], scale};
  const auto body = [](void* arg, int64_t c, int32_t) {
    (*static_cast<const std::vector<Closure>*>(arg))[size_t(c)]();
  };
  return {"exponentials",
          [&b, calls, body]() mutable { b.context.parallel(&b.context, b.threads, 1 << 30, body, &calls); }, scale};
}

struct Rows {
  int64_t N, C;
  std::string name() const { return std::to_string(N) + "x" + std::to_string(C); }
};

// Logits with a spread as a network has them.
float* logits(Bench& b, const Rows& r) {
  float* x = b.floats(r.N * r.C);
  for (int64_t i = 0; i < r.N * r.C; i++) x[i] *= 8;
  return x;
}

Subject cross_entropy(Bench& b, const Rows& r, bool gradient) {
  float *x = logits(b, r), *dx = b.floats(r.N * r.C);
  TensorArg dlogits = b.tensor({r.N, r.C}, dx);
  if (!gradient) dlogits.data = nullptr;
  const TensorArg labels = Bench::dense(b.integers(r.N, int32_t(r.C)), DType::i32, {r.N});
  const TensorArg factor = {b.constant(1.0f / float(r.N)), DType::f32, 1, {r.N}, {0}};  // of a mean
  Subject s;
  s.ours = b.kernel(row_cross_entropy, {b.tensor({r.N}), dlogits}, {b.tensor({r.N, r.C}, x), labels, factor}, {0});
  s.limits = {exponentials(b, r.N * r.C),
              gradient ? b.stream({x}, {dx}, r.N * r.C) : b.stream({x}, std::vector<float*>{}, r.N * r.C)};
  s.bytes = (gradient ? 8.0 : 4.0) * double(r.N * r.C);
  return s;
}

// The cross-entropy of probabilities, or of smoothed labels. More is read and summed than in cross_entropy.
Subject soft_cross_entropy(Bench& b, const Rows& r, bool given) {
  float *x = logits(b, r), *dx = b.floats(r.N * r.C), *shares = b.floats(given ? r.N * r.C : 1);
  const TensorArg targets =
      given ? b.tensor({r.N, r.C}, shares) : Bench::dense(b.integers(r.N, int32_t(r.C)), DType::i32, {r.N});
  const TensorArg factor = {b.constant(1.0f / float(r.N)), DType::f32, 1, {r.N}, {0}};
  const TensorArg smoothing = {b.constant(0.1f), DType::f32, 0, {}, {}};
  Subject s;
  s.ours = b.kernel(row_soft_cross_entropy, {b.tensor({r.N}), b.tensor({r.N, r.C}, dx)},
                    {b.tensor({r.N, r.C}, x), targets, factor, smoothing}, {0});
  s.limits = {exponentials(b, r.N * r.C),
              given ? b.stream({x, shares}, {dx}, r.N * r.C) : b.stream({x}, {dx}, r.N * r.C)};
  s.bytes = (given ? 12.0 : 8.0) * double(r.N * r.C);
  return s;
}

Subject softmax(Bench& b, const Rows& r, uint32_t log) {
  float *x = logits(b, r), *y = b.floats(r.N * r.C);
  Subject s;
  s.ours = b.kernel(row_softmax, {b.tensor({r.N, r.C}, y)}, {b.tensor({r.N, r.C}, x)}, {log});
  s.limits = {exponentials(b, r.N * r.C), b.stream({x}, {y}, r.N * r.C)};
  s.bytes = 8.0 * double(r.N * r.C);
  return s;
}

Subject softmax_gradient(Bench& b, const Rows& r, uint32_t log) {
  float *y = b.floats(r.N * r.C), *dy = b.floats(r.N * r.C), *dx = b.floats(r.N * r.C);
  for (int64_t i = 0; i < r.N * r.C; i++) y[i] = log ? y[i] * 8 - 6 : y[i] + 0.5f;
  Subject s;
  s.ours = b.kernel(row_softmax_grad, {b.tensor({r.N, r.C}, dx)}, {b.tensor({r.N, r.C}, y), b.tensor({r.N, r.C}, dy)},
                    {log});
  s.limits = {b.stream({y, dy}, {dx}, r.N * r.C)};
  if (log) s.limits.push_back(exponentials(b, r.N * r.C));
  s.bytes = 12.0 * double(r.N * r.C);
  return s;
}

void fill(bench::Family& family) {
  constexpr double kGoal = 1 / 1.2;
  for (const Rows r : {Rows{128, 10}, Rows{2048, 1000}, Rows{768, 50257}}) {
    family.add({.group = "cross-entropy and its gradient",
                .name = "cross_entropy " + r.name(),
                .of_limit = kGoal,
                .counted = r.C == 10,
                .make = [r](Bench& b) { return cross_entropy(b, r, true); }});
    if (r.C < 50000)
      for (const bool given : {false, true})
        family.add({.group = "cross-entropy of distributions and its gradient",
                    .name = std::string(given ? "probabilities " : "smoothed labels ") + r.name(),
                    .counted = r.C == 10,
                    .make = [r, given](Bench& b) { return soft_cross_entropy(b, r, given); }});
    family.add({.group = "cross-entropy alone", .name = "loss " + r.name(), .of_limit = kGoal, .make = [r](Bench& b) {
                  return cross_entropy(b, r, false);
                }});
  }
  // 12 sequences, 4 heads, 64 and 128 positions; a head over 1024.
  for (const Rows r : {Rows{3072, 64}, Rows{6144, 128}, Rows{4096, 1024}})
    for (uint32_t log : {0u, 1u}) {
      const std::string name = (log ? "log_softmax" : "softmax") + std::string(1, ' ');
      family.add({.group = "softmax",
                  .name = name + r.name(),
                  .of_limit = kGoal,
                  .counted = r.C == 64,
                  .make = [r, log](Bench& b) { return softmax(b, r, log); }});
      family.add({.group = "softmax gradient",
                  .name = name + "gradient " + r.name(),
                  .of_limit = kGoal,
                  .make = [r, log](Bench& b) { return softmax_gradient(b, r, log); }});
    }
}

const bench::Family family("softmax", fill);
}  // namespace
