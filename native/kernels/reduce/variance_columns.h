// The variance along rows that lie apart in memory: the mean of some rows and the squares around it while their
// elements are in registers, combined as Moments are (variance_rows.h). How many rows a partial result is of is the
// same for all columns.
#pragma once
#include "columns.h"

namespace anneal::ANNEAL_TARGET {

struct ColumnMoments {
  float *mean, *squares;
  float rows;
};

// a = a and b.
static void combine_moments(ColumnMoments& a, const ColumnMoments& b, int64_t n) {
  const float rows = a.rows + b.rows, share = b.rows / rows;
  const vf part = splat(share), weight = splat(a.rows * share);
  each_vector(n, [&](int64_t j, int lanes) __attribute__((always_inline)) {
    const vf mean = ld_some(a.mean + j, lanes), apart = ld_some(b.mean + j, lanes) - mean;
    const vf squares = ld_some(a.squares + j, lanes) + ld_some(b.squares + j, lanes);
    st_some(a.mean + j, mean + apart * part, lanes);
    st_some(a.squares + j, squares + apart * apart * weight, lanes);
  });
  a.rows = rows;
}

// m = m and the rows, which are read once: their elements stay in registers from the mean to the squares around it.
// Means are distances from `origin`, row 0.
template <class Some>
ANNEAL_INLINE void add_rows(ColumnMoments& m, const Some& rows, int64_t n, const float* origin) {
  constexpr int kRows = Some::kRows;
  const float total = m.rows + kRows, share = kRows / total;
  const vf part = splat(share), weight = splat(m.rows * share);
  const bool first = m.rows == 0;
  each_column(rows, n, [&](int64_t j, int lanes) __attribute__((always_inline)) {
    const vf from = ld_some(origin + j, lanes);
    vf x[kRows], distance[kRows], square[kRows];
    for (int k = 0; k < kRows; k++) distance[k] = (x[k] = ld_some(rows.row[k] + j, lanes)) - from;
    const vf mean = sum_by_halves(distance) * splat(1.0f / kRows), center = from + mean;
    for (int k = 0; k < kRows; k++) square[k] = (x[k] - center) * (x[k] - center);
    const vf squares = sum_by_halves(square);
    if (first) {
      st(m.mean + j, mean);
      st(m.squares + j, squares);
    } else {
      const vf before = ld(m.mean + j), apart = mean - before;
      st(m.mean + j, before + apart * part);
      st(m.squares + j, ld(m.squares + j) + squares + apart * apart * weight);
    }
  });
  m.rows = total;
}

constexpr int kMostLevels = 40;
constexpr int64_t kMomentsRows = 128;  // of one partial result: they are combined one after the other
static_assert(kSegmentRows % kMomentsRows == 0);

static ColumnMoments variance_run(const ReduceJob& job, const float* in, int64_t first, int64_t last, int64_t n,
                                  char* scratch) {
  ColumnMoments partial[kMostLevels];
  Rows<float> rows = rows_from(job, in, first, n);
  uint64_t count = 0;
  for (int64_t r = first; r < last || count == 0; r += kMomentsRows, count++) {
    int top = __builtin_popcountll(count);
    partial[top] = {(float*)(scratch + 2 * top * kRunBytes), (float*)(scratch + (2 * top + 1) * kRunBytes), 0};
    each_rows(rows, smallest(kMomentsRows, last - r),
              [&](int64_t, const auto& some) __attribute__((always_inline)) { add_rows(partial[top], some, n, in); });
    for (uint64_t c = count; c & 1; c >>= 1, top--) combine_moments(partial[top - 1], partial[top], n);
  }
  for (int top = __builtin_popcountll(count) - 1; top > 0; top--) combine_moments(partial[top - 1], partial[top], n);
  return partial[0];
}

// The moments of segment s in the job's partial results: [segments, 2, outputs].
ANNEAL_INLINE ColumnMoments segment_moments(const ColumnJob& job, int64_t s) {
  float* mean = (float*)job.partial + 2 * s * job.base.outputs;
  return {mean, mean + job.base.outputs, (float)smallest(kSegmentRows, job.base.R - s * kSegmentRows)};
}

static void variance_chunk(void* arg, int64_t chunk, int32_t worker) {
  const ColumnJob& job = *(const ColumnJob*)arg;
  const ReduceJob& base = job.base;
  const ColumnChunk c = column_chunk_of(job, chunk);
  const ColumnMoments m = variance_run(base, (const float*)base.in + c.offset, c.first, c.last, c.n,
                                       base.context->scratch(base.context, worker));
  if (!job.partial) return store_columns(base, c.o, m.squares, c.n);
  const ColumnMoments to = segment_moments(job, c.segment);
  __builtin_memcpy(to.mean + c.o, m.mean, (size_t)c.n * 4);
  __builtin_memcpy(to.squares + c.o, m.squares, (size_t)c.n * 4);
}

static void variance_columns(const ColumnJob& job) {
  column_region(job, variance_chunk);
  if (!job.partial) return;
  const int64_t n = job.base.outputs;
  for (int64_t step = 1; step < job.segments; step *= 2)
    for (int64_t s = 0; s + step < job.segments; s += 2 * step) {
      ColumnMoments a = segment_moments(job, s), b = segment_moments(job, s + step);
      // Those combined before cover `step` segments, but for the last.
      a.rows = (float)(step * kSegmentRows);
      b.rows = (float)smallest(step * kSegmentRows, job.base.R - (s + step) * kSegmentRows);
      combine_moments(a, b, n);
    }
  store_columns(job.base, 0, segment_moments(job, 0).squares, n);
}

}  // namespace anneal::ANNEAL_TARGET
