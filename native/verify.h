// verify() turns untrusted words into a Program, every property of which execute() relies on without another check.
#pragma once
#include <cstddef>
#include <memory>
#include <vector>

#include "kernel_table.h"

namespace anneal {

// Operand counts of a row of ops.def: exact where >= 0.
constexpr int kMany = -1;                               // at least one, given by the instruction
constexpr int optional_up_to(int n) { return -1 - n; }  // up to n, trailing ones may be absent
enum RowFlags : uint32_t {
  kInplace = 1,
  kUpdate = 2
};  // an output may be the very tensor that is an input; or must be

struct RowInfo {
  const char* name;
  int outputs, inputs, attrs;
  uint32_t flags;
};
extern const RowInfo kRowInfo[kRows];

constexpr uint64_t kArenaAlignment = 64;
constexpr int64_t kMaxElements = int64_t{limits::elements} + 1;  // of one tensor, exclusive
constexpr uint64_t kMaxBytes = uint64_t{1} << 46;                // of a buffer, an offset, the arena

struct Buffer {
  Space space;
  DType dtype;
  uint32_t index;
  uint64_t offset, bytes;
  uint32_t iteration_stride;  // bytes that it moves on in its external buffer with each iteration; 0: it stays
};

struct Instruction {
  uint32_t row;
  uint32_t node;                   // of the graph it came from, for messages
  uint32_t attr;                   // the first attribute word
  uint32_t first_arg;              // outputs, then inputs, then the predicate if there is one
  int32_t outputs, inputs, attrs;  // rows with optional operands always have all of them, absent ones without data
  bool predicated;
  bool writes_storage;
};

// Argument `arg` lies `offset` bytes behind the start of its buffer.
struct Relocation {
  uint32_t arg;
  int64_t offset;
};

struct ExternalNeed {
  bool written;
  uint32_t alignment;
};

struct Program {
  std::vector<uint32_t> words;
  std::vector<Buffer> buffers;
  std::vector<TensorArg> args;  // data: null where absent, else any other address until bound
  std::vector<Instruction> instructions;
  std::vector<Relocation> relocations;     // grouped by buffer:
  std::vector<uint32_t> first_relocation;  // those of buffer b are [first_relocation[b], first_relocation[b + 1])
  std::vector<uint64_t> storage_bytes;     // the least size of each storage
  std::vector<uint8_t> storage_written;    // whether an instruction writes to it
  std::vector<ExternalNeed> externals;
  uint32_t slots;  // words of one iteration
  uint64_t arena_bytes;
};

struct VerifyOptions {
  bool doubles = false;  // float64 operands, which only the reference target has
};

// Throws Error(Code::internal, "verify: ...") for a program that is not sound, std::bad_alloc when memory is short.
std::unique_ptr<Program> verify(const uint32_t* words, size_t count, VerifyOptions options = {});

// A row's check of its operands beyond counts and bounds. Returns null, or what is wrong.
using RowCheck = const char* (*)(const Call&);
extern const RowCheck kRowChecks[kRows];

// Row-major without gaps.
bool is_dense(const TensorArg&);
int64_t elements_of(const TensorArg&);

}  // namespace anneal
