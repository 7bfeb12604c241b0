// The loops of lines of two operations, which are the most frequent: in the caches they have less to do than the
// interpreter of lines. The arithmetic is that of the two loops, operation for operation.

// In the second operation x is the first one's result, y another operand.
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
static void run_pair(void* out, const void* a, const void* b, const void* c, int64_t n) {
  run_ternary<vf>(out, a, b, c, n,
                  [](vf x, vf y, vf z) __attribute__((always_inline)) { return Second::apply(First::apply(x, y), z); });
}

template <class First>
static RunOp pair_after(uint32_t second, bool result_first) {
  switch (second) {
    case pointwise_add:
      return run_pair<First, Second_add>;
    case pointwise_sub:
      return result_first ? run_pair<First, Second_sub> : run_pair<First, Second_sub_from>;
    case pointwise_mul:
      return run_pair<First, Second_mul>;
    case pointwise_maximum:
      return result_first ? run_pair<First, Second_maximum> : nullptr;
    default:
      return nullptr;
  }
}

// The loop of both, or null where there is none. `result_first`: the first one's result is the second one's operand a.
static RunOp pair_of(uint32_t first, uint32_t second, bool result_first) {
  switch (first) {
    case pointwise_add:
      return pair_after<Op_add>(second, result_first);
    case pointwise_sub:
      return pair_after<Op_sub>(second, result_first);
    case pointwise_mul:
      return pair_after<Op_mul>(second, result_first);
    case pointwise_maximum:
      return pair_after<Op_maximum>(second, result_first);
    default:
      return nullptr;
  }
}
