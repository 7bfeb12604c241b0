// Convolutions by oneDNN 3, opened at run time where the machine has it.
#pragma once
#include "bench.h"

namespace bench {

enum class Pass { forward, input_gradient, weight_gradient };

struct Conv2d {
  int64_t N, C, H, W, O, kernel, stride, padding, groups = 1;
  bool of_data = false;  // its input is data, which needs no gradient

  int64_t height() const { return (H + 2 * padding - kernel) / stride + 1; }
  int64_t width() const { return (W + 2 * padding - kernel) / stride + 1; }
  double flops() const {
    return 2.0 * double(N) * double(height() * width()) * double(O * (C / groups)) * double(kernel * kernel);
  }
};

// x and y channels innermost, w [O, C / groups, k, k]; a pass reads two of them and writes the third.
struct ConvMemory {
  float *x, *w, *y;
};

// A pass with memory in the order that oneDNN chooses; and as PyTorch's channels_last has it: images as they are
// given, weights brought into its order and back by each call.
Peer onednn_in_own_order(Pass pass, const Conv2d& conv, const ConvMemory& memory);
Peer onednn_channels_last(Pass pass, const Conv2d& conv, const ConvMemory& memory);

}  // namespace bench
