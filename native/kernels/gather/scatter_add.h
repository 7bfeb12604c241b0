// scatter_add: sums along an axis, in the order of the indices. An index out of range is reported by its position and
// left out of the sums.
#pragma once
#include "gather.h"
#include "sorted_rows.h"

namespace anneal::ANNEAL_TARGET {

constexpr int64_t kTableInCache = 256 << 10;  // bytes: rows of such a table are added to as the indices come
// Elements of a row, at least, that are a chunk's there: each chunk goes over all indices, and fewer elements cost more
// than a second thread saves.
constexpr int64_t kScatterColumns = 256;
constexpr int64_t kScatterChunks = 64;  // of a larger one, by rows
constexpr float kSortCost = 4.0f;       // rough ns per index

// Zeros of a table that no cache holds go past the caches, which would read what they overwrite.
constexpr int64_t kScatterStreamedBytes = int64_t{32} << 20;

struct ScatterJob {
  GatherJob base;  // per_chunk: columns, or rows where there is an order
  int64_t across;  // chunks of one table
  bool streams;
  SortedRows sorted;
};

static void zero_run(char* to, int64_t bytes, [[maybe_unused]] bool streams) {
#if defined(__SSE2__)
  if (streams && bytes > (int64_t)sizeof(vf)) {
    const int64_t head = -(int64_t)(uintptr_t)to & (int64_t)(sizeof(vf) - 1);
    __builtin_memset(to, 0, (size_t)head);
    to += head, bytes -= head;
    for (; bytes >= (int64_t)sizeof(vf); to += sizeof(vf), bytes -= sizeof(vf)) st_stream((float*)to, vf{});
  }
#endif
  __builtin_memset(to, 0, (size_t)bytes);
}

ANNEAL_INLINE void add_row(float* to, const float* from, int64_t n) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) st(to + i, pw_add(ld(to + i), ld(from + i)));
  if (const int rest = (int)(n - i)) st_part(to + i, pw_add(ld_part(to + i, rest), ld_part(from + i, rest)), rest);
}

// A sum that leaves int32 on its way fails the run: its sign is neither operand's.
ANNEAL_INLINE void add_row(const GatherJob& job, int64_t where, int32_t* to, const int32_t* from, int64_t n) {
  vi left = vi{};
  each_vector(n, [&](int64_t i, int lanes) __attribute__((always_inline)) {
    const vi a = ld_some(to + i, lanes), b = ld_some(from + i, lanes), sum = pw_add(a, b);
    left |= (sum ^ a) & (sum ^ b);
    st_some(to + i, sum, lanes);
  });
  if (!any(left < vi{})) return;
  for (int64_t i = 0; i < n; i++) {
    const int64_t before = (int64_t)to[i] - from[i], sum = (int64_t)(int32_t)(uint32_t)(uint64_t)before + from[i];
    if (sum != to[i]) return job.context->fail(job.context, Failure::overflow, where, sum, 0);
  }
}

// Adds columns [first, first + n) of update k to row `row` of table o.
ANNEAL_INLINE void scatter_row(const GatherJob& job, int64_t o, int64_t row, int64_t k, int64_t first, int64_t n) {
  const int64_t to = (o * job.A + row) * job.I + first, from = (o * job.K + k) * job.I + first;
  if (job.real)
    add_row((float*)job.to + to, (const float*)job.from + from, n);
  else
    add_row(job, o * job.K + k, (int32_t*)job.to + to, (const int32_t*)job.from + from, n);
}

// Columns of a table that stays in a cache.
static void scatter_columns(void* arg, int64_t chunk, int32_t) {
  const ScatterJob& scatter = *(const ScatterJob*)arg;
  const GatherJob& job = scatter.base;
  const int64_t o = chunk / scatter.across, first = chunk % scatter.across * job.per_chunk,
                n = smallest(job.per_chunk, job.I - first);
  for (int64_t row = 0; row < job.A; row++)
    __builtin_memset(job.to + ((o * job.A + row) * job.I + first) * 4, 0, (size_t)n * 4);
  for (int64_t k = 0; k < job.K; k++)
    if (chunk == 0 ? in_range(job, k) : job.indices[k] >= 0 && job.indices[k] < job.A)
      scatter_row(job, o, job.indices[k], k, first, n);
}

