// The check of reduce.
#pragma once
#include "../verify_operands.h"

namespace anneal {

inline const char* reduce_types(uint32_t kind, DType in, DType out) {
  const bool real = in == DType::f32 || in == DType::f64;
  switch (kind) {
    case reductions::any:
    case reductions::all:
      NEED(in == DType::boolean && out == in, "any and all are of bool");
      break;
    case reductions::argmax:
    case reductions::argmin:
      NEED((real || in == DType::i32) && out == DType::i32, "argmax and argmin give int32");
      break;
    case reductions::mean:
    case reductions::var:
      NEED(real && out == in, "mean and var are of float");
      break;
    default:
      NEED((real || in == DType::i32) && out == in, "of float or int32, and the result alike");
      break;
  }
  return nullptr;
}

inline const char* verify_reduce(const Call& c) {
  const TensorArg &out = c.out[0], &in = c.in[0];
  NEED(present(out) && present(in), "an operand is absent");
  NEED(out.rank == in.rank && is_dense(out), "the result is not dense, or of another rank");
  for (int i = 0; i < in.rank; i++)
    NEED(out.dims[i] == in.dims[i] || out.dims[i] == 1, "a dim of the result is neither the input's nor 1");
  NEED(c.attr[0] <= reductions::all, "unknown kind");
  NEED((c.attr[1] & 0x7F800000) != 0x7F800000, "the correction is not finite");
  NEED(c.attr[2] == 0, "attribute 2 is reserved");
  const bool needs_elements = c.attr[0] == reductions::max || c.attr[0] == reductions::min ||
                              c.attr[0] == reductions::argmax || c.attr[0] == reductions::argmin;
  NEED(!needs_elements || elements_of(in) > 0 || elements_of(out) == 0, "the extreme of nothing");
  return reduce_types(c.attr[0], in.dtype, out.dtype);
}

}  // namespace anneal
