// update_rows: a rule over those rows of a table that have a gradient. Operands (rows.def): hyper, steps, scale, limit,
// the numbers of the rows, then p [V,D], g [R,D] and its state [V,D]. A row of g that is nothing but zeros leaves its
// row of the table and of the state as they are. The numbers are checked before anything is written, as two threads
// must not meet in a row: ascending, then -1 for none; without them each row of g is that of the table.
#pragma once
#include "pass.h"
#include "rules_info.h"

namespace anneal::ANNEAL_TARGET {

constexpr int64_t kMostRowChunks = 256;

template <class Rule>
struct RowUpdateJob {
  const Call* call;
  Rule rule;
  const int32_t* rows;
  int64_t count, D, per_chunk;
  float limit;
  bool flushes;
};

// The number of rows of g that belong to one of the table, or -1 after a report.
static int64_t checked_rows(const int32_t* rows, int64_t R, int64_t V, Context& context) {
  int64_t count = 0;
  while (count < R && rows[count] > (count > 0 ? rows[count - 1] : -1) && rows[count] < V) count++;
  for (int64_t r = count; r < R; r++)
    if (rows[r] != -1) return context.fail(&context, Failure::index_out_of_range, r, rows[r], V), -1;
  return count;
}

static bool has_gradient(const float* g, int64_t D) {
  vi odd = vi{};
  each_vector(D, [&](int64_t i, int lanes) __attribute__((always_inline)) { odd |= ld_some(g + i, lanes) != vf{}; });
  return any(odd);
}

// The beginning of a row: its cache lines follow no stream that a prefetcher of the CPU knows.
ANNEAL_INLINE void prefetch_row(const float* row, int64_t D) {
  const int64_t bytes = smallest(kPrefetchedBytes, 4 * D);
  for (int64_t b = 0; b < bytes; b += 64) __builtin_prefetch((const char*)row + b, 1);
}

template <class Rule, int kStates>
static void row_update_chunk(void* arg, int64_t chunk, int32_t) {
  const RowUpdateJob<Rule>& job = *(const RowUpdateJob<Rule>*)arg;
  const TensorArg* operands = job.call->in + kRowUpdateHeader;
  const int64_t end = smallest(job.count, (chunk + 1) * job.per_chunk), D = job.D;
  const auto row_of = [&](int64_t r) { return job.rows ? job.rows[r] : r; };
  TensorArg row[2 + kStates] = {};
  for (int64_t r = chunk * job.per_chunk; r < end; r++) {
    if (job.rows && r + 1 < job.count)
      for (int k = 0; k < 2 + kStates; k++)
        if (k != 1) prefetch_row((const float*)operands[k].data + job.rows[r + 1] * D, D);
    for (int k = 0; k < 2 + kStates; k++) row[k].data = (float*)operands[k].data + (k == 1 ? r : row_of(r)) * D;
    if (!has_gradient((const float*)row[1].data, D)) continue;
    update_part<Rule, kStates, false>(job.rule, job.limit, row, 0, D);
    for (int k = 0; job.flushes && k < kStates; k++) flush_denormals((float*)row[2 + k].data, 0, D);
  }
}

// Whether a rule's state starts at something else than 0, in rows that have no gradient yet, too.
template <class Rule>
constexpr bool kHasStart = requires(const Rule& rule, decltype(Rule::sign) state) { Rule::start(rule, &state); };

template <class Rule, int kStates>
static void start_states(void* arg, int64_t chunk, int32_t) {
  const RowUpdateJob<Rule>& job = *(const RowUpdateJob<Rule>*)arg;
  const int64_t n = elements_of(job.call->in[kRowUpdateHeader]), first = chunk * kUpdateChunk;
  vf state[kStates + 1];
  Rule::start(job.rule, state);
  for (int64_t i = first; i < smallest(n, first + kUpdateChunk); i += kLanes)
    for (int k = 0; k < kStates; k++)
      st_some((float*)job.call->in[kRowUpdateHeader + 2 + k].data + i, state[k], (int)smallest(kLanes, n - i));
}

template <class Rule, int kStates>
static void run_row_rule(const Call& call, Context& context) {
  const TensorArg &p = call.in[kRowUpdateHeader], &g = call.in[kRowUpdateHeader + 1];
  const int32_t count = ((const int32_t*)call.in[1].data)[call.attr[2]];
  const double* limit = (const double*)call.in[3].data;
  RowUpdateJob<Rule> job = {&call,
                            Rule::of((const double*)call.in[0].data, count, call.attr[1]),
                            (const int32_t*)call.in[4].data,
                            g.dims[0],
                            g.dims[1],
                            1,
                            limit ? (float)*limit : __builtin_inff(),
                            kStates > 0 && count % kFlushEvery == 0};
  if (job.rows && (job.count = checked_rows(job.rows, g.dims[0], p.dims[0], context)) < 0) return;
  if (const float* scale = (const float*)call.in[2].data) job.rule.sign = job.rule.sign * splat(*scale);
  if constexpr (kHasStart<Rule>)
    if (job.rule.begins) {
      const int64_t n = elements_of(p);
      context.parallel(&context, divide_up(n, kUpdateChunk), (int64_t)((float)(4 * n * kStates) * kUpdateCost),
                       start_states<Rule, kStates>, &job);
    }
  if (job.count * job.D == 0) return;
  job.per_chunk = largest(largest(1, kUpdateChunk / job.D), divide_up(job.count, kMostRowChunks));
  const int64_t chunks = divide_up(job.count, job.per_chunk);
  const float ns = (float)(job.count * job.D) * (float)(4 * (3 + 2 * kStates)) * kUpdateCost;
  if (chunks == 1) return row_update_chunk<Rule, kStates>(&job, 0, 0);
  context.parallel(&context, chunks, (int64_t)ns, row_update_chunk<Rule, kStates>, &job);
}

constexpr Runner kRowUpdateRules[] = {
#define ANNEAL_UPDATE(name, states, ...) run_row_rule<Rule_##name<vf>, names_in(states)>,
#include "rules.def"
#undef ANNEAL_UPDATE
};

static void update_rows_run(const Call& call, Context& context) { kRowUpdateRules[call.attr[0]](call, context); }

ANNEAL_NO_SCRATCH(update_rows)

}  // namespace anneal::ANNEAL_TARGET
