// Reference of update_rows: the rules in double, as reference_update.h has them.
#pragma once
#include "reference_update.h"

namespace anneal::ANNEAL_TARGET {

// The same as in update_rows.h, of values in double.
template <class Rule>
constexpr bool kHasStart = requires(const Rule& rule, double* state) { Rule::start(rule, state); };

// Returns whether the numbers of rows are ascending in [0, V), then -1.
static bool reference_rows(const int32_t* rows, int64_t R, int64_t V, Context& context) {
  int64_t last = -1;
  for (int64_t r = 0; r < R; r++) {
    const bool fits = last == V ? rows[r] == -1 : rows[r] > last ? rows[r] < V : rows[r] == -1;
    if (!fits) return context.fail(&context, Failure::index_out_of_range, r, rows[r], V), false;
    last = rows[r] == -1 ? V : rows[r];
  }
  return true;
}

template <class T, class Rule, int kStates>
static void reference_row_rule(const Call& call, Context& context) {
  const TensorArg* in = call.in + kRowUpdateHeader;
  const int64_t V = in[0].dims[0], D = in[0].dims[1], R = in[1].dims[0];
  const T* scale = (const T*)call.in[2].data;
  const double* limit = (const double*)call.in[3].data;
  const int32_t* rows = (const int32_t*)call.in[4].data;
  const int32_t count = ((const int32_t*)call.in[1].data)[call.attr[2]];
  if (rows && !reference_rows(rows, R, V, context)) return;
  Rule rule = Rule::of((const double*)call.in[0].data, count, call.attr[1]);
  if (scale) rule.sign *= (double)*scale;
  const ReferenceParameter<T, kStates> x = {in, limit ? *limit : INFINITY};
  double s[kStates + 1];
  if constexpr (kHasStart<Rule>)
    for (int64_t i = 0; i < V * D && rule.begins; i++) Rule::start(rule, s), x.keep(i, s);
  for (int64_t r = 0; r < R && (!rows || rows[r] >= 0); r++) {
    bool has_gradient = false;
    for (int64_t d = 0; d < D; d++) has_gradient |= x.get(1, r * D + d) != 0;
    for (int64_t d = 0; d < D && has_gradient; d++) {
      const int64_t i = (rows ? rows[r] : r) * D + d;
      double p = x.get(0, i);
      x.state(i, s);
      Rule::apply(rule, p, x.gradient(r * D + d), s);
      x.keep(i, s);
      if (count % kFlushEvery == 0) x.flush_denormals(i);
      x.set(0, i, p);
    }
  }
}

template <class T>
static void reference_update_rows(const Call& call, Context& context) {
  static void (*const rules[])(const Call&, Context&) = {
#define ANNEAL_UPDATE(name, states, ...) reference_row_rule<T, Rule_##name<double>, names_in(states)>,
#include "rules.def"
#undef ANNEAL_UPDATE
  };
  rules[call.attr[0]](call, context);
}

}  // namespace anneal::ANNEAL_TARGET
