// One thread's part of a large product: a rectangle of C, in blocks of k. Operands are used in place where their
// strides allow it and a copy would not earn its keep.
#pragma once
#include "direct.h"

namespace anneal::ANNEAL_TARGET {

ANNEAL_INLINE int64_t block_k(int64_t K) { return equal_part(K, kBlockK, 8); }
ANNEAL_INLINE int64_t block_rows(int64_t M, int64_t K) { return equal_part(M, kBlockFloats / block_k(K), 4); }

// A block of A as the tiles read it: in place, or packed.
struct BlockA {
  StridedMatrix matrix;
  bool panels;
};

constexpr int64_t kPrefetchMinK = 64;  // shorter tiles are too short to hide anything

// rows x columns of C from a block of A and one panel of B. `finished(row, rows)` is called for the rows of a few
// tiles, while they are in the nearest cache, but not while they are still on their way there.
constexpr int64_t kFinishRows = 12;
template <class Finished>
ANNEAL_INLINE void multiply_panel(int64_t K, const BlockA& a, int64_t done, int64_t rows, const float* b,
                                  int64_t b_stride, bool packed_b, float* c, int64_t c_stride, int columns,
                                  bool accumulate, AfterSums after, Finished finished) {
  const bool narrow = columns <= kLanes;
  const int full = narrow && !a.panels ? kNarrowRows : kTileRows;
  int64_t unfinished = 0;
  for (int64_t i = done; i < rows;) {
    const int r = next_rows(rows - i, full);
    // The next tile's C: lines that are far away would stall its beginning, where nothing overlaps them.
    if (K >= kPrefetchMinK) prefetch_c(i + r < rows ? c + (i + r) * c_stride : c + columns, c_stride, r);
    if (a.panels && packed_b) {
      const PanelTile tile = narrow ? panel_tile_of<1>(r) : panel_tile_of<kTileVectors>(r);
      tile(K, a.matrix.data + i * K, b, c + i * c_stride, c_stride, columns, accumulate, after);
    } else {
      const Tile tile = narrow ? tile_of<1, kNarrowRows>(r) : tile_of<kTileVectors, kTileRows>(r);
      tile(K, a.matrix.data + i * (a.panels ? K : a.matrix.row_stride), a.matrix.row_stride,
           a.panels ? r : a.matrix.column_stride, b, b_stride, c + i * c_stride, c_stride, columns, accumulate, after);
    }
    i += r;
    if (i - unfinished < kFinishRows && i < rows) continue;
    finished(unfinished, i - unfinished);
    unfinished = i;
  }
  if (unfinished < rows) finished(unfinished, rows - unfinished);
}

// The first tile of rows, which transposes B's columns as it goes and leaves the panel for the others. Returns its
// rows.
static int multiply_first_rows(int64_t K, const BlockA& a, int64_t rows, const float* b, int64_t b_stride, float* panel,
                               int padded, float* c, int64_t c_stride, bool accumulate) {
  const int r = next_rows(rows, kNarrowRows);
  for (int v = 0; v < padded; v += kLanes)
    transposing_tile_of(r)(K, a.matrix.data, a.matrix.row_stride, a.matrix.column_stride, b + v * b_stride, b_stride,
                           panel + v, padded, c + v, c_stride, accumulate);
  return r;
}

struct BlockPlan {
  bool pack_a, pack_b;
  const float* packed_b;  // the first panel of the block, packed beforehand, or null
};

// Sizes of C from which on packed copies pay in any case.
constexpr int64_t kPackRows = 512, kPackColumns = 256;

static BlockPlan plan_of(const Problem& p, Range m, Range n, bool shares_b) {
  const bool a_in_rows = p.a.column_stride == 1, b_in_rows = p.b.column_stride == 1;
  const bool bad_a = is_bad_stride(a_in_rows ? p.a.row_stride : p.a.column_stride);
  return {bad_a ? n.size() > 2 * kTileColumns : n.size() >= kPackColumns && (shares_b || !a_in_rows),
          !b_in_rows || (m.size() > kFewRowsBeyondL2 && is_bad_stride(p.b.row_stride)), nullptr};
}

ANNEAL_INLINE int64_t panel_floats() { return kPanelsTogether * kTileColumns * (kBlockK + 8); }
ANNEAL_INLINE int64_t block_bytes(int64_t M, int64_t K) {
  const int64_t kc = kBlockK + 8, block = smaller(M * smaller(K, kc), kBlockFloats + 4 * kc);
  const int64_t blocks = panel_floats() + round_up(block + kLanes, 16);
  return 4 * (blocks > kPanelFloats ? blocks : kPanelFloats);
}

// Advances the rectangle by the block [k, k + K).
static void multiply_block(const Problem& p, const BlockPlan& plan, Range m, Range n, int64_t k, int64_t K,
                           float* scratch) {
  const bool transposed = p.b.column_stride != 1, accumulate = k > 0 || p.accumulate, last = k + K >= p.K;
  const int64_t rows = m.size();
  float *const panel = scratch, *const block = scratch + panel_floats();
  BlockA a = {{p.a.data + m.begin * p.a.row_stride + k * p.a.column_stride, p.a.row_stride, p.a.column_stride},
              plan.pack_a};
  if (plan.pack_a) {
    pack_a(a.matrix, rows, K, block);
    a.matrix = {block, 1, 0};
  }
  for (int64_t j = n.begin; j < n.end; j += kTileColumns) {
    const int width = (int)smaller(kTileColumns, n.end - j), padded = (int)padded_columns(width);
    float* c = p.c + m.begin * p.N + j;
    const float* b = p.b.data + k * p.b.row_stride + j * p.b.column_stride;
    int64_t done = 0;
    bool packed = true;
    if (plan.packed_b) {
      b = plan.packed_b + (j - n.begin) * K;
    } else if (transposed && width == padded && !a.panels) {
      done = multiply_first_rows(K, a, rows, b, p.b.column_stride, panel, padded, c, p.N, accumulate);
      b = panel;
    } else if (plan.pack_b && !transposed) {
      const int64_t within = (j - n.begin) % (kPanelsTogether * kTileColumns);
      if (within == 0) pack_panels(p, k, K, {j, smaller(n.end, j + kPanelsTogether * kTileColumns)}, panel);
      b = panel + within * K;
    } else if (plan.pack_b || width != padded) {
      pack_panel(p, k, K, j, width, panel);
      b = panel;
    } else {
      packed = false;
    }
    const Epilogue& e = p.epilogue;
    const auto finished = [&](int64_t row, int64_t count) {
      if (last && e.any()) finish(e, p.c, p.N, m.begin + row, j, count, width);
    };
    const bool by_tiles = last && e.in_registers() && width == padded;
    const AfterSums after = by_tiles ? e.after_sums().from(j) : AfterSums{};
    if (by_tiles && done > 0) finished(0, done);
    multiply_panel(K, a, done, rows, b, packed ? padded : p.b.row_stride, packed, c, p.N, width, accumulate, after,
                   [&](int64_t row, int64_t count) {
                     if (!by_tiles) finished(row, count);
                   });
  }
}

static void multiply_rectangle(const Problem& p, Range m, Range n, float* scratch) {
  if (!p.accumulate && multiply_direct(p, m, n, scratch)) return;
  const BlockPlan plan = plan_of(p, m, n, false);
  const int64_t kc = plan.pack_b ? equal_part(p.K, kOwnBlockK, 8) : block_k(p.K);
  const int64_t mc = plan.pack_a ? block_rows(m.size(), p.K) : m.size();
  for (int64_t i = m.begin; i < m.end; i += mc)
    for (int64_t k = 0; k < p.K || k == 0; k += kc)
      multiply_block(p, plan, {i, smaller(i + mc, m.end)}, n, k, smaller(kc, p.K - k), scratch);
}

}  // namespace anneal::ANNEAL_TARGET
