// The order in which an epoch visits its examples: in whole numbers only, so the same everywhere.
#pragma once
#include <cstddef>
#include <cstdint>

namespace anneal {

// A stream of random words: see kernels/random.h.
struct RandomStream {
  uint32_t seed[2], stream[2], counter;
};

// Fills `rows` with 0, 1, ..., size - 1, shuffled. `size` is below 2^31.
void permute(int32_t* rows, size_t size, const RandomStream& stream);

}  // namespace anneal
