// The checks of softmax and its gradient.
#pragma once
#include "../verify_operands.h"

namespace anneal {

inline const char* verify_softmax(const Call& c) {
  NEED(present(c.out[0]) && present(c.in[0]), "an operand is absent");
  NEED(c.out[0].rank >= 1 && same_dims(c.out[0], c.in[0]), "shapes differ");
  NEED(is_float(c.out[0]) && c.in[0].dtype == c.out[0].dtype, "operands are not float");
  NEED(is_dense(c.out[0]) && is_dense(c.in[0]), "an operand is not dense");
  NEED(c.attr[0] <= 1, "attribute log is 0 or 1");
  return nullptr;
}

inline const char* verify_softmax_grad(const Call& c) {
  if (const char* wrong = verify_softmax(c)) return wrong;
  const TensorArg& dy = c.in[1];
  NEED(present(dy) && same_dims(dy, c.out[0]) && dy.dtype == c.out[0].dtype && is_dense(dy), "dy is not like dx");
  return nullptr;
}

}  // namespace anneal
