// Rows of 4 to 16 elements, 16 at a time, transposed: a vector holds one element of each row. No lane is idle, however
// short the rows, and nothing is folded across lanes. An element's column is the virtual lane that it has in a sum, so
// a row has the bits of softmax_block.h.
#pragma once
#include "../transpose.h"
#include "block.h"

namespace anneal::ANNEAL_TARGET {

constexpr int64_t kFewestColumns = 4, kMostColumns = 16;  // transpose4 reads 4 at a time

// The number of a block's rows, from the first one on, that can be transposed.
ANNEAL_INLINE int transposed_rows(int64_t C, int rows) {
  return C < kFewestColumns || C > kMostColumns ? 0 : rows / kGroup * kGroup;
}

// A group by columns: the elements and e^(x - max). Terms of columns from C on stay 0.
struct TransposedGroup {
  float x[kMostColumns * kGroup];
  float term[kMostColumns * kGroup] = {};
};

ANNEAL_INLINE void st16(float* p, const Lanes16& x) {
  for (int i = 0; i < kParts; i++) st(p + i * kLanes, x.part[i]);
}

// Calls f(at) for `step` columns from `at` on, until all were there: the last ones overlap those before.
template <class F>
ANNEAL_INLINE void each_columns(int64_t C, int step, F f) {
  for (int64_t c = 0; c < C; c += step) f(smallest(c, C - step));
}

// Transposes a group; returns the maxima of its rows.
ANNEAL_INLINE Lanes16 transpose_group(const float* rows, int64_t C, float* x) {
  Lanes16 max = splat16(-kInfinity);
  each_columns(C, 4, [&](int64_t at) __attribute__((always_inline)) {
    for (int p = 0; p < kParts; p++) {
      vf four[4];
      transpose4(rows + p * kLanes * C + at, C, four);
      for (int k = 0; k < 4; k++) st(x + (at + k) * kGroup + p * kLanes, four[k]);
      max.part[p] = vmax(max.part[p], vmax(vmax(four[0], four[1]), vmax(four[2], four[3])));
    }
  });
  return max;
}

// Sums of the columns, in the order of fold16.
ANNEAL_INLINE Lanes16 sum_columns(const float* term) {
  Lanes16 sum;
  for (int p = 0; p < kParts; p++) {
    vf s[kMostColumns];
    for (int c = 0; c < kMostColumns; c++) s[c] = ld(term + c * kGroup + p * kLanes);
    sum.part[p] = sum_by_halves(s);
  }
  return sum;
}

struct TransposedSums {
  Lanes16 max, sum;
};

// Calls see(c, p, x - max, e^(x - max)) for part p of column c, perhaps twice.
template <class See>
ANNEAL_INLINE TransposedSums transposed_terms(const float* rows, int64_t C, TransposedGroup& t, See see) {
  const Lanes16 max = transpose_group(rows, C, t.x);
  constexpr int kTogether = 2;  // columns
  each_columns(C, kTogether, [&](int64_t at) __attribute__((always_inline)) {
    vf margin[kTogether * kParts], term[kTogether * kParts];
    for (int u = 0; u < kTogether * kParts; u++)
      margin[u] = term[u] = ld(t.x + at * kGroup + u * kLanes) - max.part[u % kParts];
    vexp_nonpositive(term);
    for (int u = 0; u < kTogether * kParts; u++) {
      st(t.term + at * kGroup + u * kLanes, term[u]);
      see(at + u / kParts, u % kParts, margin[u], term[u]);
    }
  });
  return {max, sum_columns(t.term)};
}

// out[r, c] = lane r of value(c, p), part p of column c.
template <class Value>
ANNEAL_INLINE void write_transposed(float* out, int64_t C, Value value) {
  each_columns(C, 4, [&](int64_t at) __attribute__((always_inline)) {
    for (int p = 0; p < kParts; p++) {
      vf four[4];
      for (int k = 0; k < 4; k++) four[k] = value(at + k, p);
      transpose4_back(four, out + p * kLanes * C + at, C);
    }
  });
}

}  // namespace anneal::ANNEAL_TARGET
