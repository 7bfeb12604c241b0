// The operations of elementwise programs: opcodes.def as a table.
#pragma once
#include <cstdint>

namespace anneal {

struct PointwiseInfo {
  const char* name;
  int arity;
  char in, out;  // F, I, B or N, see opcodes.def
};

constexpr PointwiseInfo kPointwiseInfo[] = {
#define ANNEAL_POINTWISE(name, arity, in, out) {#name, arity, #in[0], #out[0]},
#include "opcodes.def"
#undef ANNEAL_POINTWISE
};
constexpr uint32_t kPointwiseRows = sizeof kPointwiseInfo / sizeof kPointwiseInfo[0];

}  // namespace anneal
