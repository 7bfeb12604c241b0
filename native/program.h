// A program is a flat list of 32-bit words: buffers, tensors over them, instructions over tensors.
// TypeScript writes it, verify() checks it once as untrusted bytes, execute() runs it many times.
#pragma once
#include <cstdint>

namespace anneal {

constexpr uint32_t kProgramMagic = 0x4C4E4E41;  // "ANNL" in little-endian bytes
constexpr uint32_t kProgramVersion = 1;
constexpr int kMaxRank = 8;
constexpr uint32_t kNone = 0xFFFFFFFFu;  // an absent operand

enum class DType : uint32_t {
  f32 = 0,
  i32 = 1,
  boolean = 2,
  u8 = 3,
  f64 = 4
};  // f64: slots (hyper-parameters), and everything on the reference target

constexpr int64_t size_of(DType t) {
  switch (t) {
    case DType::f32:
    case DType::i32:
      return 4;
    case DType::boolean:
    case DType::u8:
      return 1;
    case DType::f64:
      return 8;
  }
  return 0;
}

// Memory that holds the bytes of a buffer. All but the arena is bound anew for every run.
enum class Space : uint32_t {
  arena = 0,    // scratch of one run; `offset` is into the program's arena
  storage = 1,  // outlives runs (parameters, optimizer state, kept tensors); `index` picks one of the run's storage ids
  input = 2,    // a JavaScript array, read only; `index` picks one of the run's externals
  output = 3,   // a JavaScript array, written; `index` picks one of the run's externals
  slots = 4,    // runtime scalars (lr, step, seeds, the user's numbers); `offset` is into the run's slot block
};

// Word layout. 64-bit values are two words, low first. Every size is in words unless it says bytes.
namespace layout {
constexpr int kHeader = 16;  // magic, version, words, buffers, tensors, instructions, storages, externals, slots,
                             // arena bytes lo, hi, cost in ns, 4 reserved zeros
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
constexpr int kBuffer = 8;  // space, dtype, index, offset lo, hi (bytes), bytes lo, hi, stride per iteration (bytes)
constexpr int kTensor =
    4 + 2 * kMaxRank;            // buffer, element offset, rank, reserved 0, dims[8], strides[8] (signed, elements)
constexpr int kInstruction = 8;  // row, outputs, inputs, attrs, predicate tensor or kNone, cost in ns, source node,
                                 // reserved 0 then: output tensors, input tensors (kNone where absent), attribute words
// A run repeats a program `repeat` times. On iteration i an input or output buffer starts i * its stride per iteration
// further into it, and slots start i * slots words further into the slot block.
}  // namespace layout

}  // namespace anneal
