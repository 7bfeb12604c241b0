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

// Tiles along a run of pixels: panel j of the weights at b + j * panel, whose results are j * V vectors further on in
// c.
struct TileRun {
  PixelRun pixels;
  const float* b;
  int64_t panel, panels;
  int last;  // lanes of the last vector
  bool accumulate;
  AfterSums after;
  ChannelSteps steps;  // for stored tiles
};

// Tiles of R pixels x V vectors of output channels: each pixel's window stays in the nearest cache for all panels.
template <int R, int V, bool kFlat>
struct PixelTiles {
  static void run(const BlockOfK& k, const TileRun& t, const PixelRun& p) {
    const int32_t *source = p.source, *target = p.target;
    for (int64_t tiles = p.count; tiles > 0; tiles--, source += R, target += R) {
      const float* of[R];
#pragma GCC unroll 16
      for (int r = 0; r < R; r++) of[r] = p.x + source[r];
      const float* b = t.b;
      for (int64_t j = 0; j < t.panels; j++, b += t.panel) {
        float* const c = p.c + j * V * kLanes;
        TileSum<R, V> sum;
        if (t.accumulate) {
#pragma GCC unroll 16
          for (int r = 0; r < R; r++)
#pragma GCC unroll 8
            for (int v = 0; v < V; v++)
              sum.acc[r][v] = ld_some(c + target[r] + v * kLanes, v < V - 1 ? kLanes : t.last);
        } else {
          sum.clear();
        }
        // What the next tile stores: lines far away would hold it up at its end.
        const bool same = j + 1 < t.panels;
        const float* const next = same ? c + V * kLanes : p.c;
        const int32_t* const targets = same || tiles == 1 ? target : target + R;
#pragma GCC unroll 16
        for (int r = 0; r < R; r++) __builtin_prefetch(next + targets[r], 1);
        PanelColumns<V> columns = {b};
        if constexpr (kFlat) {
          FlatRows<R> a;
#pragma GCC unroll 16
          for (int r = 0; r < R; r++) a.of[r] = of[r];
          a.offset = k.flat;
          sum.add(k.length, a, columns);
        } else {
          ScatteredRows<R> a;
#pragma GCC unroll 16
          for (int r = 0; r < R; r++) a.of[r] = of[r];
          for (int64_t i = 0; i < k.count; i++) {
            a.at = k.offset[i] + k.within;
            sum.add(k.length, a, columns);
          }
        }
        finish_sums(sum.acc, t.after.from(j * V * kLanes));
#pragma GCC unroll 16
        for (int r = 0; r < R; r++)
#pragma GCC unroll 8
          for (int v = 0; v < V; v++) st_some(c + target[r] + v * kLanes, sum.acc[r][v], v < V - 1 ? kLanes : t.last);
        if (t.steps.any_stored()) finish_stored(t.steps.from(j * V * kLanes), c, target, R, (V - 1) * kLanes + t.last);
      }
    }
  }
};

using PixelKernel = void (*)(const BlockOfK& k, const TileRun& t, const PixelRun& p);
template <int V, int Max, bool kFlat>
ANNEAL_INLINE PixelKernel pixel_tiles_of(int rows) {
#define ANNEAL_TILE(r) PixelTiles<(r <= Max ? r : Max), V, kFlat>::run
  static constexpr PixelKernel kernels[12] = {ANNEAL_TILE(1), ANNEAL_TILE(2),  ANNEAL_TILE(3),  ANNEAL_TILE(4),
                                              ANNEAL_TILE(5), ANNEAL_TILE(6),  ANNEAL_TILE(7),  ANNEAL_TILE(8),
                                              ANNEAL_TILE(9), ANNEAL_TILE(10), ANNEAL_TILE(11), ANNEAL_TILE(12)};
#undef ANNEAL_TILE
  return kernels[rows - 1];
}

// All pixels of a run: full tiles, and a balanced rest of up to two.
template <int V, int Max, bool kFlat>
static void multiply_tiles(const BlockOfK& k, const TileRun& t) {
  PixelRun p = t.pixels;
  for (int64_t rest = p.count; rest > 0;) {
    const int r = next_rows(rest, Max);
    p.count = r == Max && rest >= 2 * Max ? rest / Max - 1 : 1;
    pixel_tiles_of<V, Max, kFlat>(r)(k, t, p);
    const int64_t done = p.count * r;
    rest -= done;
    p.source += done;
    p.target += done;
  }
}
template <int V, int Max>
ANNEAL_INLINE void multiply_pixels(const BlockOfK& k, const TileRun& t) {
  if (k.flat)
    multiply_tiles<V, Max, true>(k, t);
  else
    multiply_tiles<V, Max, false>(k, t);
}

}  // namespace anneal::ANNEAL_TARGET