// to = the sum of count rows of I elements from 0, in their order; `at` gives them.
template <class At>
ANNEAL_INLINE void sum_rows(float* to, int64_t count, int64_t I, At at) {
  const float *a = at(0), *b = count > 1 ? at(1) : nullptr;
  each_vector(I, [&](int64_t i, int lanes) __attribute__((always_inline)) {
    const vf x = pw_add(vf{}, ld_some(a + i, lanes));
    st_some(to + i, b ? pw_add(x, ld_some(b + i, lanes)) : x, lanes);
  });
  for (int64_t k = 2; k < count; k++) add_row(to, at(k), I);
}

// Rows of a larger table: each is written once, as a sum or as zeros.
static void scatter_rows(void* arg, int64_t chunk, int32_t) {
  const ScatterJob& scatter = *(const ScatterJob*)arg;
  const GatherJob& job = scatter.base;
  const SortedRows& sorted = scatter.sorted;
  const int64_t o = chunk / scatter.across, first = chunk % scatter.across * job.per_chunk,
                end = smallest(job.A, first + job.per_chunk), bytes = job.I * 4;
  int64_t row = first;
  for (int64_t at = first_of(sorted, first); row < end;) {
    const int64_t next = at < sorted.count ? smallest(end, sorted.rows[at]) : end;
    zero_run(job.to + (o * job.A + row) * bytes, (next - row) * bytes, scatter.streams);
    if ((row = next) == end) break;
    int64_t run = at;
    while (run < sorted.count && sorted.rows[run] == row) run++;
    const int32_t* positions = sorted.positions + at;
    if (job.real) {
      sum_rows((float*)(job.to + (o * job.A + row) * bytes), run - at, job.I,
               [&](int64_t k) { return (const float*)job.from + (o * job.K + positions[k]) * job.I; });
    } else {
      __builtin_memset(job.to + (o * job.A + row) * bytes, 0, (size_t)bytes);
      for (int64_t k = at; k < run; k++) scatter_row(job, o, row, sorted.positions[k], 0, job.I);
    }
    at = run, row++;
  }
  if (scatter.streams) stream_fence();
}

static GatherJob scatter_add_job(Context* context, const Call& call) {
  return gather_job(context, call.out[0], call.in[1], call.out[0], call.in[0], call.attr[0]);
}

ANNEAL_INLINE bool stays_in_cache(const GatherJob& job) { return job.A * job.I * 4 <= kTableInCache; }

static void scatter_add_run(const Call& call, Context& context) {
  ScatterJob scatter = {scatter_add_job(&context, call), 1, false, {}};
  GatherJob& job = scatter.base;
  const auto each_in_range = [&](int64_t k) { return in_range(job, k); };
  if (job.O * job.A * job.I == 0) {
    for (int64_t k = 0; k < job.K; k++) each_in_range(k);
    return;
  }
  float ns = (float)(job.O * (job.A + 2 * job.K)) * (float)job.I * 4 * kByteCost + kSortCost * (float)job.K;
  const bool columns = stays_in_cache(job);
  if (columns) {
    job.per_chunk = largest(kScatterColumns, divide_up(divide_up(job.I, kChunksOfThread), 16) * 16);
    scatter.across = divide_up(job.I, job.per_chunk);
  } else {
    scatter.streams = job.O * job.A * job.I * 4 > kScatterStreamedBytes;
    Carve carve = {context.shared_scratch};
    scatter.sorted = sort_rows(SortScratch(carve, job.K), job.indices, job.K, job.A, each_in_range);
    job.per_chunk = largest(divide_up(job.A, kScatterChunks), kGatherChunk / (job.I * 4 + 1) + 1);
    scatter.across = divide_up(job.A, job.per_chunk);
  }
  const auto chunk = columns ? scatter_columns : scatter_rows;
  const int64_t chunks = job.O * scatter.across;
  if (chunks == 1) return chunk(&scatter, 0, 0);
  context.parallel(&context, chunks, (int64_t)ns, chunk, &scatter);
}

static size_t scatter_add_scratch(const Call&) { return 0; }
static size_t scatter_add_shared(const Call& call) {
  const GatherJob job = scatter_add_job(nullptr, call);
  if (job.O * job.A * job.I == 0 || stays_in_cache(job)) return 0;
  Carve carve = {};
  SortScratch(carve, job.K);
  return (size_t)carve.bytes;
}

}  // namespace anneal::ANNEAL_TARGET
