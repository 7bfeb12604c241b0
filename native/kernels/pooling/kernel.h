// pool and pool_grad. An element is one sum over its window, in row-major order from 0, divided at its end; of the
// gradient, a sum over the windows that it stands in, in their order, of dy divided. Ways to get there differ, bits do
// not: wide.h has vectors along rows, planes.h across planes, channels.h along channels.
#pragma once
#include "channels.h"
#include "max.h"
#include "planes.h"
#include "wide.h"

namespace anneal::ANNEAL_TARGET {

// Rows from which vectors along them pay: where lanes of planes would be idle, rows of a pair of vectors do, whatever
// the padding.
constexpr int64_t kWideRow = 64, kWideRowOfFew = 2 * kLanes + 1;

static bool is_wide(const PoolJob& job) {
  const PoolAxis& a = job.axis[2];
  return a.stride <= 2 && a.kernel <= a.n && job.written[2] >= (job.planes < kPlanes ? kWideRowOfFew : kWideRow);
}

static PoolJob planned_pool(const Call& call, Context* context, bool gradient) {
  PoolJob job = pool_job(call, context, gradient);
  if (job.channels > 0)
    plan_channels(job);
  else if (is_wide(job))
    plan_wide(job);
  else
    plan_planes(job);
  return job;
}

static void run_pooling(const Call& call, Context& context, bool gradient) {
  const PoolJob job = planned_pool(call, &context, gradient);
  run_pool(job, job.channels > 0 ? channels_chunk : is_wide(job) ? wide_chunk : planes_chunk);
}

static size_t pooling_scratch(const Call& call, bool gradient) {
  const PoolJob job = planned_pool(call, nullptr, gradient);
  return pool_scratch_bytes(job, job.channels > 0 || is_wide(job) ? 0 : planes_besides(job));
}

static void pool_run(const Call& call, Context& context) { run_pooling(call, context, false); }
static size_t pool_scratch(const Call& call) { return pooling_scratch(call, false); }
static size_t pool_shared(const Call&) { return 0; }

static void pool_grad_run(const Call& call, Context& context) { run_pooling(call, context, true); }
static size_t pool_grad_scratch(const Call& call) { return pooling_scratch(call, true); }
static size_t pool_grad_shared(const Call&) { return 0; }

static void max_pool_run(const Call& call, Context& context) { run_max(call, context, MaxPass::forward); }
static size_t max_pool_scratch(const Call& call) { return max_scratch(call, MaxPass::forward); }
static size_t max_pool_shared(const Call&) { return 0; }

static void max_pool_take_run(const Call& call, Context& context) { run_max(call, context, MaxPass::take); }
static size_t max_pool_take_scratch(const Call& call) { return max_scratch(call, MaxPass::take); }
static size_t max_pool_take_shared(const Call&) { return 0; }

static void max_pool_grad_run(const Call& call, Context& context) { run_max(call, context, MaxPass::gradient); }
static size_t max_pool_grad_scratch(const Call& call) { return max_scratch(call, MaxPass::gradient); }
static size_t max_pool_grad_shared(const Call&) { return 0; }

}  // namespace anneal::ANNEAL_TARGET
