// Reference of update: the rules in double, rounded to T where a value is stored.
template <class V>
static V all(double x) {
  return x;
}
static double vfma(double a, double b, double c) { return a * b + c; }
static double vsqrt(double x) { return std::sqrt(x); }
static double vabs(double x) { return std::fabs(x); }
static double vmax(double a, double b) { return a > b ? a : b; }
static double sign_of(double x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }
#include "update_rules.h"

template <class T, class Rule, int kStates>
static void reference_rule(const Call& call) {
  for (int t = 0; t < call.attrs - 2; t++) {
    const TensorArg* in = call.in + 2 + t * (2 + kStates);
    const int32_t count = ((const int32_t*)call.in[1].data)[call.attr[2 + t]];
    const Rule rule = Rule::of((const double*)call.in[0].data, count, call.attr[1]);
    for (int64_t i = 0; i < reference_elements(in[0]); i++) {
      double p = (double)((const T*)in[0].data)[i], s[kStates + 1];
      for (int k = 0; k < kStates; k++) s[k] = (double)((const T*)in[2 + k].data)[i];
      Rule::apply(rule, p, (double)((const T*)in[1].data)[i], s);
      for (int k = 0; k < kStates; k++) ((T*)in[2 + k].data)[i] = (T)s[k];
      ((T*)in[0].data)[i] = (T)p;
    }
  }
}

template <class T>
static void reference_update(const Call& call, Context&) {
  static void (*const rules[])(const Call&) = {
#define ANNEAL_UPDATE(name, states, ...) reference_rule<T, Rule_##name<double>, states>,
#include "../updates.def"
#undef ANNEAL_UPDATE
  };
  rules[call.attr[0]](call);
}
