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
    float* scores = scratch.scores + first + lane;
    const bool all = keys.all == keys.some;
    const vi limit = all ? vi{} : lane_limits(head, rows, rows.first + first + lane, s);
    const vf before = ld(scratch.largest + first + lane);
    vf most[4] = {before, before, before, before};
    for (int64_t k = 0; k < keys.some; k++) {
      vf x = ld(scores + k * kAttentionRows);
      if (kMasked) x = masked(x, mask, k, lane);
      if (k >= keys.all) x = select(splat((int32_t)k) < limit, x, splat(-kInfinity));
      if (kMasked || k >= keys.all) st(scores + k * kAttentionRows, x);
      most[k & 3] = vmax(x, most[k & 3]);
    }
    const vf now = vmax(vmax(most[0], most[1]), vmax(most[2], most[3]));
    const vf shift = select(now == splat(-kInfinity), vf{}, now);
    const vf correction = vexp_nonpositive(before - shift);
    vf sum[4] = {};
    for (int64_t k = 0; k < keys.some; k += 4) {
      vf x[4];
      for (int u = 0; u < 4; u++)
        x[u] = k + u < keys.some ? ld(scores + (k + u) * kAttentionRows) - shift : splat(-kInfinity);
      vexp_nonpositive(x);
      for (int u = 0; u < 4; u++) sum[u] = sum[u] + x[u];
      if (dropout.any) {
        vf factor[4];
        dropout_factors(dropout, blocks, lane, s + k, factor);
        for (int u = 0; u < 4; u++) x[u] = x[u] * factor[u];
      }
      for (int u = 0; u < 4; u++)
        if (k + u < keys.some) st(scores + (k + u) * kAttentionRows, x[u]);
    }
    st(scratch.largest + first + lane, now);
    st(scratch.total + first + lane,
       vfma(ld(scratch.total + first + lane), correction, (sum[0] + sum[1]) + (sum[2] + sum[3])));
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

// Adds the keys that only some rows of a strip may look at: a row takes no part in the sums of others' keys, not even
// by a factor of 0, so that values there may be anything.
static void add_partial_keys(const AttentionHead& head, const RowBlock& rows, int64_t strip, int64_t s,
                             const StripKeys& keys, const ForwardScratch& scratch, int64_t E) {
  constexpr int kFeatures = 8;
  for (int64_t lane = strip * kAttentionStrip; lane < (strip + 1) * kAttentionStrip; lane += kLanes) {
    const vi limit = lane_limits(head, rows, rows.first + lane, s);
    for (int64_t e = 0; e < E; e += kFeatures) {
      vf sum[kFeatures];
      const int64_t count = smallest(E - e, kFeatures);
      for (int u = 0; u < kFeatures; u++)
        sum[u] = u < count ? ld(scratch.sums + (e + u) * kAttentionRows + lane) : vf{};
      for (int64_t k = keys.all; k < keys.some; k++) {
        const vf weight = ld(scratch.scores + k * kAttentionRows + lane);
        const vi looks = splat((int32_t)k) < limit;
        const float* value = head.value.at(s + k) + e;
        if (count == kFeatures)
#pragma GCC unroll 8
          for (int u = 0; u < kFeatures; u++) sum[u] = select(looks, vfma(splat(value[u]), weight, sum[u]), sum[u]);
        else
          for (int u = 0; u < count; u++) sum[u] = select(looks, vfma(splat(value[u]), weight, sum[u]), sum[u]);
      }
      for (int u = 0; u < count; u++) st(scratch.sums + (e + u) * kAttentionRows + lane, sum[u]);
    }
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
  const int64_t strips = divide_up(rows.count, kAttentionStrip);
  const StripKeys last = strip_keys(head, rows, strips - 1, s);
  const bool whole = strip_keys(head, rows, 0, s).all == last.some;
  const auto scores = [&](int64_t keys, int64_t first, int64_t count) __attribute__((always_inline)) {
    attention_product(keys, count, p.D, head.key.at(s), head.key.stride, 1, scratch.query + first, kAttentionRows,
                      scratch.scores + first, kAttentionRows, false);
  };
  if (whole) scores(last.some, 0, strips * kAttentionStrip);
  for (int64_t strip = 0; strip < strips; strip++) {
    const StripKeys keys = strip_keys(head, rows, strip, s);
    if (keys.some == 0) continue;
    const int64_t first = strip * kAttentionStrip;
    if (!whole) scores(keys.some, first, kAttentionStrip);
    weigh_strip<kMasked>(head, rows, dropout, strip, s, keys, scratch);
    if (s > 0) correct_sums(scratch, strip, p.E);
    if (whole) continue;
    add_values(head, s, keys.all, first, kAttentionStrip, scratch, p.E);
    if (keys.all < keys.some) add_partial_keys(head, rows, strip, s, keys, scratch, p.E);
  }
  if (whole) add_values(head, s, last.some, 0, strips * kAttentionStrip, scratch, p.E);
}

// A block of rows, from its scores to y and the log-sum-exp. A row that may look at nothing has both 0.
static void attend_rows(const AttentionHead& head, const RowBlock& rows, const AttentionDropout& dropout,
                        const ForwardScratch& scratch) {
  const AttentionProblem& p = head.problem;
  const TensorArg &y = p.call.out[0], &lse = p.call.out[1];
  copy_rows(head, p.call.in[0], rows, p.D, scratch.copied);
  transpose_copied(scratch.copied, p.D, p.scale, scratch.query);
  for (int64_t i = 0; i < kAttentionRows; i += kLanes) {
    st(scratch.largest + i, splat(-kInfinity));
    st(scratch.total + i, vf{});
  }
  const int64_t keys = head.limit(rows.last());
  const bool masked = p.call.in[3].data != nullptr;
  for (int64_t s = 0; s < keys; s += kAttentionKeys)
    masked ? attend_tile<true>(head, rows, dropout, s, scratch) : attend_tile<false>(head, rows, dropout, s, scratch);
  if (keys == 0)
    for (int64_t i = 0; i < p.E * kAttentionRows; i += kLanes) st(scratch.sums + i, vf{});
  for (int64_t i = 0; i < kAttentionRows; i += kLanes) {
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
