// The register tile for a vector operand whose k runs along memory: it transposes kLanes rows x 4 k in registers, which
// costs about one instruction an element and hides behind the multiply-adds, so that few rows and small K need no
// packed copy.
#pragma once
#include "../transpose.h"
#include "blocking.h"
#include "operands.h"

namespace anneal::ANNEAL_TARGET {

// C[i, j] (+)= sum over k of a[i * row_stride + k * k_stride] * b[j * b_stride + k], 0 <= j < kLanes. If `panel` is
// given, the transposed operand is left there as well: panel[k * panel_stride + j].
using TransposingTile = void (*)(int64_t K, const float* a, int64_t row_stride, int64_t k_stride, const float* b,
                                 int64_t b_stride, float* panel, int64_t panel_stride, float* c, int64_t c_stride,
                                 bool accumulate);

template <int R, int V>
struct TransposingTileKernel {
  ANNEAL_INLINE void step(vf (&acc)[R][V], StridedRows<R>& a, const vf (&b)[V]) {
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
      const vf av = splat(a.row(r));
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) {
        acc[r][v] = vfma(av, b[v], acc[r][v]);
        pin(acc[r][v]);
      }
    }
    a.advance();
  }

  // column[u] = the kLanes * V values of k = u.
  ANNEAL_INLINE void transpose(const float* b, int64_t b_stride, vf (&column)[4][V]) {
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) {
      vf t[4];
      transpose4(b + v * kLanes * b_stride, b_stride, t);
#pragma GCC unroll 4
      for (int u = 0; u < 4; u++) column[u][v] = t[u];
    }
  }

  ANNEAL_INLINE void leave(const vf (&column)[V], float* panel) {
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) st(panel + v * kLanes, column[v]);
  }

  static void run(int64_t K, const float* a, int64_t row_stride, int64_t k_stride, const float* b, int64_t b_stride,
                  float* panel, int64_t panel_stride, float* c, int64_t c_stride, bool accumulate) {
    vf acc[R][V];
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) acc[r][v] = accumulate ? ld(c + r * c_stride + v * kLanes) : vf{};
    StridedRows<R> rows = StridedRows<R>::at(a, row_stride, k_stride);
    int64_t k = 0;
    vf column[4][V];
    for (; k + 4 <= K; k += 4) {
      transpose(b + k, b_stride, column);
#pragma GCC unroll 4
      for (int u = 0; u < 4; u++) {
        if (panel) leave(column[u], panel + (k + u) * panel_stride);
        step(acc, rows, column[u]);
      }
    }
    if (k < K && K >= 4) {  // the last few k, out of the last four
      transpose(b + K - 4, b_stride, column);
#pragma GCC unroll 4
      for (int u = 1; u < 4; u++)
        if (K - 4 + u >= k) {
          if (panel) leave(column[u], panel + (K - 4 + u) * panel_stride);
          step(acc, rows, column[u]);
        }
      k = K;
    }
    for (; k < K; k++) {
      float lane[V * kLanes];
      for (int j = 0; j < V * kLanes; j++) lane[j] = b[j * b_stride + k];
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) column[0][v] = ld(lane + v * kLanes);
      if (panel) leave(column[0], panel + k * panel_stride);
      step(acc, rows, column[0]);
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) st(c + r * c_stride + v * kLanes, acc[r][v]);
  }
};

// One vector of columns, any number of rows.
ANNEAL_INLINE TransposingTile transposing_tile_of(int rows) {
#define ANNEAL_TILE(r) TransposingTileKernel<(r <= kNarrowRows ? r : kNarrowRows), 1>::run
  static constexpr TransposingTile kernels[12] = {ANNEAL_TILE(1), ANNEAL_TILE(2),  ANNEAL_TILE(3),  ANNEAL_TILE(4),
                                                  ANNEAL_TILE(5), ANNEAL_TILE(6),  ANNEAL_TILE(7),  ANNEAL_TILE(8),
                                                  ANNEAL_TILE(9), ANNEAL_TILE(10), ANNEAL_TILE(11), ANNEAL_TILE(12)};
#undef ANNEAL_TILE
  return kernels[rows - 1];
}

}  // namespace anneal::ANNEAL_TARGET
