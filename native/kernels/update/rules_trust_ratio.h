// Rules whose step is scaled by a trust ratio: `accumulate` and `update_direction` are a pass over all elements, after
// which `step` is multiplied by the parameter's ratio, and `apply` is another.
#pragma once
#include "rule_functions.h"

namespace anneal::ANNEAL_TARGET {

// LAMB (You et al., arXiv:1904.00962, algorithm 2): m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2; r =
// m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps) + decay p; p -= lr |p| / |r| r, by the norms of the whole
// parameter. If one of them is 0, or without kAdapts, their ratio is 1.
template <class V>
struct Rule_lamb {
  enum Hyper { kLr, kBeta1, kBeta2, kEps, kDecay };
  enum Flag : uint32_t { kAdapts = 1, kMaximize = 2 };
  V sign, decay, beta1, gain1, beta2, gain2, correction1, correction2, eps, step;

  static Rule_lamb of(const double* hyper, int64_t count, uint32_t flags) {
    return {all<V>(flags & kMaximize ? -1 : 1),
            all<V>(hyper[kDecay]),
            all<V>(hyper[kBeta1]),
            all<V>(1 - hyper[kBeta1]),
            all<V>(hyper[kBeta2]),
            all<V>(1 - hyper[kBeta2]),
            all<V>(1 / (1 - power_of(hyper[kBeta1], count))),
            all<V>(1 / __builtin_sqrt(1 - power_of(hyper[kBeta2], count))),
            all<V>(hyper[kEps]),
            all<V>(-hyper[kLr])};
  }
  ANNEAL_METHOD void accumulate(const Rule_lamb& r, V g, V* s) {
    g = g * r.sign;
    s[0] = vfma(r.gain1, g, s[0] * r.beta1);
    s[1] = vfma(r.gain2 * g, g, s[1] * r.beta2);
  }
  ANNEAL_METHOD V update_direction(const Rule_lamb& r, V p, const V* s) {
    return vfma(r.decay, p, s[0] * r.correction1 / vfma(vsqrt(s[1]), r.correction2, r.eps));
  }
  ANNEAL_METHOD void apply(const Rule_lamb& r, V& p, V, V* s) { p = vfma(r.step, update_direction(r, p, s), p); }
};

// The ratio of the norms of a parameter and of its update direction.
static double trust_ratio(uint32_t flags, double parameter, double direction) {
  const bool adapts = flags & Rule_lamb<double>::kAdapts;
  return adapts && parameter > 0 && direction > 0 ? parameter / direction : 1;
}

template <class Rule>
constexpr bool kHasTrustRatio = requires(const Rule& r, decltype(Rule::sign) v) { Rule::accumulate(r, v, &v); };

}  // namespace anneal::ANNEAL_TARGET
