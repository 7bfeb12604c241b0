// The partition of a product into chunks for threads: by its shape and their number, as it changes no bit.
#pragma once
#include "blocking.h"

namespace anneal::ANNEAL_TARGET {

struct Grid {
  int64_t across_m, across_n;  // chunks of one matrix
  int64_t together;            // matrices of one chunk, where one is less than a chunk
  int64_t chunks;
};

constexpr int64_t kSplitCost = 5000;  // ns worth two chunks
constexpr int64_t kMaxChunks = 32;    // of one matrix

// Multiply-adds per ns on one thread, about: two vectors a cycle, of which small products reach less.
#if ANNEAL_LANES == 16
constexpr int64_t kMacsPerNs = 96;
#elif ANNEAL_LANES == 8
constexpr int64_t kMacsPerNs = 44;
#else
constexpr int64_t kMacsPerNs = 22;
#endif

constexpr int64_t kChunkCost = 1'200'000 / kMacsPerNs;  // ns worth each of more than two chunks
constexpr int64_t kAloneCost = 5'000'000;  // ns of a chunk on one thread, which may be cancelled between chunks

// A rough time in ns of one matrix on one thread: arithmetic or memory, whichever takes longer.
ANNEAL_INLINE int64_t cost_of(int64_t M, int64_t N, int64_t K) {
  const int64_t arithmetic = M * N * (K + 8) / kMacsPerNs, memory = (M * K + K * N + M * N) / 16;
  return arithmetic > memory ? arithmetic : memory;
}

// The i-th of `parts` of x, cut between multiples of `unit`: as equal as that allows, so that no thread waits for
// another that has a whole chunk more to do.
ANNEAL_INLINE Range part_of(int64_t x, int64_t unit, int64_t parts, int64_t i) {
  const int64_t units = (x + unit - 1) / unit;
  return {units * i / parts * unit, smaller(x, units * (i + 1) / parts * unit)};
}

constexpr int64_t kUnitRows = 4;

ANNEAL_INLINE Range rows_of(const Grid& g, int64_t M, int64_t i) { return part_of(M, kUnitRows, g.across_m, i); }
ANNEAL_INLINE Range columns_of(const Grid& g, int64_t N, int64_t i) { return part_of(N, kTileColumns, g.across_n, i); }

// Sums so short that what counts is writing C, and B's columns are soon packed: rows are cut first, as two threads that
// write into the same rows take lines from each other.
constexpr int64_t kShortSum = 16;

// `repacks` says that every chunk of rows transposes or packs its columns of B anew, which wants tall chunks.
static Grid grid_of(int64_t M, int64_t N, int64_t K, int64_t count, bool repacks, int32_t threads) {
  const int64_t cost = cost_of(M, N, K);
  Grid g = {1, 1, 1, count};
  if (cost < kSplitCost) {
    g.together = smaller(count, kChunkCost / (cost + 1) + 1);
    g.chunks = (count + g.together - 1) / g.together;
    return g;
  }
  const int64_t wanted = threads == 1 ? smaller(cost / kAloneCost, kMaxChunks)
                         : cost < 2 * kChunkCost
                             ? 2
                             : smaller(smaller(cost / kChunkCost, kMaxChunks), kChunksOfThread * threads) / 2 * 2;
  // Halves the longer side of a chunk, or the columns that would be packed anew, while it stays long enough for its
  // tiles.
  const bool short_sums = K < kShortSum, tall = repacks && !short_sums;
  while (g.across_m * g.across_n < wanted) {
    const int64_t rows = M / g.across_m, columns = N / g.across_n;
    const bool can_m = rows >= (tall ? 256 : 96), can_n = columns >= 4 * kTileColumns;
    if (can_n && (tall || (columns >= rows && !short_sums) || !can_m))
      g.across_n *= 2;
    else if (can_m)
      g.across_m *= 2;
    else
      break;
  }
  g.chunks = count * g.across_m * g.across_n;
  return g;
}

// The grid if B is packed for all chunks: even numbers of blocks of rows, all columns, so that A is packed once.
static Grid shared_grid_of(int64_t M) {
  const int64_t blocks = (M + kBlockM - 1) / kBlockM, even = blocks + (blocks & 1);
  return {even, 1, 1, even};
}

}  // namespace anneal::ANNEAL_TARGET
