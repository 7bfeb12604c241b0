// norm and norm_grad: by rows.h and rows_gradient.h where the elements of a group lie side by side, else by columns.h.
#pragma once
#include "columns.h"
#include "rows_gradient.h"

namespace anneal::ANNEAL_TARGET {

static bool is_single_row(const NormJob& job) { return job.R == 1; }

static void fill_vector(const TensorArg& t, float value) {
  const int64_t n = t.data ? elements_of(t) : 0;
  for (int64_t i = 0; i < n; i++) ((float*)t.data)[i] = value;
}

static void norm_run(const Call& call, Context& context) {
  const NormJob job = norm_job(call, &context, call.in[0], call.attr[1]);
  if (elements_of(call.in[0]) == 0) {  // of nothing there is no mean
    for (int i = 1; i < 3; i++) fill_vector(call.out[i], __builtin_nanf(""));
    return;
  }
  is_single_row(job) ? run_norm_rows(job) : run_norm_columns(job, false);
}

static void norm_grad_run(const Call& call, Context& context) {
  const NormJob job = norm_job(call, &context, call.in[1], call.attr[0]);
  if (elements_of(call.in[1]) == 0) {
    for (int i = 1; i < 3; i++) fill_vector(call.out[i], 0);
    return;
  }
  is_single_row(job) ? run_grad_rows(job) : run_norm_columns(job, true);
}

static size_t norm_bytes(const NormJob& job, bool gradient) {
  if (is_single_row(job) || job.A * job.R * job.C == 0) return 0;
  const NormColumnsJob columns = norm_columns_job(job, gradient);
  return (size_t)kNormLevels + (columns.whole ? (size_t)columns.floats * 4 : 0);
}
static size_t norm_scratch(const Call& call) {
  return norm_bytes(norm_job(call, nullptr, call.in[0], call.attr[1]), false);
}
static size_t norm_grad_scratch(const Call& call) {
  return norm_bytes(norm_job(call, nullptr, call.in[1], call.attr[0]), true);
}

static size_t norm_shared(const Call& call) {
  const NormJob job = norm_job(call, nullptr, call.in[0], call.attr[1]);
  return is_single_row(job) || job.A * job.R * job.C == 0
             ? 0
             : (size_t)norm_columns_floats(norm_columns_job(job, false)) * 4;
}
static size_t norm_grad_shared(const Call& call) {
  const NormJob job = norm_job(call, nullptr, call.in[1], call.attr[0]);
  if (job.A * job.R * job.C == 0) return 0;
  if (is_single_row(job)) return (size_t)(norm_rows_job(job, true).chunks * 2 * job.C) * 4;
  return (size_t)(norm_columns_floats(norm_columns_job(job, true)) + job.A * 2 * job.C) * 4;
}

}  // namespace anneal::ANNEAL_TARGET
