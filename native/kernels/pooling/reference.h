// References of pooling: window by window, element by element, in double.
#pragma once
#include <cstring>

#include "../reference_access.h"

namespace anneal::ANNEAL_TARGET {

// Calls f(window, element, divisor) for each element of each window of planes of three axes, or of images whose
// channels lie side by side.
template <class F>
static void reference_windows(const Call& call, const TensorArg& x, const TensorArg& y, F f) {
  const uint32_t *kernel = call.attr + 1, *stride = call.attr + 4, *padding = call.attr + 7;
  float divisor;
  std::memcpy(&divisor, call.attr + 11, 4);
  const int64_t windows = reference_elements(y), channels = x.rank == 5 ? x.dims[4] : 1;
  for (int64_t window = 0; window < windows; window++) {
    int64_t first[3], end[3], counted = 1, rest = window / channels;
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
          f(window, (((rest * x.dims[1] + d) * x.dims[2] + h) * x.dims[3] + w) * channels + window % channels,
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

// Calls f(window, element, place) for each place of each window that lies on an element, and begin(window) before.
template <class Begin, class F>
static void reference_places(const Call& call, const TensorArg& x, const TensorArg& y, Begin begin, F f) {
  const uint32_t *kernel = call.attr, *stride = call.attr + 3, *padding = call.attr + 6, *dilation = call.attr + 9;
  const int64_t windows = reference_elements(y), channels = x.rank == 5 ? x.dims[4] : 1;
  for (int64_t window = 0; window < windows; window++) {
    int64_t at[3], rest = window / channels;
    for (int i = 2; i >= 0; i--) {
      at[i] = rest % y.dims[1 + i] * stride[i] - padding[i];
      rest /= y.dims[1 + i];
    }
    begin(window);
    for (int64_t place = 0; place < (int64_t)kernel[0] * kernel[1] * kernel[2]; place++) {
      const int64_t tap[3] = {place / kernel[2] / kernel[1], place / kernel[2] % kernel[1], place % kernel[2]};
      int64_t element = rest;
      bool inside = true;
      for (int i = 0; i < 3; i++) {
        const int64_t position = at[i] + tap[i] * dilation[i];
        inside &= position >= 0 && position < x.dims[1 + i];
        element = element * x.dims[1 + i] + position;
      }
      if (inside) f(window, element * channels + window % channels, place);
    }
  }
}

template <class T>
static void reference_max_pool(const Call& call, Context&) {
  T* y = (T*)call.out[0].data;
  const TensorArg& index = call.out[1];
  const auto name = [&](int64_t window, int64_t place) {
    if (index.data) reference_store(index, window, {0, (int32_t)place, false});
  };
  bool found = false;
  const auto begin = [&](int64_t window) {
    y[window] = (T)-INFINITY;
    name(window, 0);
    found = false;
  };
  reference_places(call, call.in[0], call.out[0], begin, [&](int64_t window, int64_t element, int64_t place) {
    const T x = ((const T*)call.in[0].data)[element];
    const bool better = x > y[window] || x != x;
    if (better) y[window] = x;
    if (better || !found) name(window, place);
    found = true;
  });
}

template <class T>
static void reference_max_pool_take(const Call& call, Context&) {
  T* y = (T*)call.out[0].data;
  const auto begin = [&](int64_t window) { y[window] = 0; };
  reference_places(call, call.in[0], call.out[0], begin, [&](int64_t window, int64_t element, int64_t place) {
    if (reference_load(call.in[1], window).integer == place) y[window] = ((const T*)call.in[0].data)[element];
  });
}

template <class T>
static void reference_max_pool_grad(const Call& call, Context&) {
  T* dx = (T*)call.out[0].data;
  const int64_t n = reference_elements(call.out[0]);
  for (int64_t i = 0; i < n; i++) dx[i] = 0;
  const auto begin = [](int64_t) {};
  reference_places(call, call.out[0], call.in[0], begin, [&](int64_t window, int64_t element, int64_t place) {
    if (reference_load(call.in[1], window).integer == place) dx[element] += ((const T*)call.in[0].data)[window];
  });
}

}  // namespace anneal::ANNEAL_TARGET
