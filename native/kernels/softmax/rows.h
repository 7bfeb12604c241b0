// Sums in blocks and the maximum of single rows.
#pragma once
#include "../math.h"
#include "../reduce/operations.h"
#include "../walk.h"

namespace anneal::ANNEAL_TARGET {

constexpr int64_t kRowBlock = 1024;

// The first `lanes` elements, and `otherwise` in the lanes beyond.
ANNEAL_INLINE vf ld_or(const float* p, int lanes, vf otherwise) {
  return lanes == kLanes ? ld(p) : ld_part(p, lanes, otherwise);
}

// Calls f(i, p, lanes) for the vectors [i + p * kLanes, ... + lanes) of each 16 elements of [first, n): kLanes, but for
// those at the end.
template <class F>
ANNEAL_INLINE void each_lane_vector(int64_t first, int64_t n, F f) {
  int64_t i = first;
  for (; i + 16 <= n; i += 16)
    for (int p = 0; p < kParts; p++) f(i, p, kLanes);
  for (int p = 0; p < kParts && i + p * kLanes < n; p++) f(i, p, (int)smallest(n - i - p * kLanes, kLanes));
}

constexpr int kBatch = ANNEAL_LANES == 16 ? 4 : kParts;  // vectors that go together
constexpr int64_t kBatchElements = kBatch * kLanes;

// The sum over [0, n) of what batch(i, acc) adds to the lanes for the elements [i, i + kBatchElements), and of
// part(i, p, lanes), the elements at the end by parts, with 0 in lanes beyond.
template <class Batch, class Part>
ANNEAL_INLINE float sum_of(int64_t n, Batch batch, Part part) {
  Pairwise<RealSum> blocks;
  blocks.count = 0;
  float sum = 0;
  for (int64_t first = 0; first < n; first += kRowBlock) {
    const int64_t end = smallest(n, first + kRowBlock);
    Lanes16 acc = splat16(0.0f);
    int64_t i = first;
    for (; i + kBatchElements <= end; i += kBatchElements) batch(i, acc);
    each_lane_vector(i, end, [&](int64_t at, int p, int lanes) __attribute__((always_inline)) {
      acc.part[p] = acc.part[p] + part(at, p, lanes);
    });
    sum = sum16(acc);
    if (n > kRowBlock) pairwise_push(blocks, sum);
  }
  return n > kRowBlock ? pairwise_result(blocks) : sum;
}

// The sum of part(i, p, lanes) over [0, n).
template <class Part>
ANNEAL_INLINE float sum_of(int64_t n, Part part) {
  const auto batch = [&](int64_t i, Lanes16& acc) __attribute__((always_inline)) {
    for (int b = 0; b < kBatch; b++) {
      vf& lanes = acc.part[b % kParts];
      lanes = lanes + part(i + b / kParts * 16, b % kParts, kLanes);
    }
  };
  return sum_of(n, batch, part);
}

// The largest element. A NaN may or may not be it, and shows in the sum that follows.
ANNEAL_INLINE float row_max(const float* x, int64_t C) {
  const vf lowest = splat(-kInfinity);
  vf acc[4] = {lowest, lowest, lowest, lowest};
  int64_t i = 0;
  for (; i + 4 * kLanes <= C; i += 4 * kLanes)
    for (int u = 0; u < 4; u++) acc[u] = vmax(acc[u], ld(x + i + u * kLanes));
  acc[0] = vmax(vmax(acc[0], acc[1]), vmax(acc[2], acc[3]));
  each_vector(C - i, [&](int64_t j, int lanes) __attribute__((always_inline)) {
    acc[0] = vmax(acc[0], keep_lanes(ld_some(x + i + j, lanes), lanes, lowest));
  });
  Lanes16 t = splat16(-kInfinity);
  t.part[0] = acc[0];
  return fold16(t, [](auto a, auto b) __attribute__((always_inline)) { return vmax(a, b); });
}

}  // namespace anneal::ANNEAL_TARGET
