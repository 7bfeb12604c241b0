// Updates of parameters beside a plain loop that reads and writes as many arrays of the same sizes.
#include <algorithm>
#include <array>
#include <cmath>

#include "bench.h"

namespace {
using namespace bench;

enum RuleNumber : uint32_t {
#define ANNEAL_UPDATE(name, ...) rule_##name,
#include "updates.def"
#undef ANNEAL_UPDATE
};

struct Optimizer {
  const char* name;
  uint32_t rule, flags;
  int states;
  std::vector<double> hyper;
};

const Optimizer kOptimizers[] = {
    {"Adam", rule_adam, 0, 2, {1e-3, 0.9, 0.999, 1e-8, 0}},
    {"AdamW", rule_adam, 1, 2, {1e-3, 0.9, 0.999, 1e-8, 1e-2}},
    {"SGD", rule_sgd, 0, 0, {1e-3, 0}},
    {"SGD with momentum", rule_sgd_momentum, 0, 1, {1e-3, 0.9, 0, 0}},
};

// Positive numbers, as squares are kept among the states.
float* positive(Bench& b, int64_t n) {
  float* p = b.floats(n);
  for (int64_t i = 0; i < n; i++) p[i] = std::fabs(p[i]);
  return p;
}

Subject update(Bench& b, const Optimizer& o, int tensors, int64_t size) {
  double* hyper = b.constant(std::array<double, 8>{})->data();
  std::copy(o.hyper.begin(), o.hyper.end(), hyper);
  std::vector<TensorArg> in = {Bench::dense(hyper, DType::f64, {int64_t(o.hyper.size())}),
                               Bench::dense(b.constant(int32_t{10}), DType::i32, {1}),
                               {},
                               {},
                               {}};
  std::vector<TensorArg> out;
  std::vector<uint32_t> attrs = {o.rule, o.flags};
  std::vector<const float*> reads;
  std::vector<float*> writes;
  for (int t = 0; t < tensors; t++) {
    for (int k = 0; k < 2 + o.states; k++) {
      float* array = positive(b, size);
      in.push_back(b.tensor({size}, array));
      reads.push_back(array);
      if (k == 1) continue;  // the gradient
      out.push_back(in.back());
      writes.push_back(array);
    }
    attrs.push_back(0);
  }
  Subject s;
  s.ours = b.kernel(row_update, out, in, attrs);
  if (tensors > 1) {  // the loop is one over arrays as long as all together
    reads.clear(), writes.clear();
    for (int k = 0; k < 2 + o.states; k++) {
      float* array = positive(b, tensors * size);
      reads.push_back(array);
      if (k != 1) writes.push_back(array);
    }
  }
  s.limits = {b.stream(reads, writes, tensors * size)};
  s.bytes = 4.0 * (3 + 2 * o.states) * double(tensors * size);
  return s;
}

void fill(bench::Family& family) {
  struct {
    const char* name;
    int tensors;
    int64_t size;
    double goal;  // none in the first cache, where divisions and roots take longer than loads
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
}

const bench::Family optimizers("optimizers", fill);
}  // namespace
