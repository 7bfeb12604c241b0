// Reference of cross_entropy: the definition, in double.
#pragma once
#include "../softmax/reference.h"

namespace anneal::ANNEAL_TARGET {

template <class T>
static void reference_cross_entropy(const Call& call, Context& context) {
  const int64_t N = call.in[0].dims[0], C = call.in[0].dims[1];
  T* losses = (T*)call.out[0].data;
  T* gradients = call.outputs > 1 ? (T*)call.out[1].data : nullptr;
  const bool scaled = call.inputs > 2 && call.in[2].data;
  for (int64_t n = 0; n < N; n++) {
    const T* x = (const T*)call.in[0].data + n * C;
    const int64_t label = ((const int32_t*)call.in[1].data)[n];
    const bool inside = reference_in_range(context, call.attr[0] + n, label, C);
    const ReferenceLogSoftmax row = reference_log_softmax(x, C);
    if (losses) losses[n] = (T)(inside ? -row.of((double)x[label]) : 0.0);
    const double factor = scaled ? (double)((const T*)call.in[2].data)[n * call.in[2].strides[0]] : 1.0;
    for (int64_t c = 0; gradients && c < C; c++)
      gradients[n * C + c] = (T)(inside ? (std::exp(row.of((double)x[c])) - (c == label ? 1.0 : 0.0)) * factor : 0.0);
  }
}

}  // namespace anneal::ANNEAL_TARGET
