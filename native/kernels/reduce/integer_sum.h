// Sums of integers: exact, in 64 bits, so that their order is of no matter. One that int32 does not hold fails the run.
#pragma once
#include "columns.h"
#include "rows.h"

namespace anneal::ANNEAL_TARGET {

struct IntegerSumTree {
  ANNEAL_INLINE int64_t combine(int64_t a, int64_t b) { return a + b; }
};

static __attribute__((noinline)) void store_sum(const ReduceJob& job, int64_t o, int64_t sum) {
  const int32_t stored = (int32_t)(uint32_t)(uint64_t)sum;
  if (stored != sum) job.context->fail(job.context, Failure::overflow, o, sum, 0);
  ((int32_t*)job.out)[o] = stored;
}

// Along runs of memory: a policy of reduce_rows.
struct ByIntegerSum {
  static constexpr bool kMeansFirst = false;
  typedef int64_t S;
  typedef IntegerSumTree Tree;
  ANNEAL_INLINE S part(const ReduceJob& job, int64_t offset, int64_t first, int64_t last, S, char* scratch) {
    int64_t sum = 0;
    for (int64_t b = first; b < last; b++) {
      const int64_t at = b * kReduceBlock, n = smallest(kReduceBlock, job.R - at);
      const int32_t* x = block_of<int32_t>(job, offset, at, n, scratch);
      sum += ((int64_t)reduce_block<IntegerHighs>(x, n, 0) << 16) + reduce_block<IntegerLows>(x, n, 0);
    }
    return sum;
  }
  ANNEAL_INLINE void store(const ReduceJob& job, int64_t o, S x) { store_sum(job, o, x); }
};

// Down columns: a run of accumulators, of twice the size of an element.
constexpr int64_t kLongestSumRun = kLongestRun / 2;
typedef int64_t vsum __attribute__((vector_size(8 * ANNEAL_LANES)));
typedef vsum vsum_loose __attribute__((aligned(8), may_alias));

static void integer_sum_chunk(void* arg, int64_t chunk, int32_t worker) {
  const ColumnJob& job = *(const ColumnJob*)arg;
  const ReduceJob& base = job.base;
  const ColumnChunk c = column_chunk_of(job, chunk);
  int64_t* sums = (int64_t*)base.context->scratch(base.context, worker);
  __builtin_memset(sums, 0, (size_t)divide_up(c.n, kLanes) * sizeof(vsum));
  Rows<int32_t> rows = rows_from(base, (const int32_t*)base.in + c.offset, c.first, c.n);
  each_rows(rows, c.last - c.first, [&](int64_t, const auto& some) __attribute__((always_inline)) {
    each_column(some, c.n, [&](int64_t j, int lanes) __attribute__((always_inline)) {
      vsum_loose& sum = *(vsum_loose*)(sums + j);
      for (const int32_t* row : some.row) sum += __builtin_convertvector(ld_some(row + j, lanes), vsum);
    });
  });
  int64_t* partial = job.partial ? (int64_t*)job.partial + c.segment * base.outputs + c.o : nullptr;
  for (int64_t j = 0; j < c.n; j++)
    if (partial)
      partial[j] = sums[j];
    else
      store_sum(base, c.o + j, sums[j]);
}

static void integer_sum_columns(const ColumnJob& job) {
  column_region(job, integer_sum_chunk);
  if (!job.partial) return;
  const int64_t n = job.base.outputs;
  const int64_t* partial = (const int64_t*)job.partial;
  for (int64_t o = 0; o < n; o++) {
    int64_t sum = 0;
    for (int64_t s = 0; s < job.segments; s++) sum += partial[s * n + o];
    store_sum(job.base, o, sum);
  }
}

}  // namespace anneal::ANNEAL_TARGET
