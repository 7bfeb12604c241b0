// The verifier of elementwise programs.
#include "opcodes.h"
#include "test/refusals.h"

namespace {
using namespace refusals;

TEST_CASE("verify checks elementwise programs") {
  const auto program = [](std::vector<uint32_t> attrs, DType a = DType::f32, DType b = DType::f32,
                          DType out = DType::f32) {
    return refusal_of([&](ProgramBuilder& p) {
      p.add(row_pointwise, {p.dense(Space::arena, out, 0, {8})},
            {p.dense(Space::input, a, 0, {8}), p.dense(Space::input, b, 1, {8})}, attrs);
    });
  };
  uint32_t equal = 0, add = 0;
  for (uint32_t i = 0; i < kPointwiseRows; i++) {
    if (kPointwiseInfo[i].name == std::string("equal")) equal = i;
    if (kPointwiseInfo[i].name == std::string("add")) add = i;
  }
  CHECK(program({1, add, 0, 1, kNone, 2}) == "accepted");
  CHECK(program({0, 1}) == "accepted");
  CHECK(program({1, equal, 0, 1, kNone, 2}, DType::i32, DType::u8, DType::boolean) == "accepted");
  check_refused(program({1, add, 0, 2, kNone, 2}), "a register that is not set");
  check_refused(program({1, add, 0, 1, kNone, 3}), "names a register");
  check_refused(program({1, add, 0, 1, 1, 2}), "more operands than its arity");
  check_refused(program({1, kPointwiseRows, 0, 1, kNone, 2}), "unknown opcode");
  check_refused(program({2, add, 0, 1, kNone, 2}), "wrong length");
  check_refused(program({33}), "wrong length");
  check_refused(program({1, add, 0, 1, kNone, 2}, DType::i32), "mixes");
  check_refused(program({1, equal, 0, 1, kNone, 2}), "dtype is not its register's");
}

}  // namespace
