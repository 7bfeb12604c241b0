// Copies of blocks of A and B in the order in which the tiles read them.
#pragma once
#include "../transpose.h"
#include "problem.h"
#include "tile.h"

namespace anneal::ANNEAL_TARGET {

// to[k * width + j] = from[j * stride + k] for four j, of which those beyond `columns` are zeros, and four k.
ANNEAL_INLINE void pack_four(const float* from, int64_t stride, int columns, float* to, int64_t width) {
  const auto row = [&](int j) __attribute__((always_inline)) { return j < columns ? ld4(from + j * stride) : v4{}; };
  const v4 r0 = row(0), r1 = row(1), r2 = row(2), r3 = row(3);
  const v4 a = __builtin_shufflevector(r0, r1, 0, 4, 1, 5), b = __builtin_shufflevector(r0, r1, 2, 6, 3, 7);
  const v4 c = __builtin_shufflevector(r2, r3, 0, 4, 1, 5), d = __builtin_shufflevector(r2, r3, 2, 6, 3, 7);
  st4(to, __builtin_shufflevector(a, c, 0, 1, 4, 5));
  st4(to + width, __builtin_shufflevector(a, c, 2, 3, 6, 7));
  st4(to + 2 * width, __builtin_shufflevector(b, d, 0, 1, 4, 5));
  st4(to + 3 * width, __builtin_shufflevector(b, d, 2, 3, 6, 7));
}

// ---- A: panels of one tile's rows, [k][rows] each ----------------------------------------------------------------
// Stores are full vectors where that is faster: what sticks out of a k is overwritten by the next one, and beyond the
// last panel there must be room for a vector.

// k along memory: to[k * r + i] = from[i * stride + k]. `rest` rows are left, this panel's included.
static void pack_panel_of_rows(const float* from, int64_t stride, int64_t K, int r, int64_t rest, float* to) {
  int64_t k = 0;
  if (r <= kLanes && rest >= kLanes) {
    for (; k + 4 <= K; k += 4) {
      vf out[4];
      transpose4(from + k, stride, out);
      for (int u = 0; u < 4; u++) st(to + (k + u) * r, out[u]);
    }
  } else if (r >= 4) {
    for (; k + 4 <= K; k += 4)
      for (int g = 0; g < r; g += 4) {
        const int i = g + 4 <= r ? g : r - 4;
        pack_four(from + i * stride + k, stride, 4, to + k * r + i, r);
      }
  }
  for (; k < K; k++)
    for (int i = 0; i < r; i++) to[k * r + i] = from[i * stride + k];
}

// Rows along memory: to[k * r + i] = from[k * stride + i].
static void pack_panel_of_columns(const float* from, int64_t stride, int64_t K, int r, float* to) {
  for (int64_t k = 0; k < K; k++)
    for (int g = 0; g < r; g += kLanes)
      st(to + k * r + g, r - g >= kLanes ? ld(from + k * stride + g) : ld_part(from + k * stride + g, r - g));
}

// The same for several full panels, so that each line of A is read once. Reads up to a vector beyond them, and the rows
// after them must be enough for next_rows to make the last of them a full one.
constexpr int kPanelsAtOnce = 4;
constexpr int kRowsBeyond = kLanes > kTileRows / 2 ? kLanes : kTileRows / 2;
static void pack_panels_of_columns(const float* from, int64_t stride, int64_t K, float* to) {
  constexpr int r = kTileRows;
  constexpr int64_t kOwnEnd = (kLanes + r - 1) / r;  // k whose full stores would reach into the next panel
  for (int64_t k = 0; k < K; k++)
#pragma GCC unroll 4
    for (int q = 0; q < kPanelsAtOnce; q++)
      for (int g = 0; g < r; g += kLanes) {
        const vf x = ld(from + k * stride + q * r + g);
        float* const at = to + (q * K + k) * r + g;
        if (k + kOwnEnd < K)
          st(at, x);
        else
          st_part(at, x, (int)smaller(kLanes, r - g));
      }
}

static void pack_a(StridedMatrix a, int64_t rows, int64_t K, float* to) {
  for (int64_t i = 0; i < rows;) {
    const int64_t rest = rows - i;
    int r = next_rows(rest, kTileRows);
    if (a.column_stride == 1) {
      pack_panel_of_rows(a.data + i * a.row_stride, a.row_stride, K, r, rest, to + i * K);
    } else if (rest >= kPanelsAtOnce * kTileRows + kRowsBeyond) {
      pack_panels_of_columns(a.data + i, a.column_stride, K, to + i * K);
      r = kPanelsAtOnce * kTileRows;
    } else {
      pack_panel_of_columns(a.data + i, a.column_stride, K, r, to + i * K);
    }
    i += r;
  }
}

// ---- B: panels of one tile's columns, [k][columns] each, the last one padded -------------------------------------
ANNEAL_INLINE int64_t padded_columns(int64_t N) { return round_up(N, kLanes); }

// to[k * width + j] = from[k * stride + j]; columns beyond `columns` are zeros.
static void pack_rows(const float* from, int64_t stride, int64_t K, int columns, int width, float* to) {
  for (int64_t k = 0; k < K; k++) {
    int j = 0;
    for (; j + kLanes <= columns; j += kLanes) st(to + k * width + j, ld(from + k * stride + j));
    if (j < columns) {
      st(to + k * width + j, ld_part(from + k * stride + j, columns - j));
      j += kLanes;
    }
    for (; j < width; j += kLanes) st(to + k * width + j, vf{});
  }
}

// to[k * width + j] = from[j * stride + k]; columns beyond `columns` are zeros, up to `width`, a multiple of kLanes.
// The last k come out of the last four, so that only fewer than four are moved one by one.
static void pack_columns(const float* from, int64_t stride, int64_t K, int columns, int width, float* to) {
  if (K < 4) {
    for (int64_t k = 0; k < K; k++)
      for (int j = 0; j < width; j++) to[k * width + j] = j < columns ? from[j * stride + k] : 0.0f;
    return;
  }
  int j = 0;
  for (; j + kLanes <= columns; j += kLanes)
    for (int64_t k = 0; k < K; k += 4) {
      const int64_t at = k + 4 <= K ? k : K - 4;
      vf out[4];
      transpose4(from + j * stride + at, stride, out);
      for (int i = 0; i < 4; i++) st(to + (at + i) * width + j, out[i]);
    }
  for (; j < width; j += 4)
    for (int64_t k = 0; k < K; k += 4) {
      const int64_t at = k + 4 <= K ? k : K - 4;
      pack_four(from + j * stride + at, stride, columns - j, to + at * width + j, width);
    }
}

// Several panels of rows that run along memory: whole stretches of each row, and the rows to come are prefetched, as
// strides of a page or more escape the hardware's prefetching.
constexpr int64_t kRowsAhead = 8;
constexpr int64_t kPanelsTogether = 4;
static void pack_panels_together(const float* from, int64_t stride, int64_t K, float* to) {
  for (int64_t k = 0; k < K; k++) {
    const float* row = from + k * stride;
#pragma GCC unroll 8
    for (int j = 0; j < kPanelsTogether * kTileColumns; j += 16) __builtin_prefetch(row + kRowsAhead * stride + j);
#pragma GCC unroll 4
    for (int q = 0; q < kPanelsTogether; q++)
#pragma GCC unroll 4
      for (int j = 0; j < kTileColumns; j += kLanes)
        st(to + (q * K + k) * kTileColumns + j, ld(row + q * kTileColumns + j));
  }
}

// The panel of columns [j, j + width) and k of [k, k + K).
static void pack_panel(const Problem& p, int64_t k, int64_t K, int64_t j, int width, float* to) {
  const float* b = p.b.data + k * p.b.row_stride + j * p.b.column_stride;
  const int padded = (int)padded_columns(width);
  if (p.b.column_stride == 1)
    pack_rows(b, p.b.row_stride, K, width, padded, to);
  else
    pack_columns(b, p.b.column_stride, K, width, padded, to);
}

// The panels of the columns n, one after the other.
static void pack_panels(const Problem& p, int64_t k, int64_t K, Range n, float* to) {
  int64_t j = n.begin;
  if (p.b.column_stride == 1)
    for (; j + kPanelsTogether * kTileColumns <= n.end; j += kPanelsTogether * kTileColumns)
      pack_panels_together(p.b.data + k * p.b.row_stride + j, p.b.row_stride, K, to + (j - n.begin) * K);
  for (; j < n.end; j += kTileColumns)
    pack_panel(p, k, K, j, (int)smaller(kTileColumns, n.end - j), to + (j - n.begin) * K);
}

}  // namespace anneal::ANNEAL_TARGET
