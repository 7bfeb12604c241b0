// The check of gemm.
#pragma once
#include "../verify_operands.h"

namespace anneal {

inline bool has_unit_stride(const TensorArg& t) {
  const int row = t.rank - 2, column = t.rank - 1;
  return elements_of(t) == 0 || t.dims[row] <= 1 || t.dims[column] <= 1 || t.strides[row] == 1 ||
         t.strides[column] == 1;
}

// The batch dims of an operand are the last ones of the output's; dims it lacks, or of size 1, are broadcast.
inline bool batch_fits(const TensorArg& t, const TensorArg& c) {
  const int missing = c.rank - t.rank;
  if (t.rank < 2 || missing < 0) return false;
  for (int i = 0; i < t.rank - 2; i++)
    if (t.dims[i] != c.dims[i + missing] && t.dims[i] != 1) return false;
  return true;
}

inline const char* verify_gemm(const Call& call) {
  const TensorArg &c = call.out[0], &a = call.in[0], &b = call.in[1], &bias = call.in[2], &aux = call.in[3];
  NEED(present(c) && present(a) && present(b), "an operand is absent");
  NEED(is_float(c) && a.dtype == c.dtype && b.dtype == c.dtype, "operands are not float");
  NEED(c.rank >= 2 && is_dense(c), "the result is not a dense matrix");
  NEED(batch_fits(a, c) && batch_fits(b, c), "batch dimensions do not fit");
  const int64_t M = c.dims[c.rank - 2], N = c.dims[c.rank - 1], K = a.dims[a.rank - 1];
  NEED(a.dims[a.rank - 2] == M && b.dims[b.rank - 2] == K && b.dims[b.rank - 1] == N, "M, N, K do not agree");
  NEED(has_unit_stride(a) && has_unit_stride(b), "an operand has neither unit row nor unit column stride");
  if (present(bias)) NEED(is_vector(bias, c.dtype, N), "bias is not [N]");
  if (present(aux)) NEED(aux.dtype == c.dtype && same_dims(aux, c) && is_dense(aux), "aux has not the result's shape");
  NEED(call.attr[0] <= activations::sigmoid, "unknown activation");
  NEED((call.attr[1] & ~gemm_flags::accumulate) == (present(aux) ? gemm_flags::mask : 0), "flags do not fit aux");
  return nullptr;
}

}  // namespace anneal
