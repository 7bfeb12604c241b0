// Products whose k runs along memory in both operands, with few rows or few columns and long sums: dot products over
// sixteen virtual lanes, which need no transposed copy. The order of summation differs from the chain of the tiles, so
// the choice is by the full shape and by constants that are the same for every target.
#pragma once
#include "../transpose.h"
#include "../walk.h"
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

// ---- what is read once ---------------------------------------------------------------------------------------------

// Memory to fetch while a tile goes along k: `lines` of the cache every sixteen k, one behind the other from `at` on.
struct Fetch {
  static constexpr int64_t kEvery = 64;  // k at once, so that the loop of multiply-adds has nothing else

  const float* at;
  int64_t lines;

  void some() {
    for (int64_t i = 0; i < lines; i++, at += kEvery)
#pragma GCC unroll 4
      for (int64_t l = 0; l < kEvery; l += 16) __builtin_prefetch(at + l, 0, 2);
  }
};

// Rows of the larger operand, which tiles read once, a few rows at a time. Left alone, tiles jump from row to row with
// too little of each for the processor to look ahead, and memory rests while further tiles multiply the same rows.
// Where rows lie one behind the other, what comes next is fetched into the second cache in the order of memory, spread
// over the tiles of these rows. (Zen 4, operands in memory: 8x384x1536 takes half the time, 8x768x3072 and 1x384x1536
// two thirds.)
class RowsAhead {
 public:
  // `others`: rows of the other operand, by which each is multiplied.
  RowsAhead(const float* rows, int64_t stride, int64_t K, int64_t end, int64_t others)
      : rows_(rows), end_(rows + end * stride), K_(K), fetches_(stride == K && helps(K, end, others)) {}

  // `tiles` tiles of the rows [row, row + count) begin.
  void begin(int64_t row, int64_t count, int64_t tiles) {
    at_ = rows_ + row * K_ + (count * K_ > kLeastAhead ? count * K_ : kLeastAhead);
    lines_ = divide_up(count, tiles);
  }
  // What a tile has to fetch in a block of so many k.
  Fetch during(int64_t k) {
    const Fetch fetch = {at_, fetches_ && at_ + lines_ * k <= end_ ? lines_ : 0};
    at_ += lines_ * k;
    return fetch;
  }

 private:
  static constexpr int64_t kLeastAhead = 1024;

  // Fetching takes instructions, which few others hide: what is near needs none, and long rows the processor itself
  // reads ahead. (Hot in a cache, 1x384x1536 takes a tenth longer, 8x384x1536 does not.)
  static bool helps(int64_t K, int64_t rows, int64_t others) {
    return others >= 4 ? K * rows >= 1 << 16 : K <= 512 && K * rows >= 1 << 18;
  }

  const float *rows_, *end_, *at_ = nullptr;
  int64_t K_, lines_ = 0;
  bool fetches_;
};

// ---- tiles ---------------------------------------------------------------------------------------------------------

// C[i, j] for i < R, j < J: c[i * N + j]. Of more than one block of k, the lanes are in `sums` in between. Inlined into
// a loop, g++ gives up the pins and spills.
template <int R, int J>
static __attribute__((noinline)) void dot_tile(const Problem& p, int64_t m, int64_t n, Range block, Lanes16* sums,
                                               Fetch fetch) {
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
  while (k + 16 <= K) {
    fetch.some();
    for (const int64_t end = fetch.lines > 0 ? smaller(k + Fetch::kEvery, K) : K; k + 16 <= end; k += 16)
#pragma GCC unroll 4
      for (int l = 0; l < kParts; l++)
        step(k + l * kLanes, l, [](const float* x) __attribute__((always_inline)) { return ld(x); });
  }
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

using DotTile = void (*)(const Problem& p, int64_t m, int64_t n, Range block, Lanes16* sums, Fetch fetch);
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
  const auto of_a = [&]() __attribute__((always_inline)) {
    return RowsAhead(p.a.data, p.a.row_stride, p.K, m.end, n.size());
  };
  const auto of_b = [&]() __attribute__((always_inline)) {
    return RowsAhead(p.b.data, p.b.column_stride, p.K, n.end, m.size());
  };
  if (m.size() == 1)
    for (RowsAhead ahead = of_b(); n.size() >= kDotWide; n.begin += kDotWide) {
      ahead.begin(n.begin, kDotWide, 1);
      dot_tile<1, kDotWide>(p, m.begin, n.begin, {0, p.K}, sums, ahead.during(p.K));
    }
  if (n.size() == 1)
    for (RowsAhead ahead = of_a(); m.size() >= kDotWide; m.begin += kDotWide) {
      ahead.begin(m.begin, kDotWide, 1);
      dot_tile<kDotWide, 1>(p, m.begin, n.begin, {0, p.K}, sums, ahead.during(p.K));
    }
  if (m.size() == 0 || n.size() == 0) return;
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
  if (m.size() > n.size()) {
    RowsAhead ahead = of_a();
    each(m, full_m, [&](int64_t i, int rows) {
      ahead.begin(i, rows, divide_up(n.size(), full_n));
      for (int64_t k = 0; k < p.K; k += kc)
        each(n, full_n, [&](int64_t j, int columns) {
          const Range block = {k, smaller(p.K, k + kc)};
          dot_tile_of(rows, columns)(p, i, j, block, sums + (j - n.begin) * rows, ahead.during(block.size()));
        });
    });
  } else {
    RowsAhead ahead = of_b();
    each(n, full_n, [&](int64_t j, int columns) {
      ahead.begin(j, columns, divide_up(m.size(), full_m));
      for (int64_t k = 0; k < p.K; k += kc)
        each(m, full_m, [&](int64_t i, int rows) {
          const Range block = {k, smaller(p.K, k + kc)};
          dot_tile_of(rows, columns)(p, i, j, block, sums + (i - m.begin) * columns, ahead.during(block.size()));
        });
    });
  }
}

}  // namespace anneal::ANNEAL_TARGET
