// gather along an axis. An index out of range is reported by its position and reads as zeros.
#pragma once
#include "../pointwise/operations.h"
#include "../walk.h"
#include "cost.h"

namespace anneal::ANNEAL_TARGET {

// data [O, A, I], indices [K]: gather makes [O, K, I]; scatter_add (scatter_add.h) sums [O, K, I] into [O, A, I].
struct GatherJob {
  Context* context;
  const char* from;
  char* to;
  const int32_t* indices;
  int64_t O, A, I, K;
  int64_t bytes;      // of one element
  int64_t per_chunk;  // rows of the output
  bool real;
};

static GatherJob gather_job(Context* context, const TensorArg& whole, const TensorArg& from, const TensorArg& to,
                            const TensorArg& indices, uint32_t axis) {
  GatherJob job = {context,
                   (const char*)from.data,
                   (char*)to.data,
                   (const int32_t*)indices.data,
                   1,
                   whole.dims[axis],
                   1,
                   elements_of(indices),
                   size_of(whole.dtype),
                   1,
                   whole.dtype == DType::f32};
  for (int d = 0; d < whole.rank; d++)
    if (d != (int)axis) (d < (int)axis ? job.O : job.I) *= whole.dims[d];
  return job;
}

ANNEAL_INLINE bool in_range(const GatherJob& job, int64_t k) {
  const int64_t index = job.indices[k];
  if (index >= 0 && index < job.A) return true;
  job.context->fail(job.context, Failure::index_out_of_range, k, index, job.A);
  return false;
}

static void gather_chunk(void* arg, int64_t chunk, int32_t) {
  const GatherJob& job = *(const GatherJob*)arg;
  const int64_t row = job.I * job.bytes, end = smallest(job.O * job.K, (chunk + 1) * job.per_chunk);
  for (int64_t r = chunk * job.per_chunk; r < end; r++) {
    const int64_t o = r / job.K, k = r % job.K;
    char* to = job.to + r * row;
    if (!in_range(job, k))
      __builtin_memset(to, 0, (size_t)row);
    else if (row == 4)
      __builtin_memcpy(to, job.from + (o * job.A + job.indices[k]) * 4, 4);
    else
      __builtin_memcpy(to, job.from + (o * job.A + job.indices[k]) * row, (size_t)row);
  }
}

static void gather_run(const Call& call, Context& context) {
  GatherJob job = gather_job(&context, call.in[0], call.in[0], call.out[0], call.in[1], call.attr[0]);
  const int64_t rows = job.O * job.K, row = job.I * job.bytes;
  if (rows == 0) return;
  job.per_chunk = largest(1, kGatherChunk / (row + 16));
  const int64_t ns = (int64_t)((float)rows * ((float)row * kByteCost + kIndexCost)),
                chunks = divide_up(rows, job.per_chunk);
  if (chunks == 1) return gather_chunk(&job, 0, 0);
  context.parallel(&context, chunks, ns, gather_chunk, &job);
}

ANNEAL_NO_SCRATCH(gather)

}  // namespace anneal::ANNEAL_TARGET
