// The checks of copy and fill.
#pragma once
#include "../verify_operands.h"

namespace anneal {

inline const char* verify_copy(const Call& c) {
  NEED(present(c.out[0]) && present(c.in[0]), "an operand is absent");
  NEED(same_dims(c.out[0], c.in[0]), "shapes differ");
  NEED(c.out[0].dtype == c.in[0].dtype, "dtypes differ");
  return nullptr;
}

inline const char* verify_fill(const Call& c) {
  NEED(present(c.out[0]) && present(c.in[0]), "an operand is absent");
  NEED(c.in[0].rank == 0 && c.out[0].dtype == c.in[0].dtype, "the value is not a scalar of the result's dtype");
  return nullptr;
}

}  // namespace anneal
