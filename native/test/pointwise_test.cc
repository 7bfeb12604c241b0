// pointwise: every operation against its reference, every way to reach an operand, random elementwise programs.
#include "kernel_case.h"

namespace {
using namespace harness;

struct OpInfo {
  const char* name;
  int arity;
  char in, out;
  Tolerance tolerance;
};

// The tolerance of each operation that is not exact, relative to the result. 6e-8 is half a unit in the last place.
Tolerance tolerance_of(const std::string& name) {
  struct Entry {
    const char* name;
    Tolerance tolerance;
  };
  constexpr double kDenormal = 3e-45;
  const Entry table[] = {{"exp", {1.2e-7, kDenormal}},
                         {"log", {1.2e-7, kDenormal}},
                         {"expm1", {2e-7, kDenormal}},
                         {"log1p", {3e-7, kDenormal}},
                         {"softplus", {3.5e-7, kDenormal}},
                         {"tanh", {1.7e-7, kDenormal}},
                         {"sigmoid", {2.1e-7, kDenormal}},
                         {"erf", {1.3e-7, kDenormal}},
                         {"pow", {6.1e-8, kDenormal}},
                         {"gelu", {6e-7, 1e-37}},
                         {"gelu_tanh", {3e-6, 1e-12}},
                         {"gelu_grad", {3e-7, 3e-7}},
                         {"gelu_tanh_grad", {3e-7, 3e-7}},
                         {"div", {6e-8, kDenormal}},
                         {"sqrt", {6e-8, 0}},
                         {"add", {6e-8, 0}},
                         {"sub", {6e-8, 0}},
                         {"mul", {6e-8, kDenormal}},
                         {"to_f32", {6e-8, 0}}};
  for (const Entry& e : table)
    if (name == e.name) return e.tolerance;
  return {};
}

const std::vector<OpInfo>& ops() {
  static const std::vector<OpInfo> list = {
#define ANNEAL_POINTWISE(name, arity, in, out) {#name, arity, *#in, *#out, tolerance_of(#name)},
#include "../pointwise.def"
#undef ANNEAL_POINTWISE
  };
  return list;
}

uint32_t opcode(const std::string& name) {
  for (size_t i = 0; i < ops().size(); i++)
    if (name == ops()[i].name) return uint32_t(i);
  FAIL("no operation " << name);
  return 0;
}

// The elementwise program of one operation on inputs 0, 1, 2.
std::vector<uint32_t> single(uint32_t op) {
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

// An operand of the given shape, reached in one of the ways that a program may ask for.
Tensor operand(DType dtype, const std::vector<int64_t>& dims, int64_t way, Numbers& numbers) {
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

TEST_CASE("pointwise: outputs too large for a cache") {
  constexpr int64_t n = (1 << 23) + 1029;
  KernelCase c = {
      row_pointwise, "large", {}, {}, {2, opcode("mul"), 0, 1, kNone, opcode("neg"), 2, kNone, kNone, 3, 2}};
  Numbers numbers(3);
  c.in = {operand(DType::f32, {n}, 0, numbers), operand(DType::f32, {n}, 1, numbers)};
  c.out = {Tensor(DType::f32, {n}), Tensor(DType::f32, {n})};
  c.reference_in_float = true;
  check(c);
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
