// A program is a flat list of 32-bit words: buffers, tensors over them, instructions over tensors.
// TypeScript writes it, verify() checks it once as untrusted bytes, execute() runs it many times.
#pragma once
#include <cstdint>

#include "codes.h"

namespace anneal {

constexpr uint32_t kProgramMagic = format::magic;
constexpr uint32_t kProgramVersion = format::version;
constexpr int kMaxRank = int(limits::rank);
constexpr uint32_t kNone = format::none;  // an absent operand

enum class DType : uint32_t {
#define ANNEAL_DTYPE(id, name, number, bytes) id = number,
#include "dtypes.def"
#undef ANNEAL_DTYPE
};

constexpr int64_t size_of(DType t) {
  switch (t) {
#define ANNEAL_DTYPE(id, name, number, bytes) \
  case DType::id:                             \
    return bytes;
#include "dtypes.def"
#undef ANNEAL_DTYPE
  }
  return 0;
}

// Memory that holds the bytes of a buffer (spaces.def).
enum class Space : uint32_t {
#define ANNEAL_CODE(table, name, number) name = number,
#include "spaces.def"
#undef ANNEAL_CODE
};

// Word layout. 64-bit values are two words, low first. Every size is in words unless it says bytes.
namespace layout {
constexpr int kHeader = int(format::header);  // magic, version, words, buffers, tensors, instructions, storages,
                                              // externals, slots, arena bytes lo, hi, cost in ns, 4 reserved zeros
enum Header {
  magic,
  version,
  words,
  buffers,
  tensors,
  instructions,
  storages,
  externals,
  slots,
  arena_lo,
  arena_hi,
  cost
};
constexpr int kBuffer =
    int(format::buffer);  // space, dtype, index, offset lo, hi (bytes), bytes lo, hi, stride per iteration (bytes)
constexpr int kTensor =
    int(format::tensor);  // buffer, element offset, rank, reserved 0, dims[8], strides[8] (signed, elements)
constexpr int kInstruction =
    int(format::instruction);  // row, outputs, inputs, attrs, predicate tensor or kNone, cost in ns, source node,
                               // reserved 0 then: output tensors, input tensors (kNone where absent), attribute words
// A run repeats a program `repeat` times. On iteration i an input or output buffer starts i * its stride per iteration
// further into it, and slots start i * slots words further into the slot block.
static_assert(kTensor == 4 + 2 * kMaxRank);
}  // namespace layout

}  // namespace anneal
