// The checks of pooling.
#pragma once
#include "../verify_operands.h"

namespace anneal {

// Windows lie as in PyTorch: all of them whole, and with ceil mode one more, which starts before the padding behind.
inline bool is_pooled(int64_t n, int64_t windows, int64_t kernel, int64_t stride, int64_t padding) {
  if (n < 1 || windows < 1 || kernel < 1 || stride < 1 || padding > kernel / 2) return false;
  const int64_t beyond = n + 2 * padding - kernel, last = (windows - 1) * stride;
  const bool all = last + stride > beyond;  // another one would not be whole
  return beyond >= 0 && all && (last <= beyond || (last - stride < beyond && last < n + padding));
}

inline const char* verify_pooling(const Call& c, const TensorArg& x, const TensorArg& y) {
  NEED(present(x) && present(y), "an operand is absent");
  NEED(is_float(x) && y.dtype == x.dtype, "operands are not float");
  NEED(is_dense(x) && is_dense(y), "an operand is not dense");
  NEED(x.rank == 4 && y.rank == 4 && x.dims[0] == y.dims[0], "operands are not planes of three dimensions");
  NEED(c.attr[0] == reductions::mean, "unknown reduction");
  for (int i = 0; i < 3; i++)
    NEED(is_pooled(x.dims[1 + i], y.dims[1 + i], c.attr[1 + i], c.attr[4 + i], c.attr[7 + i]), "windows do not fit");
  NEED(c.attr[10] <= 1, "attribute 10 is 0 or 1");
  NEED((c.attr[11] & 0x7F800000) != 0x7F800000, "the divisor is not finite");
  return nullptr;
}

inline const char* verify_pool(const Call& c) { return verify_pooling(c, c.in[0], c.out[0]); }
inline const char* verify_pool_grad(const Call& c) { return verify_pooling(c, c.out[0], c.in[0]); }

}  // namespace anneal
