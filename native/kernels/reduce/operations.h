// Operations of reductions: the step by an element, and the combination of partial results. A lane starts at
// `identity`; `fill` is an element that changes nothing; `m` is an operand of step that is the same along the reduction
// (the mean, a mask of bits).
#pragma once
#include "../../simd.h"

namespace anneal::ANNEAL_TARGET {

struct RealOp {
  typedef float S;
  typedef vf V;
};
struct IntegerOp {
  typedef int32_t S;
  typedef vi V;
};
#define ANNEAL_COMBINE \
  template <class X>   \
  ANNEAL_INLINE X combine(X a, X b)

struct RealSum : RealOp {
  static constexpr float identity = 0;
  ANNEAL_INLINE vf fill(vf) { return vf{}; }
  ANNEAL_INLINE vf step(vf acc, vf x, vf) { return acc + x; }
  ANNEAL_COMBINE { return a + b; }
};
struct RealDistances : RealOp {  // sum of x - m
  static constexpr float identity = 0;
  ANNEAL_INLINE vf fill(vf m) { return m; }
  ANNEAL_INLINE vf step(vf acc, vf x, vf m) { return acc + (x - m); }
  ANNEAL_COMBINE { return a + b; }
};
struct RealSquares : RealOp {  // sum of (x - m)^2
  static constexpr float identity = 0;
  ANNEAL_INLINE vf fill(vf m) { return m; }
  ANNEAL_INLINE vf step(vf acc, vf x, vf m) { return vfma(x - m, x - m, acc); }
  ANNEAL_COMBINE { return a + b; }
};
struct RealMax : RealOp {  // NaN wins; beaten: where a later x is the new extreme
  static constexpr float identity = -__builtin_inff();
  ANNEAL_INLINE vf fill(vf) { return splat(identity); }
  ANNEAL_INLINE vf step(vf acc, vf x, vf) { return combine(acc, x); }
  ANNEAL_INLINE float combine(float a, float b) { return a > b || a != a ? a : b; }
  ANNEAL_INLINE vi beaten(vf best, vf x) { return ~(x <= best) & (best == best); }
  ANNEAL_COMBINE { return a != a ? a : vmax(a, b); }  // vmax is b where either is NaN
};
struct RealMin : RealOp {
  static constexpr float identity = __builtin_inff();
  ANNEAL_INLINE vf fill(vf) { return splat(identity); }
  ANNEAL_INLINE vf step(vf acc, vf x, vf) { return combine(acc, x); }
  ANNEAL_INLINE float combine(float a, float b) { return a < b || a != a ? a : b; }
  ANNEAL_INLINE vi beaten(vf best, vf x) { return ~(x >= best) & (best == best); }
  ANNEAL_COMBINE { return a != a ? a : vmin(a, b); }
};
// The high and the low halves of integers: sums of each fit 32 bits for a whole block (kReduceBlock).
struct IntegerHighs : IntegerOp {
  static constexpr int32_t identity = 0;
  ANNEAL_INLINE vi fill(vi) { return vi{}; }
  ANNEAL_INLINE vi step(vi acc, vi x, vi) { return acc + (x >> 16); }
  ANNEAL_COMBINE { return a + b; }
};
struct IntegerLows : IntegerOp {
  static constexpr int32_t identity = 0;
  ANNEAL_INLINE vi fill(vi) { return vi{}; }
  ANNEAL_INLINE vi step(vi acc, vi x, vi) { return acc + (x & splat(int32_t(0xFFFF))); }
  ANNEAL_COMBINE { return a + b; }
};
struct IntegerMax : IntegerOp {
  static constexpr int32_t identity = -2147483647 - 1;
  ANNEAL_INLINE vi fill(vi) { return splat(identity); }
  ANNEAL_INLINE vi step(vi acc, vi x, vi) { return combine(acc, x); }
  ANNEAL_COMBINE { return a > b ? a : b; }
  ANNEAL_INLINE vi beaten(vi best, vi x) { return x > best; }
};
struct IntegerMin : IntegerOp {
  static constexpr int32_t identity = 2147483647;
  ANNEAL_INLINE vi fill(vi) { return splat(identity); }
  ANNEAL_INLINE vi step(vi acc, vi x, vi) { return combine(acc, x); }
  ANNEAL_COMBINE { return a < b ? a : b; }
  ANNEAL_INLINE vi beaten(vi best, vi x) { return x < best; }
};
// Over the bits of any dtype: m masks the sign of a float, so that -0 is false.
struct BitsAny : IntegerOp {
  static constexpr int32_t identity = 0;
  ANNEAL_INLINE vi fill(vi) { return vi{}; }
  ANNEAL_INLINE vi step(vi acc, vi x, vi m) { return acc | (((x & m) != vi{}) & splat(int32_t(1))); }
  ANNEAL_COMBINE { return a | b; }
};
struct BitsAll : IntegerOp {
  static constexpr int32_t identity = 1;
  ANNEAL_INLINE vi fill(vi) { return splat(int32_t(1)); }
  ANNEAL_INLINE vi step(vi acc, vi x, vi m) { return acc & ((x & m) != vi{}); }
  ANNEAL_COMBINE { return a & b; }
};

// ---- one block: 64 virtual lanes, element i in lane i % 64, folded to 16 and then by a fixed tree
// --------------------
constexpr int64_t kReduceBlock = 4096;
constexpr int kFold = 4;  // groups of 16 lanes, for as many independent chains

template <class Op>
ANNEAL_INLINE float fold_lanes(const vf (&acc)[kParts]) {
  Lanes16 t;
  for (int p = 0; p < kParts; p++) t.part[p] = acc[p];
  return fold16(t, [](auto a, auto b) __attribute__((always_inline)) { return Op::combine(a, b); });
}

template <class Op>
ANNEAL_INLINE int32_t fold_lanes(const vi (&acc)[kParts]) {
  int32_t lane[16];
  for (int p = 0; p < kParts; p++) st(lane + p * kLanes, acc[p]);
  for (int half = 8; half; half /= 2)
    for (int i = 0; i < half; i++) lane[i] = Op::combine(lane[i], lane[i + half]);
  return lane[0];
}

ANNEAL_INLINE vf splat_lanes(float x) { return splat(x); }
ANNEAL_INLINE vi splat_lanes(int32_t x) { return splat(x); }

// The lanes of elements [i, i + 16), where those from n on count as `fill`.
template <class Op>
ANNEAL_INLINE void step_part(typename Op::V (&acc)[kParts], const typename Op::S* x, int64_t n, typename Op::V m) {
  for (int p = 0; p < kParts; p++) {
    const int64_t rest = n - p * kLanes;
    if (rest >= kLanes)
      acc[p] = Op::step(acc[p], ld(x + p * kLanes), m);
    else if (rest > 0)
      acc[p] =
          Op::step(acc[p], select(iota() < splat((int32_t)rest), ld_part(x + p * kLanes, (int)rest), Op::fill(m)), m);
  }
}

template <class Op>
ANNEAL_INLINE typename Op::S reduce_block(const typename Op::S* x, int64_t n, typename Op::S m_value) {
  typedef typename Op::V V;
  const V m = splat_lanes(m_value);
  V acc[kFold][kParts];
  for (int u = 0; u < kFold; u++)
    for (int p = 0; p < kParts; p++) acc[u][p] = splat_lanes(Op::identity);
  int64_t i = 0;
  for (; i + 64 <= n; i += 64)
    for (int u = 0; u < kFold; u++)
      for (int p = 0; p < kParts; p++) acc[u][p] = Op::step(acc[u][p], ld(x + i + 16 * u + kLanes * p), m);
  for (int u = 0; u < kFold; u++) step_part<Op>(acc[u], x + i + 16 * u, n - i - 16 * u, m);
  if (n > 16)
    for (int p = 0; p < kParts; p++)
      acc[0][p] = Op::combine(Op::combine(acc[0][p], acc[1][p]), Op::combine(acc[2][p], acc[3][p]));
  return fold_lanes<Op>(acc[0]);
}

// ---- partial results of blocks, combined as a binary tree over their order ----------------------------------------
// Runs of 2^k blocks from a multiple of 2^k on are a subtree, so reducing them elsewhere and pushing the result is the
// same tree.
template <class Op, class S = typename Op::S>
struct Pairwise {
  S level[48];
  uint64_t count;
};

template <class Op, class S>
ANNEAL_INLINE void pairwise_push(Pairwise<Op, S>& p, S x) {
  int k = 0;
  for (uint64_t c = p.count; c & 1; c >>= 1) x = Op::combine(p.level[k++], x);
  p.level[k] = x;
  p.count++;
}

template <class Op, class S>
ANNEAL_INLINE S pairwise_result(const Pairwise<Op, S>& p) {  // of at least one
  int k = __builtin_ctzll(p.count);
  S x = p.level[k];
  for (k++; k < 48 && p.count >> k; k++)
    if (p.count >> k & 1) x = Op::combine(p.level[k], x);
  return x;
}

}  // namespace anneal::ANNEAL_TARGET
