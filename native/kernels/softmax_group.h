// Short rows, up to 16 at a time: what a row has only one of (its maximum, its sum, a reciprocal, a logarithm) is
// computed for all rows of a group at once, and every other loop goes over the rows of a column of vectors. So no row
// waits for another's latency. A row has the bits that it has by itself.

constexpr int64_t kShortRow = 256;
constexpr int kGroup = 16;

struct Group {
  const float* x;  // the first row
  int64_t C;
  int rows;  // at most kGroup
};

constexpr int kAbreast = 4;  // rows that go together

// values[r] = the fold over row r, by `op` on 16 virtual lanes, of the vectors terms(first, i, at, lanes, v) of
// rows first, first + 1, ...: v[u] has the elements from i on, which are at[u] from the first one of the group. Where
// rows are missing, the last one is repeated.
template <class Terms, class Op>
ANNEAL_INLINE void fold_group(const Group& g, float (&values)[kGroup], float identity, Terms terms, Op op) {
  vf narrow[kGroup];
  for (int r = 0; r < kGroup; r++) narrow[r] = splat(identity);
#pragma GCC unroll 4
  for (int first = 0; first < g.rows; first += kAbreast) {
    Lanes16 acc[kAbreast];
    int64_t row[kAbreast];
    for (int u = 0; u < kAbreast; u++) {
      acc[u] = splat16(identity);
      row[u] = smallest(first + u, g.rows - 1) * g.C;
    }
    each_part(0, g.C, [&](int64_t i, int p, int lanes) __attribute__((always_inline)) {
      int64_t at[kAbreast];
      vf v[kAbreast];
      for (int u = 0; u < kAbreast; u++) at[u] = row[u] + i + p * kLanes;
      terms(first, i + p * kLanes, at, lanes, v);
      for (int u = 0; u < kAbreast; u++) acc[u].part[p] = op(acc[u].part[p], v[u]);
    });
    for (int u = 0; u < kAbreast; u++) narrow[first + u] = narrow16(acc[u], op);
  }
  for (int p = 0; p < kParts; p++) st(values + p * kLanes, fold16_rows(narrow + p * kLanes, op));
}

// A NaN may or may not be the largest, and shows in the sum that follows.
ANNEAL_INLINE void group_maxima(const Group& g, float (&maxima)[kGroup]) {
  const auto terms = [&](int, int64_t, const int64_t* at, int lanes, vf* v) __attribute__((always_inline)) {
    for (int u = 0; u < kAbreast; u++) v[u] = ld_or(g.x + at[u], lanes, splat(-kInfinity));
  };
  fold_group(g, maxima, -kInfinity, terms, [](auto a, auto b) __attribute__((always_inline)) { return vmax(a, b); });
}

// sums[r] = the sum of row r's vectors, which are 0 in lanes beyond.
template <class Terms>
ANNEAL_INLINE void group_sums(const Group& g, float (&sums)[kGroup], Terms terms) {
  fold_group(g, sums, 0, terms, [](auto a, auto b) __attribute__((always_inline)) { return a + b; });
}

// out[r] = value(r, i, lanes) for the vectors of all rows. Where the target has no masked store, the end of a row is
// written as a whole vector, before what it covers of the next rows is written; so ends come first.
template <class Value>
ANNEAL_INLINE void write_group(const Group& g, float* out, Value value) {
  const int rest = (int)(g.C % kLanes);
  const int64_t full = g.C - rest;
  if (rest) {
    const int whole = kMaskedStores ? 0 : (int)largest(0, g.rows - divide_up(kLanes - rest, g.C));
    for (int r = 0; r < whole; r++) st(out + r * g.C + full, value(r, full, rest));
    for (int r = whole; r < g.rows; r++) st_part(out + r * g.C + full, value(r, full, rest), rest);
  }
  for (int64_t i = 0; i < full; i += kLanes)
    for (int r = 0; r < g.rows; r++) st(out + r * g.C + i, value(r, i, kLanes));
}

// The terms e^(x - max) of a group, their sums and the reciprocals of these.
struct GroupTerms {
  float max[kGroup], sum[kGroup], inverse[kGroup];
  float term[kGroup * (kShortRow + 16)];  // rows of whole vectors
};

ANNEAL_INLINE int64_t term_stride(const Group& g) { return divide_up(g.C, 16) * 16; }

// Lanes beyond the end of a row read as -inf, so that their terms are 0 wherever the sum is a number.
template <bool kKeepTerms>
ANNEAL_INLINE void group_terms(const Group& g, GroupTerms& t) {
  const int64_t stride = term_stride(g);
  group_maxima(g, t.max);
  group_sums(g, t.sum,
             [&](int first, int64_t i, const int64_t* at, int lanes, vf(&v)[kAbreast]) __attribute__((always_inline)) {
               for (int u = 0; u < kAbreast; u++)
                 v[u] = ld_or(g.x + at[u], lanes, splat(-kInfinity)) - splat(t.max[first + u]);
               vexp_nonpositive(v);
               if (kKeepTerms)
                 for (int u = 0; u < kAbreast; u++) st(t.term + (first + u) * stride + i, v[u]);
             });
  for (int r = 0; r < kGroup; r += kLanes) st(t.inverse + r, splat(1.0f) / ld(t.sum + r));
}
