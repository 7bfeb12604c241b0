// References of softmax and its gradient: the definitions, in double.
#pragma once
#include "../reference_access.h"

namespace anneal::ANNEAL_TARGET {

// log softmax(x)[c] = (x[c] - max) - log_sum: in this order, because beside a maximum of 1e15 the logarithm has no
// digits.
struct ReferenceLogSoftmax {
  double max, log_sum;

  double of(double x) const { return x - max - log_sum; }
};

template <class T>
static ReferenceLogSoftmax reference_log_softmax(const T* x, int64_t C) {
  double max = -HUGE_VAL, sum = 0;
  for (int64_t c = 0; c < C; c++) max = (double)x[c] > max ? (double)x[c] : max;
  for (int64_t c = 0; c < C; c++) sum += std::exp((double)x[c] - max);
  return {max, std::log(sum)};
}

template <class T>
static void reference_softmax(const Call& call, Context&) {
  const TensorArg& out = call.out[0];
  const int64_t C = out.dims[out.rank - 1], N = C ? reference_elements(out) / C : 0;
  for (int64_t n = 0; n < N; n++) {
    const T* x = (const T*)call.in[0].data + n * C;
    const ReferenceLogSoftmax row = reference_log_softmax(x, C);
    for (int64_t c = 0; c < C; c++) {
      const double y = row.of((double)x[c]);
      ((T*)out.data)[n * C + c] = (T)(call.attr[0] ? y : std::exp(y));
    }
  }
}

template <class T>
static void reference_softmax_grad(const Call& call, Context&) {
  const TensorArg& out = call.out[0];
  const int64_t C = out.dims[out.rank - 1], N = C ? reference_elements(out) / C : 0;
  for (int64_t n = 0; n < N; n++) {
    const T *y = (const T*)call.in[0].data + n * C, *dy = (const T*)call.in[1].data + n * C;
    double sum = 0;
    for (int64_t c = 0; c < C; c++) sum += call.attr[0] ? (double)dy[c] : (double)y[c] * (double)dy[c];
    for (int64_t c = 0; c < C; c++) {
      const double dx =
          call.attr[0] ? (double)dy[c] - std::exp((double)y[c]) * sum : (double)y[c] * ((double)dy[c] - sum);
      ((T*)out.data)[n * C + c] = (T)dx;
    }
  }
}

}  // namespace anneal::ANNEAL_TARGET
