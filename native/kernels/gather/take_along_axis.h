// One element of each row, named by the row's label: take_along_axis reads it, scatter writes it into a row of zeros.
// Each is the other's gradient. A label out of range is reported by its row, and reads or writes nothing.
#pragma once
#include "../walk.h"

namespace anneal::ANNEAL_TARGET {

constexpr int64_t kLabelChunk = 4096;  // rows of one chunk of take_along_axis, and elements of one of scatter
constexpr float kLabelCost = 3.0f;     // rough ns per row
constexpr float kZeroCost = 0.1f;      // and per element of zeros

struct LabelJob {
  Context* context;
  const float* from;  // take_along_axis: x [N, C]; scatter: values [N], or one for all rows
  float* to;
  const int32_t* labels;
  int64_t N, C, per_chunk, step;  // step: 0 where all rows take one value
};

ANNEAL_INLINE bool label_in_range(const LabelJob& job, int64_t n) {
  const int64_t label = job.labels[n];
  if (label >= 0 && label < job.C) return true;
  job.context->fail(job.context, Failure::index_out_of_range, n, label, job.C);
  return false;
}

static void take_along_axis_chunk(void* arg, int64_t chunk, int32_t) {
  const LabelJob& job = *(const LabelJob*)arg;
  const int64_t end = smallest(job.N, (chunk + 1) * job.per_chunk);
  for (int64_t n = chunk * job.per_chunk; n < end; n++)
    job.to[n] = label_in_range(job, n) ? job.from[n * job.C + job.labels[n]] : 0.0f;
}

static void scatter_chunk(void* arg, int64_t chunk, int32_t) {
  const LabelJob& job = *(const LabelJob*)arg;
  const int64_t first = chunk * job.per_chunk, end = smallest(job.N, first + job.per_chunk);
  __builtin_memset(job.to + first * job.C, 0, (size_t)((end - first) * job.C) * 4);
  for (int64_t n = first; n < end; n++)
    if (label_in_range(job, n)) job.to[n * job.C + job.labels[n]] = job.from[n * job.step];
}

static void run_rows(const LabelJob& job, float ns_per_row, void (*body)(void*, int64_t, int32_t)) {
  const int64_t chunks = divide_up(job.N, job.per_chunk);
  if (chunks == 0) return;
  if (chunks == 1) return body((void*)&job, 0, 0);
  job.context->parallel(job.context, chunks, (int64_t)((float)job.N * ns_per_row), body, (void*)&job);
}

static void take_along_axis_run(const Call& call, Context& context) {
  const TensorArg& x = call.in[0];
  const LabelJob job = {&context,
                        (const float*)x.data,
                        (float*)call.out[0].data,
                        (const int32_t*)call.in[1].data,
                        x.dims[0],
                        x.dims[1],
                        kLabelChunk,
                        1};
  run_rows(job, kLabelCost, take_along_axis_chunk);
}

static void scatter_run(const Call& call, Context& context) {
  const TensorArg &out = call.out[0], &values = call.in[0];
  const int64_t C = out.dims[1];
  const LabelJob job = {
      &context, (const float*)values.data,         (float*)out.data, (const int32_t*)call.in[1].data, out.dims[0],
      C,        largest(1, kLabelChunk / (C + 1)), values.rank};
  run_rows(job, kLabelCost + (float)C * kZeroCost, scatter_chunk);
}

ANNEAL_NO_SCRATCH(take_along_axis)
ANNEAL_NO_SCRATCH(scatter)

}  // namespace anneal::ANNEAL_TARGET
