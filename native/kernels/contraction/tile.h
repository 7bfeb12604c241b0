// The register tiles of gemm: rows x vectors accumulators, and each element is one chain of fused multiply-adds over k
// in order.
#pragma once
#include "blocking.h"
#include "epilogue.h"
#include "operands.h"

namespace anneal::ANNEAL_TARGET {

// One step of k. The pins keep the accumulators in registers: g++ wants them after every fma, with the operands held
// too; that form makes clang++ spill, which is content with the accumulators alone.
template <int R, int V, class Rows, class Columns>
ANNEAL_INLINE void add_step(vf (&acc)[R][V], Rows& a, Columns& b) {
  vf bv[V];
#pragma GCC unroll 8
  for (int v = 0; v < V; v++) {
    bv[v] = b.load(v);
#ifndef __clang__
    if constexpr (V <= 2) pin(bv[v]);
#endif
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
    const vf av = splat(a.row(r));
#pragma GCC unroll 8
    for (int v = 0; v < V; v++) {
      acc[r][v] = vfma(av, bv[v], acc[r][v]);
#ifndef __clang__
      if constexpr (V <= 2)
        pin(acc[r][v], av, bv[v]);
      else
        pin(acc[r][v]);
#else
      pin(acc[r][v]);
#endif
    }
  }
  a.advance();
  b.advance();
}

template <int R, int V>
struct TileSum {
  vf acc[R][V];

  template <class Rows, class Columns>
  __attribute__((always_inline)) void add(int64_t K, Rows& a, Columns& b) {
    for (; K >= 4; K -= 4) {
#pragma GCC unroll 4
      for (int u = 0; u < 4; u++) add_step(acc, a, b);
    }
    for (; K > 0; K--) add_step(acc, a, b);
  }

  __attribute__((always_inline)) void clear() {
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 8
      for (int v = 0; v < V; v++) acc[r][v] = vf{};
  }

  __attribute__((always_inline)) void load(const float* c, int64_t c_stride, int last) {
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 8
      for (int v = 0; v < V; v++)
        acc[r][v] = v < V - 1 || last == kLanes ? ld(c + r * c_stride + v * kLanes)
                                                : ld_part(c + r * c_stride + v * kLanes, last);
  }

