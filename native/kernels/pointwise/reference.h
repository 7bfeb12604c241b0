// The reference of pointwise: one element and one operation at a time, each in double and rounded to T.
#pragma once
#include "../reference_access.h"

namespace anneal::ANNEAL_TARGET {

static double reference_cdf(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }
static double reference_sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
static double reference_tanh_inner(double x) { return std::sqrt(2 / kPi) * (x + 0.044715 * x * x * x); }

static double reference_gelu_slope(double x) {
  const double density = std::exp(-x * x / 2) / std::sqrt(2 * kPi);
  return reference_cdf(x) + (density == 0 ? 0 : x * density);
}
static double reference_gelu_tanh_slope(double x) {
  const double s = reference_sigmoid(2 * reference_tanh_inner(x)), r = reference_sigmoid(-2 * reference_tanh_inner(x));
  const double inner = 2 * std::sqrt(2 / kPi) * (1 + 3 * 0.044715 * x * x);
  return s + (s * r == 0 ? 0 : x * s * r * inner);
}

#define ANNEAL_REFERENCE_OPERANDS_1 double a
#define ANNEAL_REFERENCE_OPERANDS_2 double a, double b
#define ANNEAL_FUNCTION(name, arity, ns, relative, absolute, vector, reference) \
  static double ref_##name(ANNEAL_REFERENCE_OPERANDS_##arity) { return reference; }
#define ANNEAL_POINTWISE(...)
#include "opcodes.def"
#undef ANNEAL_POINTWISE

// Operands of either type.
static double ref_add(double a, double b) { return a + b; }
static int32_t ref_add(int32_t a, int32_t b) { return reference_wrap((int64_t)a + b); }
static double ref_sub(double a, double b) { return a - b; }
static int32_t ref_sub(int32_t a, int32_t b) { return reference_wrap((int64_t)a - b); }
static double ref_mul(double a, double b) { return a * b; }
static int32_t ref_mul(int32_t a, int32_t b) { return reference_wrap((int64_t)a * b); }
static double ref_maximum(double a, double b) { return a != a ? a : b != b ? b : a > b ? a : b; }
static int32_t ref_maximum(int32_t a, int32_t b) { return a > b ? a : b; }
static double ref_minimum(double a, double b) { return a != a ? a : b != b ? b : a < b ? a : b; }
static int32_t ref_minimum(int32_t a, int32_t b) { return a < b ? a : b; }
static double ref_neg(double a) { return -a; }
static int32_t ref_neg(int32_t a) { return reference_wrap(-(int64_t)a); }
static double ref_abs(double a) { return std::fabs(a); }
static int32_t ref_abs(int32_t a) { return reference_wrap(a < 0 ? -(int64_t)a : a); }
static double ref_sign(double a) { return a > 0 ? 1 : a < 0 ? -1 : 0; }
static int32_t ref_sign(int32_t a) { return a > 0 ? 1 : a < 0 ? -1 : 0; }
template <class X>
static bool ref_equal(X a, X b) {
  return a == b;
}
template <class X>
static bool ref_not_equal(X a, X b) {
  return a != b;
}
template <class X>
static bool ref_less(X a, X b) {
  return a < b;
}
template <class X>
static bool ref_less_equal(X a, X b) {
  return a <= b;
}
static bool ref_logical_and(int32_t a, int32_t b) { return a && b; }
static bool ref_logical_or(int32_t a, int32_t b) { return a || b; }
static bool ref_logical_not(int32_t a) { return !a; }
template <class X>
static double ref_to_f32(X a) {
  return (double)a;
}
static int32_t ref_to_i32(double a) { return reference_saturate(a, -2147483648.0, 2147483647.0); }
static int32_t ref_to_i32(int32_t a) { return a; }
template <class X>
static bool ref_to_bool(X a) {
  return a != 0;
}
template <class X>
static int32_t ref_to_u8(X a) {
  return reference_saturate((double)a, 0, 255);
}

static ReferenceLane reference_lane(double x) { return {x, 0, true}; }
static ReferenceLane reference_lane(int32_t x) { return {0, x, false}; }
static ReferenceLane reference_lane(bool x) { return {0, x ? 1 : 0, false}; }

// Applies the reference to one lane, for each pair of arity and operand type that pointwise.def uses.
#define ANNEAL_REF_1F(f) reference_lane(f(a.real))
#define ANNEAL_REF_2F(f) reference_lane(f(a.real, b.real))
#define ANNEAL_REF_1B(f) reference_lane(f(a.integer))
#define ANNEAL_REF_2B(f) reference_lane(f(a.integer, b.integer))
#define ANNEAL_REF_1N(f) (a.is_real ? reference_lane(f(a.real)) : reference_lane(f(a.integer)))
#define ANNEAL_REF_2N(f) (a.is_real ? reference_lane(f(a.real, b.real)) : reference_lane(f(a.integer, b.integer)))
#define ANNEAL_REF_3N(f) f(a, b, c)

static ReferenceLane ref_where(const ReferenceLane& condition, const ReferenceLane& a, const ReferenceLane& b) {
  return condition.integer ? a : b;
}

static ReferenceLane reference_apply(uint32_t opcode, const ReferenceLane& a, const ReferenceLane& b,
                                     const ReferenceLane& c) {
  enum Opcode : uint32_t {
#define ANNEAL_POINTWISE(name, ...) op_##name,
#include "opcodes.def"
#undef ANNEAL_POINTWISE
  };
  switch (opcode) {
#define ANNEAL_POINTWISE(name, arity, in, out) \
  case op_##name:                              \
    return ANNEAL_REF_##arity##in(ref_##name);
#include "opcodes.def"
#undef ANNEAL_POINTWISE
  }
  return a;
}

template <class T>
static void reference_pointwise(const Call& call, Context&) {
  const int64_t n = reference_elements(call.out[0]), count = call.attr[0];
  const uint32_t* words = call.attr + 1;
  for (int64_t i = 0; i < n; i++) {
    ReferenceLane lane[elementwise_limits::inputs + elementwise_limits::opcodes] = {};
    for (int r = 0; r < call.inputs; r++) lane[r] = reference_load(call.in[r], reference_offset(call.in[r], i));
    for (int64_t k = 0; k < count; k++) {
      const uint32_t* w = words + 4 * k;
      ReferenceLane x =
          reference_apply(w[0], lane[w[1]], lane[w[2] == kNone ? w[1] : w[2]], lane[w[3] == kNone ? w[1] : w[3]]);
      x.real = (double)(T)x.real;
      lane[call.inputs + k] = x;
    }
    for (int o = 0; o < call.outputs; o++)
      reference_store(call.out[o], reference_offset(call.out[o], i), lane[words[4 * count + o]]);
  }
}

}  // namespace anneal::ANNEAL_TARGET
