// Elements of each row, named by the row's labels: take_along_axis reads them, scatter writes them into a row of zeros,
// where the last of equal labels counts. Where there are none, each is the other's gradient. A label out of range is
// reported by its row, and reads or writes nothing.
#pragma once
#include "../walk.h"

namespace anneal::ANNEAL_TARGET {

constexpr int64_t kLabelChunk = 4096;  // labels of one chunk of take_along_axis, and elements of one of scatter
constexpr float kLabelCost = 3.0f;     // rough ns per label
constexpr float kZeroCost = 0.1f;      // and per element of zeros

struct LabelJob {
  Context* context;
  const float* from;  // take_along_axis: x [N, C]; scatter: values [N, K], or one for all
  float* to;
  const int32_t* labels;
  int64_t N, K, C, per_chunk, step;  // step: 0 where all take one value
};

ANNEAL_INLINE bool label_in_range(const LabelJob& job, int64_t at) {
  const int64_t label = job.labels[at];
  if (label >= 0 && label < job.C) return true;
  job.context->fail(job.context, Failure::index_out_of_range, at, label, job.C);
  return false;
}

static void take_along_axis_chunk(void* arg, int64_t chunk, int32_t) {
  const LabelJob& job = *(const LabelJob*)arg;
  const int64_t end = smallest(job.N, (chunk + 1) * job.per_chunk);
  for (int64_t n = chunk * job.per_chunk; n < end; n++)
    for (int64_t at = n * job.K; at < (n + 1) * job.K; at++)
      job.to[at] = label_in_range(job, at) ? job.from[n * job.C + job.labels[at]] : 0.0f;
}

static void scatter_chunk(void* arg, int64_t chunk, int32_t) {
  const LabelJob& job = *(const LabelJob*)arg;
  const int64_t first = chunk * job.per_chunk, end = smallest(job.N, first + job.per_chunk);
  __builtin_memset(job.to + first * job.C, 0, (size_t)((end - first) * job.C) * 4);
  for (int64_t n = first; n < end; n++)
    for (int64_t at = n * job.K; at < (n + 1) * job.K; at++)
      if (label_in_range(job, at)) job.to[n * job.C + job.labels[at]] = job.from[at * job.step];
}

static void run_rows(const LabelJob& job, float ns_per_row, void (*body)(void*, int64_t, int32_t)) {
  const int64_t chunks = divide_up(job.N, job.per_chunk);
  if (chunks == 0) return;
  if (chunks == 1) return body((void*)&job, 0, 0);
  job.context->parallel(job.context, chunks, (int64_t)((float)job.N * ns_per_row), body, (void*)&job);
}

ANNEAL_INLINE int64_t labels_of_row(const TensorArg& labels) { return labels.rank == 2 ? labels.dims[1] : 1; }

static void take_along_axis_run(const Call& call, Context& context) {
  const TensorArg &x = call.in[0], &labels = call.in[1];
  const int64_t K = labels_of_row(labels);
  const LabelJob job = {&context,
                        (const float*)x.data,
                        (float*)call.out[0].data,
                        (const int32_t*)labels.data,
                        x.dims[0],
                        K,
                        x.dims[1],
                        largest(1, kLabelChunk / largest(1, K)),
                        1};
  run_rows(job, kLabelCost * (float)K, take_along_axis_chunk);
}

static void scatter_run(const Call& call, Context& context) {
  const TensorArg &out = call.out[0], &values = call.in[0], &labels = call.in[1];
  const int64_t C = out.dims[1], K = labels_of_row(labels);
  const LabelJob job = {&context,
                        (const float*)values.data,
                        (float*)out.data,
                        (const int32_t*)labels.data,
                        out.dims[0],
                        K,
                        C,
                        largest(1, kLabelChunk / largest(1, C + K)),
                        values.rank > 0};
  run_rows(job, kLabelCost * (float)K + (float)C * kZeroCost, scatter_chunk);
}

ANNEAL_NO_SCRATCH(take_along_axis)
ANNEAL_NO_SCRATCH(scatter)

}  // namespace anneal::ANNEAL_TARGET
