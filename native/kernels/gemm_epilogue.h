// What follows the product: bias, activation or the mask of a relu's gradient, over a block of C that is still in the
// cache. The order per element is that of the separate instructions, so fused equals unfused bit for bit.

enum Activation : uint32_t { kNoActivation, kRelu, kGelu, kGeluTanh, kTanh, kSigmoid };

struct Epilogue {
  const float* bias;  // [N] or null
  const float* aux;   // [M, N] like C, or null: the result is kept where aux > 0, else 0
  uint32_t activation;
  bool any() const { return bias || aux || activation != kNoActivation; }
};

template <uint32_t kActivation>
ANNEAL_INLINE vf activate(vf x) {
  if constexpr (kActivation == kRelu) return vrelu(x);
  if constexpr (kActivation == kGelu) return vgelu(x);
  if constexpr (kActivation == kGeluTanh) return vgelu_tanh(x);
  if constexpr (kActivation == kTanh) return vtanh(x);
  if constexpr (kActivation == kSigmoid) return vsigmoid(x);
  return x;
}

template <uint32_t kActivation>
static void finish_rows(float* c, int64_t stride, int64_t rows, int64_t columns, const float* bias, const float* aux) {
  for (int64_t i = 0; i < rows; i++) {
    float* row = c + i * stride;
    const float* mask = aux ? aux + i * stride : nullptr;
    for (int64_t j = 0; j < columns; j += kLanes) {
      const int n = columns - j < kLanes ? (int)(columns - j) : kLanes;
      const bool full = n == kLanes;
      vf x = full ? ld(row + j) : ld_part(row + j, n);
      if (bias) x = x + (full ? ld(bias + j) : ld_part(bias + j, n));
      x = activate<kActivation>(x);
      if (mask) x = select((full ? ld(mask + j) : ld_part(mask + j, n)) > vf{}, x, vf{});
      if (full)
        st(row + j, x);
      else
        st_part(row + j, x, n);
    }
  }
}

// Finishes rows x columns of C at offset (row, column) of the whole matrix, whose rows are `stride` apart.
static void finish(const Epilogue& e, float* c, int64_t stride, int64_t row, int64_t column, int64_t rows,
                   int64_t columns) {
  float* at = c + row * stride + column;
  const float* bias = e.bias ? e.bias + column : nullptr;
  const float* aux = e.aux ? e.aux + row * stride + column : nullptr;
  switch (e.activation) {
    case kRelu:
      return finish_rows<kRelu>(at, stride, rows, columns, bias, aux);
    case kGelu:
      return finish_rows<kGelu>(at, stride, rows, columns, bias, aux);
    case kGeluTanh:
      return finish_rows<kGeluTanh>(at, stride, rows, columns, bias, aux);
    case kTanh:
      return finish_rows<kTanh>(at, stride, rows, columns, bias, aux);
    case kSigmoid:
      return finish_rows<kSigmoid>(at, stride, rows, columns, bias, aux);
    default:
      return finish_rows<kNoActivation>(at, stride, rows, columns, bias, aux);
  }
}
