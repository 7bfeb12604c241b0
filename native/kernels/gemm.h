// gemm: C[.., M, N] = A[.., M, K] B[.., K, N], then bias, activation or mask. See native/ops.def for the operands.
#ifdef ANNEAL_REFERENCE
#include "gemm_reference.h"
#else
#include "gemm_epilogue.h"
#include "gemm_problem.h"
#include "gemm_tile.h"
#include "gemm_pack.h"
#include "gemm_transposing_tile.h"
#include "gemm_dot.h"
#include "gemm_direct.h"
#include "gemm_block.h"

// How a product is cut into chunks for threads: by its shape only, in rows and columns of C and matrices of the batch.
struct Grid {
  int64_t rows, columns;              // of one chunk
  int64_t across_m, across_n;         // chunks of one matrix
  int64_t together;                   // matrices of one chunk, when a matrix is less than a chunk
  int64_t chunks;
};

constexpr int64_t kChunkWork = 4 << 20;  // multiply-adds worth a chunk of their own

static Grid grid_of(int64_t M, int64_t N, int64_t K, int64_t count) {
  const int64_t work = M * N * (K > 0 ? K : 1);
  int64_t wanted = work / kChunkWork;
  wanted = wanted < 1 ? 1 : wanted > 64 ? 64 : wanted;
  Grid g = {M, N, 1, 1, 1, 1};
  while (g.across_m * g.across_n < wanted) {
    const bool can_n = g.columns > 2 * kTileColumns, can_m = g.rows > 48;
    if (!can_n && !can_m) break;
    if (can_n && (g.columns >= g.rows || !can_m))
      g.across_n *= 2;
    else
      g.across_m *= 2;
    g.columns = round_up((N + g.across_n - 1) / g.across_n, kTileColumns);
    g.rows = round_up((M + g.across_m - 1) / g.across_m, 4);
  }
  g.together = work >= kChunkWork / 2 ? 1 : smaller(count, kChunkWork / 2 / (work + 1024) + 1);
  g.chunks = (count + g.together - 1) / g.together * g.across_m * g.across_n;
  return g;
}

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
    multiply_rectangle(p, {m * g.rows, smaller(p.M, (m + 1) * g.rows)}, {n * g.columns, smaller(p.N, (n + 1) * g.columns)}, scratch);
  }
}

static void gemm_run(const Call& call, Context& context) {
  GemmJob job = {batch_of(call), {}, &context};
  const Problem& p = job.batch.first;
  if (p.M == 0 || p.N == 0 || job.batch.count == 0) return;
  job.grid = grid_of(p.M, p.N, p.K, job.batch.count);
  if (job.grid.chunks == 1) return gemm_chunk(&job, 0, 0);
  const int64_t ns = p.M * p.N * (p.K + 4) * job.batch.count / (kLanes * 4);
  context.parallel(&context, job.grid.chunks, ns, gemm_chunk, &job);
}

static size_t gemm_scratch(const Call& call) {
  const Problem p = batch_of(call).first;
  return (size_t)block_bytes(p.M, p.N, p.K);
}

static size_t gemm_shared(const Call&) { return 0; }
#endif
