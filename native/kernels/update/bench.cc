// Updates of parameters beside a plain loop that reads and writes as many arrays of the same sizes, and beside the
// square root and the division that Adam has for each element: where arrays are in a cache, these take longer.
#include <algorithm>
#include <array>
#include <cmath>

#include "bench.h"
#include "update_call.h"

namespace {
using namespace bench;

enum RuleNumber : uint32_t {
#define ANNEAL_UPDATE(name, ...) rule_##name,
#include "rules.def"
#undef ANNEAL_UPDATE
};

struct Optimizer {
  const char* name;
  uint32_t rule, flags;
  int states;
  bool divides;  // by a root, for each element
  std::vector<double> hyper;
};

const Optimizer kOptimizers[] = {
    {"Adam", rule_adam, 0, 2, true, {1e-3, 0.9, 0.999, 1e-8, 0}},
    {"AdamW", rule_adam, 1, 2, true, {1e-3, 0.9, 0.999, 1e-8, 1e-2}},
    {"SGD", rule_sgd, 0, 0, false, {1e-3, 0}},
    {"SGD with momentum", rule_sgd_momentum, 0, 1, false, {1e-3, 0.9, 0, 0}},
};

// Positive numbers, as squares are kept among the states.
float* positive(Bench& b, int64_t n) {
  float* p = b.floats(n);
  for (int64_t i = 0; i < n; i++) p[i] = std::fabs(p[i]);
  return p;
}

// The operands of an update of so many parameters of one size; with averages beside them where that is asked for.
struct Operands {
  std::vector<TensorArg> gradients, in, out;
  std::vector<uint32_t> attrs;
  std::vector<const float*> reads;
  std::vector<float*> writes;
};

Operands operands(Bench& b, const Optimizer& o, int tensors, int64_t size, bool averages) {
  Operands x;
  x.attrs = {o.rule, o.flags | (averages ? kAverages : 0u)};
  for (int t = 0; t < tensors; t++) {
    for (int k = 0; k < 2 + o.states + averages; k++) {
      float* array = positive(b, size);
      x.in.push_back(b.tensor({size}, array));
      x.reads.push_back(array);
      if (k == 1) x.gradients.push_back(x.in.back());
      if (k == 1) continue;
      x.out.push_back(x.in.back());
      x.writes.push_back(array);
    }
    x.attrs.push_back(0);
  }
  return x;
}

double* doubles(Bench& b, const std::vector<double>& values) {
  double* x = b.constant(std::array<double, 8>{})->data();
  std::copy(values.begin(), values.end(), x);
  return x;
}

Closure kernel(Bench& b, const Optimizer& o, const Operands& x, const TensorArg& scales, const TensorArg& average) {
  std::vector<TensorArg> in = {Bench::dense(doubles(b, o.hyper), DType::f64, {int64_t(o.hyper.size())}),
                               Bench::dense(b.constant(int32_t{10}), DType::i32, {1}), scales, TensorArg{}, average};
  in.insert(in.end(), x.in.begin(), x.in.end());
  return b.kernel(row_update, x.out, in, x.attrs);
}

Subject update(Bench& b, const Optimizer& o, int tensors, int64_t size) {
  Operands x = operands(b, o, tensors, size, false);
  Subject s;
  s.ours = kernel(b, o, x, {}, {});
  if (tensors > 1) {  // the loop is one over arrays as long as all together
    x.reads.clear(), x.writes.clear();
    for (int k = 0; k < 2 + o.states; k++) {
      float* array = positive(b, tensors * size);
      x.reads.push_back(array);
      if (k != 1) x.writes.push_back(array);
    }
  }
  s.limits = {b.stream(x.reads, x.writes, tensors * size)};
  if (o.divides) s.limits.push_back(b.roots(tensors * size));
  s.bytes = 4.0 * (3 + 2 * o.states) * double(tensors * size);
  return s;
}

// Clipped by the norm of all gradients and averaged, beside the plain update. A schedule changes numbers only.
Subject clipped_and_averaged(Bench& b, const Optimizer& o, int tensors, int64_t size) {
  const Operands plain = operands(b, o, tensors, size, false), x = operands(b, o, tensors, size, true);
  const TensorArg scales = b.tensor({1}), norm = b.tensor({});
  std::vector<TensorArg> measured = {Bench::dense(b.constant(0.5f), DType::f32, {})};
  measured.insert(measured.end(), x.gradients.begin(), x.gradients.end());
  const Closure clip = b.kernel(row_clip_scale, {scales, norm}, measured, {0});
  const Closure step = kernel(b, o, x, scales, Bench::dense(doubles(b, {0, 1e-3}), DType::f64, {2}));
  Subject s;
  s.ours = [=] { clip(), step(); };
  s.peers = {{"plain update", kernel(b, o, plain, {}, {})}};
  s.bytes = 4.0 * (6 + 2 * o.states) * double(tensors * size);
  return s;
}

// Lazy Adam of every twelfth row of a table of embeddings, which are scattered over it.
Subject rows(Bench& b, int64_t V, int64_t D) {
  const int64_t R = V / 12;
  int32_t* numbers = b.integers(R, 12);
  for (int64_t r = 0; r < R; r++) numbers[r] += int32_t(12 * r);
  float *p = b.floats(V * D), *g = b.floats(R * D), *m = b.floats(V * D), *v = positive(b, V * D);
  const TensorArg table = b.tensor({V, D}, p), first = b.tensor({V, D}, m), second = b.tensor({V, D}, v);
  Subject s;
  s.ours = b.kernel(row_update_rows, {table, first, second},
                    {Bench::dense(doubles(b, {1e-3, 0.9, 0.999, 1e-8}), DType::f64, {4}),
                     Bench::dense(b.constant(int32_t{10}), DType::i32, {1}), TensorArg{}, TensorArg{},
                     Bench::dense(numbers, DType::i32, {R}), table, b.tensor({R, D}, g), first, second},
                    {rule_sparse_adam, 0, 0});
  s.limits = {b.stream({p, g, m, v}, {p, m, v}, R * D), b.roots(R * D)};
  s.bytes = 4.0 * 7 * double(R * D);
  return s;
}

void fill(bench::Family& family) {
  struct {
    const char* name;
    int tensors;
    int64_t size;
    double goal;
  } const sizes[] = {{"1 tensor of 1 M", 1, 1'000'000, 0.95},
                     {"1 tensor of 25 M", 1, 25'000'000, 0.95},
                     {"25 tensors of 1 M", 25, 1'000'000, 0.95},
                     {"1,000 tensors of 100", 1000, 100, 0.95},
                     {"1 tensor of 10,000", 1, 10'000, 0}};
  for (const Optimizer& o : kOptimizers)
    for (const auto& s : sizes)
      family.add({.group = o.name,
                  .name = std::string(o.name) + ", " + s.name,
                  .of_limit = s.goal,
                  .counted = s.tensors * s.size <= 100'000,
                  .make = [&o, s](Bench& b) { return update(b, o, s.tensors, s.size); }});
  family.add(
      {.group = "rows", .name = "lazy Adam, 4,188 of 50,257 rows of 768", .of_limit = 0.85, .make = [](Bench& b) {
         return rows(b, 50257, 768);
       }});
  family.add({.group = "rows", .name = "lazy Adam, 166 of 2,000 rows of 32", .counted = true, .make = [](Bench& b) {
                return rows(b, 2000, 32);
              }});
  constexpr double kAtMost = 1.3;  // times the plain update
  for (const auto& s : {sizes[0], sizes[1], sizes[3]})
    family.add({.group = "clipped and averaged",
                .name = "Adam clipped and averaged, " + std::string(s.name),
                .against_peers = 1 / kAtMost,
                .make = [s](Bench& b) { return clipped_and_averaged(b, kOptimizers[0], s.tensors, s.size); }});
}

const bench::Family optimizers("optimizers", fill);
}  // namespace
