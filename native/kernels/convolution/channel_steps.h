// What is done with the sums of a correlation before they are stored: (sum + bias) * scale + shift + residual, then
// relu. The order per element is that of separate instructions, so fused equals unfused bit for bit.
#pragma once
#include "../contraction/epilogue.h"

namespace anneal::ANNEAL_TARGET {

// A number for each channel, or null where nothing is done.
struct ChannelSteps {
  const float *bias, *scale, *shift;
  bool relu;
  ChannelSteps from(int64_t channel) const {
    const auto at = [=](const float* numbers) { return numbers ? numbers + channel : nullptr; };
    return {at(bias), at(scale), at(shift), relu};
  }
};

// Copies the numbers of `count` channels, zeros behind them.
static void pad_numbers(const float* from, const float* to, int64_t count, int64_t padded) {
  for (int64_t i = 0; from && i < padded; i++) const_cast<float*>(to)[i] = i < count ? from[i] : 0.0f;
}
static void pad_steps(const ChannelSteps& from, const ChannelSteps& to, int64_t count, int64_t padded) {
  pad_numbers(from.bias, to.bias, count, padded);
  pad_numbers(from.scale, to.scale, count, padded);
  pad_numbers(from.shift, to.shift, count, padded);
}

// Sums of R pixels x V vectors of channels, of which the last has `last` lanes. Pixel r of `residual` lies at
// target[r].
template <int R, int V>
ANNEAL_INLINE void finish_pixels(vf (&sum)[R][V], ChannelSteps steps, const float* residual, const int32_t* target,
                                 int last) {
  finish_sums(sum, AfterSums{steps.bias, false});
  if (steps.scale) {
#pragma GCC unroll 16
    for (int v = 0; v < V; v++) {
      const vf scale = ld(steps.scale + v * kLanes);
#pragma GCC unroll 16
      for (int r = 0; r < R; r++) sum[r][v] = sum[r][v] * scale;
    }
  }
  finish_sums(sum, AfterSums{steps.shift, false});
  if (residual) {
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 8
      for (int v = 0; v < V; v++)
        sum[r][v] = sum[r][v] + ld_some(residual + target[r] + v * kLanes, v < V - 1 ? kLanes : last);
  }
  finish_sums(sum, AfterSums{nullptr, steps.relu});
}

}  // namespace anneal::ANNEAL_TARGET
