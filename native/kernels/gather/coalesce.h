// coalesce: the rows of a table that are added to, each once and in their order, and the sums of what is added, in the
// order of the indices: scatter_add without the rows that stay 0. Where more rows would fit, they are -1 and zeros.
#pragma once
#include "scatter_add.h"

namespace anneal::ANNEAL_TARGET {

constexpr int64_t kCoalesceChunk = 32 << 10;  // bytes of values

struct CoalesceJob {
  SortedRows sorted;
  const int32_t* starts;  // [rows + 1] in the order
  const float* updates;
  float* values;
  int64_t rows, room, D, per_chunk;
};

static void coalesce_chunk(void* arg, int64_t chunk, int32_t) {
  const CoalesceJob& job = *(const CoalesceJob*)arg;
  const int64_t first = chunk * job.per_chunk, end = smallest(job.room, first + job.per_chunk);
  for (int64_t r = first; r < smallest(end, job.rows); r++) {
    const int32_t* positions = job.sorted.positions + job.starts[r];
    sum_rows(job.values + r * job.D, job.starts[r + 1] - job.starts[r], job.D,
             [&](int64_t k) { return job.updates + positions[k] * job.D; });
  }
  const int64_t empty = largest(first, smallest(end, job.rows));
  __builtin_memset(job.values + empty * job.D, 0, (size_t)((end - empty) * job.D) * 4);
}

struct CoalesceScratch {
  SortScratch sort;
  int32_t* starts;
  CoalesceScratch(Carve& carve, int64_t K, int64_t room) : sort(carve, K), starts(carve.take<int32_t>(room + 1)) {}
};

static void coalesce_run(const Call& call, Context& context) {
  const TensorArg &values = call.out[0], &indices = call.in[0], &updates = call.in[1];
  const int64_t K = elements_of(indices), size = call.attr[0];
  Carve carve = {context.shared_scratch};
  const CoalesceScratch scratch(carve, K, values.dims[0]);
  const int32_t* index = (const int32_t*)indices.data;
  CoalesceJob job = {
      {}, scratch.starts, (const float*)updates.data, (float*)values.data, 0, values.dims[0], values.dims[1], 1};
  job.sorted = sort_rows(scratch.sort, index, K, size, [&](int64_t k) {
    if (index[k] >= 0 && index[k] < size) return true;
    if (!call.attr[1] || index[k] != -1) context.fail(&context, Failure::index_out_of_range, k, index[k], size);
    return false;
  });
  int32_t* rows = (int32_t*)call.out[1].data;
  for (int64_t at = 0; at < job.sorted.count; at++) {
    if (at > 0 && job.sorted.rows[at] == job.sorted.rows[at - 1]) continue;
    scratch.starts[job.rows] = (int32_t)at;
    rows[job.rows++] = job.sorted.rows[at];
  }
  scratch.starts[job.rows] = (int32_t)job.sorted.count;
  for (int64_t r = job.rows; r < job.room; r++) rows[r] = -1;
  if (job.room * job.D == 0) return;
  job.per_chunk = largest(1, kCoalesceChunk / (job.D * 4));
  const int64_t chunks = divide_up(job.room, job.per_chunk);
  const float ns = (float)(job.room + K) * (float)job.D * 4 * kByteCost + kSortCost * (float)K;
  if (chunks == 1) return coalesce_chunk(&job, 0, 0);
  context.parallel(&context, chunks, (int64_t)ns, coalesce_chunk, &job);
}

static size_t coalesce_scratch(const Call&) { return 0; }
static size_t coalesce_shared(const Call& call) {
  Carve carve = {};
  CoalesceScratch(carve, elements_of(call.in[0]), call.out[0].dims[0]);
  return (size_t)carve.bytes;
}

}  // namespace anneal::ANNEAL_TARGET
