// The expressions of the pointwise operations, one overload per operand type, and the loops that apply them to runs.
// Booleans are int32 lanes of 0 or 1. int32 arithmetic wraps. maximum and minimum give NaN when either operand is NaN.
#pragma once
#include "../math_near_one.h"
#include "../math_pow.h"

namespace anneal::ANNEAL_TARGET {

enum PointwiseOp : uint32_t {
#define ANNEAL_POINTWISE(name, ...) pointwise_##name,
#include "opcodes.def"
#undef ANNEAL_POINTWISE
};

#define ANNEAL_VECTOR_OPERANDS_1 vf a
#define ANNEAL_VECTOR_OPERANDS_2 vf a, vf b
#define ANNEAL_FUNCTION(name, arity, ns, relative, absolute, vector, reference) \
  ANNEAL_INLINE vf pw_##name(ANNEAL_VECTOR_OPERANDS_##arity) { return vector; }
#define ANNEAL_POINTWISE(...)
#include "opcodes.def"
#undef ANNEAL_POINTWISE

ANNEAL_INLINE vi truth(vi mask) { return mask & splat(int32_t(1)); }

ANNEAL_INLINE vf pw_add(vf a, vf b) { return a + b; }
ANNEAL_INLINE vi pw_add(vi a, vi b) { return (vi)((vu)a + (vu)b); }
ANNEAL_INLINE vf pw_sub(vf a, vf b) { return a - b; }
ANNEAL_INLINE vi pw_sub(vi a, vi b) { return (vi)((vu)a - (vu)b); }
ANNEAL_INLINE vf pw_mul(vf a, vf b) { return a * b; }
ANNEAL_INLINE vi pw_mul(vi a, vi b) { return (vi)((vu)a * (vu)b); }
ANNEAL_INLINE vf pw_maximum(vf a, vf b) { return select(a != a, a, vmax(a, b)); }  // vmax is b where either is NaN
ANNEAL_INLINE vi pw_maximum(vi a, vi b) { return vmax(a, b); }
ANNEAL_INLINE vf pw_minimum(vf a, vf b) { return select(a != a, a, vmin(a, b)); }
ANNEAL_INLINE vi pw_minimum(vi a, vi b) { return vmin(a, b); }
ANNEAL_INLINE vf pw_neg(vf a) { return -a; }
ANNEAL_INLINE vi pw_neg(vi a) { return (vi)(-(vu)a); }
ANNEAL_INLINE vf pw_abs(vf a) { return vabs(a); }
ANNEAL_INLINE vi pw_abs(vi a) { return select(a < vi{}, pw_neg(a), a); }
ANNEAL_INLINE vf pw_sign(vf a) { return to_float((a < vf{}) - (a > vf{})); }  // NaN: 0, as in PyTorch
ANNEAL_INLINE vi pw_sign(vi a) { return (a < vi{}) - (a > vi{}); }
ANNEAL_INLINE vi pw_equal(vf a, vf b) { return truth(a == b); }
ANNEAL_INLINE vi pw_equal(vi a, vi b) { return truth(a == b); }
ANNEAL_INLINE vi pw_not_equal(vf a, vf b) { return truth(a != b); }
ANNEAL_INLINE vi pw_not_equal(vi a, vi b) { return truth(a != b); }
ANNEAL_INLINE vi pw_less(vf a, vf b) { return truth(a < b); }
ANNEAL_INLINE vi pw_less(vi a, vi b) { return truth(a < b); }
ANNEAL_INLINE vi pw_less_equal(vf a, vf b) { return truth(a <= b); }
ANNEAL_INLINE vi pw_less_equal(vi a, vi b) { return truth(a <= b); }
ANNEAL_INLINE vi pw_logical_and(vi a, vi b) { return truth((a != vi{}) & (b != vi{})); }
ANNEAL_INLINE vi pw_logical_or(vi a, vi b) { return truth((a != vi{}) | (b != vi{})); }
ANNEAL_INLINE vi pw_logical_not(vi a) { return truth(a == vi{}); }
ANNEAL_INLINE vf pw_where(vf condition, vf a, vf b) { return select((vi)condition != vi{}, a, b); }
ANNEAL_INLINE vi pw_where(vi condition, vi a, vi b) { return select(condition != vi{}, a, b); }
ANNEAL_INLINE vf pw_to_f32(vf a) { return a; }
ANNEAL_INLINE vf pw_to_f32(vi a) { return to_float(a); }
ANNEAL_INLINE vi pw_to_i32(vf a) {
  const vf limit = splat(2147483648.0f);
  const vi inside = (a >= -limit) & (a < limit);
  const vi r = to_int(select(inside, a, vf{}));
  return select(a >= limit, splat(int32_t(2147483647)), select(a < -limit, splat(int32_t(-2147483647 - 1)), r));
}
ANNEAL_INLINE vi pw_to_i32(vi a) { return a; }
ANNEAL_INLINE vi pw_to_bool(vf a) { return truth(a != vf{}); }
ANNEAL_INLINE vi pw_to_bool(vi a) { return truth(a != vi{}); }
ANNEAL_INLINE vi pw_to_u8(vi a) { return vmin(vmax(a, vi{}), splat(int32_t(255))); }
ANNEAL_INLINE vi pw_to_u8(vf a) { return pw_to_u8(pw_to_i32(a)); }

// ---- loops ------------------------------------------------------------------------------------------------------
ANNEAL_INLINE vf ld_as(const void* p, int64_t i, vf) { return ld((const float*)p + i); }
ANNEAL_INLINE vi ld_as(const void* p, int64_t i, vi) { return ld((const int32_t*)p + i); }
ANNEAL_INLINE vf ld_part_as(const void* p, int64_t i, int n, vf) { return ld_part((const float*)p + i, n); }
ANNEAL_INLINE vi ld_part_as(const void* p, int64_t i, int n, vi) { return ld_part((const int32_t*)p + i, n); }
ANNEAL_INLINE void st_as(void* p, int64_t i, vf x) { st((float*)p + i, x); }
ANNEAL_INLINE void st_as(void* p, int64_t i, vi x) { st((int32_t*)p + i, x); }
ANNEAL_INLINE void st_part_as(void* p, int64_t i, int n, vf x) { st_part((float*)p + i, x, n); }
ANNEAL_INLINE void st_part_as(void* p, int64_t i, int n, vi x) { st_part((int32_t*)p + i, x, n); }

// Applies an operation to n lanes. `out` may be exactly one of the operands.
using RunOp = void (*)(void* out, const void* a, const void* b, const void* c, int64_t n);

template <class V, class Op>
ANNEAL_INLINE void run_unary(void* out, const void* a, int64_t n, Op op) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) st_as(out, i, op(ld_as(a, i, V{})));
  if (const int rest = (int)(n - i)) st_part_as(out, i, rest, op(ld_part_as(a, i, rest, V{})));
}

