// argmax and argmin along rows that lie apart in memory: a run of columns keeps its best so far and the row where it
// stands. The first of equal ones wins, so any division into segments of rows gives the same.
#pragma once
#include "columns.h"

namespace anneal::ANNEAL_TARGET {

// The longer a search, the rarer something better: a vector of columns where no row has it is left with a comparison a
// row.
template <class Extreme, class Some>
ANNEAL_INLINE void arg_rows(typename Extreme::S* best, int32_t* index, const Some& rows, int64_t r, int64_t n) {
  typedef typename Extreme::V V;
  each_column(rows, n, [&](int64_t j, int lanes) __attribute__((always_inline)) {
    V value = ld(best + j), x[Some::kRows];
    vi beaten = vi{};
    for (int k = 0; k < Some::kRows; k++) {
      x[k] = ld_some(rows.row[k] + j, lanes);
      beaten |= Extreme::beaten(value, x[k]);
    }
    if (__builtin_expect(!any(beaten), 1)) return;
    vi at = ld(index + j);
    for (int k = 0; k < Some::kRows; k++) {
      const vi better = Extreme::beaten(value, x[k]);
      value = select(better, x[k], value);
      at = select(better, splat(int32_t(r + k)), at);
    }
    st(best + j, value);
    st(index + j, at);
  });
}

// Partial results of segments: of each, values and indices of all outputs.
template <class S>
struct ArgSegment {
  S* best;
  int32_t* index;
};
template <class S>
ANNEAL_INLINE ArgSegment<S> arg_segment(const ColumnJob& job, int64_t s) {
  S* best = (S*)job.partial + 2 * s * job.base.outputs;
  return {best, (int32_t*)(best + job.base.outputs)};
}

template <class Extreme>
static void arg_chunk(void* arg, int64_t chunk, int32_t worker) {
  typedef typename Extreme::S S;
  const ColumnJob& job = *(const ColumnJob*)arg;
  const ReduceJob& base = job.base;
  const ColumnChunk c = column_chunk_of(job, chunk);
  char* scratch = base.context->scratch(base.context, worker);
  S* best = (S*)scratch;
  int32_t* index = (int32_t*)(scratch + kRunBytes);
  Rows<S> rows = rows_from(base, (const S*)base.in + c.offset, c.first, c.n);
  const S* row = rows.in + rows.at.offset;
  each_vector(c.n, [&](int64_t j, int lanes) __attribute__((always_inline)) {
    st(best + j, ld_some(row + j, lanes));
    st(index + j, splat((int32_t)c.first));
  });
  each_rows(rows, c.last - c.first, [&](int64_t r, const auto& some) __attribute__((always_inline)) {
    arg_rows<Extreme>(best, index, some, c.first + r, c.n);
  });
  if (!job.partial) return store_columns(base, c.o, index, c.n);
  const ArgSegment<S> to = arg_segment<S>(job, c.segment);
  __builtin_memcpy(to.best + c.o, best, (size_t)c.n * 4);
  __builtin_memcpy(to.index + c.o, index, (size_t)c.n * 4);
}

template <class Extreme>
static void arg_columns(const ColumnJob& job) {
  typedef typename Extreme::S S;
  column_region(job, arg_chunk<Extreme>);
  if (!job.partial) return;
  const ArgSegment<S> all = arg_segment<S>(job, 0);
  for (int64_t s = 1; s < job.segments; s++) {
    const ArgSegment<S> next = arg_segment<S>(job, s);
    each_vector(job.base.outputs, [&](int64_t j, int lanes) __attribute__((always_inline)) {
      const typename Extreme::V best = ld_some(all.best + j, lanes), x = ld_some(next.best + j, lanes);
      const vi better = Extreme::beaten(best, x);
      st_some(all.best + j, select(better, x, best), lanes);
      st_some(all.index + j, select(better, ld_some(next.index + j, lanes), ld_some(all.index + j, lanes)), lanes);
    });
  }
  store_columns(job.base, 0, all.index, job.base.outputs);
}

}  // namespace anneal::ANNEAL_TARGET
