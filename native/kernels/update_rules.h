// The rules of updates.def, each written once over V: a vector of float32 in the kernels, double in the reference.
// Rule_<name>::of computes what all elements share, in double, from the hyper-parameters, the count of this update (1
// on the first) and the flags; apply makes one step of parameter p and state s with gradient g.
#define ANNEAL_METHOD static inline __attribute__((always_inline))

// beta^t by squaring, as the C library's pow differs between systems.
static double power_of(double beta, int64_t t) {
  double r = 1;
  for (; t > 0; t >>= 1, beta *= beta)
    if (t & 1) r *= beta;
  return r;
}

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
// Loshchilov and Hutter, arXiv:1711.05101), g' = g and p *= 1 - lr decay first.
template <class V>
struct Rule_adam {
  enum Hyper { kLr, kBeta1, kBeta2, kEps, kDecay };
  enum Flag : uint32_t { kDecoupled = 1, kMaximize = 2 };
  V sign, decay, shrink, beta1, gain1, beta2, gain2, correction2, eps, step;
  bool decays, shrinks;

  static Rule_adam of(const double* hyper, int64_t count, uint32_t flags) {
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
  ANNEAL_METHOD void apply(const Rule_adam& r, V& p, V g, V* s) {
    g = g * r.sign;
    if (r.decays) g = vfma(r.decay, p, g);
    if (r.shrinks) p = p * r.shrink;
    s[0] = vfma(r.gain1, g, s[0] * r.beta1);
    s[1] = vfma(r.gain2 * g, g, s[1] * r.beta2);
    p = vfma(r.step, s[0] / vfma(vsqrt(s[1]), r.correction2, r.eps), p);
  }
};
