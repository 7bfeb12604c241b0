// Rows of stride 1 or 2: vectors along the row. Rows with padding are read from a copy that has zeros
// for it: adding them changes nothing, because a sum begins with 0 and so is never -0.
#pragma once
#include "windows.h"

namespace anneal::ANNEAL_TARGET {

// Windows that end at the same or the next element, by parity: ceil(kernel / 2) and floor(kernel / 2).
ANNEAL_INLINE int64_t ends_at(const PoolAxis& a, int64_t parity) { return (a.kernel + 1 - parity) / 2; }

// Zeros in front of a kept row, and its length with those behind.
struct PaddedRow {
  int64_t front, length;
};
static PaddedRow padded_row(const PoolJob& job) {
  const PoolAxis& a = job.axis[2];
  if (!job.gradient) return {a.padding, (a.windows - 1) * a.stride + a.kernel};
  if (a.stride == 1) return {a.kernel - 1 - a.padding, a.n + a.kernel - 1};
  return {ends_at(a, 0) - 1, (a.n - 1 + a.padding) / 2 + ends_at(a, 0)};
}

static bool reads_in_place(const PoolJob& job) {
  const PaddedRow row = padded_row(job);
  return !job.gradient && row.front == 0 && row.length <= job.read[2];
}

static void plan_wide(PoolJob& job) {
  job.slot_floats = reads_in_place(job) ? 0 : padded_floats(padded_row(job).length);
  share_out(job, job.planes * job.written[0] * job.written[1], 1);
}

ANNEAL_INLINE void fill_padded(const PoolJob& job, const PoolScratch& s, const float* from, float divisor, float* row) {
  const PaddedRow padded = padded_row(job);
  const int64_t n = smallest(job.read[2], padded.length - padded.front);
  __builtin_memset(row, 0, (size_t)padded.front * 4);
  float* inner = row + padded.front;
  if (job.gradient)
    each_vector(n, [&](int64_t i, int lanes) __attribute__((always_inline)) {
      const vf widths = ld_some(s.width + i, lanes);
      st_some(inner + i, ld_some(from + i, lanes) / (splat(divisor) * keep_lanes(widths, lanes, splat(1.0f))), lanes);
    });
  else
    __builtin_memcpy(inner, from, (size_t)n * 4);
  __builtin_memset(inner + n, 0, (size_t)(padded.length - padded.front - n) * 4);
}

// p[0], p[2], ..., without a look behind the last one.
ANNEAL_INLINE vf ld_second(const float* p) {
  const vf a = ld(p), b = ld(p + kLanes - 1);
#if ANNEAL_LANES == 4
  return __builtin_shufflevector(a, b, 0, 2, 5, 7);
#elif ANNEAL_LANES == 8
  return __builtin_shufflevector(a, b, 0, 2, 4, 6, 9, 11, 13, 15);
#else
  return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 17, 19, 21, 23, 25, 27, 29, 31);
#endif
}

// a[0], b[0], a[1], b[1], ...
ANNEAL_INLINE void st_interleaved(float* p, vf a, vf b) {
#if ANNEAL_LANES == 4
  st(p, __builtin_shufflevector(a, b, 0, 4, 1, 5));
  st(p + kLanes, __builtin_shufflevector(a, b, 2, 6, 3, 7));
#elif ANNEAL_LANES == 8
  st(p, __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11));
  st(p + kLanes, __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15));
#else
  st(p, __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
  st(p + kLanes, __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31));
#endif
}

struct WideRows {
  const float* const* row;
  int64_t count;
};

constexpr int kTogether = 4;  // vectors whose sums don't wait for each other

// sums[v] = the sum over rows and taps [first, end) of what load() finds at each, for vector v.
template <int kVectors, class Load>
ANNEAL_INLINE void tap_sums(const WideRows& rows, int64_t first, int64_t end, vf (&sums)[kVectors], Load load) {
  for (int v = 0; v < kVectors; v++) sums[v] = vf{};
  for (int64_t r = 0; r < rows.count; r++)
    for (int64_t t = first; t < end; t++)
      for (int v = 0; v < kVectors; v++) sums[v] = sums[v] + load(rows.row[r] + t, v);
}

