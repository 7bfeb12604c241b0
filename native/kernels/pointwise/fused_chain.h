// Fused chains: cheap operations in a row, each on the result of the one before and at most one other operand. Results
// stay in registers from one operation to the next, so an operation costs the load of its operand and its arithmetic,
// and the interpreter decides once for several vectors. The arithmetic is that of the operations' own loops.
#pragma once
#include "../walk.h"
#include "operations.h"

namespace anneal::ANNEAL_TARGET {

// x is the result before, y the other operand: on which side of the operation x stands tells the two forms apart.
#define ANNEAL_CHAIN_OPS(row)                                                                            \
  row(add, pw_add(x, y)) row(sub, pw_sub(x, y)) row(sub_from, pw_sub(y, x)) row(mul, pw_mul(x, y))       \
      row(maximum, pw_maximum(x, y)) row(maximum_after, pw_maximum(y, x)) row(minimum, pw_minimum(x, y)) \
          row(minimum_after, pw_minimum(y, x)) row(relu_grad, pw_relu_grad(x, y))                        \
              row(relu_grad_from, pw_relu_grad(y, x)) row(neg, pw_neg(x)) row(abs, pw_abs(x)) row(relu, pw_relu(x))

enum class ChainOp : uint8_t {
#define ANNEAL_ROW(name, expression) name,
  ANNEAL_CHAIN_OPS(ANNEAL_ROW)
#undef ANNEAL_ROW
      none
};

// The form of an operation over floats, `none` where it has none.
ANNEAL_INLINE ChainOp chain_op(uint32_t opcode, bool result_first) {
  switch (opcode) {
    case pointwise_add:
      return ChainOp::add;
    case pointwise_sub:
      return result_first ? ChainOp::sub : ChainOp::sub_from;
    case pointwise_mul:
      return ChainOp::mul;
    case pointwise_maximum:
      return result_first ? ChainOp::maximum : ChainOp::maximum_after;
    case pointwise_minimum:
      return result_first ? ChainOp::minimum : ChainOp::minimum_after;
    case pointwise_relu_grad:
      return result_first ? ChainOp::relu_grad : ChainOp::relu_grad_from;
    case pointwise_neg:
      return ChainOp::neg;
    case pointwise_abs:
      return ChainOp::abs;
    case pointwise_relu:
      return ChainOp::relu;
    default:
      return ChainOp::none;
  }
}

struct ChainStep {
  ChainOp op;
  const float* y;
};

// `count` vectors from element i on; `lanes` of the last one. An operation without y has x there.
template <int count>
ANNEAL_INLINE void chain_vectors(float* out, const float* x0, const ChainStep* parts, int length, int64_t i, int lanes,
                                 bool streams) {
  vf chain[count];
#define ANNEAL_EACH(what) _Pragma("GCC unroll 8") for (int u = 0; u < count; u++) what
  ANNEAL_EACH(chain[u] = ld_some(x0 + i + u * kLanes, lanes));
  for (int k = 0; k < length; k++) {
    const float* operand = parts[k].y + i;
    switch (parts[k].op) {
#define ANNEAL_ROW(name, expression)                                      \
  case ChainOp::name:                                                     \
    ANNEAL_EACH({                                                         \
      [[maybe_unused]] const vf y = ld_some(operand + u * kLanes, lanes); \
      const vf x = chain[u];                                              \
      chain[u] = expression;                                              \
    })                                                                    \
    break;
      ANNEAL_CHAIN_OPS(ANNEAL_ROW)
#undef ANNEAL_ROW
      case ChainOp::none:
        __builtin_unreachable();
    }
  }
  if (streams)
    ANNEAL_EACH(st_stream(out + i + u * kLanes, chain[u]));
  else
    ANNEAL_EACH(st_some(out + i + u * kLanes, chain[u], lanes));
#undef ANNEAL_EACH
}

// Applies a chain to n lanes, eight vectors at a time: they hide the latency of an operation and leave registers for
// operands. `out` may be exactly one of the operands. `streams`: past the caches, to where vectors are
// aligned.
static __attribute__((noinline)) void run_chain(float* out, const float* x, const ChainStep* parts, int length,
                                                int64_t n, bool streams) {
  int64_t i = 0;
  for (; i + 8 * kLanes <= n; i += 8 * kLanes) chain_vectors<8>(out, x, parts, length, i, kLanes, streams);
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) chain_vectors<2>(out, x, parts, length, i, kLanes, streams);
  if (i + kLanes <= n) chain_vectors<1>(out, x, parts, length, i, kLanes, streams), i += kLanes;
  if (i < n) chain_vectors<1>(out, x, parts, length, i, (int)(n - i), false);
}

}  // namespace anneal::ANNEAL_TARGET
