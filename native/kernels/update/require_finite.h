// require_finite: no result, but the run ends at it where an operand holds NaN or an infinity. It reports the first, in
// the order of the operands: where, as elements of all operands before it; value: the operand; limit: 0 NaN, 1 and 2
// the infinities. What writes storages comes after it, and so does not happen.
#pragma once
#include "../walk.h"

namespace anneal::ANNEAL_TARGET {

constexpr int64_t kFiniteChunk = 65536;  // elements
constexpr float kFiniteCost = 0.02f;     // rough ns per element

struct FiniteJob {
  Context* context;
  const float* x;
  int64_t elements, before, operand;
};

// x - x is 0 for what is finite, NaN for the rest.
static bool all_finite(const float* x, int64_t elements) {
  vi odd = splat(0);
  int64_t i = 0;
  for (; i + kLanes <= elements; i += kLanes) {
    const vf v = ld(x + i);
    odd |= v - v != splat(0.0f);
  }
  float rest = 0;
  for (; i < elements; i++) rest += x[i] - x[i];
  int32_t any = 0;
  for (int lane = 0; lane < kLanes; lane++) any |= odd[lane];
  return any == 0 && rest == 0;
}

static void finite_chunk(void* arg, int64_t chunk, int32_t) {
  const FiniteJob& job = *(const FiniteJob*)arg;
  const int64_t first = chunk * kFiniteChunk, end = smallest(job.elements, first + kFiniteChunk);
  if (all_finite(job.x + first, end - first)) return;
  int64_t i = first;
  while (job.x[i] - job.x[i] == 0) i++;
  const float x = job.x[i];
  job.context->fail(job.context, Failure::not_finite, job.before + i, job.operand, x != x ? 0 : x > 0 ? 1 : 2);
}

static void require_finite_run(const Call& call, Context& context) {
  FiniteJob job = {&context, nullptr, 0, 0, 0};
  for (; job.operand < call.inputs; job.operand++, job.before += job.elements) {
    const TensorArg& operand = call.in[job.operand];
    job.x = (const float*)operand.data;
    job.elements = elements_of(operand);
    const int64_t chunks = divide_up(job.elements, kFiniteChunk);
    if (chunks == 1)
      finite_chunk(&job, 0, 0);
    else if (chunks > 1)
      context.parallel(&context, chunks, (int64_t)((float)job.elements * kFiniteCost), finite_chunk, &job);
  }
}

ANNEAL_NO_SCRATCH(require_finite)

}  // namespace anneal::ANNEAL_TARGET