// Vectors of [0, n), n >= a vector; the last ones are done again.
template <int kStride, class Store>
ANNEAL_INLINE void wide_row(const WideRows& rows, int64_t taps, int64_t n, Store store) {
  for (int64_t i = 0; i < n; i += kTogether * kLanes) {
    int64_t at[kTogether];
    for (int v = 0; v < kTogether; v++) at[v] = smallest(i + v * kLanes, n - kLanes);
    vf sums[kTogether];
    tap_sums(rows, 0, taps, sums, [&](const float* p, int v) __attribute__((always_inline)) {
      return kStride == 1 ? ld(p + at[v]) : ld_second(p + 2 * at[v]);
    });
    for (int v = 0; v < kTogether; v++) store(at[v], sums[v]);
  }
}

// The gradient of stride 2: elements by parity, each with its taps of the kept rows of dy.
static void spread_row(const PoolJob& job, const WideRows& rows, float* to) {
  const PoolAxis& a = job.axis[2];
  const int64_t end = ends_at(a, 0), odd = end - ends_at(a, 1);
  const auto single = [&](int64_t w) __attribute__((always_inline)) {
    const int64_t q = (w + a.padding) / 2;
    float sum = 0;
    for (int64_t r = 0; r < rows.count; r++)
      for (int64_t t = (w + a.padding) % 2 ? odd : 0; t < end; t++) sum += rows.row[r][q + t];
    to[w] = sum;
  };
  const int64_t first = (a.padding + 1) / 2, last = (a.n + a.padding) / 2;  // pairs [first, last)
  if (a.padding % 2) single(0);
  if ((a.n + a.padding) % 2) single(a.n - 1);
  constexpr int kPairs = kTogether / 2;
  for (int64_t i = first; i < last; i += kPairs * kLanes) {
    int64_t at[kPairs];
    for (int v = 0; v < kPairs; v++) at[v] = smallest(i + v * kLanes, last - kLanes);
    vf even[kPairs], next[kPairs];
    const auto load = [&](const float* p, int v) __attribute__((always_inline)) { return ld(p + at[v]); };
    tap_sums(rows, 0, end, even, load);
    tap_sums(rows, odd, end, next, load);
    for (int v = 0; v < kPairs; v++) st_interleaved(to + 2 * at[v] - a.padding, even[v], next[v]);
  }
}

static void wide_chunk(void* arg, int64_t chunk, int32_t worker) {
  const PoolJob& job = *(const PoolJob*)arg;
  const PoolScratch s = scratch_of(job, worker, 0);
  const bool in_place = reads_in_place(job);
  const PoolAxis& a = job.axis[2];
  const int64_t n = job.written[2];
  each_pool_row(job, chunk, [&](const PoolRow& at, int64_t unit) __attribute__((always_inline)) {
    const Span deep = job.sources(0, at.d), high = job.sources(1, at.h);
    WideRows rows = {s.row, 0};
    for (int64_t i = deep.first; i < deep.end; i++)
      for (int64_t k = high.first; k < high.end; k++) {
        const float* from = job.from + ((at.stack * job.read[0] + i) * job.read[1] + k) * job.read[2];
        s.row[rows.count++] = in_place ? from : kept_row(job, s, at.stack, i, k, [&](float* row) {
          fill_padded(job, s, from, job.gradient ? job.divisor_at(i, k) : 0, row);
        });
      }
    float* to = job.to + unit * n;
    if (job.gradient && a.stride == 2) return spread_row(job, rows, to);
    if (job.gradient)
      return wide_row<1>(rows, a.kernel, n, [&](int64_t i, vf sum) __attribute__((always_inline)) { st(to + i, sum); });
    const vf divisor = splat(job.divisor_at(at.d, at.h));
    const auto divided = [&](int64_t i, vf sum)
                             __attribute__((always_inline)) { st(to + i, sum / (divisor * ld(s.width + i))); };
    if (a.stride == 1) return wide_row<1>(rows, a.kernel, n, divided);
    wide_row<2>(rows, a.kernel, n, divided);
  });
}

}  // namespace anneal::ANNEAL_TARGET
