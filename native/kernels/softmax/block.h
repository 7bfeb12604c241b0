// Short rows, many at a time, phase by phase: what a row has only one of (its maximum, its sum, a reciprocal, a
// logarithm) is computed for 16 rows at once, and all other loops go over several rows, so that no row waits for
// another's latency. A row has the bits that it has by itself.
#pragma once
#include "fold_rows.h"
#include "rows.h"

namespace anneal::ANNEAL_TARGET {

constexpr int64_t kShortRow = 256;
constexpr int kGroup = 16,
              kRowsInRegisters = 4;    // rows that are folded together, and whose lanes are in registers together
constexpr int kBlockRows = 128;        // at most, of a block
constexpr int64_t kBlockTerms = 4096;  // at most, where a block is more than one group

struct Block {
  const float* x;  // the first row
  int64_t C;
  int rows;
};

ANNEAL_INLINE int64_t term_stride(int64_t C) { return divide_up(C, 16) * 16; }
ANNEAL_INLINE int64_t block_rows(int64_t C) {
  return smallest(kBlockRows, largest(kGroup, kBlockTerms / term_stride(C) / kGroup * kGroup));
}

// values[r] = the fold over row r, by `op` on 16 virtual lanes, of the vectors terms(r, i, at, lanes, v) of rows r,
// r + 1, ...: v[u] has the elements from i on, which are at[u] from the first one of the block. Of `rows` rows from
// `base` on, at most a group; where rows are missing, the last one is repeated.
template <class Terms, class Op>
ANNEAL_INLINE void fold_group(const Block& g, int base, int rows, float* values, float identity, Terms terms, Op op) {
  vf narrow[kGroup];
  for (int r = 0; r < kGroup; r++) narrow[r] = splat(identity);
  for (int first = 0; first < rows; first += kRowsInRegisters) {
    Lanes16 acc[kRowsInRegisters];
    int64_t row[kRowsInRegisters];
    for (int u = 0; u < kRowsInRegisters; u++) {
      acc[u] = splat16(identity);
      row[u] = (base + smallest(first + u, rows - 1)) * g.C;
    }
    each_lane_vector(0, g.C, [&](int64_t i, int p, int lanes) __attribute__((always_inline)) {
      int64_t at[kRowsInRegisters];
      vf v[kRowsInRegisters];
      for (int u = 0; u < kRowsInRegisters; u++) at[u] = row[u] + i + p * kLanes;
      terms(base + first, i + p * kLanes, at, lanes, v);
      for (int u = 0; u < kRowsInRegisters; u++) acc[u].part[p] = op(acc[u].part[p], v[u]);
    });
    for (int u = 0; u < kRowsInRegisters; u++) narrow[first + u] = narrow16(acc[u], op);
  }
  for (int p = 0; p < kParts; p++) st(values + base + p * kLanes, fold16_rows(narrow + p * kLanes, op));
}

// The same for all rows of a block: twice in the code, once for a number of rows that is a constant.
template <class Terms, class Op>
ANNEAL_INLINE void fold_block(const Block& g, float* values, float identity, Terms terms, Op op) {
  int base = 0;
  for (; base + kGroup <= g.rows; base += kGroup) fold_group(g, base, kGroup, values, identity, terms, op);
  if (base < g.rows) fold_group(g, base, g.rows - base, values, identity, terms, op);
}

// A NaN may or may not be the largest, and shows in the sum that follows.
ANNEAL_INLINE void block_maxima(const Block& g, float* maxima) {
  const auto terms = [&](int, int64_t, const int64_t* at, int lanes, vf* v) __attribute__((always_inline)) {
    for (int u = 0; u < kRowsInRegisters; u++) v[u] = ld_or(g.x + at[u], lanes, splat(-kInfinity));
  };
  fold_block(g, maxima, -kInfinity, terms, [](auto a, auto b) __attribute__((always_inline)) { return vmax(a, b); });
}

// sums[r] = the sum of row r's vectors, which are 0 in lanes beyond.
template <class Terms>
ANNEAL_INLINE void block_sums(const Block& g, float* sums, Terms terms) {
  fold_block(g, sums, 0, terms, [](auto a, auto b) __attribute__((always_inline)) { return a + b; });
}

// out[r] = value(r, i, lanes) for the vectors of all rows. Where the target has no masked store, the end of a row is
// written as a whole vector, before what it covers of the next rows is written; so ends come first.
template <class Value>
ANNEAL_INLINE void write_block(const Block& g, float* out, Value value) {
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

// The terms e^(x - max) of a block, their sums and the reciprocals of these.
struct BlockTerms {
  float max[kBlockRows], sum[kBlockRows], inverse[kBlockRows];
  float term[kBlockTerms + kGroup * 16];  // rows of whole vectors; a group of the longest rows is just as much
};
static_assert(kGroup * kShortRow <= kBlockTerms);

// Lanes beyond the end of a row read as -inf, so that their terms are 0 wherever the sum is a number. All kernels of
// blocks call the same code: to come to it costs nothing beside a block, which is copied so that callers keep theirs in
// registers.
template <bool kKeepTerms>
static __attribute__((noinline)) void block_terms(Block g, BlockTerms& __restrict t) {
  const int64_t stride = term_stride(g.C);
  block_maxima(g, t.max);
  block_sums(g, t.sum,
             [&](int first, int64_t i, const int64_t* at, int lanes, vf(&v)[kRowsInRegisters])
                 __attribute__((always_inline)) {
                   for (int u = 0; u < kRowsInRegisters; u++)
                     v[u] = ld_or(g.x + at[u], lanes, splat(-kInfinity)) - splat(t.max[first + u]);
                   vexp_nonpositive(v);
                   if (kKeepTerms)
                     for (int u = 0; u < kRowsInRegisters; u++) st(t.term + (first + u) * stride + i, v[u]);
                 });
  for (int r = 0; r < g.rows; r += kLanes) st(t.inverse + r, splat(1.0f) / ld(t.sum + r));
}

}  // namespace anneal::ANNEAL_TARGET
