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
  float *lse, *delta, *one;          // [rows]
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

// Loads a block of rows: the query, dy, the log-sum-exp, and delta, the sum of dy y less the log-sum-exp's gradient.
static void load_backward_rows(const AttentionHead& head, const RowBlock& rows, const BackwardScratch& scratch) {
  const AttentionProblem& p = head.problem;
  const TensorArg &y = p.call.in[6], &dy = p.call.in[7], &lse = p.call.in[8], &dlse = p.call.in[9];
  copy_rows(head, p.call.in[0], rows, p.D, scratch.query);
  copy_rows(head, dy, rows, p.E, scratch.slope);
  transpose_copied(scratch.query, p.D, p.scale, scratch.query_lanes);
  transpose_copied(scratch.slope, p.E, 1.0f, scratch.slope_lanes);
  for (int64_t i = 0; i < kAttentionRows; i++) {
    const int64_t r = rows.first + smallest(i, rows.count - 1), at = head.index(r);
    const float* of_y = head.row(y, r);
    const float* slope = scratch.slope + i * padded(p.E);
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
}

// Scores and gradients of weights, [key][row], become weights as they were, dropout included, and gradients of scores.
template <bool kMasked>
static void differentiate_strip(const AttentionHead& head, const RowBlock& rows, const AttentionDropout& dropout,
                                int64_t strip, int64_t s, const StripKeys& keys, const BackwardScratch& scratch) {
  const int64_t first = strip * kAttentionStrip;
  StripMask mask;
  if (kMasked) load_strip_mask(head, rows, rows.first + first, s, keys.some, mask);
  StripBlocks blocks;
  if (dropout.any) blocks = strip_blocks(dropout, head, rows, rows.first + first);
  const vf scale = splat(head.problem.scale);
  for (int64_t lane = 0; lane < kAttentionStrip; lane += kLanes) {
    float *weights = scratch.weights + first + lane, *dscores = scratch.dscores + first + lane;
    const vi limit = keys.all == keys.some ? vi{} : lane_limits(head, rows, rows.first + first + lane, s);
    const vf lse = ld(scratch.lse + first + lane), delta = ld(scratch.delta + first + lane);
    for (int64_t k = 0; k < keys.some; k += 4) {
      vf x[4], dx[4], factor[4] = {};
      if (dropout.any) dropout_factors(dropout, blocks, lane, s + k, factor);
#pragma GCC unroll 4
      for (int u = 0; u < 4; u++) {
        const bool inside = k + u < keys.some;
        x[u] = inside ? ld(weights + (k + u) * kAttentionRows) : vf{};
        dx[u] = inside ? ld(dscores + (k + u) * kAttentionRows) : vf{};
        if (kMasked && inside) x[u] = masked(x[u], mask, k + u, lane);
        x[u] = vexp(x[u] - lse);
        if (dropout.any) dx[u] = dx[u] * factor[u];
        dx[u] = x[u] * (dx[u] - delta) * scale;
        if (dropout.any) x[u] = x[u] * factor[u];
        if (k + u >= keys.all) {
          const vi looks = splat((int32_t)(k + u)) < limit;
          x[u] = select(looks, x[u], vf{});
          dx[u] = select(looks, dx[u], vf{});
        }
        if (!inside) continue;
        st(weights + (k + u) * kAttentionRows, x[u]);
        st(dscores + (k + u) * kAttentionRows, dx[u]);
      }
    }
  }
}

// A tile of keys and rows: what it adds to the gradients.
template <bool kMasked>
static void differentiate_tile(const AttentionHead& head, const RowBlock& rows, const AttentionDropout& dropout,
                               int64_t s, const BackwardPart& part, const BackwardScratch& scratch) {
  const AttentionProblem& p = head.problem;
  const int64_t strips = divide_up(rows.count, kAttentionStrip);
  const int64_t most = strip_keys(head, rows, strips - 1, s).some;
  const bool whole = strip_keys(head, rows, 0, s).all == most;
  const auto products = [&](int64_t keys, int64_t first, int64_t count) __attribute__((always_inline)) {
    attention_product(keys, count, p.D, head.key.at(s), head.key.stride, 1, scratch.query_lanes + first, kAttentionRows,
                      scratch.weights + first, kAttentionRows, false);
    attention_product(keys, count, p.E, head.value.at(s), head.value.stride, 1, scratch.slope_lanes + first,
                      kAttentionRows, scratch.dscores + first, kAttentionRows, false);
  };
  const auto add_dquery = [&](int64_t keys, int64_t first, int64_t count) __attribute__((always_inline)) {
    attention_product(p.D, count, keys, head.key.at(s), 1, head.key.stride, scratch.dscores + first, kAttentionRows,
                      scratch.sums + first, kAttentionRows, true);
  };
  if (whole) products(most, 0, strips * kAttentionStrip);
  for (int64_t strip = 0; strip < strips; strip++) {
    const StripKeys keys = strip_keys(head, rows, strip, s);
    const int64_t first = strip * kAttentionStrip;
    if (!whole && keys.some > 0) products(keys.some, first, kAttentionStrip);
    differentiate_strip<kMasked>(head, rows, dropout, strip, s, keys, scratch);
    if (!whole && part.of_queries && keys.some > 0) add_dquery(keys.some, first, kAttentionStrip);
  }
  if (whole && part.of_queries) add_dquery(most, 0, strips * kAttentionStrip);
  if (!part.of_keys()) return;
  // Keys that the same strips look at, to some part, are taken together.
  for (int64_t strip = 0, begin = 0; strip < strips && begin < most; strip++) {
    const int64_t end = whole ? most : strip_keys(head, rows, strip, s).some, first = strip * kAttentionStrip;
    if (end <= begin) continue;
    const int64_t count = rows.count - first;
    const auto add = [&](const Sequence& to, const float* of_scores, const float* of_rows,
                         int64_t features) __attribute__((always_inline)) {
      if (to.data)
        attention_product(end - begin, features, count, of_scores + begin * kAttentionRows + first, kAttentionRows, 1,
                          of_rows + first * padded(features), padded(features), to.at(s + begin), to.stride, true);
    };
    add(part.dvalue, scratch.weights, scratch.slope, p.E);
    add(part.dkey, scratch.dscores, scratch.query, p.D);
    begin = end;
  }
}

static void clear_positions(const Sequence& of, int64_t begin, int64_t end, int64_t features) {
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
    if (part.first_key < end) load_backward_rows(head, rows, scratch);
    for (int64_t s = part.first_key; s < end; s += kAttentionKeys)
      masked ? differentiate_tile<true>(head, rows, dropout, s, part, scratch)
             : differentiate_tile<false>(head, rows, dropout, s, part, scratch);
    if (part.of_queries)
      store_transposed_rows(head, p.call.out[0], rows, p.D, scratch.sums, scratch.one, scratch.copied);
  }
}

}  // namespace anneal::ANNEAL_TARGET
