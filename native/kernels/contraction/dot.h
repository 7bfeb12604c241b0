// Products whose k runs along memory in both operands, with few rows or few columns and long sums: dot products over
// sixteen virtual lanes, which need no transposed copy. The order of summation differs from the chain of the tiles, so
// the choice is by the full shape and by constants that are the same for every target.
#pragma once
#include "../transpose.h"
#include "blocking.h"
#include "tile.h"

namespace anneal::ANNEAL_TARGET {

constexpr int64_t kDotRowsOfC = 32, kDotColumnsOfC = 12;  // one of them at most
constexpr int64_t kDotMinK = 64;
constexpr int64_t kDotMinKOfRow = 8, kDotMinKOfColumn = 16;  // k for each of them: the more, the better are the tiles

ANNEAL_INLINE bool is_dot(const Problem& p) {
  if (p.b.row_stride != 1 || p.b.column_stride == 1 || p.a.column_stride != 1 || p.K < kDotMinK) return false;
  if (p.M <= kDotRowsOfC) return p.K >= kDotMinKOfRow * smaller(p.M, p.N);
  return p.N <= kDotColumnsOfC && p.K >= kDotMinKOfColumn * p.N;
}

// ---- the sums of many accumulators at once -------------------------------------------------------------------------
// Each level of the tree of sum16 combines accumulators in pairs, so that no lane idles.

constexpr int kGroups = kLanes / 4;

// Group g of four lanes: t[g] folded from sixteen lanes to four.
ANNEAL_INLINE vf fold_groups(const Lanes16* const (&t)[kGroups]) {
#if ANNEAL_LANES == 4
  return (t[0]->part[0] + t[0]->part[2]) + (t[0]->part[1] + t[0]->part[3]);
#elif ANNEAL_LANES == 8
  const v8 x = t[0]->part[0] + t[0]->part[1], y = t[1]->part[0] + t[1]->part[1];
  return __builtin_shufflevector(x, y, 0, 1, 2, 3, 8, 9, 10, 11) +
         __builtin_shufflevector(x, y, 4, 5, 6, 7, 12, 13, 14, 15);
#else
  const auto eights = [](const v16& x, const v16& y) __attribute__((always_inline)) {
    return __builtin_shufflevector(x, y, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
           __builtin_shufflevector(x, y, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
  };
  const v16 x = eights(t[0]->part[0], t[1]->part[0]), y = eights(t[2]->part[0], t[3]->part[0]);
  return __builtin_shufflevector(x, y, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27) +
         __builtin_shufflevector(x, y, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
#endif
}

// Lane i: the sum of t[first + i], or nothing in particular beyond the last one.
template <int kCount>
ANNEAL_INLINE vf sum_lanes(const Lanes16 (&t)[kCount], int first) {
  vf q[4];
#pragma GCC unroll 4
  for (int p = 0; p < 4; p++) {
    const Lanes16* group[kGroups];
#pragma GCC unroll 4
    for (int g = 0; g < kGroups; g++) group[g] = &t[first + 4 * g + p < kCount ? first + 4 * g + p : 0];
    q[p] = fold_groups(group);
  }
  const vf a = ANNEAL_IN_GROUPS(q[0], q[1], 0, 1, 4, 5) + ANNEAL_IN_GROUPS(q[0], q[1], 2, 3, 6, 7);
  const vf b = ANNEAL_IN_GROUPS(q[2], q[3], 0, 1, 4, 5) + ANNEAL_IN_GROUPS(q[2], q[3], 2, 3, 6, 7);
  return ANNEAL_IN_GROUPS(a, b, 0, 2, 4, 6) + ANNEAL_IN_GROUPS(a, b, 1, 3, 5, 7);
}

// ---- tiles ---------------------------------------------------------------------------------------------------------

// C[i, j] for i < R, j < J: c[i * N + j]. Of more than one block of k, the lanes are in `sums` in between. Inlined into
// a loop, g++ gives up the pins and spills.
template <int R, int J>
static __attribute__((noinline)) void dot_tile(const Problem& p, int64_t m, int64_t n, Range block, Lanes16* sums) {
  const int64_t K = block.end, a_stride = p.a.row_stride, b_stride = p.b.column_stride;
  const float *a = p.a.data + m * a_stride, *b = p.b.data + n * b_stride;
  Lanes16 acc[R * J];
#pragma GCC unroll 16
  for (int i = 0; i < R * J; i++) acc[i] = block.begin > 0 ? sums[i] : splat16(0.0f);
  const auto step = [&](int64_t k, int l, auto load) __attribute__((always_inline)) {
    vf av[R];
#pragma GCC unroll 8
    for (int i = 0; i < R; i++) {
      av[i] = load(a + i * a_stride + k);
      if constexpr (J > 1) pin(av[i]);  // one load for all columns
    }
#pragma GCC unroll 16
    for (int j = 0; j < J; j++) {
      vf bv = load(b + j * b_stride + k);
      if constexpr (R > 1) pin(bv);  // one load for all rows
#pragma GCC unroll 8
      for (int i = 0; i < R; i++) {
        vf& sum = acc[i * J + j].part[l];
        sum = vfma(av[i], bv, sum);
        pin(sum);
      }
    }
  };
  int64_t k = block.begin;
  for (; k + 16 <= K; k += 16)
#pragma GCC unroll 4
    for (int l = 0; l < kParts; l++)
      step(k + l * kLanes, l, [](const float* x) __attribute__((always_inline)) { return ld(x); });
  if (k < K)  // the last few k, with zeros up to sixteen
#pragma GCC unroll 4
    for (int l = 0; l < kParts; l++) {
      const int64_t rest = K - k - l * kLanes;
      const int lanes = rest < 0 ? 0 : rest > kLanes ? kLanes : (int)rest;
      step(k + l * kLanes, l, [=](const float* x) __attribute__((always_inline)) { return ld_part(x, lanes); });
    }
  if (K < p.K) {
#pragma GCC unroll 16
    for (int i = 0; i < R * J; i++) sums[i] = acc[i];
    return;
  }
  float dot[round_up(R * J, kLanes)];
#pragma GCC unroll 4
  for (int i = 0; i < R * J; i += kLanes) st(dot + i, sum_lanes(acc, i));
  float* c = p.c + m * p.N + n;
#pragma GCC unroll 8
  for (int i = 0; i < R; i++)
#pragma GCC unroll 8
    for (int j = 0; j < J; j++) c[i * p.N + j] = dot[i * J + j];
}

#if ANNEAL_LANES == 16
constexpr int kDotRows = 4, kDotColumns = 4, kDotWide = 8;  // of a tile; of one that is a single row or column
#elif ANNEAL_LANES == 8 && !defined(__clang__)
constexpr int kDotRows = 2, kDotColumns = 3, kDotWide = 4;
#else  // clang 19 keeps some of twelve accumulators on the stack
constexpr int kDotRows = 2, kDotColumns = 2, kDotWide = 4;
#endif

constexpr bool fits_dot(int rows, int columns) {
  return (rows <= kDotRows && columns <= kDotColumns) || (rows <= kDotColumns && columns <= kDotRows);
}

using DotTile = void (*)(const Problem& p, int64_t m, int64_t n, Range block, Lanes16* sums);
ANNEAL_INLINE DotTile dot_tile_of(int rows, int columns) {
#define ANNEAL_TILE(r, c) dot_tile<(fits_dot(r, c) ? r : 1), (fits_dot(r, c) ? c : 1)>
#define ANNEAL_TILES(r) {ANNEAL_TILE(r, 1), ANNEAL_TILE(r, 2), ANNEAL_TILE(r, 3), ANNEAL_TILE(r, 4)}
  static constexpr DotTile tiles[4][4] = {ANNEAL_TILES(1), ANNEAL_TILES(2), ANNEAL_TILES(3), ANNEAL_TILES(4)};
#undef ANNEAL_TILES
#undef ANNEAL_TILE
  return tiles[rows - 1][columns - 1];
}

// Rows of both operands have to stay in the nearest cache for a block of k (AVX2: 8x2048x2048 takes 0.83 of the time).
constexpr int64_t kDotBlockK = 1024;
constexpr int64_t kMaxDots = kDotRowsOfC * (kDotRows > kDotColumns ? kDotRows : kDotColumns);

// The operand with more rows is read once, in the outer loop; the other one stays in the nearest cache.
static void multiply_dot(const Problem& p, Range m, Range n) {
  Lanes16 sums[kMaxDots];
  if (m.size() == 1)
    for (; n.size() >= kDotWide; n.begin += kDotWide) dot_tile<1, kDotWide>(p, m.begin, n.begin, {0, p.K}, sums);
  if (n.size() == 1)
    for (; m.size() >= kDotWide; m.begin += kDotWide) dot_tile<kDotWide, 1>(p, m.begin, n.begin, {0, p.K}, sums);
  const auto each = [](Range range, int full, auto body) __attribute__((always_inline)) {
    for (int64_t i = range.begin; i < range.end;) {
      const int size = next_rows(range.end - i, full);
      body(i, size);
      i += size;
    }
  };
  // Tiles may lie on their side, where that leaves no rest.
  const bool transposed = m.size() == kDotColumns;
  const int full_m = transposed ? kDotColumns : kDotRows, full_n = transposed ? kDotRows : kDotColumns;
  const int64_t kc = equal_part(p.K, kDotBlockK, 16);
  if (m.size() > n.size())
    each(m, full_m, [&](int64_t i, int rows) {
      for (int64_t k = 0; k < p.K; k += kc)
        each(n, full_n, [&](int64_t j, int columns) {
          dot_tile_of(rows, columns)(p, i, j, {k, smaller(p.K, k + kc)}, sums + (j - n.begin) * rows);
        });
    });
  else
    each(n, full_n, [&](int64_t j, int columns) {
      for (int64_t k = 0; k < p.K; k += kc)
        each(m, full_m, [&](int64_t i, int rows) {
          dot_tile_of(rows, columns)(p, i, j, {k, smaller(p.K, k + kc)}, sums + (i - m.begin) * columns);
        });
    });
}

}  // namespace anneal::ANNEAL_TARGET
