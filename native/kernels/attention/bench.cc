// Attention and its gradients beside the machine's peak at the multiply-adds that must be done, half of them where it
// is causal; the exponentials of its scores come on top.
#include <bit>
#include <cmath>

#include "bench.h"

namespace {
using namespace bench;

struct Attention {
  int64_t B, H, T, D;
  bool causal;

  int64_t size() const { return B * H * T * D; }
  std::string name() const {
    return std::to_string(B) + "x" + std::to_string(H) + "x" + std::to_string(T) + "x" + std::to_string(D) +
           (causal ? ", causal" : "");
  }
  // Multiplications and additions of one product with the scores.
  double product() const { return double(size()) * double(causal ? T + 1 : 2 * T); }
};

Subject attention(Bench& b, const Attention& a, bool gradient) {
  const auto heads = [&] { return b.tensor({a.B, a.H, a.T, a.D}); };
  const TensorArg query = heads(), key = heads(), value = heads(), y = heads(), lse = b.tensor({a.B, a.H, a.T});
  TensorArg none = b.tensor({1});
  none.data = nullptr;
  const uint32_t one = std::bit_cast<uint32_t>(1.0f);
  const std::vector<uint32_t> attrs = {std::bit_cast<uint32_t>(1 / std::sqrt(float(a.D))), a.causal, one, one};
  const Closure forward = b.kernel(row_attention, {y, lse}, {query, key, value, none, none, none}, attrs);
  Subject s;
  if (gradient) {
    forward();
    s.ours = b.kernel(row_attention_grad, {heads(), heads(), heads()},
                      {query, key, value, none, none, none, y, heads(), lse, none}, attrs);
  } else {
    s.ours = forward;
  }
  s.flops = (gradient ? 5 : 2) * a.product();
  s.limits = {b.peak(s.flops)};
  return s;
}

void fill(bench::Family& family) {
  const Attention cases[] = {{12, 4, 64, 32, true},  {12, 4, 64, 64, true},   {4, 4, 256, 64, true},
                             {1, 4, 1024, 64, true}, {1, 4, 1024, 64, false}, {1, 4, 4096, 64, true}};
  for (const Attention& a : cases)
    for (const bool gradient : {false, true})
      family.add({.group = gradient ? "attention, gradient" : "attention",
                  .name = (gradient ? "gradient of " : "") + a.name(),
                  .counted = a.T == 64,
                  .make = [=](Bench& b) { return attention(b, a, gradient); }});
}

const bench::Family attentions("attention", fill);
}  // namespace
