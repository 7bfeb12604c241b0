// Rules that step along gradients or averages of them.
#pragma once
#include "rule_functions.h"

namespace anneal::ANNEAL_TARGET {

// Gradient descent, as torch.optim.SGD: g' = g + decay p; p -= lr g'.
template <class V>
struct Rule_sgd {
  enum Hyper { kLr, kDecay };
  enum Flag : uint32_t { kMaximize = 1 };
  V sign, decay, step;
  bool decays;

  static Rule_sgd of(const double* hyper, int64_t, uint32_t flags) {
    return {all<V>(flags & kMaximize ? -1 : 1), all<V>(hyper[kDecay]), all<V>(-hyper[kLr]), hyper[kDecay] != 0};
  }
  ANNEAL_METHOD void apply(const Rule_sgd& r, V& p, V g, V*) {
    g = g * r.sign;
    if (r.decays) g = vfma(r.decay, p, g);
    p = vfma(r.step, g, p);
  }
};

// With momentum: b = momentum b + (1 - dampening) g', the first time b = g'; p -= lr b, or with nesterov
// p -= lr (g' + momentum b).
template <class V>
struct Rule_sgd_momentum {
  enum Hyper { kLr, kMomentum, kDampening, kDecay };
  enum Flag : uint32_t { kNesterov = 1, kMaximize = 2 };
  V sign, decay, momentum, gain, step;
  bool decays, first, nesterov;

  static Rule_sgd_momentum of(const double* hyper, int64_t count, uint32_t flags) {
    return {all<V>(flags & kMaximize ? -1 : 1),
            all<V>(hyper[kDecay]),
            all<V>(hyper[kMomentum]),
            all<V>(1 - hyper[kDampening]),
            all<V>(-hyper[kLr]),
            hyper[kDecay] != 0,
            count == 1,
            (flags & kNesterov) != 0};
  }
  ANNEAL_METHOD void apply(const Rule_sgd_momentum& r, V& p, V g, V* s) {
    g = g * r.sign;
    if (r.decays) g = vfma(r.decay, p, g);
    s[0] = r.first ? g : vfma(r.gain, g, s[0] * r.momentum);
    p = vfma(r.step, r.nesterov ? vfma(r.momentum, s[0], g) : s[0], p);
  }
};

// Adam (Kingma and Ba, arXiv:1412.6980), as torch.optim.Adam: m = beta1 m + (1 - beta1) g'; v = beta2 v + (1 - beta2)
// g'^2; p -= lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps), where g' = g + decay p, or, decoupled (AdamW,
// Loshchilov and Hutter, arXiv:1711.05101), g' = g and p *= 1 - lr decay first. With kAmsgrad
// (Reddi et al., arXiv:1904.09237) the denominator is made of the largest v so far.
template <class V, bool kAmsgrad>
struct AdamRule {
  enum Hyper { kLr, kBeta1, kBeta2, kEps, kDecay };
  enum Flag : uint32_t { kDecoupled = 1, kMaximize = 2 };
  V sign, decay, shrink, beta1, gain1, beta2, gain2, correction2, eps, step;
  bool decays, shrinks;

  static AdamRule of(const double* hyper, int64_t count, uint32_t flags) {
    const bool decays = hyper[kDecay] != 0, decoupled = flags & kDecoupled;
    return {all<V>(flags & kMaximize ? -1 : 1),
            all<V>(hyper[kDecay]),
            all<V>(1 - hyper[kLr] * hyper[kDecay]),
            all<V>(hyper[kBeta1]),
            all<V>(1 - hyper[kBeta1]),
            all<V>(hyper[kBeta2]),
            all<V>(1 - hyper[kBeta2]),
            all<V>(1 / __builtin_sqrt(1 - power_of(hyper[kBeta2], count))),
            all<V>(hyper[kEps]),
            all<V>(-hyper[kLr] / (1 - power_of(hyper[kBeta1], count))),
            decays && !decoupled,
            decays && decoupled};
  }
  ANNEAL_METHOD void apply(const AdamRule& r, V& p, V g, V* s) {
    g = g * r.sign;
    if (r.decays) g = vfma(r.decay, p, g);
    if (r.shrinks) p = p * r.shrink;
    s[0] = vfma(r.gain1, g, s[0] * r.beta1);
    s[1] = vfma(r.gain2 * g, g, s[1] * r.beta2);
    if constexpr (kAmsgrad) s[2] = vmax(s[1], s[2]);
    p = vfma(r.step, s[0] / vfma(vsqrt(s[kAmsgrad ? 2 : 1]), r.correction2, r.eps), p);
  }
};

template <class V>
using Rule_adam = AdamRule<V, false>;
template <class V>
using Rule_adam_amsgrad = AdamRule<V, true>;

// Lazy Adam, as torch.optim.SparseAdam, where it is run over rows that have a gradient: without decay, and
// p -= lr sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + eps), so that eps counts for less in early steps.
template <class V>
struct Rule_sparse_adam {
  enum Hyper { kLr, kBeta1, kBeta2, kEps };
  enum Flag : uint32_t { kMaximize = 1 };
  V sign, beta1, gain1, beta2, gain2, eps, step;

