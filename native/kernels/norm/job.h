// One normalisation: its sizes, and what rows and columns have in common.
#pragma once
#include "../walk.h"

namespace anneal::ANNEAL_TARGET {

struct NormJob {
  const Call* call;
  Context* context;
  int64_t A, R, G, P, C;  // x [A,R,G,P]; C features of a row
  float eps;
};

static NormJob norm_job(const Call& call, Context* context, const TensorArg& x, uint32_t eps) {
  NormJob job = {&call, context, x.dims[0], x.dims[1], x.dims[2], x.dims[3], x.dims[2] * x.dims[3], 0};
  __builtin_memcpy(&job.eps, &eps, 4);
  return job;
}

ANNEAL_INLINE float inverse_root(const NormJob& job, float spread) { return 1.0f / vsqrt(splat(spread + job.eps))[0]; }

constexpr int64_t kNormChunk = 32768;  // elements of a chunk, about
constexpr float kNormCost = 0.15f;     // rough ns of an element and a pass

static void run_norm_chunks(const NormJob& job, int64_t chunks, void (*body)(void*, int64_t, int32_t), void* arg) {
  const int64_t ns = (int64_t)((float)(job.A * job.R * job.C) * kNormCost);
  if (chunks == 1) return body(arg, 0, 0);
  job.context->parallel(job.context, chunks, ns, body, arg);
}

// partial[0] = the sum of `count` partial results of n elements, by halves over their order.
static void add_partials(float* partial, int64_t count, int64_t n) {
  for (int64_t step = 1; step < count; step *= 2)
    for (int64_t s = 0; s + step < count; s += 2 * step) {
      float* into = partial + s * n;
      each_vector(n, [&](int64_t i, int lanes) __attribute__((always_inline)) {
        st_some(into + i, ld_some(into + i, lanes) + ld_some(into + step * n + i, lanes), lanes);
      });
    }
}

// Results of more than this, in rows of whole vectors, are written past the caches: they would not be found there.
constexpr int64_t kNormStreamedBytes = int64_t(32) << 20;

ANNEAL_INLINE bool streams_rows(const TensorArg& to, int64_t row) {
  return elements_of(to) * 4 > kNormStreamedBytes && row % kLanes == 0 && (uintptr_t)to.data % sizeof(vf) == 0;
}

template <bool kStream>
ANNEAL_INLINE void put(float* to, vf x, int lanes) {
  if (kStream)
    st_stream(to, x);
  else
    st_some(to, x, lanes);
}

ANNEAL_INLINE void store_vector(const TensorArg& to, const float* from) {
  if (to.data) __builtin_memcpy(to.data, from, (size_t)elements_of(to) * 4);
}

}  // namespace anneal::ANNEAL_TARGET
