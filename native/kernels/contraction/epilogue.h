// The epilogue of a product: bias, activation or the mask of a relu's gradient, over a block of C that is still in the
// cache. The order per element is that of the separate instructions, so fused equals unfused bit for bit.
#pragma once
#include "../../codes.h"
#include "../math.h"

namespace anneal::ANNEAL_TARGET {

// Part of an epilogue that is applied to sums in registers, before they are stored: to columns of whole vectors.
// Without bias and relu it is empty.
struct AfterSums {
  const float* bias;  // of the first of the columns
  bool relu;
  AfterSums from(int64_t column) const { return {bias ? bias + column : nullptr, relu}; }
};

struct Epilogue {
  const float* bias;  // [N] or null
  const float* aux;   // [M, N] like C, or null: the result is kept where aux > 0, else 0
  uint32_t activation;
  bool any() const { return bias || aux || activation != activations::none; }
  // Returns whether it is so cheap that it had better be applied to sums in registers, before they are stored.
  bool in_registers() const { return !aux && (activation == activations::none || activation == activations::relu); }
  AfterSums after_sums() const { return {bias, activation == activations::relu}; }
};

template <uint32_t kActivation>
ANNEAL_INLINE vf activate(vf x) {
  if constexpr (kActivation == activations::relu) return vrelu(x);
  if constexpr (kActivation == activations::gelu) return vgelu(x);
  if constexpr (kActivation == activations::gelu_tanh) return vgelu_tanh(x);
  if constexpr (kActivation == activations::tanh) return vtanh(x);
  if constexpr (kActivation == activations::sigmoid) return vsigmoid(x);
  return x;
}

template <int R, int V>
ANNEAL_INLINE void finish_sums(vf (&sum)[R][V], AfterSums after) {
  if (after.bias) {
#pragma GCC unroll 16
    for (int v = 0; v < V; v++) {
      const vf b = ld(after.bias + v * kLanes);
#pragma GCC unroll 16
      for (int r = 0; r < R; r++) sum[r][v] = sum[r][v] + b;
    }
  }
  if (after.relu) {
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 16
      for (int v = 0; v < V; v++) sum[r][v] = vrelu(sum[r][v]);
  }
}

// One vector of columns, down R rows: what is loaded is loaded before anything is stored, since a store of part of a
// vector holds up loads close behind it.
template <uint32_t kActivation, int R>
ANNEAL_INLINE void finish_vector(float* c, int64_t stride, int lanes, const float* bias, const float* aux) {
  const auto load = [=](const float* x)
                        __attribute__((always_inline)) { return lanes == kLanes ? ld(x) : ld_part(x, lanes); };
  vf x[R];
#pragma GCC unroll 4
  for (int r = 0; r < R; r++) x[r] = load(c + r * stride);
  if (bias) {
    const vf b = load(bias);
#pragma GCC unroll 4
    for (int r = 0; r < R; r++) x[r] = x[r] + b;
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; r++) x[r] = activate<kActivation>(x[r]);
  if (aux) {
#pragma GCC unroll 4
    for (int r = 0; r < R; r++) x[r] = select(load(aux + r * stride) > vf{}, x[r], vf{});
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; r++)
    if (lanes == kLanes)
      st(c + r * stride, x[r]);
    else
      st_part(c + r * stride, x[r], lanes);
}

// R rows, whole vectors first.
template <uint32_t kActivation, int R>
ANNEAL_INLINE void finish_together(float* c, int64_t stride, int64_t columns, const float* bias, const float* aux) {
  int64_t j = 0;
  for (; j + kLanes <= columns; j += kLanes)
    finish_vector<kActivation, R>(c + j, stride, kLanes, bias ? bias + j : nullptr, aux ? aux + j : nullptr);
  if (j < columns)
    finish_vector<kActivation, R>(c + j, stride, (int)(columns - j), bias ? bias + j : nullptr,
                                  aux ? aux + j : nullptr);
}

template <uint32_t kActivation>
static void finish_rows(float* c, int64_t stride, int64_t rows, int64_t columns, const float* bias, const float* aux) {
  if (columns < kLanes && columns == stride && rows > 1) {
    // Rows of less than a vector that lie side by side: kLanes of them are one row of whole vectors.
    float repeated[kLanes * kLanes];
    if (bias)
      for (int64_t i = 0; i < kLanes; i++)
        for (int64_t j = 0; j < columns; j++) repeated[i * columns + j] = bias[j];
    const int64_t wide = kLanes * columns, done = rows / kLanes, rest = (rows - done * kLanes) * columns;
    bias = bias ? repeated : nullptr;
    finish_rows<kActivation>(c, wide, done, wide, bias, aux);
    return finish_rows<kActivation>(c + done * wide, rest, 1, rest, bias, aux ? aux + done * wide : nullptr);
  }
  int64_t i = 0;
  for (; i + 4 <= rows; i += 4)
    finish_together<kActivation, 4>(c + i * stride, stride, columns, bias, aux ? aux + i * stride : nullptr);
  for (; i < rows; i++)
    finish_together<kActivation, 1>(c + i * stride, stride, columns, bias, aux ? aux + i * stride : nullptr);
}

// Finishes rows x columns of C at offset (row, column) of the whole matrix, whose rows are `stride` apart.
static void finish(const Epilogue& e, float* c, int64_t stride, int64_t row, int64_t column, int64_t rows,
                   int64_t columns) {
  float* at = c + row * stride + column;
  const float* bias = e.bias ? e.bias + column : nullptr;
  const float* aux = e.aux ? e.aux + row * stride + column : nullptr;
  switch (e.activation) {
    case activations::relu:
      return finish_rows<activations::relu>(at, stride, rows, columns, bias, aux);
    case activations::gelu:
      return finish_rows<activations::gelu>(at, stride, rows, columns, bias, aux);
    case activations::gelu_tanh:
      return finish_rows<activations::gelu_tanh>(at, stride, rows, columns, bias, aux);
    case activations::tanh:
      return finish_rows<activations::tanh>(at, stride, rows, columns, bias, aux);
    case activations::sigmoid:
      return finish_rows<activations::sigmoid>(at, stride, rows, columns, bias, aux);
    default:
      return finish_rows<activations::none>(at, stride, rows, columns, bias, aux);
  }
}

}  // namespace anneal::ANNEAL_TARGET
