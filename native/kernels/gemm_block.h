// One thread's part of a product: a rectangle of C, blocked for the caches.

constexpr int64_t kBlockK = 256;   // k of a block: a panel of B stays in L1
constexpr int64_t kBlockM = 120;   // rows of a block of A, which stays in L2
constexpr int64_t kBlockN = 512;   // columns of a block of B

// x cut into equal parts of at most `limit` (a little more, to make them multiples of `unit`).
ANNEAL_INLINE int64_t equal_part(int64_t x, int64_t limit, int64_t unit) {
  if (x <= limit) return x > 0 ? x : 1;
  const int64_t parts = (x + limit - 1) / limit;
  return round_up((x + parts - 1) / parts, unit);
}

// Rows of A copied for one block lie this far apart: off every power of two, where they would share cache sets.
ANNEAL_INLINE int64_t a_stride(int64_t K) { return round_up(K, 16) + 21; }

ANNEAL_INLINE int64_t a_floats(int64_t M, int64_t K) { return round_up(smaller(M, kBlockM + kTileRows) * a_stride(smaller(K, kBlockK + 8)) + 64, 16); }
ANNEAL_INLINE int64_t b_floats(int64_t N, int64_t K) { return round_up(smaller(N, kBlockN), kTileColumns) * round_up(smaller(K, kBlockK + 8), 8); }
ANNEAL_INLINE int64_t block_bytes(int64_t M, int64_t N, int64_t K) {
  const int64_t blocks = a_floats(M, K) + b_floats(N, K), direct = direct_floats(K);
  return 4 * (blocks > direct ? blocks : direct);
}

static View pack_a(View a, int64_t rows, int64_t K, float* to) {
  if (a.column_stride == 1) {
    const int64_t stride = a_stride(K);
    for (int64_t i = 0; i < rows; i++) __builtin_memcpy(to + i * stride, a.data + i * a.row_stride, (size_t)K * 4);
    return {to, stride, 1};
  }
  for (int64_t k = 0; k < K; k++) __builtin_memcpy(to + k * rows, a.data + k * a.column_stride, (size_t)rows * 4);
  return {to, 1, rows};
}

// rows x columns of C from a block of A and one panel of B.
ANNEAL_INLINE void multiply_panel(int64_t K, View a, int64_t rows, const float* b, int64_t b_stride, float* c, int64_t c_stride, int columns,
                                  bool accumulate) {
  const bool narrow = columns <= kLanes;
  const int full = narrow ? kNarrowRows : kTileRows;
  for (int64_t i = 0; i < rows;) {
    const int r = next_rows(rows - i, full);
    const Tile tile = narrow ? tile_of<1, kNarrowRows>(r) : tile_of<2, kTileRows>(r);
    tile(K, a.data + i * a.row_stride, a.row_stride, a.column_stride, b, b_stride, c + i * c_stride, c_stride, columns, accumulate);
    i += r;
  }
}

static void multiply_rectangle(const Problem& p, Range m, Range n, float* scratch) {
  if (multiply_direct(p, m, n, scratch)) return;
  const bool b_transposed = p.b.column_stride != 1;
  const bool pack_b = b_transposed || m.size() > 2 * kTileRows;
  const bool pack_whole_a = n.size() > 4 * kTileColumns;
  const int64_t kc = equal_part(p.K, kBlockK, 8), mc = equal_part(m.size(), kBlockM, kTileRows), nc = equal_part(n.size(), kBlockN, kTileColumns);
  float* const b_block = scratch;
  float* const a_block = scratch + b_floats(p.N, p.K);
  for (int64_t jc = n.begin; jc < n.end; jc += nc) {
    const int64_t columns = smaller(nc, n.end - jc);
    for (int64_t k = 0; k < p.K || k == 0; k += kc) {
      const int64_t K = smaller(kc, p.K - k);
      const bool first = k == 0, last = k + kc >= p.K;
      for (int64_t ic = m.begin; ic < m.end; ic += mc) {
        const int64_t rows = smaller(mc, m.end - ic);
        View a = {p.a.data + ic * p.a.row_stride + k * p.a.column_stride, p.a.row_stride, p.a.column_stride};
        if (pack_whole_a) a = pack_a(a, rows, K, a_block);
        for (int64_t jr = 0; jr < columns; jr += kTileColumns) {
          const int width = (int)smaller(kTileColumns, columns - jr);
          const int padded = (int)round_up(width, kLanes);
          const int64_t j = jc + jr;
          const float* b = p.b.data + k * p.b.row_stride + j * p.b.column_stride;
          int64_t b_stride = p.b.row_stride;
          if (pack_b || width != padded) {
            float* panel = b_block + jr * K;
            if (ic == m.begin) {
              if (b_transposed)
                pack_columns(b, p.b.column_stride, K, width, padded, panel);
              else
                pack_rows(b, p.b.row_stride, K, width, padded, panel);
            }
            b = panel;
            b_stride = padded;
          }
          multiply_panel(K, a, rows, b, b_stride, p.c + ic * p.N + j, p.N, width, !first);
          if (last && p.epilogue.any()) finish(p.epilogue, p.c, p.N, ic, j, rows, width);
        }
      }
    }
  }
}
