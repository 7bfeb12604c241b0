// Definitions that all rules share.
#pragma once
#include <cstdint>

#include "arithmetic.h"

#define ANNEAL_METHOD static inline __attribute__((always_inline))

namespace anneal::ANNEAL_TARGET {

// Updates between two flushes of denormals. A rule's state shrinks by a factor each time where gradients have become 0,
// as of a unit that is dead. It would end subnormal for good, which makes every operation on it several times slower:
// in each update whose count is a multiple of this, subnormal state becomes 0 instead.
constexpr int32_t kFlushEvery = 16;

// beta^t by squaring, as the C library's pow differs between systems.
static double power_of(double beta, int64_t t) {
  double r = 1;
  for (; t > 0; t >>= 1, beta *= beta)
    if (t & 1) r *= beta;
  return r;
}

}  // namespace anneal::ANNEAL_TARGET
