// gather_rows: casts, scales and shifts the rows of a data set on their way into a batch. An index out of range is
// reported by its position and reads as zeros.
#pragma once
#include "../pointwise/operations.h"
#include "../walk.h"
#include "cost.h"

namespace anneal::ANNEAL_TARGET {

struct GatherRowsJob {
  Context* context;
  const TensorArg *data, *out;
  const int32_t* indices;
  int64_t N, B, I, per_chunk;
  float mean, rest, scale;
  bool scaled;
};

// out = (data - mean - rest) * scale, rounded after each. The mean is subtracted before anything is scaled, and in two
// floats that together hold a double's: data near a large mean keep all of their digits.
template <class T>
ANNEAL_INLINE void cast_row(const GatherRowsJob& job, float* to, const T* from) {
  const vf mean = splat(job.mean), rest = splat(job.rest), scale = splat(job.scale);
  const auto cast = [&](auto x) __attribute__((always_inline)) {
    const vf v = pw_to_f32(x);
    return job.scaled ? (v - mean - rest) * scale : v;
  };
  int64_t i = 0;
  for (; i + kLanes <= job.I; i += kLanes) st(to + i, cast(ld(from + i)));
  if (const int rest = (int)(job.I - i)) st_part(to + i, cast(ld_part(from + i, rest)), rest);
}

template <class T>
ANNEAL_INLINE void cast_row(const GatherRowsJob& job, int32_t* to, const T* from) {
  int64_t i = 0;
  for (; i + kLanes <= job.I; i += kLanes) st(to + i, pw_to_i32(ld(from + i)));
  if (const int rest = (int)(job.I - i)) st_part(to + i, pw_to_i32(ld_part(from + i, rest)), rest);
}

template <class To>
static void gather_one_row(const GatherRowsJob& job, To* to, int64_t index) {
  const int64_t at = index * job.I;
  switch (job.data->dtype) {
    case DType::f32:
      return cast_row(job, to, (const float*)job.data->data + at);
    case DType::i32:
      return cast_row(job, to, (const int32_t*)job.data->data + at);
    default:
      return cast_row(job, to, (const uint8_t*)job.data->data + at);
  }
}

static void gather_rows_chunk(void* arg, int64_t chunk, int32_t) {
  const GatherRowsJob& job = *(const GatherRowsJob*)arg;
  const int64_t end = smallest(job.B, (chunk + 1) * job.per_chunk);
  for (int64_t b = chunk * job.per_chunk; b < end; b++) {
    const int64_t index = job.indices[b];
    char* to = (char*)job.out->data + b * job.I * 4;
    if (index < 0 || index >= job.N) {
      job.context->fail(job.context, Failure::index_out_of_range, b, index, job.N);
      __builtin_memset(to, 0, (size_t)job.I * 4);
    } else if (job.out->dtype == DType::f32) {
      gather_one_row(job, (float*)to, index);
    } else {
      gather_one_row(job, (int32_t*)to, index);
    }
  }
}

static void gather_rows_run(const Call& call, Context& context) {
  const TensorArg &data = call.in[0], &indices = call.in[1];
  const bool scaled = call.inputs > 2 && call.in[2].data;
  const auto number = [&](int i, float absent) { return scaled ? *(const float*)call.in[i].data : absent; };
  GatherRowsJob job = {&context,
                       &data,
                       &call.out[0],
                       (const int32_t*)indices.data,
                       data.dims[0],
                       elements_of(indices),
                       1,
                       1,
                       number(2, 0),
                       number(3, 0),
                       number(4, 1),
                       scaled};
  for (int d = 1; d < data.rank; d++) job.I *= data.dims[d];
  if (job.B == 0) return;
  job.per_chunk = largest(1, kGatherChunk / (job.I * 4 + 16));
  const int64_t ns = (int64_t)((float)job.B * ((float)job.I * 4 * kByteCost + kIndexCost)),
                chunks = divide_up(job.B, job.per_chunk);
  if (chunks == 1) return gather_rows_chunk(&job, 0, 0);
  context.parallel(&context, chunks, ns, gather_rows_chunk, &job);
}

ANNEAL_NO_SCRATCH(gather_rows)

}  // namespace anneal::ANNEAL_TARGET
