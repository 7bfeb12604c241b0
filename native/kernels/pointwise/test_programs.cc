// pointwise: elementwise programs, random ones and those that take a way of their own.
#include "test_operands.h"

namespace {
using namespace pointwise_test;

// Random programs of operations that are exact in IEEE arithmetic, so the reference over float32 gives the very bits.
struct Fuzz {
  Numbers numbers;
  KernelCase c;
  std::vector<char> type;  // F, I or B, of each register

  explicit Fuzz(uint64_t seed) : numbers(seed), c{row_pointwise, "program " + std::to_string(seed), {}, {}, {}} {}

  uint32_t pick(char wanted) {
    std::vector<uint32_t> found;
    for (size_t r = 0; r < type.size(); r++)
      if (type[r] == wanted) found.push_back(uint32_t(r));
    return found.empty() ? kNone : found[size_t(numbers.below(int64_t(found.size())))];
  }

  bool push_op() {
    static const char* const kExact[] = {
        "add",         "sub",        "mul",         "div",       "maximum", "minimum",   "neg",     "abs",
        "sign",        "sqrt",       "relu",        "relu_grad", "equal",   "not_equal", "less",    "less_equal",
        "logical_and", "logical_or", "logical_not", "where",     "to_f32",  "to_i32",    "to_bool", "to_u8"};
    const uint32_t code = opcode(kExact[numbers.below(int64_t(sizeof(kExact) / sizeof(*kExact)))]);
    const OpInfo& op = ops()[code];
    const char lane = op.in == 'N' ? (numbers.below(3) ? 'F' : 'I') : op.in;
    uint32_t operands[3] = {kNone, kNone, kNone};
    for (int a = 0; a < op.arity; a++) {
      operands[a] = pick(op.arity == 3 && a == 0 ? 'B' : lane);
      if (operands[a] == kNone) return false;
    }
    c.attrs.insert(c.attrs.end(), {code, operands[0], operands[1], operands[2]});
    type.push_back(op.out == 'N' ? lane : op.out);
    return true;
  }

  void build() {
    std::vector<int64_t> dims;
    for (int64_t rank = numbers.below(4); rank >= 0; rank--)
      dims.push_back(1 + numbers.below(numbers.below(4) ? 12 : 60));
    const int64_t inputs = 1 + numbers.below(numbers.below(8) ? 4 : 16);
    for (int64_t i = 0; i < inputs; i++) {
      const DType types[] = {DType::f32, DType::f32, DType::f32, DType::i32, DType::boolean, DType::u8};
      const DType dtype = types[numbers.below(6)];
      c.in.push_back(operand(dtype, dims, numbers.below(2) ? 0 : numbers.below(7), numbers));
      type.push_back(dtype == DType::f32 ? 'F' : dtype == DType::boolean ? 'B' : 'I');
    }
    const int64_t wanted = numbers.below(numbers.below(4) ? 8 : 33);
    uint32_t count = 0;
    for (int64_t tries = 0; tries < 100 && count < wanted; tries++) count += push_op();
    c.attrs.insert(c.attrs.begin(), count);
    std::vector<bool> taken(c.in.size());
    for (int64_t o = 1 + numbers.below(numbers.below(3) ? 2 : 8); o > 0; o--) push_output(dims, taken);
    c.reference_in_float = true;
  }

