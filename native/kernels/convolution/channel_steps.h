// What is done with the sums of a correlation: (sum + bias) * scale + shift + residual, then relu. The order per
// element is that of separate instructions, so fused equals unfused bit for bit. A bias and relu alone are applied to
// sums in registers; the rest to a tile that has just been stored, since more of it in the tile's loop would cost
// registers there.
#pragma once
#include "../contraction/problem.h"
#include "../walk.h"

namespace anneal::ANNEAL_TARGET {

// A number for each channel, or null where nothing is done; `residual` lies like the results.
struct ChannelSteps {
  const float *bias, *scale, *shift;
  const float* residual;
  bool relu;
  ChannelSteps from(int64_t channel) const {
    const auto at = [=](const float* numbers) { return numbers ? numbers + channel : nullptr; };
    return {at(bias), at(scale), at(shift), at(residual), relu};
  }
  bool any_stored() const { return scale || shift || residual; }
  AfterSums in_registers() const { return {bias, relu && !any_stored()}; }
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

// Channels [0, channels) of some pixels that have been stored at c + target[i].
__attribute__((noinline)) static void finish_stored(const ChannelSteps& steps, float* c, const int32_t* target,
                                                    int pixels, int64_t channels) {
  for (int64_t j = 0; j < channels; j += kLanes) {
    const int lanes = (int)smaller(kLanes, channels - j);
    const vf scale = steps.scale ? ld(steps.scale + j) : vf{}, shift = steps.shift ? ld(steps.shift + j) : vf{};
    for (int i = 0; i < pixels; i++) {
      float* const at = c + target[i] + j;
      vf x = ld_some(at, lanes);
      if (steps.scale) x = x * scale;
      if (steps.shift) x = x + shift;
      if (steps.residual) x = x + ld_some(steps.residual + target[i] + j, lanes);
      st_some(at, steps.relu ? vrelu(x) : x, lanes);
    }
  }
}

}  // namespace anneal::ANNEAL_TARGET