template <class V, class Op>
ANNEAL_INLINE void run_binary(void* out, const void* a, const void* b, int64_t n, Op op) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) st_as(out, i, op(ld_as(a, i, V{}), ld_as(b, i, V{})));
  if (const int rest = (int)(n - i))
    st_part_as(out, i, rest, op(ld_part_as(a, i, rest, V{}), ld_part_as(b, i, rest, V{})));
}

template <class V, class Op>
ANNEAL_INLINE void run_ternary(void* out, const void* a, const void* b, const void* c, int64_t n, Op op) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) st_as(out, i, op(ld_as(a, i, V{}), ld_as(b, i, V{}), ld_as(c, i, V{})));
  if (const int rest = (int)(n - i))
    st_part_as(out, i, rest, op(ld_part_as(a, i, rest, V{}), ld_part_as(b, i, rest, V{}), ld_part_as(c, i, rest, V{})));
}

// The operations as types, so that a row of pointwise.def makes the loops of each operand type that it takes.
#define ANNEAL_POINTWISE(name, arity, in, out) \
  struct Op_##name {                           \
    template <class... V>                      \
    ANNEAL_INLINE auto apply(V... x) {         \
      return pw_##name(x...);                  \
    }                                          \
  };
#include "opcodes.def"
#undef ANNEAL_POINTWISE

template <class Op, int kArity, class V>
static void run_op(void* out, const void* a, const void* b, const void* c, int64_t n) {
  if constexpr (kArity == 1)
    run_unary<V>(out, a, n, [](V x) __attribute__((always_inline)) { return Op::apply(x); });
  else if constexpr (kArity == 2)
    run_binary<V>(out, a, b, n, [](V x, V y) __attribute__((always_inline)) { return Op::apply(x, y); });
  else
    run_ternary<V>(out, a, b, c, n, [](V x, V y, V z) __attribute__((always_inline)) { return Op::apply(x, y, z); });
}

enum class Lane : uint8_t { real, integer, either };  // of registers: float32, or int32 (booleans and bytes too)

struct PointwiseRow {
  RunOp real, integer;
  int32_t arity;
  Lane result;  // either: that of the operands
};

template <class Op, int kArity, char kIn>
constexpr RunOp real_loop() {
  if constexpr (kIn == 'F' || kIn == 'N')
    return run_op<Op, kArity, vf>;
  else
    return nullptr;
}

template <class Op, int kArity, char kIn>
constexpr RunOp integer_loop() {
  if constexpr (kIn == 'F')
    return nullptr;
  else
    return run_op<Op, kArity, vi>;
}

#define ANNEAL_POINTWISE(name, arity, in, out)                                         \
  {real_loop<Op_##name, arity, *#in>(), integer_loop<Op_##name, arity, *#in>(), arity, \
   *#out == 'F'   ? Lane::real                                                         \
   : *#out == 'N' ? Lane::either                                                       \
                  : Lane::integer},
constexpr PointwiseRow kPointwiseRows[] = {
#include "opcodes.def"
};
#undef ANNEAL_POINTWISE

}  // namespace anneal::ANNEAL_TARGET
