// References of pooling: window by window, element by element, in double.
#pragma once
#include <cstring>

#include "../reference_access.h"

namespace anneal::ANNEAL_TARGET {

// Calls f(window, element, divisor) for each element of each window of planes of three axes.
template <class F>
static void reference_windows(const Call& call, const TensorArg& x, const TensorArg& y, F f) {
  const uint32_t *kernel = call.attr + 1, *stride = call.attr + 4, *padding = call.attr + 7;
  float divisor;
  std::memcpy(&divisor, call.attr + 11, 4);
  const int64_t windows = reference_elements(y);
  for (int64_t window = 0; window < windows; window++) {
    int64_t first[3], end[3], counted = 1, rest = window;
    for (int i = 2; i >= 0; i--) {
      const int64_t n = x.dims[1 + i], start = rest % y.dims[1 + i] * stride[i] - padding[i];
      const int64_t behind = start + kernel[i];
      rest /= y.dims[1 + i];
      first[i] = start < 0 ? 0 : start;
      end[i] = behind < n ? behind : n;
      const int64_t padded = (behind < n + padding[i] ? behind : n + padding[i]) - start;
      counted *= call.attr[10] ? padded : end[i] - first[i];
    }
    for (int64_t d = first[0]; d < end[0]; d++)
      for (int64_t h = first[1]; h < end[1]; h++)
        for (int64_t w = first[2]; w < end[2]; w++)
          f(window, ((rest * x.dims[1] + d) * x.dims[2] + h) * x.dims[3] + w,
            divisor != 0 ? (double)divisor : (double)counted);
  }
}

template <class T>
static void reference_pool(const Call& call, Context&) {
  T* y = (T*)call.out[0].data;
  int64_t current = -1;
  double sum = 0;
  reference_windows(call, call.in[0], call.out[0], [&](int64_t window, int64_t element, double divisor) {
    if (window != current) sum = 0;
    current = window;
    sum += (double)((const T*)call.in[0].data)[element];
    y[window] = (T)(sum / divisor);
  });
}

// In the storage's own type, so that float32 has its sums of quotients in the same order.
template <class T>
static void reference_pool_grad(const Call& call, Context&) {
  T* dx = (T*)call.out[0].data;
  const int64_t n = reference_elements(call.out[0]);
  for (int64_t i = 0; i < n; i++) dx[i] = 0;
  reference_windows(call, call.out[0], call.in[0], [&](int64_t window, int64_t element, double divisor) {
    dx[element] += (T)((double)((const T*)call.in[0].data)[window] / divisor);
  });
}

}  // namespace anneal::ANNEAL_TARGET
