// reduce: sum, mean, max, min, argmax, argmin, var, any, all over any axes of any strided tensor.
// The order of every summation follows from the shapes and strides alone: never from the width of vectors or the number
// of threads.
#pragma once
#include "arg_columns.h"
#include "columns.h"
#include "integer_sum.h"
#include "rows.h"
#include "variance_columns.h"

namespace anneal::ANNEAL_TARGET {

constexpr int64_t kReduceChunk = 32768;    // elements of one chunk
constexpr int64_t kBlocksPerSegment = 16;  // a power of two
constexpr int64_t kFewOutputs = 16;        // up to here, outputs of more than kSegmented elements are cut
constexpr int64_t kSegmented = 4 * kBlocksPerSegment * kReduceBlock;

static ReduceJob reduce_job(const Call& call, Context* context) {
  const TensorArg &in = call.in[0], &out = call.out[0];
  ReduceJob job;
  job.context = context;
  job.in = in.data;
  job.dtype = in.dtype;
  job.out = out.data;
  job.out_dtype = out.dtype;
  job.kind = call.attr[0];
  __builtin_memcpy(&job.correction, call.attr + 1, 4);
  job.kept.rank = job.reduced.rank = 0;
  job.outputs = job.R = 1;
  for (int d = 0; d < in.rank; d++) {
    const bool reduced = out.dims[d] != in.dims[d];
    walk_push(reduced ? job.reduced : job.kept, in.dims[d], in.strides[d]);
    (reduced ? job.R : job.outputs) *= in.dims[d];
  }
  job.in_place = is_dense(job.reduced) && size_of(in.dtype) == 4;
  job.blocks = largest(1, divide_up(job.R, kReduceBlock));
  job.outputs_per_chunk = largest(1, kReduceChunk / (job.R + 16));
  job.blocks_per_segment = kBlocksPerSegment;
  job.segments = job.outputs <= kFewOutputs && job.R > kSegmented ? divide_up(job.blocks, kBlocksPerSegment) : 1;
  return job;
}

// Rows of the kept innermost dimension are dense and those of the reduced one are not.
static bool by_columns(const ReduceJob& job) {
  const int last = job.kept.rank - 1;
  return !job.in_place && job.R > 0 && last >= 0 && job.kept.strides[last] == 1 && size_of(job.dtype) == 4;
}

static ColumnJob column_job(const ReduceJob& base) {
  ColumnJob job;
  job.base = base;
  job.N = base.kept.dims[base.kept.rank - 1];
  job.outer = job.N ? base.outputs / job.N : 0;
  const bool few = job.outer * divide_up(job.N, kColumnRun) <= kFewOutputs && base.R * base.outputs > kSegmented;
  job.segments = few ? divide_up(base.R, kSegmentRows) : 1;
  const int64_t threads = base.context ? base.context->threads : 1,
                wanted = threads == 1 ? 1 : kChunksOfThread * threads;
  const int64_t longest = base.kind == reductions::sum && base.dtype != DType::f32 ? kLongestSumRun : kLongestRun;
  job.run = kColumnRun;
  while (job.run < smallest(longest, job.N) && job.segments * job.outer * divide_up(job.N, 2 * job.run) >= wanted)
    job.run *= 2;
  job.runs = divide_up(job.N, job.run);
  job.levels = 2;
  const bool moments = base.kind == reductions::var;
  const int64_t rows = job.segments == 1 ? base.R : kSegmentRows;
  for (int64_t blocks = divide_up(rows, moments ? kMomentsRows : kColumnBlock); blocks; blocks /= 2) job.levels++;
  if (moments) job.levels *= 2;
  job.partial = job.segments > 1 ? base.context ? base.context->shared_scratch : nullptr : nullptr;
  return job;
}

static void run_columns(const ReduceJob& base) {
  const ColumnJob job = column_job(base);
  const bool real = base.dtype == DType::f32;
  switch (base.kind) {
    case reductions::sum:
      return real ? reduce_columns<RealSum>(job) : integer_sum_columns(job);
    case reductions::mean:
      return reduce_columns<RealSum>(job);
    case reductions::max:
      return real ? reduce_columns<RealMax>(job) : reduce_columns<IntegerMax>(job);
    case reductions::min:
      return real ? reduce_columns<RealMin>(job) : reduce_columns<IntegerMin>(job);
    case reductions::argmax:
      return real ? arg_columns<RealMax>(job) : arg_columns<IntegerMax>(job);
    case reductions::argmin:
      return real ? arg_columns<RealMin>(job) : arg_columns<IntegerMin>(job);
    case reductions::var:
      return variance_columns(job);
    case reductions::any:
      return reduce_columns<BitsAny>(job);
    case reductions::all:
      return reduce_columns<BitsAll>(job);
  }
}

static void run_rows(const ReduceJob& job) {
  const bool real = job.dtype == DType::f32;
  switch (job.kind) {
    case reductions::sum:
      return real ? reduce_rows<ByValue<RealSum> >(job) : reduce_rows<ByIntegerSum>(job);
    case reductions::mean:
      return reduce_rows<ByValue<RealSum> >(job);
    case reductions::max:
      return real ? reduce_rows<ByValue<RealMax> >(job) : reduce_rows<ByValue<IntegerMax> >(job);
    case reductions::min:
      return real ? reduce_rows<ByValue<RealMin> >(job) : reduce_rows<ByValue<IntegerMin> >(job);
    case reductions::argmax:
      return real ? reduce_rows<ByIndex<RealMax> >(job) : reduce_rows<ByIndex<IntegerMax> >(job);
    case reductions::argmin:
      return real ? reduce_rows<ByIndex<RealMin> >(job) : reduce_rows<ByIndex<IntegerMin> >(job);
    case reductions::var:
      return reduce_rows<ByMoments>(job);
    case reductions::any:
      return reduce_rows<ByValue<BitsAny> >(job);
    case reductions::all:
      return reduce_rows<ByValue<BitsAll> >(job);
  }
}

static void reduce_run(const Call& call, Context& context) {
  const ReduceJob job = reduce_job(call, &context);
  if (job.outputs == 0) return;
  if (by_columns(job))
    run_columns(job);
  else
    run_rows(job);
}

static size_t reduce_scratch(const Call& call) {
  const ReduceJob job = reduce_job(call, nullptr);
  if (by_columns(job)) return (size_t)(column_job(job).levels * kRunBytes);
  return job.in_place ? 0 : (size_t)kReduceBlock * 4 + 64;
}

static size_t reduce_shared(const Call& call) {
  const ReduceJob job = reduce_job(call, nullptr);
  constexpr int64_t kLargestPartial = sizeof(Moments), kLargestColumn = 8;
  if (!by_columns(job)) return job.segments > 1 ? (size_t)(job.outputs * job.segments * kLargestPartial) : 0;
  const int64_t segments = column_job(job).segments;
  return segments > 1 ? (size_t)(job.outputs * segments * kLargestColumn) : 0;
}

}  // namespace anneal::ANNEAL_TARGET
