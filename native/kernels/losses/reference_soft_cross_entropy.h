// Reference of soft_cross_entropy: the definition, in double.
#pragma once
#include "../softmax/reference.h"

namespace anneal::ANNEAL_TARGET {

template <class T>
static void reference_soft_cross_entropy(const Call& call, Context& context) {
  const int64_t N = call.in[0].dims[0], C = call.in[0].dims[1];
  const bool labels = call.in[1].dtype == DType::i32, scaled = call.in[2].data;
  const double smoothing = (double)*(const T*)call.in[3].data;
  const T* weights = call.inputs > 4 ? (const T*)call.in[4].data : nullptr;
  T* losses = (T*)call.out[0].data;
  T* gradients = call.outputs > 1 ? (T*)call.out[1].data : nullptr;
  for (int64_t n = 0; n < N; n++) {
    const T* x = (const T*)call.in[0].data + n * C;
    const int64_t label = labels ? ((const int32_t*)call.in[1].data)[n] : -1;
    const bool inside = !labels || reference_in_range(context, call.attr[0] + n, label, C);
    const auto target = [&](int64_t c) {
      const double p = !labels ? (double)((const T*)call.in[1].data)[n * C + c] : c == label ? 1.0 : 0.0;
      return (weights ? (double)weights[c] : 1.0) * ((1.0 - smoothing) * p + smoothing / (double)C);
    };
    const ReferenceLogSoftmax row = reference_log_softmax(x, C);
    const double factor = scaled ? (double)((const T*)call.in[2].data)[n * call.in[2].strides[0]] : 1.0;
    double mass = 0, loss = 0;
    for (int64_t c = 0; c < C; c++) {
      mass += target(c);
      if (target(c) != 0) loss += target(c) * -row.of((double)x[c]);
    }
    // No target at all still shows that the logits are no numbers.
    if (losses) losses[n] = (T)(inside ? loss + 0 * row.log_sum : 0.0);
    for (int64_t c = 0; gradients && c < C; c++)
      gradients[n * C + c] = (T)(inside ? (std::exp(row.of((double)x[c])) * mass - target(c)) * factor : 0.0);
  }
}

}  // namespace anneal::ANNEAL_TARGET
