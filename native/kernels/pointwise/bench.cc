// Chains of pointwise operations, one pass over memory each, beside a plain loop over the same arrays; out of cache and
// in it.
#include "bench.h"

namespace {
using namespace bench;

enum Opcode : uint32_t {
#define ANNEAL_POINTWISE(name, ...) op_##name,
#include "opcodes.def"
#undef ANNEAL_POINTWISE
};

constexpr uint32_t kNone = 0xffffffff;

// y = a * b + a * b ...: products and sums in turn, each with the result before and one of two inputs.
Subject chain(Bench& b, int length, int64_t n) {
  float *x0 = b.floats(n), *x1 = b.floats(n), *y = b.floats(n);
  std::vector<uint32_t> attrs = {uint32_t(length)};
  for (int k = 0; k < length; k++) {
    const uint32_t before = k == 0 ? 0 : uint32_t(k + 1);
    attrs.insert(attrs.end(), {k % 2 ? op_add : op_mul, before, uint32_t(k % 2 ? 0 : 1), kNone});
  }
  attrs.push_back(uint32_t(length + 1));
  Subject s;
  s.ours = b.kernel(row_pointwise, {b.tensor({n}, y)}, {b.tensor({n}, x0), b.tensor({n}, x1)}, attrs);
  s.limits = {b.stream({x0, x1}, {y}, n)};
  s.bytes = 12.0 * double(n);
  return s;
}

// [rows, columns] + [columns], as a bias; or times [rows, 1], as a weight of each row.
Subject broadcast(Bench& b, int64_t rows, int64_t columns, bool by_row) {
  float *x = b.floats(rows * columns), *y = b.floats(rows * columns);
  TensorArg other = b.tensor({rows, columns}, b.floats(by_row ? rows : columns));
  other.strides[0] = by_row ? 1 : 0, other.strides[1] = by_row ? 0 : 1;
  Subject s;
  s.ours = b.kernel(row_pointwise, {b.tensor({rows, columns}, y)}, {b.tensor({rows, columns}, x), other},
                    {1, by_row ? op_mul : op_add, 0, 1, kNone, 2});
  s.limits = {b.stream({x}, {y}, rows * columns)};
  s.bytes = 8.0 * double(rows * columns);
  return s;
}

void fill(bench::Family& family) {
  for (const int64_t n : {int64_t{25'000'000}, int64_t{4096}})
    for (int length = 1; length <= 8; length++)
      family.add({.group = n > 1'000'000 ? "chains out of cache" : "chains in the first cache",
                  .name = "chain of " + std::to_string(length) + " over " + std::to_string(n),
                  .of_limit = n > 1'000'000 ? 0.9 : 0,
                  .counted = n < 1'000'000 && (length == 1 || length == 8),
                  .make = [length, n](Bench& b) { return chain(b, length, n); }});
  for (bool by_row : {false, true})
    family.add({.group = "broadcasts out of cache",
                .name = std::string("4096x4096 and a ") + (by_row ? "column" : "row"),
                .of_limit = 0.9,
                .make = [by_row](Bench& b) { return broadcast(b, 4096, 4096, by_row); }});
}

const bench::Family pointwise("pointwise", fill);
}  // namespace
