// The register tile for a vector operand whose k runs along memory: it transposes kLanes rows x 4 k in registers, which costs about
// one instruction an element and hides behind the multiply-adds, so that few rows and small K need no packed copy.

// C[i, j] = sum over k of a[i * row_stride + k * k_stride] * b[j * b_stride + k], 0 <= j < kLanes. If `panel` is given, the transposed
// operand is left there as well: panel[k * panel_stride + j].
using TransposingTile = void (*)(int64_t K, const float* a, int64_t row_stride, int64_t k_stride, const float* b, int64_t b_stride,
                                 float* panel, int64_t panel_stride, float* c, int64_t c_stride);

template <int R>
struct TransposingTileKernel {
  ANNEAL_INLINE void step(vf (&acc)[R], RowPointers<R>& a, int64_t k_stride, vf b) {
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
      acc[r] = vfma(splat(a.row(r)), b, acc[r]);
      pin(acc[r]);
    }
    a.advance(k_stride);
  }

  static void run(int64_t K, const float* a, int64_t row_stride, int64_t k_stride, const float* b, int64_t b_stride, float* panel,
                  int64_t panel_stride, float* c, int64_t c_stride) {
    vf acc[R];
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) acc[r] = vf{};
    RowPointers<R> rows = RowPointers<R>::at(a, row_stride);
    int64_t k = 0;
    for (; k + 4 <= K; k += 4) {
      vf column[4];
      transpose4(b + k, b_stride, column);
      if (panel) {
#pragma GCC unroll 4
        for (int u = 0; u < 4; u++) st(panel + (k + u) * panel_stride, column[u]);
      }
#pragma GCC unroll 4
      for (int u = 0; u < 4; u++) step(acc, rows, k_stride, column[u]);
    }
    for (; k < K; k++) {
      float column[kLanes];
      for (int j = 0; j < kLanes; j++) column[j] = b[j * b_stride + k];
      if (panel) st(panel + k * panel_stride, ld(column));
      step(acc, rows, k_stride, ld(column));
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) st(c + r * c_stride, acc[r]);
  }
};

ANNEAL_INLINE TransposingTile transposing_tile_of(int rows) {
#define ANNEAL_TILE(r) TransposingTileKernel<(r <= kNarrowRows ? r : kNarrowRows)>::run
  static constexpr TransposingTile kernels[12] = {ANNEAL_TILE(1), ANNEAL_TILE(2), ANNEAL_TILE(3), ANNEAL_TILE(4),
                                                  ANNEAL_TILE(5), ANNEAL_TILE(6), ANNEAL_TILE(7), ANNEAL_TILE(8),
                                                  ANNEAL_TILE(9), ANNEAL_TILE(10), ANNEAL_TILE(11), ANNEAL_TILE(12)};
#undef ANNEAL_TILE
  return kernels[rows - 1];
}
