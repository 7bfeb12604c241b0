// The variance along the innermost run of memory.
#pragma once
#include "job.h"

namespace anneal::ANNEAL_TARGET {

// The mean of n elements and the sum of their squared distances from it. Blocks have theirs in two passes over the
// cache, so that memory is read once; they combine as in Chan, Golub and LeVeque, "Algorithms for computing the sample
// variance", 1983. Means are distances from the first element, so that values far from zero keep their digits.
struct Moments {
  float n, mean, squares;
};

struct MomentsTree {
  ANNEAL_INLINE Moments combine(Moments a, Moments b) {
    const float n = a.n + b.n, share = b.n / n, apart = b.mean - a.mean;
    return {n, a.mean + apart * share, a.squares + b.squares + apart * apart * (a.n * share)};
  }
};

// Elements of a block: so few that memory does not idle during the second pass: 512 to 2048 measured alike, 4096 took
// half as long again.
constexpr int64_t kMomentsBlock = 1024;
constexpr int64_t kMomentsBlocks = kReduceBlock / kMomentsBlock;  // a power of two

// The moments of at most kMomentsBlock elements.
ANNEAL_INLINE Moments block_moments(const float* x, int64_t n, float origin) {
  const float mean = reduce_block<RealDistances>(x, n, origin) / (float)n;
  return {(float)n, mean, reduce_block<RealSquares>(x, n, origin + mean)};
}

static Moments moments_of(const ReduceJob& job, int64_t offset, int64_t first, int64_t last, char* scratch) {
  Pairwise<MomentsTree, Moments> partial;
  partial.count = 0;
  const float origin = job.R ? *block_of<float>(job, offset, 0, 1, scratch) : 0;
  const int64_t end = smallest(last * kMomentsBlocks, largest(1, divide_up(job.R, kMomentsBlock)));
  for (int64_t b = first * kMomentsBlocks; b < end; b++) {
    const int64_t at = b * kMomentsBlock, n = smallest(kMomentsBlock, job.R - at);
    const float* x = block_of<float>(job, offset, at, n, scratch);
    pairwise_push(partial, block_moments(x, n, origin));
  }
  return pairwise_result(partial);
}

// Variances of rows of at most one block, in place: some means first, then the squares around them, so that a row need
// not wait for its own mean (65,536 rows of 256 take 0.79 of the time).
static void variances_of_rows(void* arg, int64_t chunk, int32_t) {
  const ReduceJob& job = *(const ReduceJob*)arg;
  constexpr int64_t kMost = 16;
  const int64_t rows_per_block = smallest(kMost, 2 * kMomentsBlock / job.R);
  const int64_t first = chunk * job.outputs_per_chunk, last = smallest(job.outputs, first + job.outputs_per_chunk);
  Cursor at = cursor_at(job.kept, job.kept.rank, first);
  for (int64_t o = first; o < last; o += rows_per_block) {
    const int64_t rows = smallest(rows_per_block, last - o);
    const float* x[kMost];
    float mean[kMost];
    for (int64_t i = 0; i < rows; i++) {
      x[i] = (const float*)job.in + at.offset;
      mean[i] = *x[i] + reduce_block<RealDistances>(x[i], job.R, *x[i]) / (float)job.R;
      advance(job.kept, job.kept.rank, at);
    }
    for (int64_t i = 0; i < rows; i++) store_result(job, o + i, reduce_block<RealSquares>(x[i], job.R, mean[i]));
  }
}

// A policy of reduce_rows.
struct ByMoments {
  static constexpr bool kMeansFirst = true;
  typedef Moments S;
  typedef MomentsTree Tree;
  ANNEAL_INLINE S part(const ReduceJob& job, int64_t offset, int64_t first, int64_t last, S, char* scratch) {
    return moments_of(job, offset, first, last, scratch);
  }
  ANNEAL_INLINE void store(const ReduceJob& job, int64_t o, S x) { store_result(job, o, x.squares); }
};

}  // namespace anneal::ANNEAL_TARGET
