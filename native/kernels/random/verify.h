// The check of random.
#pragma once
#include "../verify_operands.h"

namespace anneal {

inline const char* verify_random(const Call& c) {
  const TensorArg &out = c.out[0], &key = c.in[0], &parameters = c.in[1];
  NEED(present(out) && present(key) && present(parameters), "an operand is absent");
  NEED(is_float(out) && is_dense(out), "the result is not dense float");
  NEED(is_vector(key, DType::i32, 5), "the key is not int32 [5]");
  NEED(is_vector(parameters, out.dtype, 2), "parameters are not two floats of the result's dtype");
  NEED(c.attr[0] <= distributions::bernoulli, "unknown distribution");
  return nullptr;
}

}  // namespace anneal
