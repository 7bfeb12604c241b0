// Single rows: groups of features that lie side by side. A row is read from memory once, for its mean, for the squares
// around it and for the result, a few rows at a time, so that none waits for its own mean.
#pragma once
#include "../reduce/variance_rows.h"
#include "../softmax/block.h"
#include "job.h"

namespace anneal::ANNEAL_TARGET {

// Rows that go together: as many as stay in the first cache, or four that stay in the second. Their results are written
// in tiles, for which weights stay in the first.
constexpr int64_t kNormRows = 8, kNormFewRows = 4, kNormNear = 4096, kNormFar = 65536, kNormTile = 1024;
static_assert(kNormFewRows * kNormTile <= kNormNear);

ANNEAL_INLINE int64_t rows_together(int64_t P) {
  if (P <= kNormTile) return smallest(kNormRows, kNormNear / P);
  return kNormFewRows * P <= kNormFar ? kNormFewRows : 1;
}

// The sum of (x - mean)^2, or of squares, of a row of more than one block: blocks as reductions have them.
static Moments long_row(const float* x, int64_t n, bool centered) {
  Pairwise<MomentsTree, Moments> partial;
  partial.count = 0;
  for (int64_t i = 0; i < n; i += kMomentsBlock)
    pairwise_push(partial, centered
                               ? block_moments(x + i, smallest(kMomentsBlock, n - i), *x)
                               : Moments{1, 0, reduce_block<RealSquares>(x + i, smallest(kMomentsBlock, n - i), 0)});
  return pairwise_result(partial);
}

// Means and spreads of some rows of n elements.
ANNEAL_INLINE void row_statistics(const float* x, int64_t rows, int64_t n, bool centered, float* mean, float* spread) {
  if (n > kMomentsBlock) {
    for (int64_t r = 0; r < rows; r++) {
      const Moments m = long_row(x + r * n, n, centered);
      mean[r] = centered ? x[r * n] + m.mean : 0;
      spread[r] = m.squares / (float)n;
    }
    return;
  }
  for (int64_t r = 0; r < rows; r++)
    mean[r] = centered ? x[r * n] + reduce_block<RealDistances>(x + r * n, n, x[r * n]) / (float)n : 0;
  for (int64_t r = 0; r < rows; r++) spread[r] = reduce_block<RealSquares>(x + r * n, n, mean[r]) / (float)n;
}

struct NormRowsJob {
  NormJob base;
  int64_t per_chunk, chunks;  // parts of a chunk
  float* partial;             // [chunks, 2, C]: dweight, dbias; null where nobody wants them
};

// Chunks of parts: at most so many, where each has its sums of gradients.
constexpr int64_t kMostNormChunks = 64;

static NormRowsJob norm_rows_job(const NormJob& base, bool gradient) {
  NormRowsJob job = {base, largest(1, kNormChunk / base.C), 0, nullptr};
  if (gradient) job.per_chunk = largest(job.per_chunk, divide_up(base.A, kMostNormChunks));
  job.chunks = divide_up(base.A, job.per_chunk);
  return job;
}

template <bool kStream>
ANNEAL_INLINE void write_tile(float* y, int64_t n, const float* weight, const float* bias, auto z) {
  if (bias)
    each_vector(n, [&](int64_t i, int lanes) __attribute__((always_inline)) {
      put<kStream>(y + i, vfma(z(i, lanes), ld_some(weight + i, lanes), ld_some(bias + i, lanes)), lanes);
    });
  else if (weight)
    each_vector(n, [&](int64_t i, int lanes) __attribute__((always_inline)) {
      put<kStream>(y + i, z(i, lanes) * ld_some(weight + i, lanes), lanes);
    });
  else
    each_vector(n,
                [&](int64_t i, int lanes) __attribute__((always_inline)) { put<kStream>(y + i, z(i, lanes), lanes); });
}

template <bool kStream>
static void norm_rows_chunk(void* arg, int64_t chunk, int32_t) {
  const NormRowsJob& job = *(const NormRowsJob*)arg;
  const Call& call = *job.base.call;
  const int64_t G = job.base.G, P = job.base.P;
  const int64_t end = smallest(job.base.A, (chunk + 1) * job.per_chunk) * G;
  const float *weight = (const float*)call.in[1].data, *bias = (const float*)call.in[2].data;
  float *spreads = (float*)call.out[1].data, *means = (float*)call.out[2].data;
  const int64_t together = rows_together(P);
  for (int64_t first = chunk * job.per_chunk * G; first < end; first += together) {
    const int64_t rows = smallest(together, end - first);
    const float* x = (const float*)call.in[0].data + first * P;
    float* y = (float*)call.out[0].data + first * P;
    float mean[kNormRows], spread[kNormRows];
    row_statistics(x, rows, P, call.attr[0] != 0, mean, spread);
    for (int64_t tile = 0; tile < P; tile += kNormTile)
      for (int64_t r = 0; r < rows; r++) {
        const vf center = splat(mean[r]), inverse = splat(inverse_root(job.base, spread[r]));
        const int64_t feature = (first + r) % G * P + tile;
        const float* from = x + r * P + tile;
        write_tile<kStream>(y + r * P + tile, smallest(kNormTile, P - tile), weight ? weight + feature : nullptr,
                            bias ? bias + feature : nullptr, [&](int64_t i, int lanes) __attribute__((always_inline)) {
                              __builtin_prefetch(from + together * P + i, 0, 2);  // of the rows that follow
                              return (ld_some(from + i, lanes) - center) * inverse;
                            });
      }
    for (int64_t r = 0; r < rows; r++) {
      if (spreads) spreads[first + r] = spread[r];
      if (means) means[first + r] = mean[r];
    }
  }
  if (kStream) stream_fence();
}

// dx of a row, and its share of the sums, which are null where nobody wants them.
template <bool kWeighted, bool kSums, bool kStream>
ANNEAL_INLINE void grad_row(const NormJob& job, int64_t row, float* dweight, float* dbias) {
  const Call& call = *job.call;
  const int64_t P = job.P;
  const float *dy = (const float*)call.in[0].data + row * P, *x = (const float*)call.in[1].data + row * P;
  const float *means = (const float*)call.in[3].data, *weight = (const float*)call.in[4].data;
  if (kWeighted) weight += row % job.G * P;
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
    if (dx) put<kStream>(dx + row * P + i, (slope(i, lanes) - mean - distance * tilt) * inverse, lanes);
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
