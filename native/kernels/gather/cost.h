// Costs of looking up and moving elements, on which only the choice of thread count rests.
#pragma once
#include "../../simd.h"

namespace anneal::ANNEAL_TARGET {

constexpr float kByteCost = 0.05f;          // rough ns per byte moved
constexpr float kIndexCost = 3.0f;          // and per index looked up
constexpr int64_t kGatherChunk = 64 << 10;  // bytes of one chunk

}  // namespace anneal::ANNEAL_TARGET
