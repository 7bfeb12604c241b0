// The gradient of single rows, row by row: memory takes the results of one while the next is read. Several at a time,
// as in rows.h, take less time where all is in a cache, and up to twice as long where it is not.
#pragma once
#include "../softmax/rows.h"
#include "rows.h"

namespace anneal::ANNEAL_TARGET {

// dx of a row, and its share of the sums, which are null where nobody wants them.
template <bool kWeighted, bool kSums, bool kStream>
ANNEAL_INLINE void grad_row(const NormJob& job, int64_t row, float* dweight, float* dbias) {
  const Call& call = *job.call;
  const int64_t P = job.P;
  const float *dy = (const float*)call.in[0].data + row * P, *x = (const float*)call.in[1].data + row * P;
  const float *means = (const float*)call.in[3].data, *weight = (const float*)call.in[4].data;
  if (kWeighted) weight += row % job.G * P;
  const float* residual = call.in[5].data ? (const float*)call.in[5].data + row * P : nullptr;
  float* dx = (float*)call.out[0].data;
  const vf center = splat(means ? means[row] : 0);
  const float root = inverse_root(job, ((const float*)call.in[2].data)[row]);
  const auto slope = [&](int64_t i, int lanes) __attribute__((always_inline)) {
    const vf d = ld_some(dy + i, lanes);
    return kWeighted ? d * ld_some(weight + i, lanes) : d;
  };
  const auto part = [&](int64_t i, int p, int lanes)
                        __attribute__((always_inline)) { return slope(i + p * kLanes, lanes); };
  const float n = (float)P, sum = means ? sum_of(P, part) : 0;
  const float along = sum_of(P, [&](int64_t i, int p, int lanes) __attribute__((always_inline)) {
    const int64_t at = i + p * kLanes;
    return keep_lanes(slope(at, lanes) * (ld_some(x + at, lanes) - center), lanes, vf{});
  });
  const vf inverse = splat(root), mean = splat(sum / n), tilt = splat(along / n * root * root);
  each_vector(P, [&](int64_t i, int lanes) __attribute__((always_inline)) {
    const vf distance = ld_some(x + i, lanes) - center;
    if (dx) {
      const vf own = (slope(i, lanes) - mean - distance * tilt) * inverse;
      put<kStream>(dx + row * P + i, residual ? ld_some(residual + i, lanes) + own : own, lanes);
    }
    if (kSums) {
      const vf d = ld_some(dy + i, lanes);
      st_some(dweight + i, vfma(d, distance * inverse, ld_some(dweight + i, lanes)), lanes);
      st_some(dbias + i, ld_some(dbias + i, lanes) + d, lanes);
    }
  });
}

template <bool kWeighted, bool kSums, bool kStream>
ANNEAL_INLINE void grad_rows(const NormRowsJob& job, int64_t chunk, float* sums) {
  const NormJob& base = job.base;
  const int64_t end = smallest(base.A, (chunk + 1) * job.per_chunk) * base.G;
  for (int64_t row = chunk * job.per_chunk * base.G; row < end; row++) {
    float* dweight = kSums ? sums + row % base.G * base.P : nullptr;
    grad_row<kWeighted, kSums, kStream>(base, row, dweight, kSums ? dweight + base.C : nullptr);
  }
  if (kStream) stream_fence();
}

template <bool kStream>
static void norm_grad_rows_chunk(void* arg, int64_t chunk, int32_t) {
  const NormRowsJob& job = *(const NormRowsJob*)arg;
  const bool weighted = job.base.call->in[4].data != nullptr;
  float* sums = job.partial ? job.partial + chunk * 2 * job.base.C : nullptr;
  if (!sums)
    return weighted ? grad_rows<true, false, kStream>(job, chunk, sums)
                    : grad_rows<false, false, kStream>(job, chunk, sums);
  __builtin_memset(sums, 0, (size_t)(2 * job.base.C) * 4);
  weighted ? grad_rows<true, true, kStream>(job, chunk, sums) : grad_rows<false, true, kStream>(job, chunk, sums);
}

static void run_grad_rows(const NormJob& base) {
  NormRowsJob job = norm_rows_job(base, true);
  const Call& call = *base.call;
  if (call.out[1].data || call.out[2].data) job.partial = (float*)base.context->shared_scratch;
  const bool stream = call.out[0].data && streams_rows(call.out[0], base.P);
  run_norm_chunks(base, job.chunks, stream ? norm_grad_rows_chunk<true> : norm_grad_rows_chunk<false>, &job);
  if (!job.partial) return;
  add_partials(job.partial, job.chunks, 2 * base.C);
  store_vector(call.out[1], job.partial);
  store_vector(call.out[2], job.partial + base.C);
}

}  // namespace anneal::ANNEAL_TARGET
