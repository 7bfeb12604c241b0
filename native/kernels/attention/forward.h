// The forward pass: a block of rows at a time, key by key in tiles of scores, whose maximum and sum are corrected from
// tile to tile (Milakov and Gimelshein, arXiv:1805.02867; Dao et al., arXiv:2205.14135). Rows are lanes, so that no sum
// crosses them: scores are [key][row], and what is made of values is [feature][row].
#pragma once
#include "../math.h"
#include "dropout.h"
#include "mask.h"

namespace anneal::ANNEAL_TARGET {

struct ForwardScratch {
  float *query, *scores, *sums, *copied;        // [D][rows], [keys][rows], [E][rows], [rows][features]
  float *largest, *total, *correction, *other;  // [rows]
};

ANNEAL_INLINE ForwardScratch forward_scratch(Carve& carve, int64_t D, int64_t E) {
  ForwardScratch s;
  s.query = carve.take<float>(round_up(D, 4) * kAttentionRows);
  s.scores = carve.take<float>(kAttentionKeys * kAttentionRows);
  s.sums = carve.take<float>(round_up(E, 4) * kAttentionRows);
  s.copied = carve.take<float>(padded(largest(D, E)) * kAttentionRows);
  s.largest = carve.take<float>(kAttentionRows);
  s.total = carve.take<float>(kAttentionRows);
  s.correction = carve.take<float>(kAttentionRows);
  s.other = carve.take<float>(kAttentionRows);
  return s;
}

// The rows from `first` on may look at so many keys of a tile that begins with key `s`.
ANNEAL_INLINE vi lane_limits(const AttentionHead& head, const RowBlock& rows, int64_t first, int64_t s) {
  int32_t limits[kLanes];
  for (int l = 0; l < kLanes; l++) limits[l] = (int32_t)(head.limit(smallest(first + l, rows.last())) - s);
  return ld(limits);
}

// What four keys add to one vector of rows: their weights relative to `shift`, which take the place of scores, as
// dropout leaves them. `count`: of the keys that there are.
template <bool kWhole>
ANNEAL_INLINE void weigh_keys(float* scores, int64_t count, vf shift, const AttentionDropout& dropout,
                              const StripBlocks& blocks, int64_t lane, int64_t key, vf (&sum)[4]) {
  vf x[4];
#pragma GCC unroll 4
  for (int u = 0; u < 4; u++) x[u] = kWhole || u < count ? ld(scores + u * kAttentionRows) - shift : splat(-kInfinity);
  vexp_nonpositive(x);
#pragma GCC unroll 4
  for (int u = 0; u < 4; u++) sum[u] = sum[u] + x[u];
  if (dropout.any) {
    vf factor[4];
    dropout_factors(dropout, blocks, lane, key, factor);
    for (int u = 0; u < 4; u++) x[u] = x[u] * factor[u];
  }
#pragma GCC unroll 4
  for (int u = 0; u < 4; u++)
    if (kWhole || u < count) st(scores + u * kAttentionRows, x[u]);
}

// The largest of `before` and a vector of rows' scores, to which the mask is added, and which become -infinity where a
// row may not look.
template <bool kMasked>
ANNEAL_INLINE vf largest_score(float* scores, const StripKeys& keys, vi limit, const StripMask& mask, int64_t lane,
                               vf before) {
  vf most[4] = {before, before, before, before};
  const int64_t plain = kMasked ? 0 : keys.all & ~3;
  for (int64_t k = 0; k < plain; k += 4)
#pragma GCC unroll 4
    for (int u = 0; u < 4; u++) most[u] = vmax(ld(scores + (k + u) * kAttentionRows), most[u]);
  for (int64_t k = plain; k < keys.some; k++) {
    vf x = ld(scores + k * kAttentionRows);
    if (kMasked) x = masked(x, mask, k, lane);
    if (k >= keys.all) x = select(splat((int32_t)k) < limit, x, splat(-kInfinity));
    st(scores + k * kAttentionRows, x);
    most[0] = vmax(x, most[0]);
  }
  return vmax(vmax(most[0], most[1]), vmax(most[2], most[3]));
}

// One tile of a strip's scores becomes weights relative to their largest so far, by which `correction` scales what came
// before. Sums are of four parts, by the key modulo 4.
template <bool kMasked>
static void weigh_strip(const AttentionHead& head, const RowBlock& rows, const AttentionDropout& dropout, int64_t strip,
                        int64_t s, const StripKeys& keys, const ForwardScratch& scratch) {
  const int64_t first = strip * kAttentionStrip;
  StripMask mask;
  if (kMasked) load_strip_mask(head, rows, rows.first + first, s, keys.some, mask);
  StripBlocks blocks;
  if (dropout.any) blocks = strip_blocks(dropout, head, rows, rows.first + first);
  for (int64_t lane = 0; lane < kAttentionStrip; lane += kLanes) {
    float *scores = scratch.scores + first + lane, *total = scratch.total + first + lane;
    const vi limit = keys.all == keys.some ? vi{} : lane_limits(head, rows, rows.first + first + lane, s);
    const vf before = ld(scratch.largest + first + lane);
    const vf now = largest_score<kMasked>(scores, keys, limit, mask, lane, before);
    const vf shift = select(now == splat(-kInfinity), vf{}, now);
    vf sum[4] = {};
    const int64_t whole = keys.some & ~3;
    for (int64_t k = 0; k < whole; k += 4)
      weigh_keys<true>(scores + k * kAttentionRows, 4, shift, dropout, blocks, lane, s + k, sum);
    if (whole < keys.some)
      weigh_keys<false>(scores + whole * kAttentionRows, keys.some - whole, shift, dropout, blocks, lane, s + whole,
                        sum);
    const vf correction = vexp_nonpositive(before - shift);
    st(scratch.largest + first + lane, now);
    st(total, vfma(ld(total), correction, (sum[0] + sum[1]) + (sum[2] + sum[3])));
    st(scratch.correction + first + lane, correction);
  }
}

// Scales the sums of a strip, where there is a row whose largest score has changed.
static void correct_sums(const ForwardScratch& scratch, int64_t strip, int64_t E) {
  for (int64_t lane = strip * kAttentionStrip; lane < (strip + 1) * kAttentionStrip; lane += kLanes) {
    const vf correction = ld(scratch.correction + lane);
    if (!any(correction != splat(1.0f))) continue;
    for (int64_t e = 0; e < E; e++) {
      float* sum = scratch.sums + e * kAttentionRows + lane;
      st(sum, ld(sum) * correction);
    }
  }
}

// a b + c where `looks` says so, else c.
ANNEAL_INLINE vf add_where(vi looks, vf a, vf b, vf c) {
#if defined(__AVX512F__) && ANNEAL_LANES == 16
  return _mm512_mask3_fmadd_ps(a, b, c, _mm512_movepi32_mask((__m512i)looks));
#else
  return select(looks, vfma(a, b, c), c);
#endif
}

// So many features of sums, for one vector of rows: what keys add to the rows that look at them.
template <int kFeatures>
ANNEAL_INLINE void add_partial_features(const Sequence& value, const StripKeys& keys, vi limit, const float* weights,
                                        float* sums) {
  vf sum[kFeatures];
#pragma GCC unroll 16
  for (int u = 0; u < kFeatures; u++) sum[u] = ld(sums + u * kAttentionRows);
  for (int64_t k = keys.all; k < keys.some; k++) {
    const vf weight = ld(weights + k * kAttentionRows);
    const vi looks = splat((int32_t)k) < limit;
    const float* from = value.at(k);
#pragma GCC unroll 16
    for (int u = 0; u < kFeatures; u++) sum[u] = add_where(looks, splat(from[u]), weight, sum[u]);
  }
#pragma GCC unroll 16
  for (int u = 0; u < kFeatures; u++) st(sums + u * kAttentionRows, sum[u]);
}

// Adds the keys that only some rows of a strip may look at: a row takes no part in the sums of others' keys, not even
// by a factor of 0, so that values there may be anything.
static void add_partial_keys(const AttentionHead& head, const RowBlock& rows, int64_t strip, int64_t s,
                             const StripKeys& keys, const ForwardScratch& scratch, int64_t E) {
  constexpr int kFeatures = kLanes == 16 ? 16 : 8;
  for (int64_t lane = strip * kAttentionStrip; lane < (strip + 1) * kAttentionStrip; lane += kLanes) {
    const vi limit = lane_limits(head, rows, rows.first + lane, s);
    const float* weights = scratch.scores + lane;
    int64_t e = 0;
    const auto add = [&]<int kCount>() __attribute__((always_inline)) {
      for (; e + kCount <= E; e += kCount)
        add_partial_features<kCount>({head.value.at(s) + e, head.value.stride}, keys, limit, weights,
                                     scratch.sums + e * kAttentionRows + lane);
    };
    add.template operator()<kFeatures>();
    add.template operator()<4>();
    add.template operator()<1>();
  }
}

// sums[e][row] (+)= weights of the first `keys` keys times their values, for `count` rows from `first` on.
ANNEAL_INLINE void add_values(const AttentionHead& head, int64_t s, int64_t keys, int64_t first, int64_t count,
                              const ForwardScratch& scratch, int64_t E) {
  attention_product(E, count, keys, head.value.at(s), 1, head.value.stride, scratch.scores + first, kAttentionRows,
                    scratch.sums + first, kAttentionRows, s > 0);
}

// A tile of scores, with what it adds to the sums.
template <bool kMasked>
static void attend_tile(const AttentionHead& head, const RowBlock& rows, const AttentionDropout& dropout, int64_t s,
                        const ForwardScratch& scratch) {
  const AttentionProblem& p = head.problem;
  const int64_t strips = rows.strips();
  const StripKeys last = strip_keys(head, rows, strips - 1, s);
  const bool whole = strip_keys(head, rows, 0, s).all == last.some;
  multiply_keys(head, rows, s, head.key, p.D, scratch.query, scratch.scores);
  for (int64_t strip = 0; strip < strips; strip++) {
    const StripKeys keys = strip_keys(head, rows, strip, s);
    if (keys.some == 0) continue;
    const int64_t first = strip * kAttentionStrip;
    weigh_strip<kMasked>(head, rows, dropout, strip, s, keys, scratch);
    if (s > 0) correct_sums(scratch, strip, p.E);
    if (whole) continue;
    add_values(head, s, keys.all, first, kAttentionStrip, scratch, p.E);
    if (keys.all < keys.some) add_partial_keys(head, rows, strip, s, keys, scratch, p.E);
  }
  if (whole) add_values(head, s, last.some, 0, rows.lanes(), scratch, p.E);
}

// A block of rows, from its scores to y and the log-sum-exp. A row that may look at nothing has both 0.
static void attend_rows(const AttentionHead& head, const RowBlock& rows, const AttentionDropout& dropout,
                        const ForwardScratch& scratch) {
  const AttentionProblem& p = head.problem;
  const TensorArg &y = p.call.out[0], &lse = p.call.out[1];
  transpose_to_lanes(load_rows(head, p.call.in[0], rows, p.D, scratch.copied), rows.lanes(), p.D, p.scale,
                     scratch.query);
  for (int64_t i = 0; i < rows.lanes(); i += kLanes) {
    st(scratch.largest + i, splat(-kInfinity));
    st(scratch.total + i, vf{});
  }
  const int64_t keys = head.limit(rows.last());
  const bool masked = p.call.in[3].data != nullptr;
  for (int64_t s = 0; s < keys; s += kAttentionKeys)
    masked ? attend_tile<true>(head, rows, dropout, s, scratch) : attend_tile<false>(head, rows, dropout, s, scratch);
  if (keys == 0)
    for (int64_t i = 0; i < p.E * kAttentionRows; i += kLanes) st(scratch.sums + i, vf{});
  for (int64_t i = 0; i < rows.lanes(); i += kLanes) {
    const vf total = ld(scratch.total + i);
    const vi nothing = total == vf{};
    st(scratch.correction + i, splat(1.0f) / select(nothing, splat(1.0f), total));
    st(scratch.other + i, select(nothing, vf{}, vlog(total) + ld(scratch.largest + i)));
  }
  if (lse.data)
    for (int64_t i = 0; i < rows.count; i++) ((float*)lse.data)[head.index(rows.first + i)] = scratch.other[i];
  if (y.data) store_transposed_rows(head, y, rows, p.E, scratch.sums, scratch.correction, scratch.copied);
}

}  // namespace anneal::ANNEAL_TARGET
