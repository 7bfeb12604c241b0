// Large products of many rows: B is packed once for all threads, a part that stays in the last cache at a time, then
// all rows of C are advanced by that part.
#pragma once
#include "block.h"
#include "grid.h"

namespace anneal::ANNEAL_TARGET {

constexpr int64_t kSharedRows = 192;       // rows from which on it pays on one thread
constexpr int64_t kManySharedRows = 1024;  // on more, where lines travel from the thread that packed them to the others
constexpr int64_t kManyPackedRows = 512;   // likewise, where A has to be packed for each chunk of columns otherwise
constexpr int64_t kLargeFloats = 1 << 22;  // of a B whose columns are far apart: going down them costs more than that
constexpr int64_t kSharedColumns = 2048;   // columns of a part
constexpr int64_t kSharedFloats = 1 << 20;  // and its size, unless one block of k is more

// Changes no bit of the result, so it may depend on the threads.
ANNEAL_INLINE bool shares_b(const Problem& p, int64_t count, int32_t threads) {
  const bool packs_a = p.a.column_stride != 1 || is_bad_stride(p.a.row_stride);
  const bool large = p.b.column_stride == 1 && p.K * p.N >= kLargeFloats;
  const int64_t rows = threads == 1 || large ? kSharedRows : packs_a ? kManyPackedRows : kManySharedRows;
  return count == 1 && p.M >= rows && p.N > kFewColumns && p.K > 64 &&
         (p.b.column_stride != 1 || is_bad_stride(p.b.row_stride) ||
          ((large || p.M >= kPackRows) && p.N >= kPackColumns));
}

struct SharedJob {
  Problem p;
  Grid grid;
  Range n, k;  // the part
  int64_t kc;
  float* packed;
  Context* context;
};

ANNEAL_INLINE int64_t part_columns(const Problem& p) { return equal_part(p.N, kSharedColumns, kTileColumns); }
ANNEAL_INLINE int64_t part_k(const Problem& p) {
  const int64_t kc = block_k(p.K), blocks = kSharedFloats / (padded_columns(part_columns(p)) * kc);
  return smaller(p.K, kc * (blocks > 1 ? blocks : 1));
}
ANNEAL_INLINE int64_t shared_bytes(const Problem& p) { return padded_columns(part_columns(p)) * part_k(p) * 4; }

static void pack_chunk(void* arg, int64_t chunk, int32_t) {
  const SharedJob& job = *(const SharedJob*)arg;
  const int64_t begin = chunk * kPanelsTogether * kTileColumns,
                end = smaller(job.n.size(), begin + kPanelsTogether * kTileColumns);
  for (int64_t k = job.k.begin; k < job.k.end; k += job.kc) {
    const int64_t K = smaller(job.kc, job.k.end - k);
    float* block = job.packed + (k - job.k.begin) * padded_columns(job.n.size());
    pack_panels(job.p, k, K, {job.n.begin + begin, job.n.begin + end}, block + begin * K);
  }
}

static void shared_chunk(void* arg, int64_t chunk, int32_t worker) {
  const SharedJob& job = *(const SharedJob*)arg;
  const Range rows = rows_of(job.grid, job.p.M, chunk);
  BlockPlan plan = plan_of(job.p, rows, job.n, true);
  for (int64_t k = job.k.begin; k < job.k.end; k += job.kc) {
    const int64_t K = smaller(job.kc, job.k.end - k);
    plan.packed_b = job.packed + (k - job.k.begin) * padded_columns(job.n.size());
    multiply_block(job.p, plan, rows, job.n, k, K, (float*)job.context->scratch(job.context, worker));
  }
}

static void multiply_shared(const Problem& p, Context& context) {
  SharedJob job = {p, shared_grid_of(p.M), {}, {}, block_k(p.K), (float*)context.shared_scratch, &context};
  const int64_t nc = part_columns(p), kp = part_k(p);
  for (int64_t n = 0; n < p.N; n += nc) {
    job.n = {n, smaller(p.N, n + nc)};
    for (int64_t k = 0; k < p.K; k += kp) {
      job.k = {k, smaller(p.K, k + kp)};
      const int64_t panels = (job.n.size() + kTileColumns - 1) / kTileColumns;
      context.parallel(&context, (panels + kPanelsTogether - 1) / kPanelsTogether, job.k.size() * job.n.size() / 4,
                       pack_chunk, &job);
      context.parallel(&context, job.grid.chunks, cost_of(p.M, job.n.size(), job.k.size()), shared_chunk, &job);
    }
  }
}

}  // namespace anneal::ANNEAL_TARGET
