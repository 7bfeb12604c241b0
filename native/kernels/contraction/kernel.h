// gemm: C[.., M, N] = A[.., M, K] B[.., K, N], then bias, activation or mask. See rows.def for the operands.
#pragma once
#include "grid.h"
#include "shared_b.h"
#include "split.h"

namespace anneal::ANNEAL_TARGET {

struct GemmJob {
  Batch batch;
  Grid grid;
  Context* context;
};

static void gemm_chunk(void* arg, int64_t chunk, int32_t worker) {
  const GemmJob& job = *(const GemmJob*)arg;
  const Grid& g = job.grid;
  float* scratch = (float*)job.context->scratch(job.context, worker);
  const int64_t n = chunk % g.across_n, m = chunk / g.across_n % g.across_m, group = chunk / (g.across_n * g.across_m);
  for (int64_t i = group * g.together; i < smaller(job.batch.count, (group + 1) * g.together); i++) {
    const Problem p = problem_at(job.batch, i);
    multiply_rectangle(p, rows_of(g, p.M, m), columns_of(g, p.N, n), scratch);
  }
}

constexpr int64_t kTinyWork = 1 << 15;  // multiply-adds below which even looking for a better way takes too long

static void gemm_run(const Call& call, Context& context) {
  if (call.out[0].rank == 2) {
    const Problem p = problem_of(call);
    if (p.M == 0 || p.N == 0) return;
    if (p.M * p.N * p.K <= kTinyWork && p.K <= 64 && !p.accumulate) {
      multiply_direct(p, {0, p.M}, {0, p.N}, (float*)context.scratch(&context, 0));
      return;
    }
  }
  GemmJob job = {batch_of(call), {}, &context};
  const Problem& p = job.batch.first;
  const int64_t count = job.batch.count;
  if (p.M == 0 || p.N == 0 || count == 0) return;
  if (split_parts(p) > 1) return multiply_split(job.batch, context);
  if (shares_b(p, count, context.threads)) return multiply_shared(p, context);
  const bool repacks = p.b.column_stride != 1 && p.N > kFewColumns;
  job.grid = grid_of(p.M, p.N, p.K, count, repacks, context.threads);
  if (job.grid.chunks == 1) return gemm_chunk(&job, 0, 0);
  context.parallel(&context, job.grid.chunks, cost_of(p.M, p.N, p.K) * count, gemm_chunk, &job);
}

static size_t gemm_scratch(const Call& call) {
  const Problem p = problem_of(call);
  return (size_t)block_bytes(p.M, p.K);
}

static size_t gemm_shared(const Call& call) {
  const Batch batch = batch_of(call);
  const Problem& p = batch.first;
  if (split_parts(p) > 1) return (size_t)split_bytes(batch);
  return shares_b(p, batch.count, 1) ? (size_t)shared_bytes(p) : 0;
}

}  // namespace anneal::ANNEAL_TARGET
