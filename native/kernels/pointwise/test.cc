// pointwise: every operation against its reference, every way to reach an operand.
#include "test_operands.h"

namespace {
using namespace pointwise_test;

DType operand_type(const OpInfo& op, int operand, bool integer) {
  if (op.in == 'B' || (op.arity == 3 && operand == 0)) return DType::boolean;
  return op.in == 'N' && integer ? DType::i32 : DType::f32;
}
DType result_type(const OpInfo& op, bool integer) {
  if (std::string(op.name) == "to_u8") return DType::u8;
  if (op.out == 'B') return DType::boolean;
  return op.out == 'I' || (op.out == 'N' && integer) ? DType::i32 : DType::f32;
}

// Every operation over every pair of special values.
void check_specials(const OpInfo& op, uint32_t code, bool integer) {
  const int64_t values = integer ? kIntegerCount : kSpecials, n = values * values;
  const bool is_gradient =
      std::string(op.name).find("_grad") != std::string::npos;  // whose error is relative to the second operand
  KernelCase c = {
      row_pointwise, std::string(op.name) + (integer ? " of integers" : " of special values"), {}, {}, single(code)};
  for (int a = 0; a < op.arity; a++) {
    Tensor t(operand_type(op, a, integer), {n});
    t.fill([&](int64_t i) -> double {
      const int64_t v = a % 2 ? i / values : i % values;
      if (t.dtype() == DType::boolean) return double(v % 2);
      if (integer) return kIntegers[v];
      return a == 1 && is_gradient && std::isfinite(kSpecial[v]) ? std::fmin(std::fmax(kSpecial[v], -3.0f), 3.0f)
                                                                 : kSpecial[v];
    });
    c.in.push_back(t);
  }
  c.out.push_back(Tensor(result_type(op, integer), {n}));
  c.tolerance = op.tolerance;
  check(c);
}

TEST_CASE("pointwise: special values") {
  for (uint32_t code = 0; code < ops().size(); code++) {
    const OpInfo& op = ops()[code];
    check_specials(op, code, false);
    if (op.in == 'N') check_specials(op, code, true);
  }
}

TEST_CASE("pointwise: dense samples of the whole range, within the stated error") {
  constexpr int64_t n = 1 << 18;
  for (uint32_t code = 0; code < ops().size(); code++) {
    const OpInfo& op = ops()[code];
    if (op.in != 'F') continue;
    for (int mode = 0; mode < 2; mode++) {
      KernelCase c = {
          row_pointwise, std::string(op.name) + (mode ? " over all floats" : " over [-12, 12)"), {}, {}, single(code)};
      for (int a = 0; a < op.arity; a++) {
        Tensor t(DType::f32, {n});
        Numbers numbers(code * 4 + uint32_t(a) + 77);
        t.fill([&](int64_t i) -> double {
          if (a == 1) return double(numbers.uniform()) * 8;
          if (mode == 0) return -12 + 24.0 * double(i) / n;
          const uint32_t bits = uint32_t(i) << 14 | uint32_t(numbers.next() & 0x3FFF);
          float x;
          std::memcpy(&x, &bits, 4);
          return x;
        });
        c.in.push_back(t);
      }
      c.out.push_back(Tensor(DType::f32, {n}));
      c.tolerance = op.tolerance;
      check(c);
    }
  }
}

TEST_CASE("pointwise: every size around the vectors and tiles") {
  for (const char* name : {"add", "exp", "less", "to_u8", "gelu"})
    for (int64_t n :
         {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 97, 1023, 1024, 1025, 2053, 32767, 32768, 32769, 100003}) {
      const uint32_t code = opcode(name);
      const OpInfo& op = ops()[code];
      KernelCase c = {row_pointwise, std::string(name) + " of " + std::to_string(n), {}, {}, single(code)};
      Numbers numbers(uint64_t(n) + code);
      for (int a = 0; a < op.arity; a++)
        c.in.push_back(Tensor(DType::f32, {n}).fill([&](int64_t) { return double(numbers.uniform()) * 9; }));
      c.out.push_back(Tensor(result_type(op, false), {n}));
      c.tolerance = op.tolerance;
      check(c);
    }
}

TEST_CASE("pointwise: operands by every layout and dtype") {
  Numbers numbers(11);
  for (const auto& dims : std::vector<std::vector<int64_t>>{{},
                                                            {1},
                                                            {5},
                                                            {3, 4},
                                                            {7, 10},
                                                            {1, 33},
                                                            {33, 1},
                                                            {64, 100},
                                                            {2, 3, 5},
                                                            {5, 1, 300},
                                                            {2, 3, 4, 5},
                                                            {40, 1030},
                                                            {0, 3},
                                                            {200, 200}})
    for (int64_t wa = 0; wa < 7; wa++)
      for (int64_t wb = 0; wb < 7; wb++) {
        KernelCase c = {row_pointwise,
                        "a - float(b)",
                        {},
                        {},
                        {2, opcode("to_f32"), 1, kNone, kNone, opcode("sub"), 0, 2, kNone, 3}};
        const DType types[] = {DType::f32, DType::u8, DType::boolean, DType::i32};
        const int64_t type = numbers.below(4);
        c.text += " ways " + std::to_string(wa) + std::to_string(wb) + " dtype " + std::to_string(type) + " rank " +
                  std::to_string(dims.size());
        c.in = {operand(DType::f32, dims, wa, numbers), operand(types[type], dims, wb, numbers)};
        c.out = {Tensor(DType::f32, dims)};
        c.reference_in_float = true;
        check(c);
      }
}

}  // namespace
