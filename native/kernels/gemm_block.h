// One thread's part of a large product: a rectangle of C, in blocks of k whose panel of B stays in the nearest cache.
// Operands are used in place where their strides allow it; L2 feeds the tiles well enough, so a copy must earn its
// keep.

constexpr int64_t kBlockK = 512;  // k of a block
constexpr int64_t kBlockM = 192;  // rows of a block of A

// x cut into equal parts of at most `limit`, in multiples of `unit`.
ANNEAL_INLINE int64_t equal_part(int64_t x, int64_t limit, int64_t unit) {
  if (x <= limit) return x > 0 ? x : 1;
  const int64_t parts = (x + limit - 1) / limit;
  return round_up((x + parts - 1) / parts, unit);
}
ANNEAL_INLINE int64_t block_k(int64_t K) { return equal_part(K, kBlockK, 8); }

// Rows this far apart share few cache sets and evict each other.
ANNEAL_INLINE bool is_bad_stride(int64_t floats) { return floats % 512 == 0; }

// ---- A --------------------------------------------------------------------------------------------------------
// A block of A as the tiles read it: strided, or in panels of one tile's rows, [k][rows] each.
struct BlockA {
  View view;
  bool panels;
};

// Rows of A copied for one block lie this far apart: off every power of two.
ANNEAL_INLINE int64_t a_stride(int64_t K) { return round_up(K, 16) + 21; }
ANNEAL_INLINE int64_t a_floats(int64_t M, int64_t K) {
  return round_up((smaller(M, kBlockM) + 4) * a_stride(smaller(K, kBlockK + 8)) + 2 * kLanes, 16);
}

static void copy_row(const float* from, int64_t n, float* to) {
  int64_t k = 0;
  for (; k + kLanes <= n; k += kLanes) st(to + k, ld(from + k));
  if (k < n) st(to + k, ld_part(from + k, (int)(n - k)));  // what it writes beyond n is the gap between rows
}

static BlockA pack_a(View a, int64_t rows, int64_t K, float* to) {
  if (a.column_stride == 1) {
    const int64_t stride = a_stride(K);
    for (int64_t i = 0; i < rows; i++) copy_row(a.data + i * a.row_stride, K, to + i * stride);
    return {{to, stride, 1}, false};
  }
  // Each store is a full vector; what sticks out is overwritten by the next k, or lies in the slack at the end.
  for (int64_t i = 0; i < rows;) {
    const int r = next_rows(rows - i, kTileRows);
    float* panel = to + i * K;
    for (int64_t k = 0; k < K; k++) {
      const float* from = a.data + k * a.column_stride + i;
      for (int g = 0; g < r; g += kLanes)
        st(panel + k * r + g, r - g >= kLanes ? ld(from + g) : ld_part(from + g, r - g));
    }
    i += r;
  }
  return {{to, 1, 0}, true};
}

// ---- B --------------------------------------------------------------------------------------------------------
// B packed: blocks of k one after the other, each in panels of kTileColumns columns, [k][columns] each, the last one
// padded.
ANNEAL_INLINE int64_t padded_columns(int64_t N) { return round_up(N, kLanes); }

static void pack_panel(const Problem& p, int64_t k, int64_t K, int64_t j, int width, int padded, float* to) {
  const float* b = p.b.data + k * p.b.row_stride + j * p.b.column_stride;
  if (p.b.column_stride == 1)
    pack_rows(b, p.b.row_stride, K, width, padded, to);
  else
    pack_columns(b, p.b.column_stride, K, width, padded, to);
}

// ---- C --------------------------------------------------------------------------------------------------------
// Fetches what the next tiles need while this one computes. Its C: loads and stores of lines that are far away would
// stall the tile's beginning and end, where nothing overlaps them. And a share of the next panel of packed B, which
// comes from the last cache.
ANNEAL_INLINE void prefetch_next(const float* c, int64_t c_stride, int rows, const float* b, int64_t b_floats) {
  for (int q = 0; q < rows; q++)
    for (int v = 0; v < kTileColumns; v += 16) __builtin_prefetch(c + q * c_stride + v, 1);
  for (int64_t f = 0; f < b_floats; f += 16) __builtin_prefetch(b + f);
}
constexpr int64_t kPrefetchMinK = 64;  // shorter tiles are too short to hide anything

