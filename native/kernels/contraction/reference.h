// The reference of gemm: the definition, summed in double and rounded to T after the product, the bias and the
// activation.
#pragma once
#include "../reference_access.h"

namespace anneal::ANNEAL_TARGET {

static double reference_activation(uint32_t kind, double x) {
  switch (kind) {
    case activations::relu:
      return 0 > x ? 0 : x;
    case activations::gelu:
      return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    case activations::gelu_tanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
    case activations::tanh:
      return std::tanh(x);
    case activations::sigmoid:
      return 1 / (1 + std::exp(-x));
    default:
      return x;
  }
}

// The offset of batch `index` of an output with `batch_rank` batch dimensions in an operand that broadcasts along them.
static int64_t reference_batch_offset(const TensorArg& out, const TensorArg& operand, int64_t index) {
  int64_t offset = 0;
  for (int d = out.rank - 3; d >= 0; d--) {
    const int64_t i = index % out.dims[d];
    index /= out.dims[d];
    const int od = d - (out.rank - operand.rank);
    if (od >= 0 && operand.dims[od] > 1) offset += i * operand.strides[od];
  }
  return offset;
}

// The columns whose sums go on side by side, so that a row of B is read as it lies. Each sum is in order of k all the
// same.
constexpr int64_t kReferenceColumns = 64;

template <class T>
static void reference_gemm(const Call& call, Context&) {
  const TensorArg &a = call.in[0], &b = call.in[1], &out = call.out[0];
  const int64_t M = out.dims[out.rank - 2], N = out.dims[out.rank - 1], K = a.dims[a.rank - 1];
  const int64_t a_m = a.strides[a.rank - 2], a_k = a.strides[a.rank - 1];
  const int64_t b_k = b.strides[b.rank - 2], b_n = b.strides[b.rank - 1];
  int64_t count = 1;
  for (int d = 0; d < out.rank - 2; d++) count *= out.dims[d];
  const T* bias = call.inputs > 2 ? (const T*)call.in[2].data : nullptr;
  const T* aux = call.inputs > 3 && (call.attr[1] & gemm_flags::mask) ? (const T*)call.in[3].data : nullptr;
  const bool accumulate = (call.attr[1] & gemm_flags::accumulate) != 0;
  for (int64_t i = 0; i < count; i++) {
    const T* pa = (const T*)a.data + reference_batch_offset(out, a, i);
    const T* pb = (const T*)b.data + reference_batch_offset(out, b, i);
    for (int64_t m = 0; m < M; m++)
      for (int64_t first = 0; first < N; first += kReferenceColumns) {
        const int64_t columns = N - first < kReferenceColumns ? N - first : kReferenceColumns;
        double sums[kReferenceColumns] = {};
        if (accumulate)
          for (int64_t n = 0; n < columns; n++) sums[n] = (double)((const T*)out.data)[(i * M + m) * N + first + n];
        for (int64_t k = 0; k < K; k++) {
          const double x = (double)pa[m * a_m + k * a_k];
          for (int64_t n = 0; n < columns; n++) sums[n] += x * (double)pb[k * b_k + (first + n) * b_n];
        }
        for (int64_t n = 0; n < columns; n++) {
          const int64_t at = (i * M + m) * N + first + n;
          T x = (T)sums[n];
          if (bias) x = (T)((double)x + (double)bias[first + n]);
          x = (T)reference_activation(call.attr[0], (double)x);
          if (aux) x = aux[at] > 0 ? x : T(0);
          ((T*)out.data)[at] = x;
        }
      }
  }
}

}  // namespace anneal::ANNEAL_TARGET
