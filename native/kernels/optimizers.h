// sgd and adam: one pass over parameter, gradient and state. Scalars are computed once, in double, and rounded to
// float32.
#ifdef ANNEAL_REFERENCE
#include "optimizers_reference.h"
#else

constexpr int64_t kUpdateChunk = 16384;  // elements of one chunk

struct UpdateJob {
  float *p, *m, *v;  // parameter and state; v is null for sgd, both where there is none
  const float* g;
  int64_t n;
  // sgd: g' = g (or -g) + decay p; m = momentum m + gain g'; p -= lr (nesterov: g' + momentum m, else m)
  // adam: m = beta1 m + gain g'; v = beta2 v + gain2 g'^2; p = shrink p - lr m / (sqrt(v) scale2 + eps)
  float sign, decay, momentum, gain, lr, beta2, gain2, scale2, eps, shrink;
  bool nesterov, first;
};

ANNEAL_INLINE int update_lanes(int64_t i, int64_t n) { return (int)smallest(kLanes, n - i); }

template <bool kMomentum, bool kNesterov, bool kDecay>
static void sgd_run_of(const UpdateJob& job, int64_t first, int64_t end) {
  const vf sign = splat(job.sign), decay = splat(job.decay), lr = splat(-job.lr);
  const vf momentum = splat(job.momentum), gain = splat(job.gain);
  for (int64_t i = first; i < end; i += kLanes) {
    const int lanes = update_lanes(i, end);
    const vf p = ld_some(job.p + i, lanes);
    vf g = ld_some(job.g + i, lanes) * sign;
    if (kDecay) g = vfma(decay, p, g);
    if (kMomentum) {
      const vf buffer = job.first ? g : vfma(gain, g, ld_some(job.m + i, lanes) * momentum);
      st_some(job.m + i, buffer, lanes);
      g = kNesterov ? vfma(momentum, buffer, g) : buffer;
    }
    st_some(job.p + i, vfma(lr, g, p), lanes);
  }
}

static void sgd_chunk(void* arg, int64_t chunk, int32_t) {
  const UpdateJob& job = *(const UpdateJob*)arg;
  const int64_t first = chunk * kUpdateChunk, end = smallest(job.n, first + kUpdateChunk);
  const bool decays = job.decay != 0;
  if (!job.m)
    return decays ? sgd_run_of<false, false, true>(job, first, end) : sgd_run_of<false, false, false>(job, first, end);
  if (job.nesterov)
    return decays ? sgd_run_of<true, true, true>(job, first, end) : sgd_run_of<true, true, false>(job, first, end);
  return decays ? sgd_run_of<true, false, true>(job, first, end) : sgd_run_of<true, false, false>(job, first, end);
}

template <bool kDecay, bool kShrink>
static void adam_run_of(const UpdateJob& job, int64_t first, int64_t end) {
  const vf sign = splat(job.sign), decay = splat(job.decay), lr = splat(-job.lr), shrink = splat(job.shrink);
  const vf beta1 = splat(job.momentum), gain1 = splat(job.gain), beta2 = splat(job.beta2), gain2 = splat(job.gain2);
  const vf scale2 = splat(job.scale2), eps = splat(job.eps);
  for (int64_t i = first; i < end; i += kLanes) {
    const int lanes = update_lanes(i, end);
    vf p = ld_some(job.p + i, lanes);
    vf g = ld_some(job.g + i, lanes) * sign;
    if (kDecay) g = vfma(decay, p, g);
    if (kShrink) p = p * shrink;
    const vf m = vfma(gain1, g, ld_some(job.m + i, lanes) * beta1);
    const vf v = vfma(gain2 * g, g, ld_some(job.v + i, lanes) * beta2);
    st_some(job.m + i, m, lanes);
    st_some(job.v + i, v, lanes);
    st_some(job.p + i, vfma(lr, m / vfma(vsqrt(v), scale2, eps), p), lanes);
  }
}

static void adam_chunk(void* arg, int64_t chunk, int32_t) {
  const UpdateJob& job = *(const UpdateJob*)arg;
  const int64_t first = chunk * kUpdateChunk, end = smallest(job.n, first + kUpdateChunk);
  if (job.decay != 0) return adam_run_of<true, false>(job, first, end);
  return job.shrink != 1 ? adam_run_of<false, true>(job, first, end) : adam_run_of<false, false>(job, first, end);
}

static void run_update(UpdateJob& job, Context& context, void (*body)(void*, int64_t, int32_t), float cost) {
  const int64_t chunks = divide_up(job.n, kUpdateChunk);
  if (chunks == 0) return;
  if (chunks == 1) return body(&job, 0, 0);
  context.parallel(&context, chunks, (int64_t)((float)job.n * cost), body, &job);
}

constexpr float kSgdCost = 0.4f, kAdamCost = 0.8f;  // rough ns per element

static void sgd_run(const Call& call, Context& context) {
  const double* hyper = (const double*)call.in[3].data;  // lr, momentum, dampening, weight decay
  const uint32_t flags = call.attr[0];                   // 1 nesterov, 2 maximize
  UpdateJob job = {};
  job.p = (float*)call.out[0].data;
  job.m = call.outputs > 1 ? (float*)call.out[1].data : nullptr;
  job.g = (const float*)call.in[1].data;
  job.n = elements_of(call.out[0]);
  job.sign = flags & 2 ? -1.0f : 1.0f;
  job.lr = (float)hyper[0];
  job.momentum = (float)hyper[1];
  job.gain = (float)(1 - hyper[2]);
  job.decay = (float)hyper[3];
  job.nesterov = flags & 1;
  job.first = *(const int32_t*)call.in[4].data == 1;
  run_update(job, context, sgd_chunk, kSgdCost);
}

// beta^t by squaring, as the C library's pow differs between systems.
static double power_of(double beta, int64_t t) {
  double r = 1;
  for (; t > 0; t >>= 1, beta *= beta)
    if (t & 1) r *= beta;
  return r;
}

static double sqrt_of(double x) {
#if defined(__SSE2__)
  const __m128d v = _mm_set_sd(x);
  return _mm_cvtsd_f64(_mm_sqrt_sd(v, v));
#else
  return __builtin_sqrt(x);
#endif
}

static void adam_run(const Call& call, Context& context) {
  const double* hyper = (const double*)call.in[4].data;  // lr, beta1, beta2, eps, weight decay
  const int64_t step = *(const int32_t*)call.in[5].data;
  const uint32_t flags = call.attr[0];  // 1 decoupled weight decay, 2 maximize
  const bool decoupled = flags & 1;
  UpdateJob job = {};
  job.p = (float*)call.out[0].data;
  job.m = (float*)call.out[1].data;
  job.v = (float*)call.out[2].data;
  job.g = (const float*)call.in[1].data;
  job.n = elements_of(call.out[0]);
  job.sign = flags & 2 ? -1.0f : 1.0f;
  job.lr = (float)(hyper[0] / (1 - power_of(hyper[1], step)));
  job.momentum = (float)hyper[1];
  job.gain = (float)(1 - hyper[1]);
  job.beta2 = (float)hyper[2];
  job.gain2 = (float)(1 - hyper[2]);
  job.scale2 = (float)(1 / sqrt_of(1 - power_of(hyper[2], step)));
  job.eps = (float)hyper[3];
  job.decay = decoupled ? 0.0f : (float)hyper[4];
  job.shrink = decoupled ? (float)(1 - hyper[0] * hyper[4]) : 1.0f;
  run_update(job, context, adam_chunk, kAdamCost);
}

ANNEAL_NO_SCRATCH(sgd)
ANNEAL_NO_SCRATCH(adam)
#endif
