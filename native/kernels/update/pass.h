// One pass of a rule over all parameters of a call of update, in chunks across tensors.
#pragma once
#include "multi_tensor_range.h"
#include "rules.h"
#include "update_call.h"

namespace anneal::ANNEAL_TARGET {

constexpr int64_t kUpdateChunk = 4096;  // elements, about
constexpr int64_t kMostUpdateChunks = 256;
constexpr int64_t kAtOnce = 1024;     // elements that stay in the first cache
constexpr float kUpdateCost = 0.01f;  // rough ns per byte moved

static MultiTensorRange update_range(const Call& call) {
  const int64_t tensors = call.attrs - kUpdateAttrs;
  return multi_tensor_range(call.in + kUpdateHeader, (call.inputs - kUpdateHeader) / tensors, tensors, kUpdateChunk,
                            kMostUpdateChunks);
}

// Results that the first pass of a rule with a trust ratio leaves to the second: the squares of each span of a
// parameter and of its update direction, and the ratio of each parameter.
struct TrustRatios {
  double (*partials)[2];
  float* ratios;
};

template <class Rule>
struct UpdateJob {
  const Call* call;
  MultiTensorRange range;
  Partition partition;
  int32_t count;  // of updates of the first parameter, for which `rule` is made
  Rule rule;
  float limit, before, after;  // of gradients; how far an average goes
  TrustRatios trust;
};

template <class Rule>
static UpdateJob<Rule> update_job(const Call& call, const MultiTensorRange& range, const Partition& partition) {
  const int32_t count = ((const int32_t*)call.in[1].data)[call.attr[kUpdateAttrs]];
  const double* limit = (const double*)call.in[3].data;
  const double* average = (const double*)call.in[4].data;
  return {&call,
          range,
          partition,
          count,
          Rule::of((const double*)call.in[0].data, count, call.attr[1]),
          limit ? (float)*limit : __builtin_inff(),
          average ? (float)average[0] : 0,
          average ? (float)average[1] : 0,
          {}};
}

// min and max of a limit give NaN for NaN, as the gradient stands second.
ANNEAL_INLINE vf clipped(vf g, vf limit) { return vmax(-limit, vmin(limit, g)); }

// Arrays that are larger together than a cache come from memory, and are prefetched this many elements ahead: the
// prefetching of the CPU begins anew at each page, for all of them at once. A rule without state has so few arrays that
// prefetching costs more than it gains, and so it does where arrays are in a cache.
constexpr int64_t kUpdateUncachedBytes = int64_t{32} << 20, kUpdatePrefetchElements = 256;

// Elements [first, last) of one parameter. What is left behind whole vectors is the last vector, part of which is done
// twice from the same values. Stores do not reach the rule, which so stays in registers.
template <class Rule, int kStates, bool kPrefetch>
static __attribute__((noinline)) void update_part(const Rule& __restrict rule, float most, const TensorArg* in,
                                                  int64_t first, int64_t last) {
  const vf limit = splat(most);
  float* p = (float*)in[0].data;
  const float* g = (const float*)in[1].data;
  float* state[kStates + 1];
  for (int k = 0; k < kStates; k++) state[k] = (float*)in[2 + k].data;
  struct Done {
    vf x, s[kStates + 1];
  };
  const auto done = [&](int64_t i, int lanes) __attribute__((always_inline)) {
    Done d;
    d.x = ld_some(p + i, lanes);
    for (int k = 0; k < kStates; k++) d.s[k] = ld_some(state[k] + i, lanes);
    Rule::apply(rule, d.x, clipped(ld_some(g + i, lanes), limit), d.s);
    return d;
  };
  const auto store = [&](const Done& d, int64_t i, int lanes) __attribute__((always_inline)) {
    for (int k = 0; k < kStates; k++) st_some(state[k] + i, d.s[k], lanes);
    st_some(p + i, d.x, lanes);
  };
  const int64_t end = last - kLanes;
  if (end < first) return store(done(first, (int)(last - first)), first, (int)(last - first));
  const Done rest = done(end, kLanes);
  for (int64_t i = first; i < end; i += kLanes) {
    if constexpr (kPrefetch) {
      const int64_t next = i + kUpdatePrefetchElements;
      __builtin_prefetch(p + next, 1), __builtin_prefetch(g + next);
      for (int k = 0; k < kStates; k++) __builtin_prefetch(state[k] + next, 1);
    }
    store(done(i, kLanes), i, kLanes);
  }
  store(rest, end, kLanes);
}

static void average_part(float* a, float* p, float c, bool writes_back, int64_t first, int64_t last) {
  const vf part = splat(c);
  const bool copies = c == 1;
  for (int64_t i = first; i < last; i += kLanes) {
    const int lanes = (int)smallest(kLanes, last - i);
    const vf x = ld_some(p + i, lanes), old = ld_some(a + i, lanes);
    const vf now = copies ? x : vfma(part, x - old, old);
    st_some(a + i, now, lanes);
    if (writes_back) st_some(p + i, now, lanes);
  }
}

static void flush_denormals(float* state, int64_t first, int64_t last) {
  each_vector(last - first, [&](int64_t i, int lanes) __attribute__((always_inline)) {
    const vf x = ld_some(state + first + i, lanes);
    st_some(state + first + i, select(vabs(x) < splat(0x1p-126f), vf{}, x), lanes);
  });
}

// The same with flushes of denormals and averages, by blocks that stay in a cache.
template <class Rule, int kStates>
static void update_more(const UpdateJob<Rule>& job, const Rule& rule, bool flushes, const TensorArg* in, int64_t first,
                        int64_t last) {
  float *p = (float*)in[0].data, *a = (float*)in[2 + kStates].data;
  for (int64_t i = first; i < last; i += kAtOnce) {
    const int64_t end = smallest(last, i + kAtOnce);
    if (job.before != 0) average_part(a, p, job.before, false, i, end);
    update_part<Rule, kStates, false>(rule, job.limit, in, i, end);
    for (int k = 0; flushes && k < kStates; k++) flush_denormals((float*)in[2 + k].data, i, end);
    if (job.after != 0) average_part(a, p, job.after, job.call->attr[1] & kWritesAverageBack, i, end);
  }
}

// Prefetches the beginning of a parameter's arrays. Of small ones that is all of them, and a prefetcher of the CPU sees
// no stream in them before they end.
constexpr int64_t kPrefetchedTensors = 2, kPrefetchedBytes = 512;  // bytes of each array
ANNEAL_INLINE void prefetch_operands(const TensorArg* in, int64_t operands) {
  const int64_t bytes = smallest(kPrefetchedBytes, 4 * elements_of(in[0]));
  for (int64_t k = 0; k < operands; k++)
    for (int64_t b = 0; b < bytes; b += 64) __builtin_prefetch((const char*)in[k].data + b, 1);
}

// Calls body(t, operands, rule, its count, first, last) for each span of a chunk.
template <class Rule, class Body>
ANNEAL_INLINE void each_update(const UpdateJob<Rule>& job, int64_t chunk, Body body) {
  const Call& call = *job.call;
  const int32_t* counts = (const int32_t*)call.in[1].data;
  const float* scales = (const float*)call.in[2].data;
  const bool scales_differ = scales && call.in[2].dims[0] > 1;
  int32_t count = job.count;
  Rule shared = job.rule, rule = shared;
  each_span(job.range, job.partition, chunk,
            [&](int64_t t, int64_t first, int64_t last) __attribute__((always_inline)) {
              if (t + kPrefetchedTensors < job.range.tensors)
                prefetch_operands(&tensor_at(job.range, t + kPrefetchedTensors), job.range.step);
              if (const int32_t own = counts[call.attr[kUpdateAttrs + t]]; own != count) {
                count = own;
                shared = rule = Rule::of((const double*)call.in[0].data, count, call.attr[1]);
              }
              if (scales) rule.sign = shared.sign * splat(scales[scales_differ ? t : 0]);
              if constexpr (kHasTrustRatio<Rule>)
                if (job.trust.ratios) rule.step = shared.step * splat(job.trust.ratios[t]);
              body(t, &tensor_at(job.range, t), rule, count, first, last);
            });
}

template <class Rule, int kStates>
static void update_chunk(void* arg, int64_t unit, int32_t) {
  const UpdateJob<Rule>& job = *(const UpdateJob<Rule>*)arg;
  const bool averages = job.before != 0 || job.after != 0;
  const bool prefetches = kStates > 0 && job.range.elements * 4 * (2 + kStates) > kUpdateUncachedBytes;
  each_update(job, job.partition.order[unit],
              [&](int64_t, const TensorArg* in, const Rule& rule, int32_t count, int64_t first, int64_t last) {
                const bool flushes = kStates > 0 && count % kFlushEvery == 0;
                if (averages || flushes)
                  update_more<Rule, kStates>(job, rule, flushes, in, first, last);
                else if (prefetches)
                  update_part<Rule, kStates, true>(rule, job.limit, in, first, last);
                else
                  update_part<Rule, kStates, false>(rule, job.limit, in, first, last);
              });
}

}  // namespace anneal::ANNEAL_TARGET