// rows x columns of C from a block of A and one panel of B. `next_b` is the next panel to be fetched ahead, or null.
// `finished(row, rows)` is called for the rows of a few tiles, while they are in the nearest cache, but not while they
// are still on their way there.
constexpr int64_t kFinishRows = 12;
template <class Finished>
ANNEAL_INLINE void multiply_panel(int64_t K, const BlockA& a, int64_t done, int64_t rows, const float* b,
                                  int64_t b_stride, float* c, int64_t c_stride, int columns, bool accumulate,
                                  const float* next_b, Finished finished) {
  const bool narrow = columns <= kLanes;
  const int full = narrow && !a.panels ? kNarrowRows : kTileRows;
  const int64_t share = next_b ? K * kTileColumns / (rows / full + 1) : 0;
  int64_t unfinished = 0;
  for (int64_t i = done; i < rows;) {
    const int r = next_rows(rows - i, full);
    const Tile tile = narrow ? tile_of<1, kNarrowRows>(r) : tile_of<2, kTileRows>(r);
    const float* rows_of_a = a.view.data + i * (a.panels ? K : a.view.row_stride);
    if (K >= kPrefetchMinK) {
      prefetch_next(i + r < rows ? c + (i + r) * c_stride : c + columns, c_stride, r, next_b, share);
      if (next_b) next_b += share;
    }
    tile(K, rows_of_a, a.view.row_stride, a.panels ? r : a.view.column_stride, b, b_stride, c + i * c_stride, c_stride,
         columns, accumulate);
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
    transposing_tile_of(r)(K, a.view.data, a.view.row_stride, a.view.column_stride, b + v * b_stride, b_stride,
                           panel + v, padded, c + v, c_stride, accumulate);
  return r;
}

struct BlockPlan {
  bool pack_a, pack_b;
  const float* packed_b;  // the first panel of the block, packed beforehand, or null
};

static BlockPlan plan_of(const Problem& p, Range m, Range n) {
  const bool a_in_rows = p.a.column_stride == 1, b_in_rows = p.b.column_stride == 1;
  return {n.size() > 2 * kTileColumns && is_bad_stride(a_in_rows ? p.a.row_stride : p.a.column_stride),
          !b_in_rows || (m.size() > 2 * kTileRows && is_bad_stride(p.b.row_stride)), nullptr};
}

ANNEAL_INLINE int64_t block_bytes(int64_t M, int64_t K) {
  const int64_t blocks = a_floats(M, K) + kTileColumns * (kBlockK + 8);
  return 4 * (blocks > kPanelFloats ? blocks : kPanelFloats);
}

// Advances the rectangle by the block [k, k + K).
static void multiply_block(const Problem& p, const BlockPlan& plan, Range m, Range n, int64_t k, int64_t K,
                           float* scratch) {
  const bool transposed = p.b.column_stride != 1, accumulate = k > 0, last = k + K >= p.K;
  const int64_t rows = m.size();
  float* const panel = scratch;
  BlockA a = {{p.a.data + m.begin * p.a.row_stride + k * p.a.column_stride, p.a.row_stride, p.a.column_stride}, false};
  if (plan.pack_a) a = pack_a(a.view, rows, K, scratch + kTileColumns * (kBlockK + 8));
  for (int64_t j = n.begin; j < n.end; j += kTileColumns) {
    const int width = (int)smaller(kTileColumns, n.end - j), padded = (int)padded_columns(width);
    float* c = p.c + m.begin * p.N + j;
    const float *b = p.b.data + k * p.b.row_stride + j * p.b.column_stride, *next_b = nullptr;
    int64_t b_stride = p.b.row_stride, done = 0;
    if (plan.packed_b) {
      b = plan.packed_b + (j - n.begin) * K;
      b_stride = padded;
      next_b = b + K * padded;
    } else if (transposed && width == padded && !a.panels) {
      done = multiply_first_rows(K, a, rows, b, p.b.column_stride, panel, padded, c, p.N, accumulate);
      b = panel;
      b_stride = padded;
    } else if (plan.pack_b || width != padded) {
      pack_panel(p, k, K, j, width, padded, panel);
      b = panel;
      b_stride = padded;
    }
    const auto finished = [&](int64_t row, int64_t count) {
      if (last && p.epilogue.any()) finish(p.epilogue, p.c, p.N, m.begin + row, j, count, width);
    };
    multiply_panel(K, a, done, rows, b, b_stride, c, p.N, width, accumulate, next_b, finished);
  }
}

static void multiply_rectangle(const Problem& p, Range m, Range n, float* scratch) {
  if (multiply_direct(p, m, n, scratch)) return;
  const BlockPlan plan = plan_of(p, m, n);
  const int64_t kc = block_k(p.K), mc = plan.pack_a ? equal_part(m.size(), kBlockM, 4) : m.size();
  for (int64_t i = m.begin; i < m.end; i += mc)
    for (int64_t k = 0; k < p.K || k == 0; k += kc)
      multiply_block(p, plan, {i, smaller(i + mc, m.end)}, n, k, smaller(kc, p.K - k), scratch);
}
