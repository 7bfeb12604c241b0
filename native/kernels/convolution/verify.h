// The checks of convolutions.
#pragma once
#include "../../codes.h"
#include "../verify_operands.h"

namespace anneal {

// Windows along one axis: `places` of them fit over n elements, as the kernel walks.
inline bool windows_fit(int64_t n, int64_t k, int64_t places, uint32_t stride, uint32_t padding, uint32_t dilation) {
  constexpr uint32_t kMost = limits::window;
  if (stride == 0 || dilation == 0 || stride > kMost || dilation > kMost || padding > kMost) return false;
  if (k < 1 || n < 1 || places < 1) return false;
  // The padding behind is open, but no window starts behind it, and none of it is wider than a kernel.
  const int64_t span = (k - 1) * (int64_t)dilation + 1, last = (places - 1) * (int64_t)stride - (int64_t)padding;
  return k <= kMost && places <= kMost && last + span <= n + (int64_t)kMost;
}

// x [N, D, H, W, C], y [N, .., O] and weight [O, C / groups, ..] belong together; geometry: ten attributes.
inline const char* verify_geometry(const TensorArg& x, const TensorArg& y, const TensorArg& w,
                                   const uint32_t* geometry) {
  NEED(present(x) && present(y) && present(w), "an operand is absent");
  NEED(is_float(x) && y.dtype == x.dtype && w.dtype == x.dtype, "operands are not float");
  NEED(x.rank == 5 && y.rank == 5 && w.rank == 5, "an operand has not five dimensions");
  NEED(is_dense(x) && is_dense(y) && is_dense(w), "an operand is not dense");
  const int64_t groups = geometry[0];
  NEED(groups >= 1 && w.dims[0] % groups == 0, "outputs do not divide into groups");
  NEED(x.dims[0] == y.dims[0] && y.dims[4] == w.dims[0] && x.dims[4] == w.dims[1] * groups, "channels do not agree");
  for (int axis = 0; axis < 3; axis++)
    NEED(windows_fit(x.dims[1 + axis], w.dims[2 + axis], y.dims[1 + axis], geometry[1 + axis], geometry[4 + axis],
                     geometry[7 + axis]),
         "windows do not fit");
  return nullptr;
}

inline const char* verify_epilogue(const Call& call, int64_t channels) {
  const TensorArg &out = call.out[0], &mask = call.in[3], &residual = call.in[6];
  for (int i : {2, 4, 5})
    if (present(call.in[i])) NEED(is_vector(call.in[i], out.dtype, channels), "numbers of channels do not fit");
  if (present(residual)) NEED(is_like(residual, out), "residual is not like the result");
  if (present(mask)) NEED(is_like(mask, out), "mask is not like the result");
  NEED(call.attr[0] <= activations::sigmoid, "unknown activation");
  NEED(call.attr[1] == (present(mask) ? gemm_flags::mask : 0), "flags do not fit mask");
  return nullptr;
}

inline const char* verify_conv(const Call& call) {
  const TensorArg &y = call.out[0], &x = call.in[0], &w = call.in[1];
  if (const char* wrong = verify_geometry(x, y, w, call.attr + 2)) return wrong;
  return verify_epilogue(call, y.dims[4]);
}

// Phases have a table each, however few places there are. Strides stand behind the groups, each of at most 2^30.
inline bool phases_fit(const uint32_t* geometry) {
  constexpr uint64_t kMost = 1 << 20;
  const uint64_t plane = uint64_t{geometry[1]} * geometry[2];
  return plane <= kMost && plane * geometry[3] <= kMost;
}

inline const char* verify_conv_transpose(const Call& call) {
  const TensorArg &x = call.out[0], &y = call.in[0], &w = call.in[1];
  if (const char* wrong = verify_geometry(x, y, w, call.attr + 2)) return wrong;
  NEED(phases_fit(call.attr + 2), "strides are too large together");
  return verify_epilogue(call, x.dims[4]);
}

inline const char* verify_conv_weight_grad(const Call& call) {
  const TensorArg &w = call.out[0], &x = call.in[0], &y = call.in[1];
  return verify_geometry(x, y, w, call.attr);
}

}  // namespace anneal
