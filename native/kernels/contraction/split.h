// Tiny results of very long sums: k is cut into parts for the threads, and the partial products are added in order.
// That is another order of summation than one chain, so whether and where to cut is decided by the shape and constants
// alone.
#pragma once
#include "block.h"
#include "grid.h"

namespace anneal::ANNEAL_TARGET {

constexpr int64_t kSplitResults = 2048;  // M * N at most
constexpr int64_t kSplitK = 2048;        // k of a part, at least

ANNEAL_INLINE int64_t split_parts(const Problem& p) {
  return p.M * p.N <= kSplitResults && p.K >= 2 * kSplitK ? p.K / kSplitK : 1;
}
ANNEAL_INLINE int64_t split_bytes(const Batch& batch) {
  const int64_t parts = split_parts(batch.first);
  return parts > 1 ? parts * batch.count * batch.first.M * batch.first.N * 4 : 0;
}

struct SplitJob {
  Batch batch;
  int64_t parts;
  float* partial;  // [matrix][part][M, N]
  Context* context;
};

static void split_chunk(void* arg, int64_t chunk, int32_t worker) {
  const SplitJob& job = *(const SplitJob*)arg;
  Problem p = problem_at(job.batch, chunk / job.parts);
  const int64_t part = chunk % job.parts, begin = p.K * part / job.parts;
  p.K = p.K * (part + 1) / job.parts - begin;
  p.a.data += begin * p.a.column_stride;
  p.b.data += begin * p.b.row_stride;
  p.c = job.partial + chunk * p.M * p.N;
  p.epilogue = {nullptr, nullptr, activations::none};
  p.accumulate = false;
  multiply_rectangle(p, {0, p.M}, {0, p.N}, (float*)job.context->scratch(job.context, worker));
}

static void multiply_split(const Batch& batch, Context& context) {
  const int64_t parts = split_parts(batch.first);
  SplitJob job = {batch, parts, (float*)context.shared_scratch, &context};
  context.parallel(&context, batch.count * parts, cost_of(batch.first.M, batch.first.N, batch.first.K) * batch.count,
                   split_chunk, &job);
  const int64_t size = batch.first.M * batch.first.N;
  for (int64_t i = 0; i < batch.count; i++) {
    const Problem p = problem_at(batch, i);
    const float* partial = job.partial + i * parts * size;
    for (int64_t e = 0; e < size; e++) {
      float sum = p.accumulate ? p.c[e] + partial[e] : partial[e];
      for (int64_t part = 1; part < parts; part++) sum += partial[part * size + e];
      p.c[e] = sum;
    }
    if (p.epilogue.any()) finish(p.epilogue, p.c, p.N, 0, 0, p.M, p.N);
  }
}

}  // namespace anneal::ANNEAL_TARGET
