// The factor that limits a norm, as torch.nn.utils.clip_grad_norm_ has it.
#pragma once

namespace anneal::ANNEAL_TARGET {

constexpr double kClipEps = 1e-6;

static double clip_factor(double norm, double limit) {
  return norm + kClipEps <= limit ? 1 : limit / (norm + kClipEps);
}

}  // namespace anneal::ANNEAL_TARGET
