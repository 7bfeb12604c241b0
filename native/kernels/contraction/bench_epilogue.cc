// Epilogues of a product, beside the product alone: bias and activation forward; the mask of a relu's gradient; the
// bias's gradient, which is the sum over the rows of what the weight's gradient reads anyway.
#include "bench.h"

namespace {
using namespace bench;

struct Layer {
  int64_t batch, in, out;
  std::string name() const { return std::to_string(batch) + "x" + std::to_string(in) + "x" + std::to_string(out); }
};

TensorArg transposed(TensorArg t) {
  std::swap(t.dims[0], t.dims[1]);
  std::swap(t.strides[0], t.strides[1]);
  return t;
}

// x w^T + b, activated; the limit is x w^T.
Subject forward(Bench& b, const Layer& l, uint32_t activation) {
  const TensorArg x = b.tensor({l.batch, l.in}), w = transposed(b.tensor({l.out, l.in})), bias = b.tensor({l.out});
  const TensorArg y = b.tensor({l.batch, l.out});
  Subject s;
  s.ours = b.kernel(row_gemm, {y}, {x, w, bias}, {activation, 0});
  s.limits = {{"product alone", b.kernel(row_gemm, {y}, {x, w}, {0, 0})}};
  s.flops = 2.0 * double(l.batch * l.in * l.out);
  return s;
}

// dy w where the layer before was positive, else 0; the limit is dy w.
Subject masked(Bench& b, const Layer& l) {
  const TensorArg dy = b.tensor({l.batch, l.out}), w = b.tensor({l.out, l.in}), dx = b.tensor({l.batch, l.in});
  const TensorArg before = b.tensor({l.batch, l.in}), none = {nullptr, DType::f32, 1, {l.in}, {1}};
  Subject s;
  s.ours = b.kernel(row_gemm, {dx}, {dy, w, none, before}, {activations::none, gemm_flags::mask});
  s.limits = {{"product alone", b.kernel(row_gemm, {dx}, {dy, w}, {0, 0})}};
  s.flops = 2.0 * double(l.batch * l.in * l.out);
  return s;
}

// dy^T x and the sum of dy over the batch; the limit is dy^T x.
Subject bias_gradient(Bench& b, const Layer& l) {
  const TensorArg dy = b.tensor({l.batch, l.out}), x = b.tensor({l.batch, l.in}), dw = b.tensor({l.out, l.in});
  const Closure product = b.kernel(row_gemm, {dw}, {transposed(dy), x}, {0, 0});
  const Closure sum = b.kernel(row_reduce, {b.tensor({1, l.out})}, {dy}, {0, 0, 0});
  Subject s;
  s.ours = [=] { product(), sum(); };
  s.limits = {{"product alone", product}};
  s.flops = 2.0 * double(l.batch * l.in * l.out);
  return s;
}

void fill(bench::Family& family) {
  constexpr double kGoal = 1 / 1.03;
  const Layer layers[] = {{32, 784, 512}, {128, 784, 512}, {1024, 784, 512}, {768, 128, 512}, {1024, 32, 256}};
  for (const Layer& l : layers) {
    const bool counted = l.batch == 32;
    const auto add = [&](const char* group, std::function<Subject(Bench&)> make) {
      family.add({.group = group,
                  .name = std::string(group) + " " + l.name(),
                  .of_limit = kGoal,
                  .counted = counted,
                  .make = std::move(make)});
    };
    add("bias and relu", [l](Bench& b) { return forward(b, l, activations::relu); });
    add("bias and gelu", [l](Bench& b) { return forward(b, l, activations::gelu); });
    add("gradient through relu", [l](Bench& b) { return masked(b, l); });
    add("bias gradient", [l](Bench& b) { return bias_gradient(b, l); });
  }
}

const bench::Family epilogue("epilogue", fill);
}  // namespace
