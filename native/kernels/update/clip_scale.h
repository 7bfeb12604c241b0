// clip_scale: what gradients have to be multiplied by for their norm to be at most a limit, and that norm. Operands
// (rows.def): the limit, then the gradients. The norm is that of all together, and with attribute `each` so is only
// what is reported: every gradient is then limited by its own. As torch.nn.utils.clip_grad_norm_ with its defaults:
// scale = min(1, limit / (norm + 1e-6)); an infinite norm makes it 0, NaN makes it NaN.
#pragma once
#include "clip_factor.h"
#include "multi_tensor_range.h"
#include "squares.h"

namespace anneal::ANNEAL_TARGET {

constexpr int64_t kClipChunk = 16384;  // elements, about
constexpr int64_t kMostClipChunks = 256;
constexpr float kClipCost = 0.03f;  // rough ns per element

static MultiTensorRange clip_range(const Call& call) {
  return multi_tensor_range(call.in + 1, 1, call.inputs - 1, kClipChunk, kMostClipChunks);
}

struct ClipJob {
  MultiTensorRange range;
  Partition partition;
  double* parts;
};

// Two sums by turns, of sixteen elements each, so that an addition need not wait for the one before.
static double squares_of(const float* g, int64_t first, int64_t last) {
  Squares s[2] = {};
  int64_t i = first;
  for (; i + 32 <= last; i += 32)
    for (int turn = 0; turn < 2; turn++)
      for (int p = 0; p < kParts; p++) add_squares(s[turn], p, ld(g + i + 16 * turn + p * kLanes));
  for (int n = 0; i < last; i += kLanes, n++)
    add_squares(s[n / kParts], n % kParts, ld_some(g + i, (int)smallest(kLanes, last - i)));
  add_squares(s[0], s[1]);
  return sum_squares(s[0]);
}

static void clip_chunk(void* arg, int64_t unit, int32_t) {
  const ClipJob& job = *(const ClipJob*)arg;
  const int64_t chunk = job.partition.order[unit];
  each_span(job.range, job.partition, chunk,
            [&](int64_t t, int64_t first, int64_t last) __attribute__((always_inline)) {
              job.parts[chunk + t] = squares_of((const float*)tensor_at(job.range, t).data, first, last);
            });
}

// The parts in order: first into the sum of each gradient, then these.
static void clip_finish(const Call& call, const ClipJob& job) {
  const double limit = (double)*(const float*)call.in[0].data;
  float* scales = (float*)call.out[0].data;
  double all = 0, own = 0;
  int64_t at = 0;
  const auto complete = [&] {
    if (call.attr[0]) scales[at] = (float)clip_factor(__builtin_sqrt(own), limit);
    all += own, own = 0, at++;
  };
  for (int64_t c = 0; c < job.range.chunks; c++)
    each_span(job.range, job.partition, c, [&](int64_t t, int64_t, int64_t) {
      while (at < t) complete();
      own += job.parts[c + t];
    });
  while (at < job.range.tensors) complete();
  if (!call.attr[0]) scales[0] = (float)clip_factor(__builtin_sqrt(all), limit);
  *(float*)call.out[1].data = (float)__builtin_sqrt(all);
}

static void clip_scale_run(const Call& call, Context& context) {
  const MultiTensorRange range = clip_range(call);
  ClipJob job = {range, partition_of(range, context.shared_scratch),
                 (double*)(context.shared_scratch + partition_bytes(range))};
  context.parallel(&context, range.chunks, (int64_t)((float)range.elements * kClipCost), clip_chunk, &job);
  clip_finish(call, job);
}

static size_t clip_scale_scratch(const Call&) { return 0; }
static size_t clip_scale_shared(const Call& call) {
  const MultiTensorRange range = clip_range(call);
  return partition_bytes(range) + (size_t)(range.chunks + range.tensors) * sizeof(double);
}

}  // namespace anneal::ANNEAL_TARGET
