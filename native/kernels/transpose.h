// Small transpositions in registers, for operands whose k runs along memory, and for rows shorter than vectors.
#pragma once
#include "../simd.h"

namespace anneal::ANNEAL_TARGET {

// Four rows of four by groups: lane 4g + i of the result is column i of row 4g.. of `from`, that is from[(4g + row) *
// stride ..].
ANNEAL_INLINE vf ld_groups(const float* from, int64_t stride) {
#if ANNEAL_LANES == 4
  (void)stride;
  return ld4(from);
#elif ANNEAL_LANES == 8
  return join(ld4(from), ld4(from + 4 * stride));
#elif defined(__AVX512F__)
  // A masked broadcast is a load and a blend, where inserting would take the units that the transposition needs.
  const __m512 a = _mm512_zextps128_ps512(ld4(from));
  const __m512 b = _mm512_mask_broadcast_f32x4(a, 0x00F0, ld4(from + 4 * stride));
  const __m512 c = _mm512_mask_broadcast_f32x4(b, 0x0F00, ld4(from + 8 * stride));
  return _mm512_mask_broadcast_f32x4(c, 0xF000, ld4(from + 12 * stride));
#else
  return join(join(ld4(from), ld4(from + 4 * stride)), join(ld4(from + 8 * stride), ld4(from + 12 * stride)));
#endif
}

#if ANNEAL_LANES == 4
#define ANNEAL_IN_GROUPS(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#elif ANNEAL_LANES == 8
#define ANNEAL_OF8(i) ((i) < 4 ? (i) : (i) + 4)
#define ANNEAL_IN_GROUPS(a, b, i, j, k, l)                                                                     \
  __builtin_shufflevector(a, b, ANNEAL_OF8(i), ANNEAL_OF8(j), ANNEAL_OF8(k), ANNEAL_OF8(l), ANNEAL_OF8(i) + 4, \
                          ANNEAL_OF8(j) + 4, ANNEAL_OF8(k) + 4, ANNEAL_OF8(l) + 4)
#else
#define ANNEAL_OF16(i) ((i) < 4 ? (i) : (i) + 12)
#define ANNEAL_IN_GROUPS(a, b, i, j, k, l)                                                                          \
  __builtin_shufflevector(a, b, ANNEAL_OF16(i), ANNEAL_OF16(j), ANNEAL_OF16(k), ANNEAL_OF16(l), ANNEAL_OF16(i) + 4, \
                          ANNEAL_OF16(j) + 4, ANNEAL_OF16(k) + 4, ANNEAL_OF16(l) + 4, ANNEAL_OF16(i) + 8,           \
                          ANNEAL_OF16(j) + 8, ANNEAL_OF16(k) + 8, ANNEAL_OF16(l) + 8, ANNEAL_OF16(i) + 12,          \
                          ANNEAL_OF16(j) + 12, ANNEAL_OF16(k) + 12, ANNEAL_OF16(l) + 12)
#endif

ANNEAL_INLINE void st_groups(float* to, [[maybe_unused]] int64_t stride, vf x) {
#if ANNEAL_LANES == 4
  st4(to, x);
#elif ANNEAL_LANES == 8
  st4(to, low(x));
  st4(to + 4 * stride, high(x));
#else
  st4(to, low(low(x)));
  st4(to + 4 * stride, high(low(x)));
  st4(to + 8 * stride, low(high(x)));
  st4(to + 12 * stride, high(high(x)));
#endif
}

// out[c] = column c of a block of kLanes rows x 4 columns.
ANNEAL_INLINE void transpose4(const float* from, int64_t stride, vf (&out)[4]) {
  const vf r0 = ld_groups(from, stride), r1 = ld_groups(from + stride, stride);
  const vf r2 = ld_groups(from + 2 * stride, stride), r3 = ld_groups(from + 3 * stride, stride);
  const vf a = ANNEAL_IN_GROUPS(r0, r1, 0, 4, 1, 5), b = ANNEAL_IN_GROUPS(r0, r1, 2, 6, 3, 7);
  const vf c = ANNEAL_IN_GROUPS(r2, r3, 0, 4, 1, 5), d = ANNEAL_IN_GROUPS(r2, r3, 2, 6, 3, 7);
  out[0] = ANNEAL_IN_GROUPS(a, c, 0, 1, 4, 5);
  out[1] = ANNEAL_IN_GROUPS(a, c, 2, 3, 6, 7);
  out[2] = ANNEAL_IN_GROUPS(b, d, 0, 1, 4, 5);
  out[3] = ANNEAL_IN_GROUPS(b, d, 2, 3, 6, 7);
}

// The way back: column c of the block is in[c].
ANNEAL_INLINE void transpose4_back(const vf (&in)[4], float* to, int64_t stride) {
  const vf a = ANNEAL_IN_GROUPS(in[0], in[1], 0, 4, 1, 5), b = ANNEAL_IN_GROUPS(in[0], in[1], 2, 6, 3, 7);
  const vf c = ANNEAL_IN_GROUPS(in[2], in[3], 0, 4, 1, 5), d = ANNEAL_IN_GROUPS(in[2], in[3], 2, 6, 3, 7);
  st_groups(to, stride, ANNEAL_IN_GROUPS(a, c, 0, 1, 4, 5));
  st_groups(to + stride, stride, ANNEAL_IN_GROUPS(a, c, 2, 3, 6, 7));
  st_groups(to + 2 * stride, stride, ANNEAL_IN_GROUPS(b, d, 0, 1, 4, 5));
  st_groups(to + 3 * stride, stride, ANNEAL_IN_GROUPS(b, d, 2, 3, 6, 7));
}

}  // namespace anneal::ANNEAL_TARGET
