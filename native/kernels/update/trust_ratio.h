// The first pass of a rule with a trust ratio: accumulates the gradients into the state and finds each parameter's
// ratio, which needs the norms of the parameter and of its update direction before any element can be changed.
#pragma once
#include "pass.h"
#include "squares.h"

namespace anneal::ANNEAL_TARGET {

static size_t trust_ratio_bytes(const MultiTensorRange& range) {
  return (size_t)(range.chunks + range.tensors) * 2 * sizeof(double) + (size_t)range.tensors * sizeof(float);
}

// Sums the squares of elements [first, last) of a parameter, and of its update direction.
template <class Rule, int kStates>
static __attribute__((noinline)) void measure_part(const Rule& __restrict rule, float most, const TensorArg* in,
                                                   int64_t first, int64_t last, double* squares) {
  const vf limit = splat(most);
  const float *p = (const float*)in[0].data, *g = (const float*)in[1].data;
  float* state[kStates];
  for (int k = 0; k < kStates; k++) state[k] = (float*)in[2 + k].data;
  Squares sizes = {}, directions = {};
  const auto step = [&](int64_t i, int part, int lanes) __attribute__((always_inline)) {
    const vf x = ld_some(p + i, lanes);
    vf s[kStates];
    for (int k = 0; k < kStates; k++) s[k] = ld_some(state[k] + i, lanes);
    Rule::accumulate(rule, clipped(ld_some(g + i, lanes), limit), s);
    for (int k = 0; k < kStates; k++) st_some(state[k] + i, s[k], lanes);
    add_squares(sizes, part, x);
    add_squares(directions, part, keep_lanes(Rule::update_direction(rule, x, s), lanes, vf{}));
  };
  int64_t i = first;
  for (; i + 16 <= last; i += 16)
    for (int part = 0; part < kParts; part++) step(i + part * kLanes, part, kLanes);
  for (int part = 0; i < last; i += kLanes, part++) step(i, part, (int)smallest(kLanes, last - i));
  squares[0] = sum_squares(sizes);
  squares[1] = sum_squares(directions);
}

template <class Rule, int kStates>
static void measure_chunk(void* arg, int64_t unit, int32_t) {
  const UpdateJob<Rule>& job = *(const UpdateJob<Rule>*)arg;
  const int64_t chunk = job.partition.order[unit];
  each_update(job, chunk, [&](int64_t t, const TensorArg* in, const Rule& rule, int32_t, int64_t first, int64_t last) {
    measure_part<Rule, kStates>(rule, job.limit, in, first, last, job.trust.partials[chunk + t]);
  });
}

template <class Rule, int kStates>
static void find_trust_ratios(UpdateJob<Rule>& job, int64_t ns, Context& context) {
  job.trust.partials = (double(*)[2])(context.shared_scratch + partition_bytes(job.range));
  float* ratios = (float*)(job.trust.partials + job.range.chunks + job.range.tensors);
  context.parallel(&context, job.range.chunks, ns, measure_chunk<Rule, kStates>, &job);
  double squares[2] = {};
  int64_t at = 0;
  const auto complete = [&] {
    ratios[at++] = (float)trust_ratio(job.call->attr[1], __builtin_sqrt(squares[0]), __builtin_sqrt(squares[1]));
    squares[0] = squares[1] = 0;
  };
  for (int64_t c = 0; c < job.range.chunks; c++)
    each_span(job.range, job.partition, c, [&](int64_t t, int64_t, int64_t) {
      while (at < t) complete();
      for (int k = 0; k < 2; k++) squares[k] += job.trust.partials[c + t][k];
    });
  while (at < job.range.tensors) complete();
  job.trust.ratios = ratios;
}

}  // namespace anneal::ANNEAL_TARGET
