// References of resampling: each element of y from the products of its taps along three axes, in double.
#pragma once
#include "../reference_access.h"
#include "taps.h"

namespace anneal::ANNEAL_TARGET {

// Calls f(element of y, element of x, weight) for each product of taps.
template <class F>
static void reference_taps(const Call& call, const TensorArg& x, const TensorArg& y, F f) {
  ResampleAxis axis[3];
  for (int i = 0; i < 3; i++) axis[i] = resample_axis(call, x, y, i);
  const int64_t channels = x.rank == 5 ? x.dims[4] : 1, elements = reference_elements(y);
  for (int64_t element = 0; element < elements; element++) {
    int64_t at[3], rest = element / channels;
    for (int i = 2; i >= 0; i--) {
      at[i] = rest % axis[i].m;
      rest /= axis[i].m;
    }
    each_tap(axis[0], at[0], [&](int64_t d, float deep) {
      each_tap(axis[1], at[1], [&](int64_t h, float high) {
        each_tap(axis[2], at[2], [&](int64_t w, float wide) {
          const int64_t row = (rest * axis[0].n + d) * axis[1].n + h;
          f(element, (row * axis[2].n + w) * channels + element % channels, (double)deep * (double)high * (double)wide);
        });
      });
    });
  }
}

template <class T>
static void reference_resample(const Call& call, Context&) {
  T* y = (T*)call.out[0].data;
  const int64_t n = reference_elements(call.out[0]);
  for (int64_t i = 0; i < n; i++) y[i] = 0;
  int64_t current = -1;
  double sum = 0;
  reference_taps(call, call.in[0], call.out[0], [&](int64_t element, int64_t from, double weight) {
    const double product = weight * (double)((const T*)call.in[0].data)[from];
    sum = element == current ? sum + product : product;
    current = element;
    y[element] = (T)sum;
  });
}

// In the storage's own type, as there is one sum for each element.
template <class T>
static void reference_resample_grad(const Call& call, Context&) {
  T* dx = (T*)call.out[0].data;
  const int64_t n = reference_elements(call.out[0]);
  for (int64_t i = 0; i < n; i++) dx[i] = 0;
  reference_taps(call, call.out[0], call.in[0], [&](int64_t element, int64_t to, double weight) {
    dx[to] += (T)(weight * (double)((const T*)call.in[0].data)[element]);
  });
}

}  // namespace anneal::ANNEAL_TARGET
