// The gradients: weights are computed again, by the log-sum-exp, tile by tile. dquery is a chain over keys, dkey and
// dvalue are chains over rows, all in order, so that who computes which part of them changes no bit.
#pragma once
#include "forward.h"

namespace anneal::ANNEAL_TARGET {

struct BackwardScratch {
  float *query, *slope;              // [rows][features]: of the query, and of dy
  float *query_lanes, *slope_lanes;  // [features][rows]
  float *weights, *dscores;          // [keys][rows]
  float *sums, *copied;              // of dquery [D][rows], and as rows
  float *lse, *low, *delta, *one;    // [rows]; lse + low is the log-sum-exp
};

ANNEAL_INLINE BackwardScratch backward_scratch(Carve& carve, int64_t D, int64_t E) {
  BackwardScratch s;
  s.query = carve.take<float>(padded(D) * kAttentionRows);
  s.slope = carve.take<float>(padded(E) * kAttentionRows);
  s.query_lanes = carve.take<float>(round_up(D, 4) * kAttentionRows);
  s.slope_lanes = carve.take<float>(round_up(E, 4) * kAttentionRows);
  s.weights = carve.take<float>(kAttentionKeys * kAttentionRows);
  s.dscores = carve.take<float>(kAttentionKeys * kAttentionRows);
  s.sums = carve.take<float>(round_up(D, 4) * kAttentionRows);
  s.copied = carve.take<float>(padded(D) * kAttentionRows);
  s.lse = carve.take<float>(kAttentionRows);
  s.low = carve.take<float>(kAttentionRows);
  s.delta = carve.take<float>(kAttentionRows);
  s.one = carve.take<float>(kAttentionRows);
  return s;
}

// Keys and rows that a part looks at, and the gradients that are wanted of them.
struct BackwardPart {
  int64_t first_key, end_key;
  int64_t first_row, end_row;
  bool of_queries;
  Sequence dkey, dvalue;  // null where they are not wanted
  bool of_keys() const { return dkey.data || dvalue.data; }
};

// Rows of the query and of dy.
struct BackwardRows {
  LoadedRows query, slope;
};

// A log-sum-exp of more is rounded so that weights show it: where a mask adds -1e9 to all scores of a row, its last
// digit is 64, and weights of 1 / n would be 1.
constexpr float kRoundedLse = 64;

// Finds by what the log-sum-exps of such rows are to be moved for weights to add up to 1. `low` is 0 before.
template <bool kMasked>
static void find_low(const AttentionHead& head, const RowBlock& rows, const BackwardScratch& scratch) {
  const int64_t end = head.limit(rows.last());
  for (int64_t s = 0; s < end; s += kAttentionKeys) {
    multiply_keys(head, rows, s, head.key, head.problem.D, scratch.query_lanes, scratch.weights);
    for (int64_t strip = 0; strip < rows.strips(); strip++) {
      const StripKeys keys = strip_keys(head, rows, strip, s);
      StripMask mask;
      if (kMasked && keys.some > 0)
        load_strip_mask(head, rows, rows.first + strip * kAttentionStrip, s, keys.some, mask);
      for (int64_t lane = 0; lane < kAttentionStrip; lane += kLanes) {
        const int64_t at = strip * kAttentionStrip + lane;
        const vi limit = lane_limits(head, rows, rows.first + at, s);
        const vf lse = ld(scratch.lse + at);
        vf total = ld(scratch.low + at);
        for (int64_t k = 0; k < keys.some; k++) {
          vf x = ld(scratch.weights + k * kAttentionRows + at);
          if (kMasked) x = masked(x, mask, k, lane);
          total = total + select(splat((int32_t)k) < limit, vexp(x - lse), vf{});
        }
        st(scratch.low + at, total);
      }
    }
  }
  for (int64_t i = 0; i < rows.lanes(); i += kLanes) {
    const vi rounded = vabs(ld(scratch.lse + i)) > splat(kRoundedLse);
    st(scratch.low + i, select(rounded, vlog(ld(scratch.low + i)), vf{}));
  }
}

// Loads a block of rows: the query, dy, the log-sum-exp, and delta, the sum of dy y less the log-sum-exp's gradient.
static BackwardRows load_backward_rows(const AttentionHead& head, const RowBlock& rows,
                                       const BackwardScratch& scratch) {
  const AttentionProblem& p = head.problem;
  const TensorArg &y = p.call.in[6], &dy = p.call.in[7], &lse = p.call.in[8], &dlse = p.call.in[9];
  const BackwardRows loaded = {load_rows(head, p.call.in[0], rows, p.D, scratch.query),
                               load_rows(head, dy, rows, p.E, scratch.slope)};
  transpose_to_lanes(loaded.query, rows.lanes(), p.D, p.scale, scratch.query_lanes);
  transpose_to_lanes(loaded.slope, rows.lanes(), p.E, 1.0f, scratch.slope_lanes);
  for (int64_t i = 0; i < rows.lanes(); i++) {
    const int64_t r = rows.first + smallest(i, rows.count - 1), at = head.index(r);
    const float* of_y = head.row(y, r);
    const float* slope = loaded.slope.data + i * loaded.slope.stride;
    Lanes16 sum = splat16(0);
    for (int64_t e = 0; e < p.E; e += 16)
      for (int part = 0; part < kParts; part++) {
        const int64_t from = e + part * kLanes, left = p.E - from;
        if (left > 0)
          sum.part[part] = vfma(ld(slope + from), ld_some(of_y + from, (int)smallest(left, kLanes)), sum.part[part]);
      }
    scratch.lse[i] = ((const float*)lse.data)[at];
    scratch.delta[i] = sum16(sum) - (dlse.data ? ((const float*)dlse.data)[at] : 0.0f);
  }
  vi any_rounded = {};
  for (int64_t i = 0; i < rows.lanes(); i += kLanes) {
    any_rounded |= vabs(ld(scratch.lse + i)) > splat(kRoundedLse);
    st(scratch.low + i, vf{});
  }
  if (any(any_rounded)) p.call.in[3].data ? find_low<true>(head, rows, scratch) : find_low<false>(head, rows, scratch);
  return loaded;
}

// Four keys of one vector of rows: scores and gradients of weights become weights, as dropout leaves them, and
// gradients of scores.
template <bool kMasked, bool kWhole>
ANNEAL_INLINE void differentiate_keys(float* weights, float* dscores, const StripKeys& keys, int64_t k, vi limit,
                                      const StripMask& mask, int64_t lane, const AttentionDropout& dropout,
                                      const vf (&factor)[4], vf lse, vf low, vf delta, vf scale) {
  vf x[4], dx[4];
#pragma GCC unroll 4
  for (int u = 0; u < 4; u++) {
    const bool inside = kWhole || k + u < keys.some;
    x[u] = inside ? ld(weights + u * kAttentionRows) : vf{};
    dx[u] = inside ? ld(dscores + u * kAttentionRows) : vf{};
    if (kMasked && inside) x[u] = masked(x[u], mask, k + u, lane);
    x[u] = x[u] - lse - low;
  }
#pragma GCC unroll 4
  for (int u = 0; u < 4; u++) x[u] = vexp(x[u]);
#pragma GCC unroll 4
  for (int u = 0; u < 4; u++) {
    if (dropout.any) dx[u] = dx[u] * factor[u];
    dx[u] = x[u] * (dx[u] - delta) * scale;
    if (dropout.any) x[u] = x[u] * factor[u];
    if (!kWhole) {
      const vi looks = splat((int32_t)(k + u)) < limit;
      x[u] = select(looks, x[u], vf{});
      dx[u] = select(looks, dx[u], vf{});
    }
    if (!kWhole && k + u >= keys.some) continue;
    st(weights + u * kAttentionRows, x[u]);
    st(dscores + u * kAttentionRows, dx[u]);
  }
}

template <bool kMasked>
static void differentiate_strip(const AttentionHead& head, const RowBlock& rows, const AttentionDropout& dropout,
                                int64_t strip, int64_t s, const StripKeys& keys, const BackwardScratch& scratch) {
  const int64_t first = strip * kAttentionStrip;
  StripMask mask;
  if (kMasked) load_strip_mask(head, rows, rows.first + first, s, keys.some, mask);
  StripBlocks blocks;
  if (dropout.any) blocks = strip_blocks(dropout, head, rows, rows.first + first);
  const vf scale = splat(head.problem.scale);
  const int64_t whole = keys.all & ~3;
  for (int64_t lane = 0; lane < kAttentionStrip; lane += kLanes) {
    float *weights = scratch.weights + first + lane, *dscores = scratch.dscores + first + lane;
    const vi limit = lane_limits(head, rows, rows.first + first + lane, s);
    const vf lse = ld(scratch.lse + first + lane), low = ld(scratch.low + first + lane),
             delta = ld(scratch.delta + first + lane);
    for (int64_t k = 0; k < keys.some; k += 4) {
      vf factor[4] = {};
      if (dropout.any) dropout_factors(dropout, blocks, lane, s + k, factor);
      float *x = weights + k * kAttentionRows, *dx = dscores + k * kAttentionRows;
      if (k < whole)
        differentiate_keys<kMasked, true>(x, dx, keys, k, limit, mask, lane, dropout, factor, lse, low, delta, scale);
      else
        differentiate_keys<kMasked, false>(x, dx, keys, k, limit, mask, lane, dropout, factor, lse, low, delta, scale);
    }
  }
}

// A tile of keys and rows: what it adds to the gradients.
template <bool kMasked>
static void differentiate_tile(const AttentionHead& head, const RowBlock& rows, const AttentionDropout& dropout,
                               int64_t s, const BackwardPart& part, const BackwardRows& loaded,
                               const BackwardScratch& scratch) {
  const AttentionProblem& p = head.problem;
  const int64_t strips = rows.strips();
  const int64_t most = strip_keys(head, rows, strips - 1, s).some;
  const bool whole = strip_keys(head, rows, 0, s).all == most;
  const auto add_dquery = [&](int64_t keys, int64_t first, int64_t count) __attribute__((always_inline)) {
    attention_product(p.D, count, keys, head.key.at(s), 1, head.key.stride, scratch.dscores + first, kAttentionRows,
                      scratch.sums + first, kAttentionRows, true);
  };
  multiply_keys(head, rows, s, head.key, p.D, scratch.query_lanes, scratch.weights);
  multiply_keys(head, rows, s, head.value, p.E, scratch.slope_lanes, scratch.dscores);
  for (int64_t strip = 0; strip < strips; strip++) {
    const StripKeys keys = strip_keys(head, rows, strip, s);
    const int64_t first = strip * kAttentionStrip;
    differentiate_strip<kMasked>(head, rows, dropout, strip, s, keys, scratch);
    if (!whole && part.of_queries && keys.some > 0) add_dquery(keys.some, first, kAttentionStrip);
  }
  if (whole && part.of_queries) add_dquery(most, 0, rows.lanes());
  if (!part.of_keys()) return;
  // Keys that the same strips look at, to some part, are taken together.
  for (int64_t strip = 0, begin = 0; strip < strips && begin < most; strip++) {
    const int64_t end = whole ? most : strip_keys(head, rows, strip, s).some, first = strip * kAttentionStrip;
    if (end <= begin) continue;
    const int64_t count = rows.count - first;
    const auto add = [&](const Sequence& to, const float* of_scores, const LoadedRows& of_rows,
                         int64_t features) __attribute__((always_inline)) {
      if (to.data)
        attention_product(end - begin, features, count, of_scores + begin * kAttentionRows + first, kAttentionRows, 1,
                          of_rows.data + first * of_rows.stride, of_rows.stride, to.at(s + begin), to.stride, true);
    };
    add(part.dvalue, scratch.weights, loaded.slope, p.E);
    add(part.dkey, scratch.dscores, loaded.query, p.D);
    begin = end;
  }
}

static void clear_positions(const Sequence& of, int64_t begin, int64_t end, int64_t features) {
  if (of.stride == features)
    __builtin_memset(of.at(begin), 0, (size_t)((end - begin) * features) * sizeof(float));
  else
    for (int64_t s = begin; s < end; s++) __builtin_memset(of.at(s), 0, (size_t)features * sizeof(float));
}

// Gradients of one head of keys and of the queries that look at it, or some of them.
static void differentiate_head(const AttentionHead& head, const BackwardPart& part, const AttentionDropout& dropout,
                               const BackwardScratch& scratch) {
  const AttentionProblem& p = head.problem;
  const bool masked = p.call.in[3].data != nullptr;
  if (part.dkey.data) clear_positions(part.dkey, part.first_key, part.end_key, p.D);
  if (part.dvalue.data) clear_positions(part.dvalue, part.first_key, part.end_key, p.E);
  for (int64_t i = 0; i < kAttentionRows; i += kLanes) st(scratch.one + i, splat(1.0f));
  for (int64_t first = part.first_row; first < part.end_row; first += kAttentionRows) {
    const RowBlock rows = {first, smallest(part.end_row - first, kAttentionRows)};
    const int64_t end = smallest(part.end_key, head.limit(rows.last()));
    if (part.of_queries)
      for (int64_t i = 0; i < round_up(p.D, 4) * kAttentionRows; i += kLanes) st(scratch.sums + i, vf{});
    BackwardRows loaded = {};
    if (part.first_key < end) loaded = load_backward_rows(head, rows, scratch);
    for (int64_t s = part.first_key; s < end; s += kAttentionKeys)
      masked ? differentiate_tile<true>(head, rows, dropout, s, part, loaded, scratch)
             : differentiate_tile<false>(head, rows, dropout, s, part, loaded, scratch);
    if (part.of_queries)
      store_transposed_rows(head, p.call.out[0], rows, p.D, scratch.sums, scratch.one, scratch.copied);
  }
}

}  // namespace anneal::ANNEAL_TARGET
