// What a mask adds to scores: transposed to lie as they do.
#pragma once
#include "rows.h"

namespace anneal::ANNEAL_TARGET {

// The mask of a strip of rows and a tile of keys, [key][row], or of keys alone.
struct StripMask {
  float at[kAttentionKeys * kAttentionStrip];
  bool truths;  // of numbers that are not 0 where a row may look; else they are added
};

// Values of `count` keys from a row of a mask, as floats.
ANNEAL_INLINE void load_mask_row(const TensorArg& mask, int64_t offset, int64_t stride, int64_t count, float* to) {
  if (mask.dtype == DType::f32) {
    const float* from = (const float*)mask.data + offset;
    if (stride == 1)
      each_vector(count,
                  [&](int64_t s, int lanes) __attribute__((always_inline)) { st(to + s, ld_some(from + s, lanes)); });
    else
      for (int64_t s = 0; s < count; s++) to[s] = from[s * stride];
  } else {
    const uint8_t* from = (const uint8_t*)mask.data + offset;
    if (stride == 1)
      each_vector(count, [&](int64_t s, int lanes)
                             __attribute__((always_inline)) { st(to + s, to_float(ld_some(from + s, lanes))); });
    else
      for (int64_t s = 0; s < count; s++) to[s] = from[s * stride];
  }
}

// Loads the part for rows from `first` on, up to the last row, and keys [s, s + count).
static void load_strip_mask(const AttentionHead& head, const RowBlock& rows, int64_t first, int64_t s, int64_t count,
                            StripMask& to) {
  const TensorArg& mask = head.problem.call.in[3];
  const int64_t G = head.problem.G;
  int64_t stride[4];
  for (int d = 0; d < 4; d++) stride[d] = mask.dims[d] == 1 ? 0 : mask.strides[d];
  float copied[kAttentionStrip][kAttentionKeys];
  for (int64_t i = 0; i < kAttentionStrip; i++) {
    const int64_t r = smallest(first + i, rows.last());
    const int64_t offset = head.b * stride[0] + (head.k * G + r % G) * stride[1] + r / G * stride[2] + s * stride[3];
    load_mask_row(mask, offset, stride[3], count, copied[i]);
  }
  to.truths = mask.dtype != DType::f32;
  for (int64_t i = 0; i < kAttentionStrip; i += kLanes)
    for (int64_t k = 0; k < count; k += 4) {
      vf column[4];
      transpose4(&copied[i][k], kAttentionKeys, column);
      for (int u = 0; u < 4; u++) st(to.at + (k + u) * kAttentionStrip + i, column[u]);
    }
}

ANNEAL_INLINE vf masked(vf score, const StripMask& mask, int64_t key, int64_t lane) {
  const vf m = ld(mask.at + key * kAttentionStrip + lane);
  return mask.truths ? select(m != vf{}, score, splat(-kInfinity)) : score + m;
}

}  // namespace anneal::ANNEAL_TARGET