  void push_output(const std::vector<int64_t>& dims, std::vector<bool>& taken) {
    const uint32_t r = uint32_t(numbers.below(2) ? int64_t(type.size()) - 1 : numbers.below(int64_t(type.size())));
    c.attrs.push_back(r);
    c.out.push_back(Tensor(type[r] == 'F' ? DType::f32 : type[r] == 'I' ? DType::i32 : DType::boolean, dims));
    for (size_t i = 0; i < c.in.size(); i++) {  // sometimes over an input of the same dtype and layout
      const TensorArg a = c.in[i].arg(), b = c.out.back().arg();
      if (taken[i] || numbers.below(2) || a.dtype != b.dtype ||
          std::memcmp(a.strides, b.strides, sizeof a.strides) != 0)
        continue;
      taken[i] = true;
      c.aliases.push_back({int(c.out.size()) - 1, int(i)});
      return;
    }
  }
};

// The reference goes element by element, so that it too may write over its operands.
TEST_CASE("pointwise: random programs") {
  for (uint64_t seed = 1; seed <= 1500; seed++) {
    Fuzz f(seed);
    f.build();
    check(f.c);
  }
}

// Some neighbours run as one loop or fused chain (superinstructions.h, fused_chain.h): each after each, the first's
// result on either side, read by another one too or not, at sizes from which on memory is prefetched.
TEST_CASE("pointwise: every binary operation after every other") {
  const char* const names[] = {"add", "sub", "mul", "div", "maximum", "minimum"};
  for (int64_t n : {17, 2100, 300007})
    for (const char* first : names)
      for (const char* second : names)
        for (uint32_t form = 0; form < 4; form++) {
          if (n == 300007 && (first != names[2] || form > 1)) continue;
          const bool left = form & 1;
          const uint32_t extra = form >> 1;  // 1: the first's result is an output as well
          const std::string text = std::string(first) + " then " + second + " form " + std::to_string(form);
          KernelCase c = {row_pointwise, text, {}, {}, {4}};
          c.attrs.insert(c.attrs.end(), {opcode(first), 0, 1, kNone, opcode(second), left ? 3 : 2u, left ? 2 : 3u,
                                         kNone, opcode("sub"), 4, 0, kNone, opcode("add"), 5, 1, kNone, 6});
          Numbers numbers(uint64_t(n) + form);
          // Operands with gaps go through slots of scratch, which must stay until the last step has read them.
          for (int64_t i = 0; i < 3; i++) c.in.push_back(operand(DType::f32, {n}, i == 2 ? 0 : 5, numbers));
          c.out.push_back(Tensor(DType::f32, {n}));
          if (extra) c.attrs.push_back(3), c.out.push_back(Tensor(DType::f32, {n}));
          c.reference_in_float = true;
          check(c);
        }
}

// Rows longer than a tile are read where they lie, and tiles across their ends are copied.
TEST_CASE("pointwise: rows longer than a tile") {
  for (int64_t columns : {1025, 1500, 4096}) {
    KernelCase c = {row_pointwise, "rows of " + std::to_string(columns), {}, {}, {4}};
    c.attrs.insert(c.attrs.end(), {opcode("mul"), 0, 1, kNone, opcode("relu"), 3, kNone, kNone,  //
                                   opcode("sub"), 2, 4, kNone, opcode("minimum"), 5, 0, kNone, 6, 3});
    Numbers numbers{uint64_t(columns)};
    const std::vector<int64_t> dims = {5, columns};
    for (int64_t way : {0, 2, 3}) c.in.push_back(operand(DType::f32, dims, way, numbers));
    c.in[2] = Tensor(DType::f32, dims, {columns + 7, 1}).fill([&](int64_t) { return numbers.uniform(); });  // a slice
    c.out = {Tensor(DType::f32, dims), Tensor(DType::f32, dims)};
    c.reference_in_float = true;
    check(c);
  }
}

TEST_CASE("pointwise: outputs too large for a cache, that begin a line of it and that do not") {
  constexpr int64_t n = (1 << 23) + 1029;
  for (int64_t start : {0, 1}) {
    KernelCase c = {row_pointwise,
                    "large from " + std::to_string(start),
                    {},
                    {},
                    {2, opcode("mul"), 0, 1, kNone, opcode("neg"), 2, kNone, kNone, 3, 2}};
    Numbers numbers(3);
    c.in = {operand(DType::f32, {n}, 0, numbers), operand(DType::f32, {n}, 1, numbers)};
    c.out = {Tensor(DType::f32, {n}, {1}, start), Tensor(DType::f32, {n}, {1}, start)};
    c.reference_in_float = true;
    check(c);
  }
}

TEST_CASE("pointwise: the longest program") {
  KernelCase c = {row_pointwise, "longest", {}, {}, {32}};
  Numbers numbers(5);
  for (int64_t i = 0; i < 16; i++) c.in.push_back(operand(DType::f32, {3, 700}, i % 7, numbers));
  for (uint32_t k = 0; k < 32; k++) c.attrs.insert(c.attrs.end(), {opcode("add"), k % 16, k == 0 ? 1 : 15 + k, kNone});
  for (uint32_t o = 0; o < 8; o++) c.attrs.push_back(47 - 3 * o), c.out.push_back(Tensor(DType::f32, {3, 700}));
  c.reference_in_float = true;
  check(c);
}
}  // namespace
