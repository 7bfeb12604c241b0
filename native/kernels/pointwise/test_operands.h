// The operations of elementwise programs with their tolerances, and operands in every layout.
#pragma once
#include <string>
#include <vector>

#include "test/kernel_case.h"

namespace pointwise_test {
using namespace harness;

struct OpInfo {
  const char* name;
  int arity;
  char in, out;
  Tolerance tolerance;
};

// The tolerance of each operation that is not exact, relative to the result. 6e-8 is half a unit in the last place.
inline Tolerance tolerance_of(const std::string& name) {
  struct Entry {
    const char* name;
    Tolerance tolerance;
  };
  constexpr double kDenormal = 3e-45;
  const Entry table[] = {
      {"add", {6e-8, 0}},
      {"sub", {6e-8, 0}},
      {"mul", {6e-8, kDenormal}},
      {"to_f32", {6e-8, 0}},
#define ANNEAL_POINTWISE(...)
#define ANNEAL_FUNCTION(name, arity, ns, relative, absolute, ...) {#name, {relative, absolute}},
#include "opcodes.def"
#undef ANNEAL_POINTWISE
  };
  for (const Entry& e : table)
    if (name == e.name) return e.tolerance;
  return {};
}

inline const std::vector<OpInfo>& ops() {
  static const std::vector<OpInfo> list = {
#define ANNEAL_POINTWISE(name, arity, in, out) {#name, arity, *#in, *#out, tolerance_of(#name)},
#include "opcodes.def"
#undef ANNEAL_POINTWISE
  };
  return list;
}

inline uint32_t opcode(const std::string& name) {
  for (size_t i = 0; i < ops().size(); i++)
    if (name == ops()[i].name) return uint32_t(i);
  FAIL("no operation " << name);
  return 0;
}

// The elementwise program of one operation on inputs 0, 1, 2.
inline std::vector<uint32_t> single(uint32_t op) {
  const uint32_t arity = uint32_t(ops()[op].arity);
  return {1, op, 0, arity > 1 ? 1 : kNone, arity > 2 ? 2 : kNone, arity};
}

const float kSpecial[] = {0.0f,
                          -0.0f,
                          1.0f,
                          -1.0f,
                          0.5f,
                          -0.5f,
                          2.0f,
                          -2.0f,
                          3.0f,
                          -3.0f,
                          1e-45f,
                          -1e-45f,
                          1e-38f,
                          1.17549435e-38f,
                          1e-20f,
                          -1e-20f,
                          88.0f,
                          -88.0f,
                          89.0f,
                          -104.0f,
                          -90.0f,
                          1e10f,
                          255.5f,
                          256.0f,
                          -1e10f,
                          3e38f,
                          -3e38f,
                          2147483648.0f,
                          -2147483648.0f,
                          0.625f,
                          0.92f,
                          0.9999f,
                          1.0001f,
                          16777216.0f,
                          16777217.0f,
                          7.0f,
                          std::numeric_limits<float>::infinity(),
                          -std::numeric_limits<float>::infinity(),
                          std::numeric_limits<float>::quiet_NaN()};
constexpr int64_t kSpecials = int64_t(sizeof(kSpecial) / sizeof(*kSpecial));
const int32_t kIntegers[] = {0,    1, -1, 2, 7, -7, 255, 256, -256, 65537, 2147483647, -2147483647, -2147483647 - 1,
                             46341};
constexpr int64_t kIntegerCount = int64_t(sizeof(kIntegers) / sizeof(*kIntegers));

// An operand of the given shape, reached in one of the ways that a program may ask for.
inline Tensor operand(DType dtype, const std::vector<int64_t>& dims, int64_t way, Numbers& numbers) {
  std::vector<int64_t> strides = Tensor::dense(dims);
  const size_t rank = dims.size();
  if (way == 1) strides.assign(rank, 0);  // one value
  if (way == 2)
    for (size_t d = 0; d + 1 < rank; d++) strides[d] = 0;  // a bias
  if (way == 3 && rank) {                                  // a column
    strides = Tensor::dense({dims.begin(), dims.end() - 1});
    strides.push_back(0);
  }
  if (way == 4) {  // transposed: the first dimension is the innermost
    int64_t s = 1;
    for (size_t d = 0; d < rank; s *= dims[d++]) strides[d] = s;
  }
  if (way == 5)
    for (auto& s : strides) s *= 3;                 // gaps
  if (way == 6 && rank > 1) strides[rank / 2] = 0;  // broadcast in the middle
  Tensor t(dtype, dims, strides);
  return t.fill([&](int64_t) -> double {
    if (dtype == DType::boolean) return double(numbers.below(2));
    if (dtype == DType::u8) return double(numbers.below(256));
    if (dtype == DType::i32) return double(numbers.below(1000) - 500);
    return numbers.below(50) == 0 ? kSpecial[numbers.below(kSpecials)] : numbers.uniform() * 10;
  });
}

}  // namespace pointwise_test