  static Rule_sparse_adam of(const double* hyper, int64_t count, uint32_t flags) {
    return {all<V>(flags & kMaximize ? -1 : 1),
            all<V>(hyper[kBeta1]),
            all<V>(1 - hyper[kBeta1]),
            all<V>(hyper[kBeta2]),
            all<V>(1 - hyper[kBeta2]),
            all<V>(hyper[kEps]),
            all<V>(-hyper[kLr] * __builtin_sqrt(1 - power_of(hyper[kBeta2], count)) /
                   (1 - power_of(hyper[kBeta1], count)))};
  }
  ANNEAL_METHOD void apply(const Rule_sparse_adam& r, V& p, V g, V* s) {
    g = g * r.sign;
    s[0] = vfma(r.gain1, g, s[0] * r.beta1);
    s[1] = vfma(r.gain2 * g, g, s[1] * r.beta2);
    p = vfma(r.step, s[0] / (vsqrt(s[1]) + r.eps), p);
  }
};

// AdaMax (Kingma and Ba, arXiv:1412.6980, section 7), as torch.optim.Adamax: u = max(beta2 u, |g'| + eps);
// p -= lr / (1 - beta1^t) m / u.
template <class V>
struct Rule_adamax {
  enum Hyper { kLr, kBeta1, kBeta2, kEps, kDecay };
  enum Flag : uint32_t { kMaximize = 1 };
  V sign, decay, beta1, gain1, beta2, eps, step;
  bool decays;

  static Rule_adamax of(const double* hyper, int64_t count, uint32_t flags) {
    return {all<V>(flags & kMaximize ? -1 : 1),
            all<V>(hyper[kDecay]),
            all<V>(hyper[kBeta1]),
            all<V>(1 - hyper[kBeta1]),
            all<V>(hyper[kBeta2]),
            all<V>(hyper[kEps]),
            all<V>(-hyper[kLr] / (1 - power_of(hyper[kBeta1], count))),
            hyper[kDecay] != 0};
  }
  ANNEAL_METHOD void apply(const Rule_adamax& r, V& p, V g, V* s) {
    g = g * r.sign;
    if (r.decays) g = vfma(r.decay, p, g);
    s[0] = vfma(r.gain1, g, s[0] * r.beta1);
    s[1] = vmax(vabs(g) + r.eps, s[1] * r.beta2);
    p = vfma(r.step, s[0] / s[1], p);
  }
};

// NAdam (Dozat, 2016, openreview OM0jvwB8jIp57ZJjtNEZ), as torch.optim.NAdam, with mu_t = beta1 (1 - cooling^t / 2),
// where cooling = 0.96^momentumDecay: p -= lr ((1 - mu_t) / (1 - prod mu) g' + mu_t+1 / (1 - mu_t+1 prod mu) m) /
// (sqrt(v / (1 - beta2^t)) + eps), with decay as Adam has it.
template <class V>
struct Rule_nadam {
  enum Hyper { kLr, kBeta1, kBeta2, kEps, kDecay, kCooling };
  enum Flag : uint32_t { kDecoupled = 1, kMaximize = 2 };
  V sign, decay, shrink, beta1, gain1, beta2, gain2, correction2, eps, now, ahead;
  bool decays, shrinks;

