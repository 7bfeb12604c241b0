// argmax and argmin along the innermost run of memory.
#pragma once
#include "job.h"

namespace anneal::ANNEAL_TARGET {

// The largest (or smallest) value of a block and the first index where it stands; NaN counts as the largest and the
// smallest.
template <class S>
struct ValueIndex {
  S value;
  int32_t index;
};

template <class Extreme>
struct Arg {  // of two the first wins a tie
  typedef ValueIndex<typename Extreme::S> S;
  ANNEAL_INLINE S combine(S a, S b) {
    if (a.value != a.value) return a;
    if (b.value != b.value) return b;
    return a.value == b.value || Extreme::combine(a.value, b.value) == a.value ? a : b;
  }
};

// Each lane keeps the best of its elements and its index; the lanes' best, at the least of their indices, is the
// block's.
constexpr int kArgFold = 2;

template <class Extreme>
static ValueIndex<typename Extreme::S> arg_block(const typename Extreme::S* x, int64_t n, int64_t first) {
  typedef typename Extreme::V V;
  if (n == 0) return {Extreme::identity, (int32_t)first};
  V best[kArgFold][kParts];
  vi indices[kArgFold][kParts], at = iota();
  for (int u = 0; u < kArgFold; u++)
    for (int p = 0; p < kParts; p++) best[u][p] = splat_lanes(x[0]), indices[u][p] = vi{};
  const auto see = [&](int u, int p, V v, vi inside) __attribute__((always_inline)) {
    const vi better = Extreme::beaten(best[u][p], v) & inside;
    best[u][p] = select(better, v, best[u][p]);
    indices[u][p] = select(better, at, indices[u][p]);
    at += splat(int32_t(kLanes));
  };
  int64_t i = 0;
  for (; i + 16 * kArgFold <= n; i += 16 * kArgFold)
    for (int u = 0; u < kArgFold; u++)
      for (int p = 0; p < kParts; p++) see(u, p, ld(x + i + 16 * u + kLanes * p), splat(int32_t(-1)));
  for (; i < n; i += kLanes) {
    const int lanes = (int)smallest(kLanes, n - i);
    see(0, 0, ld_some(x + i, lanes), iota() < splat(int32_t(lanes)));
  }
  V most[kParts];
  for (int p = 0; p < kParts; p++) most[p] = Extreme::combine(best[0][p], best[1][p]);
  const typename Extreme::S value = fold_lanes<Extreme>(most);
  const V wanted = splat_lanes(value);
  const bool nan = value != value;
  vi least = splat(int32_t(2147483647));
  for (int u = 0; u < kArgFold; u++)
    for (int p = 0; p < kParts; p++) {
      const V v = best[u][p];
      least = vmin(least, select(nan ? v != v : v == wanted, indices[u][p], least));
    }
  int32_t lane[kLanes], index = 2147483647;
  st(lane, least);
  for (int l = 0; l < kLanes; l++) index = lane[l] < index ? lane[l] : index;
  return {value, (int32_t)first + index};
}

template <class Extreme, class S>
static ValueIndex<S> arg_blocks(const ReduceJob& job, int64_t offset, int64_t first, int64_t last, char* scratch) {
  Pairwise<Arg<Extreme>, ValueIndex<S>> partial;
  partial.count = 0;
  for (int64_t b = first; b < last; b++) {
    const int64_t at = b * kReduceBlock, n = smallest(kReduceBlock, job.R - at);
    pairwise_push(partial, arg_block<Extreme>(block_of<S>(job, offset, at, n, scratch), n, at));
  }
  return pairwise_result(partial);
}

// A policy of reduce_rows.
template <class Extreme>
struct ByIndex {
  static constexpr bool kMeansFirst = false;
  typedef ValueIndex<typename Extreme::S> S;
  typedef Arg<Extreme> Tree;
  ANNEAL_INLINE S part(const ReduceJob& job, int64_t offset, int64_t first, int64_t last, S, char* scratch) {
    return arg_blocks<Extreme, typename Extreme::S>(job, offset, first, last, scratch);
  }
  ANNEAL_INLINE void store(const ReduceJob& job, int64_t o, S x) { store_result(job, o, x.index); }
};

}  // namespace anneal::ANNEAL_TARGET
