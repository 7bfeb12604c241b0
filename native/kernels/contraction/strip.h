// Strips of C: a few rows, all columns, in one call. Where k is short, or rows are few, what a call costs before and
// after its loop over k matters as much as the loop.
#pragma once
#include "tile.h"

namespace anneal::ANNEAL_TARGET {

// Widths in vectors. A strip has accumulators for all registers but those of the operands: the fewer rows, the wider.
constexpr int kStripVectors[] = {1, 2, 4, 8};
constexpr int kStripWidths = 4;
constexpr bool fits_strip(int rows, int vectors) {
  return vectors == 1 ? rows <= kNarrowRows : rows * vectors <= kTileRows * kTileVectors;
}

template <int R, int V>
struct StripKernel {
  // One step of k with the operand in registers that needs fewer of them.
  ANNEAL_INLINE void step(vf (&acc)[R][V], StridedRows<R>& a, const float* b) {
    if constexpr (V <= R) {
      StridedColumns<V> columns = {b, 0};
      add_step(acc, a, columns);
    } else {
      vf av[R];
#pragma GCC unroll 16
      for (int r = 0; r < R; r++) av[r] = splat(a.row(r));
#pragma GCC unroll 16
      for (int v = 0; v < V; v++) {
        vf bv = ld(b + v * kLanes);
        if constexpr (R > 1) pin(bv);  // one load for all rows
#pragma GCC unroll 16
        for (int r = 0; r < R; r++) {
          acc[r][v] = vfma(av[r], bv, acc[r][v]);
          pin(acc[r][v]);
        }
      }
      a.advance();
    }
  }

  // C[i, j] (+)= sum over k of a[i * row_stride + k * k_stride] * b[k * b_stride + j], i < R, j < columns: a multiple
  // of V vectors, or less than one vector, which `b` has in full and which does not accumulate. Whole vectors
  // get what is to happen after the sums, too.
  static void run(int64_t K, const float* a, int64_t row_stride, int64_t k_stride, const float* b, int64_t b_stride,
                  float* c, int64_t c_stride, int64_t columns, bool accumulate, AfterSums after) {
    for (int64_t j = 0; j < columns; j += V * kLanes) {
      vf acc[R][V];
#pragma GCC unroll 16
      for (int r = 0; r < R; r++)
#pragma GCC unroll 16
        for (int v = 0; v < V; v++) acc[r][v] = accumulate ? ld(c + r * c_stride + j + v * kLanes) : vf{};
      StridedRows<R> rows = StridedRows<R>::at(a, row_stride, k_stride);
      const float* bk = b + j;
      for (int64_t k = 0; k < K; k++) {
        step(acc, rows, bk);
        bk += b_stride;
      }
      if (V == 1 && columns < kLanes) {
#pragma GCC unroll 16
        for (int r = 0; r < R; r++) st_part(c + r * c_stride, acc[r][0], (int)columns);
      } else {
        finish_sums(acc, after.from(j));
#pragma GCC unroll 16
        for (int r = 0; r < R; r++)
#pragma GCC unroll 16
          for (int v = 0; v < V; v++) st(c + r * c_stride + j + v * kLanes, acc[r][v]);
      }
    }
  }
};

using Strip = void (*)(int64_t K, const float* a, int64_t row_stride, int64_t k_stride, const float* b,
                       int64_t b_stride, float* c, int64_t c_stride, int64_t columns, bool accumulate, AfterSums after);

// The strip of that many rows and kStripVectors[width] vectors, which must fit.
ANNEAL_INLINE Strip strip_of(int rows, int width) {
#define ANNEAL_STRIP(r, v) StripKernel<(fits_strip(r, v) ? r : 1), (fits_strip(r, v) ? v : 1)>::run
#define ANNEAL_STRIPS(v)                                                             \
  {ANNEAL_STRIP(1, v), ANNEAL_STRIP(2, v),  ANNEAL_STRIP(3, v),  ANNEAL_STRIP(4, v), \
   ANNEAL_STRIP(5, v), ANNEAL_STRIP(6, v),  ANNEAL_STRIP(7, v),  ANNEAL_STRIP(8, v), \
   ANNEAL_STRIP(9, v), ANNEAL_STRIP(10, v), ANNEAL_STRIP(11, v), ANNEAL_STRIP(12, v)}
  static constexpr Strip strips[kStripWidths][12] = {ANNEAL_STRIPS(1), ANNEAL_STRIPS(2), ANNEAL_STRIPS(4),
                                                     ANNEAL_STRIPS(8)};
#undef ANNEAL_STRIPS
#undef ANNEAL_STRIP
  return strips[width][rows - 1];
}

// All columns of a strip. Where the last vectors would stick out they are moved back to end with the columns: the
// overlap is computed twice, to the same bits. What happens after the sums is for columns of at least a vector.
static void multiply_strip(int64_t K, const float* a, int64_t row_stride, int64_t k_stride, int rows, const float* b,
                           int64_t b_stride, float* c, int64_t c_stride, int64_t columns, bool accumulate,
                           AfterSums after) {
  if (columns < kLanes)
    return strip_of(rows, 0)(K, a, row_stride, k_stride, b, b_stride, c, c_stride, columns, false, {});
  const int64_t full = columns / kLanes;
  for (int64_t j = 0; j < columns;) {
    const int64_t vectors = smaller((columns - j + kLanes - 1) / kLanes, full);
    int width = kStripWidths - 1;
    while (kStripVectors[width] > vectors || !fits_strip(rows, kStripVectors[width])) width--;
    const int64_t size = vectors / kStripVectors[width] * kStripVectors[width] * kLanes;
    const int64_t at = smaller(j, columns - size);
    strip_of(rows, width)(K, a, row_stride, k_stride, b + at, b_stride, c + at, c_stride, size, accumulate,
                          after.from(at));
    j = at + size;
  }
}

}  // namespace anneal::ANNEAL_TARGET
