// Rows along the last axis as chunks for threads.
#pragma once
#include "../walk.h"
#include "block.h"
#include "pipeline.h"

namespace anneal::ANNEAL_TARGET {

struct RowsJob {
  const Call* call;
  Context* context;
  int64_t N, C, per_chunk;  // rows, their length, rows of one chunk
};

constexpr int64_t kChunkRows = 256;  // at most, of long rows

static RowsJob rows_job(const Call& call, Context& context, const TensorArg& rows) {
  RowsJob job = {&call, &context, 1, rows.dims[rows.rank - 1], 0};
  for (int d = 0; d < rows.rank - 1; d++) job.N *= rows.dims[d];
  job.per_chunk = job.C <= kShortRow ? divide_up(8192 / (job.C + 16), kGroup) * kGroup
                                     : largest(1, smallest(largest(65536 / job.C, 8), job.N / 16));
  return job;
}

// `cost` in ns of an element on one thread.
static void run_row_chunks(const RowsJob& job, float cost, void (*body)(void*, int64_t, int32_t)) {
  const int64_t chunks = divide_up(job.N, job.per_chunk);
  if (chunks == 0 || job.C == 0) return;
  if (chunks == 1) return body((void*)&job, 0, 0);
  const int64_t ns = (int64_t)((float)job.N * ((float)job.C * cost + 10.0f));
  job.context->parallel(job.context, chunks, ns, body, (void*)&job);
}

// Calls f(first, rows) for the blocks of a chunk of short rows.
template <class F>
ANNEAL_INLINE void each_block(const RowsJob& job, int64_t chunk, F f) {
  const int64_t end = smallest(job.N, (chunk + 1) * job.per_chunk), rows = block_rows(job.C);
  for (int64_t n = chunk * job.per_chunk; n < end; n += rows) f(n, (int)smallest(rows, end - n));
}

static size_t terms_bytes(const TensorArg& rows) {
  const int64_t C = rows.dims[rows.rank - 1];
  return C <= kShortRow ? 0 : (size_t)(C + 16) * 4;
}

static bool streams(const RowsJob& job) { return job.N * job.C * 4 >= kStreamedBytes; }

}  // namespace anneal::ANNEAL_TARGET
