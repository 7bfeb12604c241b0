// Reductions over the first, the last and all axes beside a plain loop that reads the array.
#include "bench.h"

namespace {
using namespace bench;

enum Kind : uint32_t {
  kSum = reductions::sum,
  kMax = reductions::max,
  kArgmax = reductions::argmax,
  kVariance = reductions::var
};
enum Axes { kFirst, kLast, kAll };

Subject reduction(Bench& b, Kind kind, Axes axes, int64_t rows, int64_t columns) {
  float* x = b.floats(rows * columns);
  const std::vector<int64_t> dims = {axes == kLast ? rows : 1, axes == kFirst ? columns : 1};
  TensorArg out = b.tensor(dims);
  if (kind == kArgmax) out.dtype = DType::i32;
  Subject s;
  s.ours = b.kernel(row_reduce, {out}, {b.tensor({rows, columns}, x)}, {kind, kind == kVariance ? 1u : 0u, 0});
  s.limits = {b.stream({x}, {}, rows * columns)};
  s.bytes = 4.0 * double(rows * columns);
  return s;
}

void fill(bench::Family& family) {
  struct {
    const char* name;
    Kind kind;
  } const kinds[] = {{"sum", kSum}, {"max", kMax}, {"argmax", kArgmax}, {"variance", kVariance}};
  struct {
    const char* name;
    Axes axes;
  } const axes[] = {{"first axis", kFirst}, {"last axis", kLast}, {"whole", kAll}};
  struct {
    int64_t rows, columns;
  } const sizes[] = {{4096, 8192}, {65536, 256}, {128, 64}};
  for (const auto& size : sizes)
    for (const auto& k : kinds)
      for (const auto& a : axes) {
        const bool large = size.rows > 128;
        family.add({.group = large ? "out of cache" : "in the first cache",
                    .name = std::string(k.name) + " over the " + a.name + " of " + std::to_string(size.rows) + "x" +
                            std::to_string(size.columns),
                    .of_limit = large ? 0.9 : 0,
                    .counted = !large,
                    .make = [=](Bench& b) { return reduction(b, k.kind, a.axes, size.rows, size.columns); }});
      }
}

const bench::Family reduce("reduce", fill);
}  // namespace
