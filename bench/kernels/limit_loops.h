// The loops that limits are measured with, compiled for this one machine. No library templates here or in the .cc: the
// linker could give the rest of the program what was compiled for this CPU.
#pragma once
#include <cstdint>

namespace bench {

// n rounds of the same operations in registers, each so much work, in vectors so wide, or as wide as this machine has.
struct Burst {
  void (*run)(int64_t n);
  double work;
};
Burst multiply_adds(int lanes);  // chained and fused; work: floating-point operations
Burst divided_roots(int lanes);  // a square root and a division by it, for elements by themselves; work: elements

constexpr int kMostReads = 8, kMostWrites = 3;
struct Arrays {
  const float* reads[kMostReads];
  float* writes[kMostWrites];
};

// Elements [first, end) of all arrays. Writes the mean of what it reads, so that numbers neither grow nor become
// denormal however often it runs; the sum is for loops that write nothing.
using Loop = float (*)(const Arrays&, int64_t first, int64_t end);
Loop loop_of(int reads, int writes);  // null for more than there may be
}  // namespace bench
