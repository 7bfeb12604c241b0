// Sums of squares in double, in sixteen virtual lanes: element i of a part goes to lane i % 16. The square of a float32
// is exact in double, and neither overflows nor vanishes, so that fused multiply-add would change nothing.
#pragma once
#include "../../simd.h"

namespace anneal::ANNEAL_TARGET {

#if ANNEAL_LANES == 16
typedef double vw __attribute__((vector_size(64)));
constexpr int kDoubles = 8;
ANNEAL_INLINE vw widen(v8 x) { return __builtin_convertvector(x, vw); }
#else
typedef double vw __attribute__((vector_size(32)));
constexpr int kDoubles = 4;
ANNEAL_INLINE vw widen(v4 x) { return __builtin_convertvector(x, vw); }
#endif

struct Squares {
  vw part[16 / kDoubles];
};

// Adds vector `p` of sixteen elements, which are kParts vectors.
ANNEAL_INLINE void add_squares(Squares& s, int p, vf x) {
#if ANNEAL_LANES == 4
  const vw d = widen(x);
  s.part[p] += d * d;
#else
  const vw l = widen(low(x)), h = widen(high(x));
  s.part[2 * p] += l * l;
  s.part[2 * p + 1] += h * h;
#endif
}

ANNEAL_INLINE void add_squares(Squares& s, const Squares& other) {
  for (int i = 0; i < 16 / kDoubles; i++) s.part[i] += other.part[i];
}

// Lane q and q + 8, then q + 4, q + 2, q + 1.
ANNEAL_INLINE double sum_squares(const Squares& s) {
  typedef double v4d __attribute__((vector_size(32)));
#if ANNEAL_LANES == 16
  const vw e = s.part[0] + s.part[1];
  const v4d q = v4d(__builtin_shufflevector(e, e, 0, 1, 2, 3)) + v4d(__builtin_shufflevector(e, e, 4, 5, 6, 7));
#else
  const v4d q = (s.part[0] + s.part[2]) + (s.part[1] + s.part[3]);
#endif
  return (q[0] + q[2]) + (q[1] + q[3]);
}

}  // namespace anneal::ANNEAL_TARGET
