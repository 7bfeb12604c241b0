// Superinstructions: loops of chains of two operations, which are the most frequent. In the caches they have less to do
// than the interpreter of chains. The arithmetic is that of the two loops, operation for operation.
#pragma once
#include "operations.h"

namespace anneal::ANNEAL_TARGET {

// Second operations: x is the first one's result, y another operand.
#define ANNEAL_SECOND(name, expression)                       \
  struct Second_##name {                                      \
    ANNEAL_INLINE vf apply(vf x, vf y) { return expression; } \
  };
ANNEAL_SECOND(add, pw_add(x, y))
ANNEAL_SECOND(sub, pw_sub(x, y))
ANNEAL_SECOND(sub_from, pw_sub(y, x))
ANNEAL_SECOND(mul, pw_mul(x, y))
ANNEAL_SECOND(maximum, pw_maximum(x, y))
#undef ANNEAL_SECOND

template <class First, class Second>
static void run_superinstruction(void* out, const void* a, const void* b, const void* c, int64_t n) {
  run_ternary<vf>(out, a, b, c, n,
                  [](vf x, vf y, vf z) __attribute__((always_inline)) { return Second::apply(First::apply(x, y), z); });
}

template <class First>
static RunOp superinstruction_after(uint32_t second, bool result_first) {
  switch (second) {
    case pointwise_add:
      return run_superinstruction<First, Second_add>;
    case pointwise_sub:
      return result_first ? run_superinstruction<First, Second_sub> : run_superinstruction<First, Second_sub_from>;
    case pointwise_mul:
      return run_superinstruction<First, Second_mul>;
    case pointwise_maximum:
      return result_first ? run_superinstruction<First, Second_maximum> : nullptr;
    default:
      return nullptr;
  }
}

// The loop of both, or null where there is none. `result_first`: the first one's result is the second one's operand a.
static RunOp superinstruction_of(uint32_t first, uint32_t second, bool result_first) {
  switch (first) {
    case pointwise_add:
      return superinstruction_after<Op_add>(second, result_first);
    case pointwise_sub:
      return superinstruction_after<Op_sub>(second, result_first);
    case pointwise_mul:
      return superinstruction_after<Op_mul>(second, result_first);
    case pointwise_maximum:
      return superinstruction_after<Op_maximum>(second, result_first);
    default:
      return nullptr;
  }
}

}  // namespace anneal::ANNEAL_TARGET
