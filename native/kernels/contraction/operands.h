// Sources of a tile's operands, one k after the other: row(r) is the element of row r of A, load(v) is vector v of
// the columns of B, advance() goes to the next k.
#pragma once
#include "../../simd.h"

namespace anneal::ANNEAL_TARGET {

// Strided rows of A, three to a pointer: x86 addresses p, p + s and p + 2 s without further registers.
template <int R>
struct StridedRows {
  const float* of[(R + 2) / 3];
  int64_t stride, k_stride;
  ANNEAL_INLINE StridedRows at(const float* a, int64_t stride, int64_t k_stride) {
    StridedRows p;
    p.stride = stride;
    p.k_stride = k_stride;
#pragma GCC unroll 8
    for (int i = 0; i < (R + 2) / 3; i++) p.of[i] = a + 3 * i * stride;
    return p;
  }
  __attribute__((always_inline)) float row(int r) const { return of[r / 3][(r % 3) * stride]; }
  __attribute__((always_inline)) void advance() {
#pragma GCC unroll 8
    for (int i = 0; i < (R + 2) / 3; i++) of[i] += k_stride;
  }
};

// A packed panel of A, [k][R].
template <int R>
struct PanelRows {
  const float* next;
  __attribute__((always_inline)) float row(int r) const { return next[r]; }
  __attribute__((always_inline)) void advance() { next += R; }
};

// Rows of B that lie `stride` apart.
template <int V>
struct StridedColumns {
  const float* next;
  int64_t stride;
  __attribute__((always_inline)) vf load(int v) const { return ld(next + v * kLanes); }
  __attribute__((always_inline)) void advance() { next += stride; }
};
// A packed panel of B, [k][V * kLanes].
template <int V>
struct PanelColumns {
  const float* next;
  __attribute__((always_inline)) vf load(int v) const { return ld(next + v * kLanes); }
  __attribute__((always_inline)) void advance() { next += V * kLanes; }
};

}  // namespace anneal::ANNEAL_TARGET
