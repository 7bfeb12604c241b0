// A kernel's view of its call, and the table through which a target's kernels are reached.
// Included by per-target translation units: no library templates, no inline functions that the linker could merge.
#pragma once
#include <cstddef>
#include <cstdint>

#include "program.h"

namespace anneal {

// A strided tensor, bound for this run. `data` is null for an absent optional operand.
struct TensorArg {
  void* data;
  DType dtype;
  int32_t rank;
  int64_t dims[kMaxRank];
  int64_t strides[kMaxRank];  // in elements
};

struct Call {
  int32_t outputs, inputs, attrs;
  const TensorArg* out;  // [outputs]
  const TensorArg* in;   // [inputs]
  const uint32_t* attr;  // [attrs]
};

enum class Failure : uint32_t { none = 0, index_out_of_range = 1, cancelled = 2, not_finite = 3, overflow = 4 };

// A kernel's way to threads, scratch and error reports. Chunk counts depend on shapes only, never on thread counts.
struct Context {
  // Runs body(arg, chunk, worker) for every chunk in [0, chunks), possibly on several threads; returns when all are
  // done. `ns` is the estimated time of the whole region on one thread; small regions stay on the caller.
  void (*parallel)(Context*, int64_t chunks, int64_t ns, void (*body)(void* arg, int64_t chunk, int32_t worker),
                   void* arg);
  // 64-byte aligned scratch of at least `bytes` for `worker` (the size comes from the row's scratch function).
  char* (*scratch)(Context*, int32_t worker);
  // Scratch shared by all workers of the region (the row's shared_scratch function).
  char* shared_scratch;
  // Keeps the failure with the lowest `where` (so that threads do not change the report); the instruction still
  // returns.
  void (*fail)(Context*, Failure, int64_t where, int64_t value, int64_t limit);
  int32_t threads;  // workers that `parallel` may use, for what changes no bit
};

// Chunks that a kernel makes for each of several threads, where it is free to choose: one that is held up leaves little
// undone.
constexpr int64_t kChunksOfThread = 4;

using Runner = void (*)(const Call&, Context&);
using ScratchSize = size_t (*)(const Call&);  // bytes; the Call has shapes but no data

struct KernelRow {
  Runner run;
  ScratchSize scratch;         // per worker, may be null
  ScratchSize shared_scratch;  // per call, may be null
};

enum Row : uint32_t {
#define ANNEAL_OP(name, ...) row_##name,
#include "ops.def"
#undef ANNEAL_OP
  kRows
};

struct KernelTable {
  const char* name;  // "avx2", ...
  int32_t lanes;     // floats per vector
  KernelRow rows[kRows];
};

}  // namespace anneal
