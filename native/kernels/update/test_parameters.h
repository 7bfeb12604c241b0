// Values and sizes of parameters for the tests of updates.
#pragma once
#include <vector>

#include "test/kernel_case.h"
#include "update_call.h"

namespace update_test {
using namespace harness;

inline Tensor values(int64_t n, uint64_t seed, double scale, double shift = 0) {
  Numbers numbers(seed);
  return Tensor(DType::f32, {n}).fill([&](int64_t) { return shift + double(numbers.uniform()) * scale; });
}

inline Tensor list(DType dtype, const std::vector<double>& x) {
  return Tensor(dtype, {int64_t(x.size())}).fill([&](int64_t i) { return x[size_t(i)]; });
}

const std::vector<std::vector<int64_t>> kSizes = {
    {0},    {1},    {3},    {4},      {5},      {8},          {15},          {16},
    {17},   {33},   {1000}, {8191},   {8192},   {8193},       {100003},      {0, 0},
    {5, 0}, {0, 7}, {1, 1}, {16, 17}, {100, 1}, {9000, 9000}, {1, 20000, 3}, {8200, 0, 0, 4099, 1, 77, 50001}};

}  // namespace update_test
