// gather and scatter_add along an axis. An index out of range is reported by its position and reads as zeros, or is
// left out of the sums.
#pragma once
#include "../pointwise/operations.h"
#include "../walk.h"
#include "cost.h"

namespace anneal::ANNEAL_TARGET {

// data [O, A, I], indices [K]: gather makes [O, K, I] and scatter_add sums [O, K, I] into [O, A, I].
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

static GatherJob gather_job(Context& context, const TensorArg& whole, const TensorArg& from, const TensorArg& to,
                            const TensorArg& indices, uint32_t axis) {
  GatherJob job = {&context,
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
  GatherJob job = gather_job(context, call.in[0], call.in[0], call.out[0], call.in[1], call.attr[0]);
  const int64_t rows = job.O * job.K, row = job.I * job.bytes;
  if (rows == 0) return;
  job.per_chunk = largest(1, kGatherChunk / (row + 16));
  const int64_t ns = (int64_t)((float)rows * ((float)row * kByteCost + kIndexCost)),
                chunks = divide_up(rows, job.per_chunk);
  if (chunks == 1) return gather_chunk(&job, 0, 0);
  context.parallel(&context, chunks, ns, gather_chunk, &job);
}

// ---- scatter_add: a chunk owns rows of the output and goes over all indices in order, so sums never race
// --------------
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

static void scatter_add_chunk(void* arg, int64_t chunk, int32_t) {
  const GatherJob& job = *(const GatherJob*)arg;
  const int64_t row = job.I * 4, across = divide_up(job.A, job.per_chunk);
  const int64_t o = chunk / across, first = chunk % across * job.per_chunk,
                end = smallest(job.A, first + job.per_chunk);
  char* to = job.to + o * job.A * row;
  __builtin_memset(to + first * row, 0, (size_t)((end - first) * row));
  for (int64_t k = 0; k < job.K; k++) {
    const int64_t index = job.indices[k];
    if (chunk == 0 && !in_range(job, k)) continue;
    if (index < first || index >= end) continue;
    const char* from = job.from + (o * job.K + k) * row;
    if (job.real)
      add_row((float*)(to + index * row), (const float*)from, job.I);
    else
      add_row(job, o * job.K + k, (int32_t*)(to + index * row), (const int32_t*)from, job.I);
  }
}

constexpr int64_t kScatterChunks = 16;  // each goes over all indices

static void scatter_add_run(const Call& call, Context& context) {
  GatherJob job = gather_job(context, call.out[0], call.in[1], call.out[0], call.in[0], call.attr[0]);
  if (job.O * job.A * job.I == 0) {
    for (int64_t k = 0; k < job.K; k++) in_range(job, k);
    return;
  }
  job.per_chunk = largest(divide_up(job.A, kScatterChunks), kGatherChunk / (job.I * 4 + 1) + 1);
  const int64_t chunks = job.O * divide_up(job.A, job.per_chunk);
  const float work = (float)(job.O * (job.A + 2 * job.K)) * (float)job.I * 4 * kByteCost + (float)(chunks * job.K);
  if (chunks == 1) return scatter_add_chunk(&job, 0, 0);
  context.parallel(&context, chunks, (int64_t)work, scatter_add_chunk, &job);
}

ANNEAL_NO_SCRATCH(gather)
ANNEAL_NO_SCRATCH(scatter_add)

}  // namespace anneal::ANNEAL_TARGET
