// Reference of update: the rules in double, rounded to T where a value is stored.
#pragma once
#include <limits>

#include "../reference_access.h"
#include "rules.h"
#include "rules_info.h"
#include "update_call.h"

namespace anneal::ANNEAL_TARGET {

// One parameter's operands, element by element.
template <class T, int kStates>
struct ReferenceParameter {
  const TensorArg* in;
  double limit;

  double get(int k, int64_t i) const { return (double)((const T*)in[k].data)[i]; }
  void set(int k, int64_t i, double x) const { ((T*)in[k].data)[i] = (T)x; }
  double gradient(int64_t i) const {
    const double g = get(1, i);
    return g > limit ? limit : g < -limit ? -limit : g;
  }
  void state(int64_t i, double* s) const {
    for (int k = 0; k < kStates; k++) s[k] = get(2 + k, i);
  }
  void keep(int64_t i, const double* s) const {
    for (int k = 0; k < kStates; k++) set(2 + k, i, s[k]);
  }
  void flush_denormals(int64_t i) const {
    for (int k = 0; k < kStates; k++)
      if (std::fabs(get(2 + k, i)) < std::numeric_limits<T>::min()) set(2 + k, i, 0);
  }
  void average(int64_t i, double c, bool writes_back) const {
    if (c == 0) return;
    const double a = get(2 + kStates, i), now = c == 1 ? get(0, i) : a + c * (get(0, i) - a);
    set(2 + kStates, i, now);
    if (writes_back) set(0, i, now);
  }
};

template <class T, class Rule, int kStates>
static double reference_trust_ratio(const Rule& rule, const ReferenceParameter<T, kStates>& x, int64_t n,
                                    uint32_t flags) {
  double parameter = 0, direction = 0, s[kStates + 1];
  for (int64_t i = 0; i < n; i++) {
    x.state(i, s);
    Rule::accumulate(rule, x.gradient(i), s);
    x.keep(i, s);
    const double d = Rule::update_direction(rule, x.get(0, i), s);
    parameter += x.get(0, i) * x.get(0, i), direction += d * d;
  }
  return trust_ratio(flags, std::sqrt(parameter), std::sqrt(direction));
}

template <class T, class Rule, int kStates>
static void reference_rule(const Call& call) {
  const int tensors = call.attrs - kUpdateAttrs, each = (call.inputs - kUpdateHeader) / tensors;
  const T* scales = (const T*)call.in[2].data;
  const double* limit = (const double*)call.in[3].data;
  const double* average = (const double*)call.in[4].data;
  for (int t = 0; t < tensors; t++) {
    const TensorArg* in = call.in + kUpdateHeader + t * each;
    const ReferenceParameter<T, kStates> x = {in, limit ? *limit : INFINITY};
    const int32_t count = ((const int32_t*)call.in[1].data)[call.attr[kUpdateAttrs + t]];
    Rule rule = Rule::of((const double*)call.in[0].data, count, call.attr[1]);
    if (scales) rule.sign *= (double)scales[call.in[2].dims[0] == 1 ? 0 : t];
    if constexpr (kHasTrustRatio<Rule>)
      rule.step *= reference_trust_ratio<T, Rule, kStates>(rule, x, reference_elements(in[0]), call.attr[1]);
    for (int64_t i = 0; i < reference_elements(in[0]); i++) {
      if (average) x.average(i, average[0], false);
      double p = x.get(0, i), s[kStates + 1];
      x.state(i, s);
      Rule::apply(rule, p, x.gradient(i), s);
      x.keep(i, s);
      if (count % kFlushEvery == 0) x.flush_denormals(i);
      x.set(0, i, p);
      if (average) x.average(i, average[1], call.attr[1] & kWritesAverageBack);
    }
  }
}

template <class T>
static void reference_update(const Call& call, Context&) {
  static void (*const rules[])(const Call&) = {
#define ANNEAL_UPDATE(name, states, ...) reference_rule<T, Rule_##name<double>, names_in(states)>,
#include "rules.def"
#undef ANNEAL_UPDATE
  };
  rules[call.attr[0]](call);
}

}  // namespace anneal::ANNEAL_TARGET
