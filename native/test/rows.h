// Operands, widths and reports of failures that tests of kernels over rows share.
#pragma once
#include "kernel_case.h"

namespace harness {
using Dims = std::vector<int64_t>;
constexpr float kInf = std::numeric_limits<float>::infinity(), kNaN = std::numeric_limits<float>::quiet_NaN();

inline std::string text_of(const char* name, const Dims& dims) {
  std::string s = name;
  for (int64_t d : dims) s += " " + std::to_string(d);
  return s;
}

inline Tensor random_tensor(DType dtype, const Dims& dims, uint64_t seed, double scale = 1, const Dims& strides = {}) {
  Numbers numbers(seed);
  return Tensor(dtype, dims, strides).fill([&](int64_t) -> double {
    if (dtype == DType::f32) return double(numbers.uniform()) * scale;
    return dtype == DType::i32 ? double(numbers.below(2000) - 1000)
                               : double(numbers.below(dtype == DType::u8 ? 256 : 2));
  });
}

inline Tensor indices_below(int64_t limit, const Dims& dims, uint64_t seed) {
  Numbers numbers(seed);
  return Tensor(DType::i32, dims).fill([&](int64_t) { return double(limit ? numbers.below(limit) : 0); });
}

const int64_t kWidths[] = {1,   2,   3,   4,   5,   7,   8,   9,   10,   15,   16,   17,   31,   32,  33,
                           100, 240, 255, 256, 257, 258, 271, 272, 1000, 1023, 1024, 1025, 2049, 5003};

// Runs with one context, so that the failure can be asked for.
struct Report {
  Failure failure;
  int64_t where, value, limit;
};
inline Report report(const KernelCase& c, const KernelTable& table, int threads, std::vector<Tensor>& out) {
  TestContext context(threads);
  out = c.run(table, threads, false, &context);
  return {context.failure, context.where, context.value, context.limit};
}

// The first failure is reported, by every target and the reference alike.
inline void check_report(const KernelCase& c, int64_t where, int64_t value, int64_t limit,
                         Failure failure = Failure::index_out_of_range) {
  check(c);
  std::vector<const KernelTable*> tables = {&reference_table};
  for (const Target& t : targets()) tables.push_back(t.table);
  for (const KernelTable* table : tables)
    for (int threads : {1, 2}) {
      std::vector<Tensor> out;
      const Report r = report(c, *table, threads, out);
      INFO(table->name << " " << c.text);
      CHECK((r.failure == failure));
      CHECK(r.where == where);
      CHECK(r.value == value);
      CHECK(r.limit == limit);
      for (const Tensor& t : out)
        for (int64_t i = 0; i < t.stored(); i++)
          if (!std::isfinite(t.at(i))) FAIL("not finite");
    }
}

}  // namespace harness
