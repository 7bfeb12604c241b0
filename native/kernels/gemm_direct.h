// Products without packed copies and without blocks of k: small ones, those of few rows, those of few columns. Which
// path a product takes does not change a bit of it, so the choice is free.
//
// Where the last vector would stick out of the columns it is moved back to end with them instead: the overlap is
// computed twice, to the same bits. (Hence no accumulation over blocks of k here, and the epilogue only when all
// columns are done.)

constexpr int kPanelVectors = 2;

// Fewer columns than a vector: the vector is read beyond the row's end, into the next rows of B, except for the last
// rows of B, which are copied. What the additional lanes hold is never stored.
static void multiply_ragged(const Problem& p, Range m, Range n) {
  const int width = (int)n.size();
  const int64_t stride = p.b.row_stride;
  const int64_t tail = stride > 0 ? smaller((kLanes - width + stride - 1) / stride, p.K) : p.K;
  float copy[kLanes * kLanes];
  const float* b = p.b.data + n.begin;
  pack_rows(b + (p.K - tail) * stride, stride, tail, width, kLanes, copy);
  for (int64_t i = m.begin; i < m.end;) {
    const int r = next_rows(m.end - i, kNarrowRows);
    const float* a = p.a.data + i * p.a.row_stride;
    float* c = p.c + i * p.N + n.begin;
    const Tile tile = tile_of<1, kNarrowRows>(r);
    if (p.K > tail) tile(p.K - tail, a, p.a.row_stride, p.a.column_stride, b, stride, c, p.N, width, false);
    tile(tail, a + (p.K - tail) * p.a.column_stride, p.a.row_stride, p.a.column_stride, copy, kLanes, c, p.N, width,
         p.K > tail);
    i += r;
  }
}

// One set of columns, `V` vectors wide, from rows of B in place.
template <int V, int Full>
static void multiply_columns(const Problem& p, Range m, const float* b, int64_t b_stride, float* c) {
  for (int64_t i = m.begin; i < m.end;) {
    const int r = next_rows(m.end - i, Full);
    tile_of<V, Full>(r)(p.K, p.a.data + i * p.a.row_stride, p.a.row_stride, p.a.column_stride, b, b_stride, c + i * p.N,
                        p.N, V * kLanes, false);
    i += r;
  }
}

// Few rows want wide tiles, to have chains enough.
template <int R, int V>
ANNEAL_INLINE int64_t multiply_wide(const Problem& p, Range m, Range n) {
  int64_t j = n.begin;
  for (; j + V * kLanes <= n.end; j += V * kLanes)
    TileKernel<R, V>::run(p.K, p.a.data + m.begin * p.a.row_stride, p.a.row_stride, p.a.column_stride, p.b.data + j,
                          p.b.row_stride, p.c + m.begin * p.N + j, p.N, V * kLanes, false);
  return j;
}

// B's rows run along memory.
static void multiply_in_place(const Problem& p, Range m, Range n) {
  if (n.size() < kLanes) return multiply_ragged(p, m, n);
  int64_t j = n.begin;
  switch (m.size()) {
    case 1:
      j = multiply_wide<1, 8>(p, m, n);
      break;
    case 2:
      j = multiply_wide<2, 4>(p, m, n);
      break;
    case 3:
      j = multiply_wide<3, kTileRows / 4 + 1>(p, m, n);
      break;
    case 4:
      j = multiply_wide<4, kTileRows / 4 + 1>(p, m, n);
      break;
  }
  while (j < n.end) {
    const int64_t rest = n.end - j;
    const bool two = rest >= 2 * kLanes || (rest > kLanes && n.size() >= 2 * kLanes);
    const int64_t at = smaller(j, n.end - (two ? 2 : 1) * kLanes);
    if (two)
      multiply_columns<2, kTileRows>(p, m, p.b.data + at, p.b.row_stride, p.c + at);
    else
      multiply_columns<1, kNarrowRows>(p, m, p.b.data + at, p.b.row_stride, p.c + at);
    j = at + (two ? 2 : 1) * kLanes;
  }
}

