// Tiles of a correlation: C[pixels, outputs] = windows[pixels, K] weights[K, outputs], K in the order (tap, channel).
// Output channels lie in the lanes, a tile's pixels are broadcast from where they are: no window is ever copied.
#pragma once
#include "plan.h"

namespace anneal::ANNEAL_TARGET {

// Part of K: `count` stretches of `length`, or `length` offsets of single k.
struct BlockOfK {
  int64_t count, length;
  const int64_t* offset;
  int64_t within;  // of each stretch
  const int32_t* flat;
  int64_t size() const { return count * length; }
};

// Pixels that begin anywhere, advanced together.
template <int R>
struct ScatteredRows {
  const float* of[R];
  int64_t at;
  __attribute__((always_inline)) float row(int r) const { return of[r][at]; }
  __attribute__((always_inline)) void advance() { at++; }
};
template <int R>
struct FlatRows {
  const float* of[R];
  const int32_t* offset;
  __attribute__((always_inline)) float row(int r) const { return of[r][*offset]; }
  __attribute__((always_inline)) void advance() { offset++; }
};

// Tiles of R pixels x V vectors of output channels, of which the last has `last` lanes.
template <int R, int V, bool kFlat>
struct PixelTiles {
  static void run(const BlockOfK& k, PixelRun t, const float* b, int last, bool accumulate, AfterSums after) {
    for (; t.count > 0; t.count--, t.source += R, t.target += R) {
      TileSum<R, V> sum;
      if (accumulate) {
#pragma GCC unroll 16
        for (int r = 0; r < R; r++)
#pragma GCC unroll 8
          for (int v = 0; v < V; v++)
            sum.acc[r][v] = ld_some(t.c + t.target[r] + v * kLanes, v < V - 1 ? kLanes : last);
      } else {
        sum.clear();
#pragma GCC unroll 16
        for (int r = 0; r < R; r++) __builtin_prefetch(t.c + t.target[r], 1);
      }
      PanelColumns<V> columns = {b};
      if constexpr (kFlat) {
        FlatRows<R> a;
#pragma GCC unroll 16
        for (int r = 0; r < R; r++) a.of[r] = t.x + t.source[r];
        a.offset = k.flat;
        sum.add(k.length, a, columns);
      } else {
        ScatteredRows<R> a;
#pragma GCC unroll 16
        for (int r = 0; r < R; r++) a.of[r] = t.x + t.source[r];
        for (int64_t i = 0; i < k.count; i++) {
          a.at = k.offset[i] + k.within;
          sum.add(k.length, a, columns);
        }
      }
      finish_sums(sum.acc, after);
#pragma GCC unroll 16
      for (int r = 0; r < R; r++)
#pragma GCC unroll 8
        for (int v = 0; v < V; v++) st_some(t.c + t.target[r] + v * kLanes, sum.acc[r][v], v < V - 1 ? kLanes : last);
    }
  }
};

using PixelKernel = void (*)(const BlockOfK& k, PixelRun t, const float* b, int last, bool accumulate, AfterSums after);
template <int V, int Max, bool kFlat>
ANNEAL_INLINE PixelKernel pixel_tiles_of(int rows) {
#define ANNEAL_TILE(r) PixelTiles<(r <= Max ? r : Max), V, kFlat>::run
  static constexpr PixelKernel kernels[12] = {ANNEAL_TILE(1), ANNEAL_TILE(2),  ANNEAL_TILE(3),  ANNEAL_TILE(4),
                                              ANNEAL_TILE(5), ANNEAL_TILE(6),  ANNEAL_TILE(7),  ANNEAL_TILE(8),
                                              ANNEAL_TILE(9), ANNEAL_TILE(10), ANNEAL_TILE(11), ANNEAL_TILE(12)};
#undef ANNEAL_TILE
  return kernels[rows - 1];
}

// All pixels of a run with one panel: full tiles, and a balanced rest of up to two.
template <int V, int Max, bool kFlat>
static void multiply_pixels(const BlockOfK& k, PixelRun t, const float* b, int last, bool accumulate, AfterSums after) {
  for (int64_t rest = t.count; rest > 0;) {
    const int r = next_rows(rest, Max);
    t.count = r == Max && rest >= 2 * Max ? rest / Max - 1 : 1;
    pixel_tiles_of<V, Max, kFlat>(r)(k, t, b, last, accumulate, after);
    const int64_t done = t.count * r;
    rest -= done;
    t.source += done;
    t.target += done;
  }
}

}  // namespace anneal::ANNEAL_TARGET
