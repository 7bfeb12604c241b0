// One or two rows against columns that run along memory: dot products over sixteen virtual lanes. The order of
// summation differs from the chain of the tiles, so the choice is by the full shape and by constants that are the same
// for every target.

constexpr int64_t kDotRows = 2;
constexpr int64_t kDotMinK = 64;

ANNEAL_INLINE bool is_dot(const Problem& p) {
  return p.M <= kDotRows && p.K >= kDotMinK && p.b.row_stride == 1 && p.b.column_stride != 1 && p.a.column_stride == 1;
}

ANNEAL_INLINE v4 fold_to_four(const Lanes16& t) {
#if ANNEAL_LANES == 4
  return (t.part[0] + t.part[2]) + (t.part[1] + t.part[3]);
#elif ANNEAL_LANES == 8
  const v8 e = t.part[0] + t.part[1];
  return low(e) + high(e);
#else
  const v8 e = low(t.part[0]) + high(t.part[0]);
  return low(e) + high(e);
#endif
}

// The sums of four accumulators, by the tree of sum16: transposed, so that the last two levels are whole vectors.
ANNEAL_INLINE v4 sum_four(const Lanes16& t0, const Lanes16& t1, const Lanes16& t2, const Lanes16& t3) {
  const v4 a = fold_to_four(t0), b = fold_to_four(t1), c = fold_to_four(t2), d = fold_to_four(t3);
  const v4 ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), AB = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const v4 cd = __builtin_shufflevector(c, d, 0, 4, 1, 5), CD = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  const v4 even = ab + AB, odd = cd + CD;  // lanes: q0 + q2 of two columns, then q1 + q3 of them
  return __builtin_shufflevector(even, odd, 0, 1, 4, 5) + __builtin_shufflevector(even, odd, 2, 3, 6, 7);
}

// C[i, j] for i < R, j < J: c[i * N + j].
template <int R, int J>
static void dot_columns(const Problem& p, const float* b, float* c) {
  const int64_t K = p.K, a_stride = p.a.row_stride, b_stride = p.b.column_stride;
  const float* a = p.a.data;
  Lanes16 acc[R][J];
#pragma GCC unroll 4
  for (int i = 0; i < R; i++)
#pragma GCC unroll 8
    for (int j = 0; j < J; j++) acc[i][j] = splat16(0.0f);
  int64_t k = 0;
  for (; k + 16 <= K; k += 16)
#pragma GCC unroll 4
    for (int l = 0; l < kParts; l++)
#pragma GCC unroll 8
      for (int j = 0; j < J; j++) {
        const vf bv = ld(b + j * b_stride + k + l * kLanes);
#pragma GCC unroll 4
        for (int i = 0; i < R; i++)
          acc[i][j].part[l] = vfma(ld(a + i * a_stride + k + l * kLanes), bv, acc[i][j].part[l]);
      }
  if (k < K)  // the last few k, with zeros up to sixteen
#pragma GCC unroll 4
    for (int l = 0; l < kParts; l++) {
      const int64_t rest = K - k - l * kLanes;
      const int n = rest < 0 ? 0 : rest > kLanes ? kLanes : (int)rest;
#pragma GCC unroll 8
      for (int j = 0; j < J; j++) {
        const vf bv = ld_part(b + j * b_stride + k + l * kLanes, n);
#pragma GCC unroll 4
        for (int i = 0; i < R; i++)
          acc[i][j].part[l] = vfma(ld_part(a + i * a_stride + k + l * kLanes, n), bv, acc[i][j].part[l]);
      }
    }
#pragma GCC unroll 4
  for (int i = 0; i < R; i++)
    if constexpr (J % 4 == 0) {
#pragma GCC unroll 2
      for (int j = 0; j < J; j += 4)
        st4(c + i * p.N + j, sum_four(acc[i][j], acc[i][j + 1], acc[i][j + 2], acc[i][j + 3]));
    } else {
      for (int j = 0; j < J; j++) c[i * p.N + j] = sum16(acc[i][j]);
    }
}

static void multiply_dot(const Problem& p, Range n) {
  constexpr int kWide = kLanes == 16 ? 8 : 4;  // columns at a time, as registers allow
  int64_t j = n.begin;
  for (; j + kWide <= n.end; j += kWide)
    if (p.M == 1) {
      dot_columns<1, kWide>(p, p.b.data + j * p.b.column_stride, p.c + j);
    } else if (kWide == 8) {
      dot_columns<2, 4>(p, p.b.data + j * p.b.column_stride, p.c + j);
      dot_columns<2, 4>(p, p.b.data + (j + 4) * p.b.column_stride, p.c + j + 4);
    } else {
      dot_columns<2, 4>(p, p.b.data + j * p.b.column_stride, p.c + j);
    }
  for (; j < n.end; j++)
    if (p.M == 1)
      dot_columns<1, 1>(p, p.b.data + j * p.b.column_stride, p.c + j);
    else
      dot_columns<2, 1>(p, p.b.data + j * p.b.column_stride, p.c + j);
}
