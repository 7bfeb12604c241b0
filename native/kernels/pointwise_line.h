// A line: cheap operations in a row, each on the result of the one before and at most one other operand. Results stay
// in registers from one operation to the next, so an operation costs the load of its operand and its arithmetic, and
// the interpreter decides once for several vectors. The arithmetic is that of the operations' own loops.

// x is the result before, y the other operand: on which side of the operation x stands tells the two forms apart.
#define ANNEAL_LINE_OPS(row)                                                                             \
  row(add, pw_add(x, y)) row(sub, pw_sub(x, y)) row(sub_from, pw_sub(y, x)) row(mul, pw_mul(x, y))       \
      row(maximum, pw_maximum(x, y)) row(maximum_after, pw_maximum(y, x)) row(minimum, pw_minimum(x, y)) \
          row(minimum_after, pw_minimum(y, x)) row(relu_grad, pw_relu_grad(x, y))                        \
              row(relu_grad_from, pw_relu_grad(y, x)) row(neg, pw_neg(x)) row(abs, pw_abs(x)) row(relu, pw_relu(x))

enum class LineOp : uint8_t {
#define ANNEAL_ROW(name, expression) name,
  ANNEAL_LINE_OPS(ANNEAL_ROW)
#undef ANNEAL_ROW
      none
};

// The form of an operation over floats, `none` where it has none.
ANNEAL_INLINE LineOp line_op(uint32_t opcode, bool result_first) {
  switch (opcode) {
    case pointwise_add:
      return LineOp::add;
    case pointwise_sub:
      return result_first ? LineOp::sub : LineOp::sub_from;
    case pointwise_mul:
      return LineOp::mul;
    case pointwise_maximum:
      return result_first ? LineOp::maximum : LineOp::maximum_after;
    case pointwise_minimum:
      return result_first ? LineOp::minimum : LineOp::minimum_after;
    case pointwise_relu_grad:
      return result_first ? LineOp::relu_grad : LineOp::relu_grad_from;
    case pointwise_neg:
      return LineOp::neg;
    case pointwise_abs:
      return LineOp::abs;
    case pointwise_relu:
      return LineOp::relu;
    default:
      return LineOp::none;
  }
}

struct LinePart {
  LineOp op;
  const float* y;
};

// `count` vectors from element i on; `lanes` of the last one. An operation without y has x there.
template <int count>
ANNEAL_INLINE void line_vectors(float* out, const float* x0, const LinePart* parts, int length, int64_t i, int lanes,
                                bool streams) {
  vf line[count];
#define ANNEAL_EACH(what) _Pragma("GCC unroll 8") for (int u = 0; u < count; u++) what
  ANNEAL_EACH(line[u] = ld_some(x0 + i + u * kLanes, lanes));
  for (int k = 0; k < length; k++) {
    const float* operand = parts[k].y + i;
    switch (parts[k].op) {
#define ANNEAL_ROW(name, expression)                                      \
  case LineOp::name:                                                      \
    ANNEAL_EACH({                                                         \
      [[maybe_unused]] const vf y = ld_some(operand + u * kLanes, lanes); \
      const vf x = line[u];                                               \
      line[u] = expression;                                               \
    })                                                                    \
    break;
      ANNEAL_LINE_OPS(ANNEAL_ROW)
#undef ANNEAL_ROW
      case LineOp::none:
        __builtin_unreachable();
    }
  }
  if (streams)
    ANNEAL_EACH(st_stream(out + i + u * kLanes, line[u]));
  else
    ANNEAL_EACH(st_some(out + i + u * kLanes, line[u], lanes));
#undef ANNEAL_EACH
}

// Applies a line to n lanes, eight vectors at a time: they hide the latency of an operation and leave registers for
// operands. `out` may be exactly one of the operands. `streams`: past the caches, to where vectors are
// aligned.
static __attribute__((noinline)) void run_line(float* out, const float* x, const LinePart* parts, int length, int64_t n,
                                               bool streams) {
  int64_t i = 0;
  for (; i + 8 * kLanes <= n; i += 8 * kLanes) line_vectors<8>(out, x, parts, length, i, kLanes, streams);
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) line_vectors<2>(out, x, parts, length, i, kLanes, streams);
  if (i + kLanes <= n) line_vectors<1>(out, x, parts, length, i, kLanes, streams), i += kLanes;
  if (i < n) line_vectors<1>(out, x, parts, length, i, (int)(n - i), false);
}
