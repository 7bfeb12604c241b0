// Access of the references to tensors: one element at a time, by its row-major index, whatever the strides and
// dtype.
#pragma once
#include <cmath>

#include "../kernel_table.h"

namespace anneal::ANNEAL_TARGET {

constexpr double kPi = 3.14159265358979323846;

static int32_t reference_wrap(int64_t x) { return (int32_t)(uint32_t)(uint64_t)x; }
static int32_t reference_saturate(double x, double low, double high) {
  return x != x ? 0 : (int32_t)(x < low ? low : x > high ? high : std::trunc(x));
}

struct ReferenceLane {
  double real;
  int32_t integer;  // of int32, bool and uint8 registers
  bool is_real;
};

static ReferenceLane reference_load(const TensorArg& t, int64_t offset) {
  switch (t.dtype) {
    case DType::f32:
      return {(double)((const float*)t.data)[offset], 0, true};
    case DType::f64:
      return {((const double*)t.data)[offset], 0, true};
    case DType::i32:
      return {0, ((const int32_t*)t.data)[offset], false};
    default:
      return {0, ((const uint8_t*)t.data)[offset], false};
  }
}

static void reference_store(const TensorArg& t, int64_t offset, const ReferenceLane& x) {
  switch (t.dtype) {
    case DType::f32:
      ((float*)t.data)[offset] = (float)x.real;
      break;
    case DType::f64:
      ((double*)t.data)[offset] = x.real;
      break;
    case DType::i32:
      ((int32_t*)t.data)[offset] = x.integer;
      break;
    default:
      ((uint8_t*)t.data)[offset] = (uint8_t)x.integer;
      break;
  }
}

static int64_t reference_offset(const TensorArg& t, int64_t linear) {
  int64_t offset = 0;
  for (int d = t.rank - 1; d >= 0; d--) {
    offset += linear % t.dims[d] * t.strides[d];
    linear /= t.dims[d];
  }
  return offset;
}

static int64_t reference_elements(const TensorArg& t) {
  int64_t n = 1;
  for (int d = 0; d < t.rank; d++) n *= t.dims[d];
  return n;
}

static bool reference_in_range(Context& context, int64_t where, int64_t index, int64_t limit) {
  if (index >= 0 && index < limit) return true;
  context.fail(&context, Failure::index_out_of_range, where, index, limit);
  return false;
}

// A sum of integers, of which int32 holds what it can.
static int32_t reference_fit(Context& context, int64_t where, int64_t sum) {
  const int32_t stored = (int32_t)(uint32_t)(uint64_t)sum;
  if (stored != sum) context.fail(&context, Failure::overflow, where, sum, 0);
  return stored;
}

}  // namespace anneal::ANNEAL_TARGET