  __attribute__((always_inline)) void store(float* c, int64_t c_stride, int last) const {
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 8
      for (int v = 0; v < V; v++)
        if (v < V - 1 || last == kLanes)
          st(c + r * c_stride + v * kLanes, acc[r][v]);
        else
          st_part(c + r * c_stride + v * kLanes, acc[r][v], last);
  }
};

ANNEAL_INLINE void copy_columns(const float* from, int64_t from_stride, float* to, int64_t to_stride, int rows,
                                int columns) {
  for (int r = 0; r < rows; r++)
    for (int j = 0; j < columns; j++) to[r * to_stride + j] = from[r * from_stride + j];
}

// Prefetches the lines of a tile of C, to be written.
ANNEAL_INLINE void prefetch_c(const float* c, int64_t c_stride, int rows) {
  for (int r = 0; r < rows; r++)
    for (int j = 0; j < kTileColumns; j += 16) __builtin_prefetch(c + r * c_stride + j, 1);
}
constexpr int64_t kStoreAhead = 64;  // k before the end at which a tile prefetches the lines of C that it will store

// C[i, j] (+)= sum over k of a's row i times b's column j, 0 <= j < columns. B is read in full vectors.
template <int R, int V, bool kPrefetch, class Rows, class Columns>
ANNEAL_INLINE void run_tile(int64_t K, Rows a, Columns b, float* c, int64_t c_stride, int columns, bool accumulate,
                            AfterSums after) {
  TileSum<R, V> sum;
  const int last = columns - (V - 1) * kLanes;
  float edge[kMaskedStores ? 1 : R * V * kLanes];  // a ragged tile goes through here where a masked store is dear
  float* const out = kMaskedStores || last == kLanes ? c : edge;
  const int64_t out_stride = out == c ? c_stride : V * kLanes;
  const int out_last = kMaskedStores ? last : kLanes;
  if (accumulate) {
    if (out != c) copy_columns(c, c_stride, out, out_stride, R, columns);
    sum.load(out, out_stride, out_last);
  } else {
    sum.clear();
  }
  if (kPrefetch && K > kStoreAhead) {
    const int64_t head = (K - kStoreAhead) / 4 * 4;
    sum.add(head, a, b);
    prefetch_c(c, c_stride, R);
    K -= head;
  }
  sum.add(K, a, b);
  finish_sums(sum.acc, after);
  sum.store(out, out_stride, out_last);
  if (out != c) copy_columns(out, out_stride, c, c_stride, R, columns);
}

// Operands in place: a[i * row_stride + k * k_stride], b[k * b_stride + j].
using Tile = void (*)(int64_t K, const float* a, int64_t row_stride, int64_t k_stride, const float* b, int64_t b_stride,
                      float* c, int64_t c_stride, int columns, bool accumulate, AfterSums after);
template <int R, int V>
struct TileKernel {
  static void run(int64_t K, const float* a, int64_t row_stride, int64_t k_stride, const float* b, int64_t b_stride,
                  float* c, int64_t c_stride, int columns, bool accumulate, AfterSums after) {
    run_tile<R, V, false>(K, StridedRows<R>::at(a, row_stride, k_stride), StridedColumns<V>{b, b_stride}, c, c_stride,
                          columns, accumulate, after);
  }
};

// Packed operands, a[k * R + i] and b[k * V * kLanes + j]: fewer instructions, and no register for a stride.
using PanelTile = void (*)(int64_t K, const float* a, const float* b, float* c, int64_t c_stride, int columns,
                           bool accumulate, AfterSums after);
template <int R, int V>
struct PanelTileKernel {
  static void run(int64_t K, const float* a, const float* b, float* c, int64_t c_stride, int columns, bool accumulate,
                  AfterSums after) {
    run_tile<R, V, true>(K, PanelRows<R>{a}, PanelColumns<V>{b}, c, c_stride, columns, accumulate, after);
  }
};

// The kernel for that many rows and V vectors of columns, 1 <= rows <= Max <= 12.
template <int V, int Max>
ANNEAL_INLINE Tile tile_of(int rows) {
#define ANNEAL_TILE(r) TileKernel<(r <= Max ? r : Max), V>::run
  static constexpr Tile kernels[12] = {ANNEAL_TILE(1), ANNEAL_TILE(2),  ANNEAL_TILE(3),  ANNEAL_TILE(4),
                                       ANNEAL_TILE(5), ANNEAL_TILE(6),  ANNEAL_TILE(7),  ANNEAL_TILE(8),
                                       ANNEAL_TILE(9), ANNEAL_TILE(10), ANNEAL_TILE(11), ANNEAL_TILE(12)};
#undef ANNEAL_TILE
  return kernels[rows - 1];
}
template <int V>
ANNEAL_INLINE PanelTile panel_tile_of(int rows) {
#define ANNEAL_TILE(r) PanelTileKernel<(r <= kTileRows ? r : kTileRows), V>::run
  static constexpr PanelTile kernels[12] = {ANNEAL_TILE(1), ANNEAL_TILE(2),  ANNEAL_TILE(3),  ANNEAL_TILE(4),
                                            ANNEAL_TILE(5), ANNEAL_TILE(6),  ANNEAL_TILE(7),  ANNEAL_TILE(8),
                                            ANNEAL_TILE(9), ANNEAL_TILE(10), ANNEAL_TILE(11), ANNEAL_TILE(12)};
#undef ANNEAL_TILE
  return kernels[rows - 1];
}

// Returns how many of `rest` rows the next tile takes: full tiles, but the last two are balanced (8 rows of tile 6 are
// 4 + 4, not 6 + 2).
ANNEAL_INLINE int next_rows(int64_t rest, int full) {
  if (rest <= full) return (int)rest;
  if (rest >= 2 * full || rest - full >= full / 2) return full;
  return (int)((rest + 1) / 2);
}

}  // namespace anneal::ANNEAL_TARGET
