// Rows of operands as tiles take them: copied side by side, and transposed, so that rows are lanes.
#pragma once
#include "../transpose.h"
#include "problem.h"

namespace anneal::ANNEAL_TARGET {

// Features of a copied row: whole vectors of every target.
ANNEAL_INLINE int64_t padded(int64_t features) { return round_up(features, 16); }

// to[i * padded(features)]: row i of `t`, zeros behind its features, and behind the last row.
static void copy_rows(const AttentionHead& head, const TensorArg& t, const RowBlock& rows, int64_t features,
                      float* to) {
  const int64_t stride = padded(features);
  for (int64_t i = 0; i < rows.count; i++) {
    const float* from = head.row(t, rows.first + i);
    for (int64_t d = 0; d < stride; d += kLanes) {
      const int64_t left = features - d;
      st(to + i * stride + d, left >= kLanes ? ld(from + d) : left > 0 ? ld_part(from + d, (int)left) : vf{});
    }
  }
  for (int64_t i = rows.count * stride; i < kAttentionRows * stride; i += kLanes) st(to + i, vf{});
}

// to[d * kAttentionRows + i] = factor * from[i * padded(features) + d].
static void transpose_copied(const float* from, int64_t features, float factor, float* to) {
  const int64_t stride = padded(features);
  for (int64_t i = 0; i < kAttentionRows; i += kLanes)
    for (int64_t d = 0; d < features; d += 4) {
      vf column[4];
      transpose4(from + i * stride + d, stride, column);
      for (int u = 0; u < 4; u++) st(to + (d + u) * kAttentionRows + i, column[u] * splat(factor));
    }
}

// Rows of `t` = the columns of from[d * kAttentionRows + i] times factor[i]. `copied` has room for a block of rows.
static void store_transposed_rows(const AttentionHead& head, const TensorArg& t, const RowBlock& rows, int64_t features,
                                  const float* from, const float* factor, float* copied) {
  const int64_t stride = padded(features);
  for (int64_t i = 0; i < rows.count; i += kLanes) {
    const vf scale = ld(factor + i);
    for (int64_t d = 0; d < features; d += 4) {
      vf column[4];
      for (int u = 0; u < 4; u++) column[u] = ld(from + (d + u) * kAttentionRows + i) * scale;
      transpose4_back(column, copied + i * stride + d, stride);
    }
  }
  for (int64_t i = 0; i < rows.count; i++) {
    float* to = head.row(t, rows.first + i);
    each_vector(features, [&](int64_t d, int lanes)
                              __attribute__((always_inline)) { st_some(to + d, ld(copied + i * stride + d), lanes); });
  }
}

}  // namespace anneal::ANNEAL_TARGET
