// Products without blocks of k: small ones, those of few rows, those of few columns. Which path a product takes does
// not change a bit of it, but for the dot products, so the choice is free.
#pragma once
#include "dot.h"
#include "pack.h"
#include "strip.h"
#include "transposing_tile.h"

namespace anneal::ANNEAL_TARGET {

constexpr int64_t kFewRows = 36;          // that leave too little work for a packed copy of B
constexpr int64_t kFewRowsBeyondL2 = 16;  // the same where going down B's columns is slow
constexpr int64_t kShortK = 64;           // k that leave too little work

// Columns of A a multiple of half a page apart share sets of the nearest cache: more of them than it has ways would be
// fetched anew for every tile, so a strip's are copied, where there are tiles enough.
constexpr int64_t kWays = 8, kTilesOfCopy = 16;
ANNEAL_INLINE bool copies_strips(const StridedMatrix& a, Range n, Range k) {
  return a.row_stride == 1 && is_bad_stride(a.column_stride) && k.size() > kWays && k.size() <= kShortK &&
         n.size() >= kTilesOfCopy * kTileColumns;
}

// Rows of C by columns that `b` begins with, in strips. A block of k: the first sets C, the last finishes it.
static void multiply_strips(const Problem& p, Range m, Range n, Range k, const float* b, int64_t b_stride) {
  const int full = n.size() >= kTileColumns ? kTileRows : kNarrowRows;
  const bool accumulate = k.begin > 0, last = k.end == p.K, copies = copies_strips(p.a, n, k);
  const Epilogue& e = p.epilogue;
  const bool finished = e.in_registers() && n.size() >= kLanes;
  const AfterSums after = finished && last ? e.after_sums().from(n.begin) : AfterSums{};
  float strip[kNarrowRows * kShortK + kLanes];
  for (int64_t i = m.begin; i < m.end;) {
    const int r = next_rows(m.end - i, full);
    StridedMatrix a = {p.a.data + i * p.a.row_stride + k.begin * p.a.column_stride, p.a.row_stride, p.a.column_stride};
    if (copies) {
      pack_panel_of_columns(a.data, a.column_stride, k.size(), r, strip);
      a = {strip, 1, r};
    }
    multiply_strip(k.size(), a.data, a.row_stride, a.column_stride, r, b, b_stride, p.c + i * p.N + n.begin, p.N,
                   n.size(), accumulate, after);
    if (!finished && last && e.any()) finish(e, p.c, p.N, i, n.begin, r, n.size());
    i += r;
  }
}

// B that does not stay in the second cache. Going down its columns fetches each line alone: from a page of its own,
// where rows are so long, and into the same few sets.
constexpr int64_t kL2Floats = 1 << 18, kPageFloats = 1024;
ANNEAL_INLINE bool exceeds_l2(const Problem& p) { return p.K * p.N > kL2Floats; }

// Rows of B that are taken at a time, along memory, though C is loaded and stored as often (AVX2, one thread:
// 8x2048x2048 takes half the time, 32x3072x768 two thirds).
ANNEAL_INLINE int64_t rows_per_block(const Problem& p) {
  if (p.K <= kShortK || !exceeds_l2(p)) return p.K;
  return p.b.row_stride >= kPageFloats ? 16 : 64;
}

// B's rows run along memory: it is read in place.
static void multiply_in_place(const Problem& p, Range m, Range n) {
  const float* b = p.b.data;
  const int64_t stride = p.b.row_stride, kc = rows_per_block(p);
  if (kc < p.K) {
    // Whole vectors: what strips compute twice at a ragged end would be added twice. That end is left to the others.
    const int64_t ragged = n.size() % kLanes;
    const Range whole = {n.begin, ragged ? n.end - kLanes - ragged : n.end};
    for (int64_t k = 0; k < p.K; k += kc)
      multiply_strips(p, m, whole, {k, smaller(p.K, k + kc)}, b + k * stride + whole.begin, stride);
    n.begin = whole.end;
  }
  // Long columns that several strips read are taken a panel at a time, to stay in the cache.
  const int64_t width = p.K <= kShortK || m.size() <= kTileRows ? n.size() : smaller(n.size(), kTileColumns);
  for (int64_t j = n.begin; j < n.end;) {
    const int64_t size = n.end - j < width + kLanes ? n.end - j : width;  // no rest of less than a vector
    multiply_strips(p, m, {j, j + size}, {0, p.K}, b + j, stride);
    j += size;
  }
}

// B in panels that fit into the nearest cache: its columns run along memory, or are fewer than a vector.
constexpr int64_t kPanelFloats = 8192;
static void multiply_panels(const Problem& p, Range m, Range n, float* panel) {
  const int64_t limit = kPanelFloats / (p.K > 0 ? p.K : 1) / kLanes * kLanes;
  for (int64_t j = n.begin; j < n.end;) {
    const int64_t at = smaller(j, n.end - smaller(n.size(), kLanes)), width = smaller(limit, n.end - at);
    const int padded = (int)round_up(width, kLanes);
    const float* b = p.b.data + at * p.b.column_stride;
    if (p.b.column_stride == 1)
      pack_rows(b, p.b.row_stride, p.K, (int)width, padded, panel);
    else
      pack_columns(b, p.b.column_stride, p.K, (int)width, padded, panel);
    multiply_strips(p, m, {at, at + width}, {0, p.K}, panel, padded);
    j = at + width;
  }
}

// Few columns: the product is computed transposed, C^T = B^T A^T, so that the many rows lie in the lanes.
constexpr int kFewColumns = 12;

// to[i * to_stride + n] = from[n * from_stride + i], kLanes rows i of N.
static void store_transposed(const float* from, int64_t from_stride, int N, float* to, int64_t to_stride) {
  for (int g = 0; g < N; g += kLanes) {
    const int width = N - g < kLanes ? N - g : kLanes;
    for (int i = 0; i < kLanes; i += 4) {
      vf row[4];
      transpose4(from + g * from_stride + i, from_stride, row);
      for (int u = 0; u < 4; u++)
        if (width == kLanes)
          st(to + (i + u) * to_stride + g, row[u]);
        else
          st_part(to + (i + u) * to_stride + g, row[u], width);
    }
  }
}

// V vectors of rows at a time: one, where A's rows have to be transposed; else two, which hide the latency of a sum
// even over five columns.
template <int V>
static void multiply_few_columns(const Problem& p, Range m, Range n) {
  constexpr int kFull = V == 1 ? kNarrowRows : kTileRows;
  constexpr int64_t kRows = V * kLanes;
  const int N = (int)n.size();
  float block[round_up(kFewColumns, kLanes) * kRows] = {};
  const float* b = p.b.data + n.begin * p.b.column_stride;
  for (int64_t i = m.begin; i < m.end; i += kRows) {
    const int64_t at = smaller(i, m.end - kRows);
    const float* a = p.a.data + at * p.a.row_stride;
    for (int j = 0; j < N;) {
      const int r = next_rows(N - j, kFull);
      const float* bj = b + j * p.b.column_stride;
      if (p.a.row_stride == 1)
        tile_of<V, kFull>(r)(p.K, bj, p.b.column_stride, p.b.row_stride, a, p.a.column_stride, block + j * kRows, kRows,
                             kRows, false, {});
      else
        transposing_tile_of(r)(p.K, bj, p.b.column_stride, p.b.row_stride, a, p.a.row_stride, nullptr, 0,
                               block + j * kRows, kRows, false);
      j += r;
    }
    for (int v = 0; v < V; v++)
      store_transposed(block + v * kLanes, kRows, N, p.c + (at + v * kLanes) * p.N + n.begin, p.N);
  }
}

// Tries the direct paths on rows x columns of C; false where blocks are better. `panel` has room for kPanelFloats.
static bool multiply_direct(const Problem& p, Range m, Range n, float* panel) {
  const bool b_in_rows = p.b.column_stride == 1, strided = exceeds_l2(p) && is_bad_stride(p.b.row_stride);
  const bool few = b_in_rows && m.size() <= (strided ? kFewRowsBeyondL2 : kFewRows);
  if (is_dot(p)) {
    multiply_dot(p, m, n);
  } else if (n.size() <= kFewColumns && n.size() % kLanes != 0 && m.size() >= kLanes && p.K >= 24) {
    if (p.a.row_stride == 1 && m.size() >= 2 * kLanes)
      multiply_few_columns<2>(p, m, n);
    else
      multiply_few_columns<1>(p, m, n);
  } else if (n.size() >= kLanes && (few || (b_in_rows && p.K <= kShortK))) {
    multiply_in_place(p, m, n);
    return true;
  } else if (p.K <= kShortK || (few && p.K * kLanes <= kPanelFloats)) {
    multiply_panels(p, m, n, panel);
    return true;
  } else {
    return false;
  }
  if (p.epilogue.any()) finish(p.epilogue, p.c, p.N, m.begin, n.begin, m.size(), n.size());
  return true;
}

}  // namespace anneal::ANNEAL_TARGET
