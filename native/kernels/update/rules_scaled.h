// Rules that divide by a measure of the gradients so far, or look at signs only.
#pragma once
#include "rule_functions.h"

namespace anneal::ANNEAL_TARGET {

// RMSprop (Hinton, lecture 6 of Neural Networks for Machine Learning), as torch.optim.RMSprop: v = alpha v + (1 -
// alpha) g'^2, with kCentered less the square of the gradients' average; step = g' / (sqrt(v) + eps), with kMomentum b
// = momentum b + step; p -= lr step.
template <class V, bool kCentered, bool kMomentum>
struct RmspropRule {
  enum Hyper { kLr, kAlpha, kEps, kDecay, kRate };
  enum Flag : uint32_t { kMaximize = 1 };
  V sign, decay, alpha, gain, eps, momentum, step;
  bool decays;

  static RmspropRule of(const double* hyper, int64_t, uint32_t flags) {
    return {all<V>(flags & kMaximize ? -1 : 1),
            all<V>(hyper[kDecay]),
            all<V>(hyper[kAlpha]),
            all<V>(1 - hyper[kAlpha]),
            all<V>(hyper[kEps]),
            all<V>(kMomentum ? hyper[kRate] : 0),
            all<V>(-hyper[kLr]),
            hyper[kDecay] != 0};
  }
  ANNEAL_METHOD void apply(const RmspropRule& r, V& p, V g, V* s) {
    g = g * r.sign;
    if (r.decays) g = vfma(r.decay, p, g);
    s[0] = vfma(r.gain * g, g, s[0] * r.alpha);
    V square = s[0];
    if constexpr (kCentered) {
      s[1] = vfma(r.gain, g, s[1] * r.alpha);
      square = vmax(V{}, vfma(-s[1], s[1], square));  // rounding may take it below 0
    }
    V scaled = g / (vsqrt(square) + r.eps);
    if constexpr (kMomentum) scaled = s[1 + kCentered] = vfma(r.momentum, s[1 + kCentered], scaled);
    p = vfma(r.step, scaled, p);
  }
};
template <class V>
using Rule_rmsprop = RmspropRule<V, false, false>;
template <class V>
using Rule_rmsprop_momentum = RmspropRule<V, false, true>;
template <class V>
using Rule_rmsprop_centered = RmspropRule<V, true, false>;
template <class V>
using Rule_rmsprop_centered_momentum = RmspropRule<V, true, true>;

// Adagrad (Duchi et al., 2011), as torch.optim.Adagrad: v += g'^2; p -= lr / (1 + (t - 1) rateDecay) g' / (sqrt(v) +
// eps); v starts at `first`.
template <class V>
struct Rule_adagrad {
  enum Hyper { kLr, kRateDecay, kFirst, kEps, kDecay };
  enum Flag : uint32_t { kMaximize = 1 };
  V sign, decay, first, eps, step;
  bool decays, begins;

  static Rule_adagrad of(const double* hyper, int64_t count, uint32_t flags) {
    return {all<V>(flags & kMaximize ? -1 : 1),
            all<V>(hyper[kDecay]),
            all<V>(hyper[kFirst]),
            all<V>(hyper[kEps]),
            all<V>(-hyper[kLr] / (1 + (double)(count - 1) * hyper[kRateDecay])),
            hyper[kDecay] != 0,
            count == 1};
  }
  // The state in front of the first update, of rows without a gradient, too.
  ANNEAL_METHOD void start(const Rule_adagrad& r, V* s) { s[0] = r.first; }
  ANNEAL_METHOD void apply(const Rule_adagrad& r, V& p, V g, V* s) {
    g = g * r.sign;
    if (r.decays) g = vfma(r.decay, p, g);
    s[0] = vfma(g, g, r.begins ? r.first : s[0]);
    p = vfma(r.step, g / (vsqrt(s[0]) + r.eps), p);
  }
};

// Adadelta (Zeiler, arXiv:1212.5701), as torch.optim.Adadelta: v = rho v + (1 - rho) g'^2; step = sqrt(d + eps) /
// sqrt(v + eps) g'; d = rho d + (1 - rho) step^2; p -= lr step.
template <class V>
struct Rule_adadelta {
  enum Hyper { kLr, kRho, kEps, kDecay };
  enum Flag : uint32_t { kMaximize = 1 };
  V sign, decay, rho, gain, eps, step;
  bool decays;

