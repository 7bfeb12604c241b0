// The checks of normalisation.
#pragma once
#include "../verify_operands.h"

namespace anneal {

inline const char* verify_norm_operands(const TensorArg& x, const TensorArg& like, uint32_t eps) {
  NEED(present(x), "an operand is absent");
  NEED(is_float(x) && is_dense(x) && x.rank == 4, "x is not dense [A,R,G,P]");
  NEED(!present(like) || is_like(like, x), "an operand is not like x");
  NEED(eps < 0x7F800000, "eps is not a finite number of at least 0");
  return nullptr;
}

// Whether `t`, if it is there, is a dense matrix [rows, columns] as x has them from dimension `rows` on.
inline bool is_norm_matrix(const TensorArg& t, const TensorArg& x, int rows, int columns) {
  return !present(t) || (t.dtype == x.dtype && t.rank == 2 && t.dims[0] == x.dims[rows] &&
                         t.dims[1] == x.dims[columns] && is_dense(t));
}

inline const char* verify_norm_residual(const TensorArg& residual, const TensorArg& x) {
  NEED(!present(residual) || (is_like(residual, x) && x.dims[1] == 1), "a residual is of single rows, and like x");
  return nullptr;
}

inline const char* verify_norm(const Call& c) {
  const TensorArg& x = c.in[0];
  NEED(present(c.out[0]), "an operand is absent");
  if (const char* wrong = verify_norm_operands(x, c.out[0], c.attr[1])) return wrong;
  NEED(is_norm_matrix(c.out[1], x, 0, 2) && is_norm_matrix(c.out[2], x, 0, 2), "statistics are not [A,G]");
  NEED(is_norm_matrix(c.in[1], x, 2, 3) && is_norm_matrix(c.in[2], x, 2, 3), "weight or bias is not [G,P]");
  NEED(present(c.in[1]) || !present(c.in[2]), "a bias without a weight");
  NEED(c.attr[0] <= 1, "attribute 0 is 0 or 1");
  if (const char* wrong = verify_norm_residual(c.in[3], x)) return wrong;
  NEED(!present(c.out[3]) || (present(c.in[3]) && is_like(c.out[3], x)), "a sum is of two, and like x");
  NEED(c.attr[0] == 1 || (x.dims[1] == 1 && !present(c.out[2])), "a mean square is of single rows, and without a mean");
  return nullptr;
}

inline const char* verify_norm_grad(const Call& c) {
  const TensorArg &dy = c.in[0], &x = c.in[1];
  NEED(present(dy) && present(c.in[2]), "an operand is absent");
  if (const char* wrong = verify_norm_operands(x, dy, c.attr[0])) return wrong;
  NEED(!present(c.out[0]) || is_like(c.out[0], x), "dx is not like x");
  NEED(is_norm_matrix(c.in[2], x, 0, 2) && is_norm_matrix(c.in[3], x, 0, 2), "statistics are not [A,G]");
  NEED(is_norm_matrix(c.out[1], x, 2, 3) && is_norm_matrix(c.out[2], x, 2, 3) && is_norm_matrix(c.in[4], x, 2, 3),
       "a weight or its gradient is not [G,P]");
  NEED(present(c.in[3]) || x.dims[1] == 1, "a mean square is of single rows");
  NEED(present(c.out[0]) || !present(c.in[5]), "a residual of no dx");
  return verify_norm_residual(c.in[5], x);
}

}  // namespace anneal