// B's columns run along memory: the first rows' tile transposes, and leaves a panel for the others.
static void multiply_transposing(const Problem& p, Range m, Range n, float* panel) {
  const int64_t b_stride = p.b.column_stride;
  if (n.size() < kLanes) {
    pack_columns(p.b.data + n.begin * b_stride, b_stride, p.K, (int)n.size(), kLanes, panel);
    for (int64_t i = m.begin; i < m.end;) {
      const int r = next_rows(m.end - i, kNarrowRows);
      tile_of<1, kNarrowRows>(r)(p.K, p.a.data + i * p.a.row_stride, p.a.row_stride, p.a.column_stride, panel, kLanes,
                                 p.c + i * p.N + n.begin, p.N, (int)n.size(), false);
      i += r;
    }
    return;
  }
  const float* a = p.a.data + m.begin * p.a.row_stride;
  int64_t j = n.begin;
  if (m.size() <= kFewRows)
    for (; j + kWideVectors * kLanes <= n.end; j += kWideVectors * kLanes)
      wide_transposing_tile_of((int)m.size())(p.K, a, p.a.row_stride, p.a.column_stride, p.b.data + j * b_stride,
                                              b_stride, nullptr, 0, p.c + m.begin * p.N + j, p.N, false);
  const int first = next_rows(m.size(), kNarrowRows);
  const TransposingTile transposing = transposing_tile_of(first);
  const Range others = {m.begin + first, m.end};
  while (j < n.end) {
    const bool two = others.size() > 0 && n.end - j > kLanes && n.size() >= 2 * kLanes;
    const int vectors = two ? 2 : 1;
    const int64_t at = smaller(j, n.end - vectors * kLanes);
    for (int v = 0; v < vectors; v++)
      transposing(p.K, a, p.a.row_stride, p.a.column_stride, p.b.data + (at + v * kLanes) * b_stride, b_stride,
                  others.size() > 0 ? panel + v * kLanes : nullptr, vectors * kLanes,
                  p.c + m.begin * p.N + at + v * kLanes, p.N, false);
    if (two)
      multiply_columns<2, kTileRows>(p, others, panel, 2 * kLanes, p.c + at);
    else
      multiply_columns<1, kNarrowRows>(p, others, panel, kLanes, p.c + at);
    j = at + vectors * kLanes;
  }
}

// Few columns: the product is computed transposed, C^T = B^T A^T, so that the many rows lie in the lanes.
constexpr int kFewColumns = 12;

// to[i * N + n] = from[n * kLanes + i] for `rows` rows of N.
static void store_transposed(const float* from, int N, float* to, int64_t to_stride) {
  for (int g = 0; g < N; g += kLanes) {
    const int width = N - g < kLanes ? N - g : kLanes;
    for (int i = 0; i < kLanes; i += 4) {
      vf row[4];
      transpose4(from + g * kLanes + i, kLanes, row);
      for (int u = 0; u < 4; u++)
        if (width == kLanes)
          st(to + (i + u) * to_stride + g, row[u]);
        else
          st_part(to + (i + u) * to_stride + g, row[u], width);
    }
  }
}

static void multiply_few_columns(const Problem& p, Range m, Range n) {
  const int N = (int)n.size();
  float block[round_up(kFewColumns, kLanes) * kLanes] = {};
  const float* b = p.b.data + n.begin * p.b.column_stride;
  for (int64_t i = m.begin; i < m.end; i += kLanes) {
    const int64_t at = smaller(i, m.end - kLanes);
    const float* a = p.a.data + at * p.a.row_stride;
    for (int j = 0; j < N;) {
      const int r = next_rows(N - j, kNarrowRows);
      const float* bj = b + j * p.b.column_stride;
      if (p.a.row_stride == 1)
        tile_of<1, kNarrowRows>(r)(p.K, bj, p.b.column_stride, p.b.row_stride, a, p.a.column_stride, block + j * kLanes,
                                   kLanes, kLanes, false);
      else
        transposing_tile_of(r)(p.K, bj, p.b.column_stride, p.b.row_stride, a, p.a.row_stride, nullptr, 0,
                               block + j * kLanes, kLanes, false);
      j += r;
    }
    store_transposed(block, N, p.c + at * p.N + n.begin, p.N);
  }
}

constexpr int64_t kDirectPanelK = 512;  // k of a panel that `multiply_transposing` may need
ANNEAL_INLINE int64_t direct_floats(int64_t K) { return kPanelVectors * kLanes * smaller(K, kDirectPanelK); }

// Tries the direct paths on rows x columns of C; false where blocks are better.
static bool multiply_direct(const Problem& p, Range m, Range n, float* panel) {
  const bool b_in_rows = p.b.column_stride == 1;
  if (is_dot(p))
    multiply_dot(p, m, n);
  else if (n.size() <= kFewColumns && n.size() % kLanes != 0 && m.size() >= kLanes && p.K >= 24)
    multiply_few_columns(p, m, n);
  else if (b_in_rows && (m.size() <= 36 || p.K <= 64))
    multiply_in_place(p, m, n);
  else if (!b_in_rows && ((m.size() <= kNarrowRows && n.size() >= kLanes) || p.K <= 64))
    multiply_transposing(p, m, n, panel);
  else
    return false;
  if (p.epilogue.any()) finish(p.epilogue, p.c, p.N, m.begin, n.begin, m.size(), n.size());
  return true;
}
