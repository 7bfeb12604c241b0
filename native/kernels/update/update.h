// update: one pass of a rule over all parameters of an optimizer. Operands (rows.def): hyper, steps, scales, limit,
// average, then of each parameter p, g, its state and, where one is kept, its average.
//
// Clipping happens as gradients are read: g = min(max(scale g, -limit), limit). An average is averaged as its parameter
// is written, while both are in a cache: a += c (p - a), which is a copy where c is 1; `average` holds two c, for
// before the step and after it, 0 where nothing is to happen. With kWritesAverageBack a parameter then becomes its
// average.
#pragma once
#include "pass.h"
#include "rules_info.h"
#include "trust_ratio.h"

namespace anneal::ANNEAL_TARGET {

template <class Rule, int kStates>
static void run_rule(const Call& call, Context& context) {
  const MultiTensorRange range = update_range(call);
  if (range.elements == 0) return;
  UpdateJob<Rule> job = update_job<Rule>(call, range, partition_of(range, context.shared_scratch));
  const float ns = (float)range.elements * (float)(4 * (3 + 2 * kStates)) * kUpdateCost;
  if constexpr (kHasTrustRatio<Rule>) find_trust_ratios<Rule, kStates>(job, (int64_t)ns, context);
  if (range.chunks == 1) return update_chunk<Rule, kStates>(&job, 0, 0);
  context.parallel(&context, range.chunks, (int64_t)ns, update_chunk<Rule, kStates>, &job);
}

constexpr Runner kUpdateRules[] = {
#define ANNEAL_UPDATE(name, states, ...) run_rule<Rule_##name<vf>, names_in(states)>,
#include "rules.def"
#undef ANNEAL_UPDATE
};
constexpr bool kRulesWithTrustRatio[] = {
#define ANNEAL_UPDATE(name, ...) kHasTrustRatio<Rule_##name<vf>>,
#include "rules.def"
#undef ANNEAL_UPDATE
};

static void update_run(const Call& call, Context& context) { kUpdateRules[call.attr[0]](call, context); }

static size_t update_scratch(const Call&) { return 0; }
static size_t update_shared(const Call& call) {
  const MultiTensorRange range = update_range(call);
  return partition_bytes(range) + (kRulesWithTrustRatio[call.attr[0]] ? trust_ratio_bytes(range) : 0);
}

}  // namespace anneal::ANNEAL_TARGET