  static Rule_nadam of(const double* hyper, int64_t count, uint32_t flags) {
    const bool decays = hyper[kDecay] != 0, decoupled = flags & kDecoupled;
    const double beta1 = hyper[kBeta1];
    double cooled = 1, mu = 0, product = 1;
    for (int64_t t = 1; t <= count && product > 1e-30; t++) {  // below, 1 - product is 1
      cooled *= hyper[kCooling];
      mu = beta1 * (1 - 0.5 * cooled);
      product *= mu;
    }
    const double reached = power_of(hyper[kCooling], count);
    mu = beta1 * (1 - 0.5 * reached);
    const double next = beta1 * (1 - 0.5 * reached * hyper[kCooling]);
    return {all<V>(flags & kMaximize ? -1 : 1),
            all<V>(hyper[kDecay]),
            all<V>(1 - hyper[kLr] * hyper[kDecay]),
            all<V>(beta1),
            all<V>(1 - beta1),
            all<V>(hyper[kBeta2]),
            all<V>(1 - hyper[kBeta2]),
            all<V>(1 / __builtin_sqrt(1 - power_of(hyper[kBeta2], count))),
            all<V>(hyper[kEps]),
            all<V>(-hyper[kLr] * (1 - mu) / (1 - product)),
            all<V>(-hyper[kLr] * next / (1 - product * next)),
            decays && !decoupled,
            decays && decoupled};
  }
  ANNEAL_METHOD void apply(const Rule_nadam& r, V& p, V g, V* s) {
    g = g * r.sign;
    if (r.decays) g = vfma(r.decay, p, g);
    if (r.shrinks) p = p * r.shrink;
    s[0] = vfma(r.gain1, g, s[0] * r.beta1);
    s[1] = vfma(r.gain2 * g, g, s[1] * r.beta2);
    p = p + vfma(r.now, g, r.ahead * s[0]) / vfma(vsqrt(s[1]), r.correction2, r.eps);
  }
};

// RAdam (Liu et al., arXiv:1908.03265), as torch.optim.RAdam: while too few gradients were seen to know v, p -= lr m /
// (1 - beta1^t); later that is multiplied by rect sqrt(1 - beta2^t) / (sqrt(v) + eps). Decay is as Adam has it.
template <class V>
struct Rule_radam {
  enum Hyper { kLr, kBeta1, kBeta2, kEps, kDecay };
  enum Flag : uint32_t { kDecoupled = 1, kMaximize = 2 };
  V sign, decay, shrink, beta1, gain1, beta2, gain2, eps, step;
  bool decays, shrinks, rectified;

  static Rule_radam of(const double* hyper, int64_t count, uint32_t flags) {
    const bool decays = hyper[kDecay] != 0, decoupled = flags & kDecoupled;
    const double beta2 = hyper[kBeta2], reached = power_of(beta2, count);
    const double most = 2 / (1 - beta2) - 1, length = most - 2 * (double)count * reached / (1 - reached);
    const bool rectified = length > 5;
    const double rect = rectified
                            ? __builtin_sqrt((length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length)) *
                                  __builtin_sqrt(1 - reached)
                            : 1;
    return {all<V>(flags & kMaximize ? -1 : 1),
            all<V>(hyper[kDecay]),
            all<V>(1 - hyper[kLr] * hyper[kDecay]),
            all<V>(hyper[kBeta1]),
            all<V>(1 - hyper[kBeta1]),
            all<V>(beta2),
            all<V>(1 - beta2),
            all<V>(hyper[kEps]),
            all<V>(-hyper[kLr] * rect / (1 - power_of(hyper[kBeta1], count))),
            decays && !decoupled,
            decays && decoupled,
            rectified};
  }
  ANNEAL_METHOD void apply(const Rule_radam& r, V& p, V g, V* s) {
    g = g * r.sign;
    if (r.decays) g = vfma(r.decay, p, g);
    if (r.shrinks) p = p * r.shrink;
    s[0] = vfma(r.gain1, g, s[0] * r.beta1);
    s[1] = vfma(r.gain2 * g, g, s[1] * r.beta2);
    p = r.rectified ? vfma(r.step, s[0] / (vsqrt(s[1]) + r.eps), p) : vfma(r.step, s[0], p);
  }
};

}  // namespace anneal::ANNEAL_TARGET
