// Long rows: while the terms of a row are computed, the maximum of the next row is found and the results of the row
// before are written. So memory and arithmetic are busy at the same time, no row waits for the latencies of another,
// and an element is read from memory once and written once.
#pragma once
#include "rows.h"

namespace anneal::ANNEAL_TARGET {

// Memory is prefetched this many elements before it is needed, into the second cache: the arithmetic in between is more
// than a processor looks past by itself. 8 to 32 KB measured alike; without it wide rows take twice the time.
constexpr int64_t kRowPrefetchElements = 4096;
constexpr int64_t kStreamedBytes = int64_t(32) << 20;  // results of this size and more are written past the caches

// The last pass over a row, when its sum is known: to[i] = value(from[i], a, b).
struct Ending {
  const float* from;
  float* to;
  vf a, b;
};

struct ScaledTerm {  // from: e^(x - max), a: 1 / sum, or that times a factor
  static constexpr bool kOfTerms = true;
  ANNEAL_INLINE vf value(vf v, vf a, vf) { return v * a; }
};
struct LogTerm {  // from: x, a: max, b: ln sum
  static constexpr bool kOfTerms = false;
  ANNEAL_INLINE vf value(vf v, vf a, vf b) { return v - a - b; }
};

template <class End>
ANNEAL_INLINE void write_sixteen(const Ending& e, int64_t i) {
  for (int p = 0; p < kParts; p++) {
    const int64_t at = i + p * kLanes;
    st(e.to + at, End::value(ld(e.from + at), e.a, e.b));
  }
}

// The same for elements that begin a line of the cache.
template <class End, bool kStream>
ANNEAL_INLINE void write_line(const Ending& e, int64_t i) {
  for (int p = 0; p < kParts; p++) {
    const int64_t at = i + p * kLanes;
    const vf v = End::value(ld(e.from + at), e.a, e.b);
    if (kStream)
      st_stream(e.to + at, v);
    else
      st(e.to + at, v);
  }
}

// Both ends of a row of C >= 16 elements, by vectors that overlap what write_line writes in between, from the result
// on.
template <class End>
ANNEAL_INLINE int64_t write_ends(const Ending& e, int64_t C) {
  write_sixteen<End>(e, 0);
  write_sixteen<End>(e, C - 16);
  return (int64_t)((64 - (uintptr_t)e.to % 64) % 64 / 4);
}

struct RowResult {
  float sum, next_max;
};

// The sum of e^(x - max), whose terms are kept in `terms` where the ending is made of them, and the maximum of `next`.
// The row before may have its terms in the same place: they are read before they are overwritten.
template <class End, bool kBefore, bool kKeep, bool kStream>
static RowResult run_row(const float* next, const float* x, float max, float* terms, int64_t C, const Ending& before) {
  const int64_t head = kBefore ? write_ends<End>(before, C) : 0;
  const vf m = splat(max), lowest = splat(-kInfinity);
  Lanes16 top = splat16(-kInfinity);  // of the next row
  const auto batch = [&](int64_t i, Lanes16& acc) __attribute__((always_inline)) {
    vf e[kBatch];
    for (int b = 0; b < kBatch; b++) {
      vf& t = top.part[b % kParts];
      t = vmax(t, ld(next + i + b * kLanes));
      if (b % kParts == 0) __builtin_prefetch(next + i + b * kLanes + kRowPrefetchElements, 0, 2);
      e[b] = ld(x + i + b * kLanes) - m;
    }
    if (kBefore)
      for (int64_t at = head + i; at < head + i + kBatchElements && at + 16 <= C; at += 16)
        write_line<End, kStream>(before, at);
    vexp_nonpositive(e);
    for (int b = 0; b < kBatch; b++) {
      if (kKeep) st(terms + i + b * kLanes, e[b]);
      acc.part[b % kParts] = acc.part[b % kParts] + e[b];
    }
  };
  const auto part = [&](int64_t i, int p, int lanes) __attribute__((always_inline)) {
    const int64_t at = i + p * kLanes;
    top.part[p] = vmax(top.part[p], ld_or(next + at, lanes, lowest));
    if (kBefore && p == 0 && head + i + 16 <= C) write_line<End, kStream>(before, head + i);
    const vf e = vexp_nonpositive(ld_or(x + at, lanes, lowest) - m);
    if (kKeep) st_some(terms + at, e, lanes);
    return e;
  };
  const float sum = sum_of(C, batch, part);
  return {sum, fold16(top, [](auto a, auto b) __attribute__((always_inline)) { return vmax(a, b); })};
}

// Rows [0, rows) of x. ending(row, max, sum) is asked for the ending of each row as soon as its sum is known.
template <class End, bool kWrite, bool kStream, class EndingOf>
ANNEAL_INLINE void pipeline(const float* x, int64_t rows, int64_t C, float* terms, EndingOf ending) {
  constexpr bool kKeep = kWrite && End::kOfTerms;
  Ending before = {};
  float max = row_max(x, C);
  for (int64_t r = 0; r < rows; r++, x += C) {
    const float* next = r + 1 < rows ? x + C : x;
    const RowResult t = r && kWrite ? run_row<End, kWrite, kKeep, kStream>(next, x, max, terms, C, before)
                                    : run_row<End, false, kKeep, kStream>(next, x, max, terms, C, before);
    before = ending(r, max, t.sum);
    max = t.next_max;
  }
  if (!kWrite) return;
  for (int64_t i = write_ends<End>(before, C); i + 16 <= C; i += 16) write_line<End, kStream>(before, i);
  if (kStream) stream_fence();
}

}  // namespace anneal::ANNEAL_TARGET
