// Rows of operands as tiles take them: copied side by side, and transposed, so that rows are lanes.
#pragma once
#include "../transpose.h"
#include "problem.h"

namespace anneal::ANNEAL_TARGET {

// Features of a copied row: whole vectors of every target.
ANNEAL_INLINE int64_t padded(int64_t features) { return round_up(features, 16); }

// A block of rows, `stride` apart.
struct LoadedRows {
  const float* data;
  int64_t stride;
};

// Returns whether a block's rows can be taken where they lie: all of them, one behind the other, in whole vectors.
ANNEAL_INLINE bool lies_in_block(const AttentionHead& head, const RowBlock& rows, int64_t features) {
  return head.problem.G == 1 && rows.count == kAttentionRows && features == padded(features);
}

// The rows of a block, where they lie, or copied to `to`, with zeros behind features and, in whole strips, behind the
// last row.
static LoadedRows load_rows(const AttentionHead& head, const TensorArg& t, const RowBlock& rows, int64_t features,
                            float* to) {
  if (lies_in_block(head, rows, features)) return {head.row(t, rows.first), t.strides[2]};
  const int64_t stride = padded(features);
  for (int64_t i = 0; i < rows.count; i++) {
    const float* from = head.row(t, rows.first + i);
    for (int64_t d = 0; d < stride; d += kLanes) {
      const int64_t left = features - d;
      st(to + i * stride + d, left >= kLanes ? ld(from + d) : left > 0 ? ld_part(from + d, (int)left) : vf{});
    }
  }
  for (int64_t i = rows.count * stride; i < rows.lanes() * stride; i += kLanes) st(to + i, vf{});
  return {to, stride};
}

// to[d * kAttentionRows + i] = factor * row i [d].
static void transpose_to_lanes(const LoadedRows& from, int64_t lanes, int64_t features, float factor, float* to) {
  for (int64_t i = 0; i < lanes; i += kLanes)
    for (int64_t d = 0; d < features; d += 4) {
      vf column[4];
      transpose4(from.data + i * from.stride + d, from.stride, column);
#pragma GCC unroll 4
      for (int u = 0; u < 4; u++) st(to + (d + u) * kAttentionRows + i, column[u] * splat(factor));
    }
}

// Rows of `t` = the columns of from[d * kAttentionRows + i] times factor[i]. `copied` has room for a block of
// rows.
static void store_transposed_rows(const AttentionHead& head, const TensorArg& t, const RowBlock& rows, int64_t features,
                                  const float* from, const float* factor, float* copied) {
  const bool in_place = lies_in_block(head, rows, features);
  float* const to = in_place ? head.row(t, rows.first) : copied;
  const int64_t stride = in_place ? t.strides[2] : padded(features);
  for (int64_t i = 0; i < rows.count; i += kLanes) {
    const vf scale = ld(factor + i);
    for (int64_t d = 0; d < features; d += 4) {
      vf column[4];
#pragma GCC unroll 4
      for (int u = 0; u < 4; u++) column[u] = ld(from + (d + u) * kAttentionRows + i) * scale;
      transpose4_back(column, to + i * stride + d, stride);
    }
  }
  for (int64_t i = 0; !in_place && i < rows.count; i++) {
    float* row = head.row(t, rows.first + i);
    each_vector(features, [&](int64_t d, int lanes)
                              __attribute__((always_inline)) { st_some(row + d, ld(copied + i * stride + d), lanes); });
  }
}

}  // namespace anneal::ANNEAL_TARGET