  static Rule_adadelta of(const double* hyper, int64_t, uint32_t flags) {
    return {all<V>(flags & kMaximize ? -1 : 1),
            all<V>(hyper[kDecay]),
            all<V>(hyper[kRho]),
            all<V>(1 - hyper[kRho]),
            all<V>(hyper[kEps]),
            all<V>(-hyper[kLr]),
            hyper[kDecay] != 0};
  }
  ANNEAL_METHOD void apply(const Rule_adadelta& r, V& p, V g, V* s) {
    g = g * r.sign;
    if (r.decays) g = vfma(r.decay, p, g);
    s[0] = vfma(r.gain * g, g, s[0] * r.rho);
    const V delta = vsqrt(s[1] + r.eps) / vsqrt(s[0] + r.eps) * g;
    s[1] = vfma(r.gain * delta, delta, s[1] * r.rho);
    p = vfma(r.step, delta, p);
  }
};

// Lion (Chen et al., arXiv:2302.06675): p *= 1 - lr decay; p -= lr sign(beta1 m + (1 - beta1) g); m = beta2 m + (1 -
// beta2) g.
template <class V>
struct Rule_lion {
  enum Hyper { kLr, kBeta1, kBeta2, kDecay };
  enum Flag : uint32_t { kMaximize = 1 };
  V sign, shrink, beta1, gain1, beta2, gain2, step;
  bool shrinks;

  static Rule_lion of(const double* hyper, int64_t, uint32_t flags) {
    return {all<V>(flags & kMaximize ? -1 : 1),
            all<V>(1 - hyper[kLr] * hyper[kDecay]),
            all<V>(hyper[kBeta1]),
            all<V>(1 - hyper[kBeta1]),
            all<V>(hyper[kBeta2]),
            all<V>(1 - hyper[kBeta2]),
            all<V>(-hyper[kLr]),
            hyper[kDecay] != 0};
  }
  ANNEAL_METHOD void apply(const Rule_lion& r, V& p, V g, V* s) {
    g = g * r.sign;
    if (r.shrinks) p = p * r.shrink;
    p = vfma(r.step, sign_of(vfma(r.gain1, g, s[0] * r.beta1)), p);
    s[0] = vfma(r.gain2, g, s[0] * r.beta2);
  }
};

// Rprop (Riedmiller and Braun, 1993), as torch.optim.Rprop, without what it takes back: each element has a step of its
// own, lr at first, which becomes kPlus times as long where the gradient keeps its sign and kMinus times where it
// changes it, held in [kLeast, kMost]; p -= step sign(g'). After a change the element rests once, as if g' were 0.
template <class V>
struct Rule_rprop {
  enum Hyper { kLr, kMinus, kPlus, kLeast, kMost };
  enum Flag : uint32_t { kMaximize = 1 };
  V sign, one, first, minus, plus, least, most;
  bool begins;

  static Rule_rprop of(const double* hyper, int64_t count, uint32_t flags) {
    return {all<V>(flags & kMaximize ? -1 : 1),
            all<V>(1),
            all<V>(hyper[kLr]),
            all<V>(hyper[kMinus]),
            all<V>(hyper[kPlus]),
            all<V>(hyper[kLeast]),
            all<V>(hyper[kMost]),
            count == 1};
  }
  ANNEAL_METHOD void apply(const Rule_rprop& r, V& p, V g, V* s) {
    g = g * r.sign;
    const V agrees = sign_of(g * s[0]), kept = vmax(agrees, V{}), changed = vmax(-agrees, V{});
    const V factor = vfma(kept, r.plus, vfma(changed, r.minus, r.one - kept - changed));
    s[1] = vmin(vmax((r.begins ? r.first : s[1]) * factor, r.least), r.most);
    s[0] = g * (r.one - changed);
    p = p - sign_of(s[0]) * s[1];
  }
};

// Averaged gradient descent (Polyak and Juditsky, 1992), as torch.optim.ASGD: p *= 1 - lambd eta; p -= eta g';
// a += mu (p - a), which is a copy where mu is 1. eta and mu are functions of the step, which the caller knows.
template <class V>
struct Rule_asgd {
  enum Hyper { kLr, kEta, kMu, kLambd, kDecay };
  enum Flag : uint32_t { kMaximize = 1 };
  V sign, decay, shrink, step, mu;
  bool decays, copies;

  static Rule_asgd of(const double* hyper, int64_t, uint32_t flags) {
    return {all<V>(flags & kMaximize ? -1 : 1),
            all<V>(hyper[kDecay]),
            all<V>(1 - hyper[kLambd] * hyper[kEta]),
            all<V>(-hyper[kEta]),
            all<V>(hyper[kMu]),
            hyper[kDecay] != 0,
            hyper[kMu] == 1};
  }
  ANNEAL_METHOD void apply(const Rule_asgd& r, V& p, V g, V* s) {
    g = g * r.sign;
    if (r.decays) g = vfma(r.decay, p, g);
    p = vfma(r.step, g, p * r.shrink);
    s[0] = r.copies ? p : vfma(r.mu, p - s[0], s[0]);
  }
};

}  // namespace anneal::ANNEAL_TARGET
