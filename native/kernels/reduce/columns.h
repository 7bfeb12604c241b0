// Reductions along rows that lie apart in memory (a sum over the batch): whole rows are added into a run of
// accumulators in the first-level cache, kColumnBlock rows to a partial result; these combine pairwise, in the order of
// the rows.
#pragma once
#include "job.h"

namespace anneal::ANNEAL_TARGET {

constexpr int64_t kColumnBlock = 32;   // rows of one partial result
constexpr int64_t kColumnRun = 1024;   // columns of one chunk, at least
constexpr int64_t kLongestRun = 8192;  // at most: long stretches of each row, which the hardware's prefetching follows
constexpr int kRowsPerBlock = 8;       // rows that are read together: their accumulators are loaded and stored once
constexpr int64_t kSegmentRows = 512;  // rows of one segment, a power of two times kColumnBlock
constexpr int64_t kRunBytes = kLongestRun * 4 + 64;

struct ColumnJob {
  ReduceJob base;
  int64_t N, outer;   // columns of the innermost kept dimension, outputs without it
  int64_t run, runs;  // columns of one chunk, and how many times
  int64_t segments;   // of kSegmentRows rows
  int32_t levels;     // of partial results that one segment may hold at a time
  void* partial;      // [segments, outputs], or null where there is one segment
};

// Inputs of this size and more are prefetched (32768x1024, one thread: sums take 0.8 of the time,
// variances half of it): row after row into the second cache, at least so many bytes ahead. By itself the hardware
// follows long stretches, but not eight short ones at a time. Prefetching what follows in each of eight rows would not
// do either: of rows that lie a power of two apart all goes to the few places of one set.
constexpr int64_t kColumnUncachedBytes = int64_t(16) << 20, kColumnPrefetchBytes = int64_t(32) << 10;

// The rows of a run of columns, one after the other.
template <class S>
struct Rows {
  const ReduceJob* job;
  const S* in;
  Cursor at;
  int64_t prefetch_blocks;  // of kRowsPerBlock rows, to be prefetched; 0: none
};
template <class S>
ANNEAL_INLINE Rows<S> rows_from(const ReduceJob& job, const S* in, int64_t first, int64_t n) {
  const bool uncached = job.outputs * job.R * 4 >= kColumnUncachedBytes;
  return {&job, in, cursor_at(job.reduced, job.reduced.rank, first),
          uncached ? divide_up(kColumnPrefetchBytes, n * 4 * kRowsPerBlock) : 0};
}
template <class S>
ANNEAL_INLINE const S* next_row(Rows<S>& rows) {
  const S* row = rows.in + rows.at.offset;
  advance(rows.job->reduced, rows.job->reduced.rank, rows.at);
  return row;
}

template <class S, int n>
struct SomeRows {
  static constexpr int kRows = n;
  const S* row[n];
  int64_t ahead;  // bytes from a row to the one to prefetch meanwhile, were all equally far apart; 0: none
};

// Calls f(i, rows) for rows [i, i + kRowsPerBlock) of the next `count`, and for each of those at the end alone.
template <class S, class F>
ANNEAL_INLINE void each_rows(Rows<S>& rows, int64_t count, F f) {
  int64_t i = 0;
  for (; i + kRowsPerBlock <= count; i += kRowsPerBlock) {
    SomeRows<S, kRowsPerBlock> some;
    for (int k = 0; k < kRowsPerBlock; k++) some.row[k] = next_row(rows);
    some.ahead = ((intptr_t)some.row[1] - (intptr_t)some.row[0]) * kRowsPerBlock * rows.prefetch_blocks;
    f(i, some);
  }
  for (; i < count; i++) f(i, SomeRows<S, 1>{{next_row(rows)}, 0});
}

// Calls f(j, lanes) for the vectors of n columns, and prefetches rows to come meanwhile: for each vector of the rows as
// much as they have in it, of one row after the other.
template <class Some, class F>
ANNEAL_INLINE void each_column(const Some& rows, int64_t n, F f) {
  if (rows.ahead == 0) return each_vector(n, f);
  constexpr int64_t kStep = kLanes * Some::kRows * 4;
  const int64_t part = divide_up(n, kLanes * Some::kRows) * kLanes;
  for (int r = 0; r < Some::kRows; r++) {
    const int64_t begin = smallest(n, r * part), end = smallest(n, begin + part);
    intptr_t ahead = (intptr_t)rows.row[r] + rows.ahead;
    int64_t j = begin;
    for (; j + kLanes <= end; j += kLanes, ahead += kStep) {
      for (int64_t line = 0; line < kStep; line += 64) __builtin_prefetch((const void*)(ahead + line), 0, 2);
      f(j, kLanes);
    }
    if (j < end) f(j, (int)(end - j));
  }
}

// acc = the reduction of the rows into acc, in order. Rows of accumulators are padded, so they are stored whole.
template <class Op, class Some>
ANNEAL_INLINE void step_rows(typename Op::S* acc, const Some& rows, int64_t n, typename Op::V constant) {
  each_column(rows, n, [&](int64_t j, int lanes) __attribute__((always_inline)) {
    typename Op::V a = ld(acc + j);
    for (int r = 0; r < Some::kRows; r++) a = Op::step(a, ld_some(rows.row[r] + j, lanes), constant);
    st(acc + j, a);
  });
}

// acc = the reduction of `count` rows.
template <class Op>
static void reduce_block_of_rows(typename Op::S* acc, Rows<typename Op::S>& rows, int64_t count, int64_t n) {
  typedef typename Op::S S;
  S value;
  constant_operand(*rows.job, value);
  const typename Op::V constant = splat_lanes(value);
  for (int64_t j = 0; j < n; j += kLanes) st(acc + j, splat_lanes(Op::identity));
  each_rows(rows, count,
            [&](int64_t, const auto& some) __attribute__((always_inline)) { step_rows<Op>(acc, some, n, constant); });
}

template <class Op>
ANNEAL_INLINE void combine_rows(typename Op::S* into, const typename Op::S* earlier, const typename Op::S* later,
                                int64_t n) {
  for (int64_t j = 0; j < n; j += kLanes) st(into + j, Op::combine(ld(earlier + j), ld(later + j)));
}

// Rows [first, last) of n columns; the result lands in `level` 0 of the returned pointer.
template <class Op>
static typename Op::S* column_run(const ReduceJob& job, const typename Op::S* in, int64_t first, int64_t last,
                                  int64_t n, char* scratch) {
  typedef typename Op::S S;
  const auto run = [&](int k) { return (S*)(scratch + k * kRunBytes); };
  Rows<S> rows = rows_from(job, in, first, n);
  uint64_t count = 0;
  for (int64_t r = first; r < last || count == 0; r += kColumnBlock, count++) {
    const int slot = __builtin_popcountll(count);  // the partial results in use are those of the bits of count
    reduce_block_of_rows<Op>(run(slot), rows, smallest(kColumnBlock, last - r), n);
    int top = slot;
    for (uint64_t c = count; c & 1; c >>= 1, top--) combine_rows<Op>(run(top - 1), run(top - 1), run(top), n);
  }
  for (int top = __builtin_popcountll(count) - 1; top > 0; top--)
    combine_rows<Op>(run(top - 1), run(top - 1), run(top), n);
  return run(0);
}

template <class S>
static __attribute__((noinline)) void store_columns(const ReduceJob& job, int64_t o, const S* x, int64_t n) {
  for (int64_t j = 0; j < n; j++) store_result(job, o + j, x[j]);
}

// The part of the input that a chunk of the region works on.
struct ColumnChunk {
  int64_t segment, o, n;  // outputs [o, o + n)
  int64_t first, last;    // rows
  int64_t offset;         // of the first column's element in row 0
};

static ColumnChunk column_chunk_of(const ColumnJob& job, int64_t chunk) {
  const ReduceJob& base = job.base;
  const int64_t segment = chunk % job.segments, run = chunk / job.segments % job.runs,
                outer = chunk / (job.segments * job.runs), j = run * job.run;
  ColumnChunk c;
  c.segment = segment;
  c.o = outer * job.N + j;
  c.n = smallest(job.run, job.N - j);
  c.first = segment * kSegmentRows;
  c.last = job.segments == 1 ? base.R : smallest(base.R, c.first + kSegmentRows);
  c.offset = cursor_at(base.kept, base.kept.rank - 1, outer).offset + j;
  return c;
}

static __attribute__((noinline)) void column_region(const ColumnJob& job, void (*body)(void*, int64_t, int32_t)) {
  const ReduceJob& base = job.base;
  const int64_t chunks = job.segments * job.runs * job.outer;
  const int64_t ns = (int64_t)((float)(base.outputs * base.R) * kReduceCost);
  if (chunks == 1)
    body((void*)&job, 0, 0);
  else
    base.context->parallel(base.context, chunks, ns, body, (void*)&job);
}

template <class Op>
static void column_chunk(void* arg, int64_t chunk, int32_t worker) {
  typedef typename Op::S S;
  const ColumnJob& job = *(const ColumnJob*)arg;
  const ReduceJob& base = job.base;
  const ColumnChunk c = column_chunk_of(job, chunk);
  const S* x = column_run<Op>(base, (const S*)base.in + c.offset, c.first, c.last, c.n,
                              base.context->scratch(base.context, worker));
  if (job.partial)
    __builtin_memcpy((S*)job.partial + c.segment * base.outputs + c.o, x, (size_t)c.n * sizeof(S));
  else
    store_columns(base, c.o, x, c.n);
}

// Partial results of segments combine as a tree over their order: in place, neighbours first.
template <class Op>
static void combine_segments(const ColumnJob& job) {
  typedef typename Op::S S;
  const int64_t n = job.base.outputs;
  S* partial = (S*)job.partial;
  for (int64_t step = 1; step < job.segments; step *= 2)
    for (int64_t s = 0; s + step < job.segments; s += 2 * step)
      each_vector(n, [&](int64_t j, int lanes) __attribute__((always_inline)) {
        S* into = partial + s * n + j;
        st_some(into, Op::combine(ld_some(into, lanes), ld_some(into + step * n, lanes)), lanes);
      });
}

template <class Op>
static void reduce_columns(const ColumnJob& job) {
  column_region(job, column_chunk<Op>);
  if (!job.partial) return;
  combine_segments<Op>(job);
  store_columns(job.base, 0, (const typename Op::S*)job.partial, job.base.outputs);
}

}  // namespace anneal::ANNEAL_TARGET
