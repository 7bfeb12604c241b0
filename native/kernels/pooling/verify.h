// The checks of pooling.
#pragma once
#include "../verify_operands.h"

namespace anneal {

// Windows lie as in PyTorch: all of them whole, and with ceil mode one more, which starts before the padding behind.
inline bool is_pooled(int64_t n, int64_t windows, int64_t kernel, int64_t stride, int64_t padding,
                      int64_t dilation = 1) {
  if (n < 1 || windows < 1 || kernel < 1 || stride < 1 || padding > kernel / 2 || dilation < 1) return false;
  if (kernel - 1 > (n + 2 * padding - 1) / dilation) return false;  // before they are multiplied
  const int64_t beyond = n + 2 * padding - (kernel - 1) * dilation - 1, last = (windows - 1) * stride;
  const bool all = last + stride > beyond;  // another one would not be whole
  return beyond >= 0 && all && (last <= beyond || (last - stride < beyond && last < n + padding));
}

inline const char* verify_pooling(const Call& c, const TensorArg& x, const TensorArg& y) {
  if (const char* wrong = verify_images(x, y)) return wrong;
  NEED(c.attr[0] == reductions::mean, "unknown reduction");
  for (int i = 0; i < 3; i++)
    NEED(is_pooled(x.dims[1 + i], y.dims[1 + i], c.attr[1 + i], c.attr[4 + i], c.attr[7 + i]), "windows do not fit");
  NEED(c.attr[10] <= 1, "attribute 10 is 0 or 1");
  NEED((c.attr[11] & 0x7F800000) != 0x7F800000, "the divisor is not finite");
  return nullptr;
}

inline const char* verify_pool(const Call& c) { return verify_pooling(c, c.in[0], c.out[0]); }
inline const char* verify_pool_grad(const Call& c) { return verify_pooling(c, c.out[0], c.in[0]); }

inline const char* verify_max(const Call& c, const TensorArg& x, const TensorArg& y, const TensorArg& index) {
  if (const char* wrong = verify_images(x, y)) return wrong;
  int64_t places = 1;
  for (int i = 0; i < 3; i++) {
    NEED(is_pooled(x.dims[1 + i], y.dims[1 + i], c.attr[i], c.attr[3 + i], c.attr[6 + i], c.attr[9 + i]),
         "windows do not fit");
    NEED(c.attr[i] <= limits::elements / places, "a kernel is too large to be indexed");
    places *= c.attr[i];
  }
  if (!present(index)) return nullptr;
  NEED(index.dtype == (places <= 256 ? DType::u8 : DType::i32), "the index has the wrong dtype");
  NEED(same_dims(index, y) && is_dense(index), "the index is not like what is pooled");
  return nullptr;
}

inline const char* verify_max_pool(const Call& c) { return verify_max(c, c.in[0], c.out[0], c.out[1]); }
inline const char* verify_max_pool_take(const Call& c) {
  NEED(present(c.in[1]), "an operand is absent");
  return verify_max(c, c.in[0], c.out[0], c.in[1]);
}
inline const char* verify_max_pool_grad(const Call& c) {
  NEED(present(c.in[1]), "an operand is absent");
  return verify_max(c, c.out[0], c.in[0], c.in[1]);
}

}  // namespace anneal
