// One reduction: its input by kept and reduced dimensions, and the elements of an output, block by block.
#pragma once
#include "../../codes.h"
#include "../walk.h"
#include "operations.h"

namespace anneal::ANNEAL_TARGET {

struct ReduceJob {
  Context* context;
  const void* in;
  DType dtype;
  Walk kept, reduced;
  int64_t outputs, R;  // R elements make one output
  int64_t blocks;      // of one output, at least 1 (which may be empty)
  bool in_place;
  void* out;
  DType out_dtype;
  uint32_t kind;
  float correction;  // of the variance
  int64_t outputs_per_chunk;
  int64_t blocks_per_segment, segments;  // of one output, where outputs are too few to share out
};

// The scale of the mean and the variance; NaN or infinity where nothing is left to divide by, as in PyTorch.
ANNEAL_INLINE float divisor(const ReduceJob& job) {
  const double n = (double)job.R - (job.kind == reductions::var ? (double)job.correction : 0);
  return n > 0 ? (float)n : 0;
}

ANNEAL_INLINE void store_result(const ReduceJob& job, int64_t o, float x) {
  ((float*)job.out)[o] = job.kind == reductions::mean || job.kind == reductions::var ? x / divisor(job) : x;
}
ANNEAL_INLINE void store_result(const ReduceJob& job, int64_t o, int32_t x) {
  if (job.out_dtype == DType::i32)
    ((int32_t*)job.out)[o] = x;
  else
    ((uint8_t*)job.out)[o] = (uint8_t)x;
}

// Elements [first, first + n) of the reduced axes for the output at `offset`, in place or in scratch.
template <class S>
ANNEAL_INLINE const S* block_of(const ReduceJob& job, int64_t offset, int64_t first, int64_t n, char* scratch) {
  if (job.in_place) return (const S*)job.in + offset + first;
  const char* base = (const char*)job.in + offset * size_of(job.dtype);
  load_elements((lane32*)scratch, base, job.dtype, job.reduced, first, n);
  return (const S*)scratch;
}

// Operand m of step: for `any` and `all` the mask of bits that count.
ANNEAL_INLINE void constant_operand(const ReduceJob&, float& m) { m = 0; }
ANNEAL_INLINE void constant_operand(const ReduceJob& job, int32_t& m) { m = job.dtype == DType::f32 ? 0x7FFFFFFF : -1; }
template <class S>
ANNEAL_INLINE void constant_operand(const ReduceJob&, S& m) {
  m = {};
}

constexpr float kReduceCost = 0.1f;  // rough ns per element

}  // namespace anneal::ANNEAL_TARGET
