// Sizes of gemm's blocks for registers and caches, per target. None of it changes a bit of a result: an element is one
// chain of fused multiply-adds over k in order, whatever the tile or block.
#pragma once
#include "problem.h"

namespace anneal::ANNEAL_TARGET {

#if ANNEAL_LANES == 16
constexpr int kTileRows = 12;    // 12 x 2 accumulators, 2 vectors of B and 1 of A in 32 registers (g++ 12 spills at 14)
constexpr int kNarrowRows = 12;  // rows of a tile that is one vector wide
#elif defined(__aarch64__)
constexpr int kTileRows = 12;
constexpr int kNarrowRows = 12;
#else
constexpr int kTileRows = 6;    // 6 x 2 accumulators, 2 vectors of B and 1 of A in 16 registers
constexpr int kNarrowRows = 8;  // latency 4 times 2 units wants 8 chains
#endif
constexpr int kTileVectors = 2;
constexpr int kTileColumns = kTileVectors * kLanes;

// A tile loads and stores its C once a block of k, and far apart lines of C cost more than feeding the tile from L2, so
// blocks of k are long: a packed block of A and a panel of B (kBlockK x kTileColumns) share L2.
#if ANNEAL_LANES == 16
constexpr int64_t kBlockK = 1024;
#else
constexpr int64_t kBlockK = 512;
#endif
// If one thread packs a panel of B for the few rows of its chunk, a panel in the nearest cache is worth more blocks
// (AVX2, 128x512x256 on two threads: 220 to 200 us; not measured on AVX-512; the others' panels are short enough).
#if ANNEAL_LANES == 8
constexpr int64_t kOwnBlockK = 400;
#else
constexpr int64_t kOwnBlockK = kBlockK;
#endif
constexpr int64_t kBlockM = 96;                      // of a packed block of A whose k is kBlockK
constexpr int64_t kBlockFloats = kBlockM * kBlockK;  // shorter k, more rows

// x cut into equal parts of at most `limit`, in multiples of `unit`.
ANNEAL_INLINE int64_t equal_part(int64_t x, int64_t limit, int64_t unit) {
  if (x <= limit) return x > 0 ? x : 1;
  const int64_t parts = (x + limit - 1) / limit;
  return round_up((x + parts - 1) / parts, unit);
}

// Rows this far apart share few cache sets and evict each other.
ANNEAL_INLINE bool is_bad_stride(int64_t floats) { return floats % 512 == 0; }

}  // namespace anneal::ANNEAL_TARGET
