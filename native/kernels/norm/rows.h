// Single rows: groups of features that lie side by side. A row is read from memory once, for its mean, for the squares
// around it and for the result, a few rows at a time, so that none waits for its own mean.
#pragma once
#include "../reduce/variance_rows.h"
#include "../softmax/rows.h"
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

// Rows of more are so long that the processor does not look ahead to those that follow: they are fetched.
constexpr int64_t kFetchedRow = 256;

// x + residual. A sum that nobody reads is where y will be.
struct RowSums {
  const float *x, *residual;
  float* sum;
};

static RowSums row_sums(const Call& call) {
  const TensorArg& sum = call.out[call.out[3].data ? 3 : 0];
  return {(const float*)call.in[0].data, (const float*)call.in[3].data, (float*)sum.data};
}

// Sums of the elements [first, first + n).
static void add_residual(const RowSums& of, int64_t first, int64_t n) {
  each_vector(n, [&](int64_t i, int lanes) __attribute__((always_inline)) {
    const int64_t at = first + i;
    st_some(of.sum + at, ld_some(of.x + at, lanes) + ld_some(of.residual + at, lanes), lanes);
  });
}

// Rows that are added up together: more of them keep memory waiting for what is computed.
constexpr int64_t kAddedRows = 2;

template <bool kStream, bool kSums>
static void norm_rows_chunk(void* arg, int64_t chunk, int32_t) {
  const NormRowsJob& job = *(const NormRowsJob*)arg;
  const Call& call = *job.base.call;
  const int64_t G = job.base.G, P = job.base.P;
  const int64_t end = smallest(job.base.A, (chunk + 1) * job.per_chunk) * G;
  const float *weight = (const float*)call.in[1].data, *bias = (const float*)call.in[2].data;
  float *spreads = (float*)call.out[1].data, *means = (float*)call.out[2].data;
  const int64_t together = smallest(rows_together(P), kSums ? kAddedRows : kNormRows);
  const bool fetches = !kSums && P > kFetchedRow;
  const RowSums sums = row_sums(call);
  for (int64_t first = chunk * job.per_chunk * G; first < end; first += together) {
    const int64_t rows = smallest(together, end - first);
    if (kSums) add_residual(sums, first * P, rows * P);
    const float* x = (kSums ? sums.sum : sums.x) + first * P;
    float* y = (float*)call.out[0].data + first * P;
    float mean[kNormRows], spread[kNormRows];
    row_statistics(x, rows, P, call.attr[0] != 0, mean, spread);
    for (int64_t tile = 0; tile < P; tile += kNormTile)
      for (int64_t r = 0; r < rows; r++) {
        const vf center = splat(mean[r]), inverse = splat(inverse_root(job.base, spread[r]));
        const int64_t feature = (G == 1 ? 0 : (first + r) % G * P) + tile;
        const float* from = x + r * P + tile;
        write_tile<kStream>(y + r * P + tile, smallest(kNormTile, P - tile), weight ? weight + feature : nullptr,
                            bias ? bias + feature : nullptr, [&](int64_t i, int lanes) __attribute__((always_inline)) {
                              if (fetches) __builtin_prefetch(from + together * P + i, 0, 2);
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

static void run_norm_rows(const NormJob& base) {
  NormRowsJob job = norm_rows_job(base, false);
  const Call& call = *base.call;
  const bool sums = call.in[3].data != nullptr, in_y = sums && !call.out[3].data;
  const bool stream = !in_y && streams_rows(call.out[0], base.P);
  run_norm_chunks(base, job.chunks,
                  stream ? sums ? norm_rows_chunk<true, true> : norm_rows_chunk<true, false>
                  : sums ? norm_rows_chunk<false, true>
                         : norm_rows_chunk<false, false>,
                  &job);
}

}  // namespace anneal::ANNEAL_TARGET
