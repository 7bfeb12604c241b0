// Several rows folded to a value each, in the order of fold16.
#pragma once
#include "../../simd.h"

namespace anneal::ANNEAL_TARGET {

// fold16 of several rows at once: lane r of the result is that of rows[r], whose 16 lanes narrow16 has brought to one
// vector.
template <class Op>
ANNEAL_INLINE vf narrow16(const Lanes16& t, Op op) {
#if ANNEAL_LANES == 4
  return op(op(t.part[0], t.part[2]), op(t.part[1], t.part[3]));
#elif ANNEAL_LANES == 8
  return op(t.part[0], t.part[1]);
#else
  (void)op;
  return t.part[0];
#endif
}
template <class Op>
ANNEAL_INLINE vf fold16_rows(const vf* rows, Op op) {
  vf four[4];  // the quarters of four[i] are rows i, i + 4, ..., folded to four lanes
#if ANNEAL_LANES == 4
  for (int i = 0; i < 4; i++) four[i] = rows[i];
#elif ANNEAL_LANES == 8
  for (int i = 0; i < 4; i++)
    four[i] = op(vf(__builtin_shufflevector(rows[i], rows[i + 4], 0, 1, 2, 3, 8, 9, 10, 11)),
                 vf(__builtin_shufflevector(rows[i], rows[i + 4], 4, 5, 6, 7, 12, 13, 14, 15)));
#else
  for (int i = 0; i < 4; i++) {
    vf eight[2];
    for (int h = 0; h < 2; h++) {
      const vf a = rows[i + 8 * h], b = rows[i + 8 * h + 4];
      eight[h] = op(vf(__builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)),
                    vf(__builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31)));
    }
    const vf a = eight[0], b = eight[1];
    four[i] = op(vf(__builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)),
                 vf(__builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31)));
  }
#endif
#if ANNEAL_LANES == 4
#define ANNEAL_QUARTERS(a, b, c, d) a, b, 4 + c, 4 + d
#elif ANNEAL_LANES == 8
#define ANNEAL_QUARTERS(a, b, c, d) a, b, 8 + c, 8 + d, 4 + a, 4 + b, 12 + c, 12 + d
#else
#define ANNEAL_QUARTERS(a, b, c, d) \
  a, b, 16 + c, 16 + d, 4 + a, 4 + b, 20 + c, 20 + d, 8 + a, 8 + b, 24 + c, 24 + d, 12 + a, 12 + b, 28 + c, 28 + d
#endif
  vf two[2];  // pairs of rows in the quarters
  for (int i = 0; i < 2; i++)
    two[i] = op(vf(__builtin_shufflevector(four[2 * i], four[2 * i + 1], ANNEAL_QUARTERS(0, 1, 0, 1))),
                vf(__builtin_shufflevector(four[2 * i], four[2 * i + 1], ANNEAL_QUARTERS(2, 3, 2, 3))));
  return op(vf(__builtin_shufflevector(two[0], two[1], ANNEAL_QUARTERS(0, 2, 0, 2))),
            vf(__builtin_shufflevector(two[0], two[1], ANNEAL_QUARTERS(1, 3, 1, 3))));
#undef ANNEAL_QUARTERS
}

}  // namespace anneal::ANNEAL_TARGET
