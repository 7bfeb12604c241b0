// The verifier of updates.
#include "update_call.h"
#include "test/refusals.h"

namespace {
using namespace refusals;

// Two parameters of 8 updated by momentum: p0, g0, b0, p1, g1, b1 as tensors of the given buffers.
std::string refusal_of_update(
    const std::function<void(Words& out, Words& in, Words& attrs, ProgramBuilder& b)>& spoil) {
  return refusal_of([&](ProgramBuilder& b) {
    b.slots = 10;
    Words in = {b.tensor(b.buffer(Space::slots, DType::f64, 0, 0, 32), {4}),
                b.tensor(b.buffer(Space::slots, DType::i32, 0, 32, 8), {2}), kNone, kNone, kNone};
    for (uint32_t i = 0; i < 6; i++)
      in.push_back(b.dense(i % 3 == 1 ? Space::arena : Space::storage, DType::f32, i, {8}));
    Words out = {in[5], in[7], in[8], in[10]}, attrs = {1, 0, 0, 1};
    spoil(out, in, attrs, b);
    b.add(row_update, out, in, attrs);
  });
}

TEST_CASE("verify ties updates to the tensors that they update") {
  CHECK(refusal_of_update([](Words&, Words&, Words&, ProgramBuilder&) {}) == "accepted");
  check_refused(refusal_of_update([](Words& out, Words&, Words&, ProgramBuilder& b) {
                  out[2] = b.dense(Space::storage, DType::f32, 6, {8});
                }),
                "output 2 is not the tensor that it updates");
  check_refused(refusal_of_update([](Words& out, Words& in, Words&, ProgramBuilder&) { out[2] = in[8] = in[5]; }),
                "outputs overlap");
  check_refused(refusal_of_update([](Words&, Words& in, Words&, ProgramBuilder&) { in[9] = in[5]; }),
                "output 0 overlaps input 9");
  for (const uint32_t at : {0u, 4u, 8u}) {
    const std::string refusal = refusal_of_update([at](Words&, Words& in, Words&, ProgramBuilder& b) {
      in[9] =
          b.tensor(b.buffer(Space::storage, DType::f32, 5, 0, 64), {8}, {}, at);  // storage 5: parameter 1's momentum
    });
    if (at == 8)
      CHECK(refusal == "accepted");
    else
      check_refused(refusal, "overlaps input 9");
  }
  check_refused(refusal_of_update([](Words& out, Words& in, Words&, ProgramBuilder& b) {
                  out[0] = in[5] = b.tensor(b.buffer(Space::output, DType::f32, 0, 0, 32, 32), {8});
                }),
                "updates a buffer that has a stride per iteration");
}

TEST_CASE("verify counts the operands of updates") {
  check_refused(refusal_of_update([](Words&, Words& in, Words&, ProgramBuilder&) { in.pop_back(); }),
                "number of operands");
  check_refused(refusal_of_update([](Words& out, Words&, Words&, ProgramBuilder&) { out.pop_back(); }),
                "number of operands");
  check_refused(refusal_of_update([](Words&, Words&, Words& attrs, ProgramBuilder&) { attrs.pop_back(); }),
                "number of operands");
  check_refused(refusal_of_update([](Words&, Words&, Words& attrs, ProgramBuilder&) { attrs.resize(2); }),
                "no parameter");
  check_refused(refusal_of_update([](Words&, Words&, Words& attrs, ProgramBuilder&) { attrs[0] = 99; }),
                "unknown rule");
  check_refused(refusal_of_update([](Words&, Words&, Words& attrs, ProgramBuilder&) { attrs[1] = 4; }),
                "unknown flags");
  check_refused(refusal_of_update([](Words&, Words&, Words& attrs, ProgramBuilder&) { attrs[3] = 2; }),
                "beyond the steps");
  check_refused(refusal_of_update([](Words&, Words& in, Words&, ProgramBuilder&) { in[7] = kNone; }),
                "not dense of one shape");
  check_refused(refusal_of_update([](Words& out, Words&, Words&, ProgramBuilder&) { out[1] = kNone; }),
                "not like its parameter");
  check_refused(refusal_of_update([](Words&, Words& in, Words&, ProgramBuilder& b) {
                  in[6] = b.dense(Space::arena, DType::f32, 0, {4, 2});
                }),
                "not dense of one shape");
}

TEST_CASE("verify checks what updates share") {
  const auto refusal = [](uint32_t operand, DType dtype, std::vector<uint32_t> dims, uint32_t flags) {
    return refusal_of_update([&](Words&, Words& in, Words& attrs, ProgramBuilder& b) {
      b.slots = 16;
      const uint32_t bytes = uint32_t(size_of(dtype)) * dims[0];
      in[operand] = b.tensor(b.buffer(Space::slots, dtype, 0, 40, bytes), dims);
      attrs[1] = flags;
    });
  };
  for (uint32_t scales : {1u, 2u}) CHECK(refusal(2, DType::f32, {scales}, 0) == "accepted");
  check_refused(refusal(2, DType::f32, {3}, 0), "scales are not one, or not one for each");
  check_refused(refusal(2, DType::f64, {1}, 0), "scales are not of the gradients' dtype");
  CHECK(refusal(3, DType::f64, {1}, 0) == "accepted");
  check_refused(refusal(3, DType::f32, {1}, 0), "limit is not float64 [1]");
  check_refused(refusal(4, DType::f64, {2}, 0), "average does not fit the flags");
  check_refused(refusal(4, DType::f64, {2}, kAverages), "number of operands");
}

TEST_CASE("verify checks scales of gradients") {
  const auto refusal = [](uint32_t scales, uint32_t each, uint32_t norm, int32_t row) {
    return refusal_of([&](ProgramBuilder& b) {
      const uint32_t limit = b.dense(Space::arena, DType::f32, 0, {}), g = b.dense(Space::arena, DType::f32, 0, {4});
      const uint32_t h = b.tensor(b.arena(DType::f32, 64), {2, 4}, {row, 1});
      b.add(row_clip_scale,
            {b.dense(Space::storage, DType::f32, 0, {scales}), b.dense(Space::storage, DType::f32, 1, {norm})},
            {limit, g, h}, {each});
    });
  };
  CHECK(refusal(1, 0, 1, 4) == "accepted");
  CHECK(refusal(2, 1, 1, 4) == "accepted");
  check_refused(refusal(2, 0, 1, 4), "scales are not one, or not one for each");
  check_refused(refusal(1, 1, 1, 4), "scales are not one, or not one for each");
  check_refused(refusal(1, 2, 1, 4), "each is 0 or 1");
  check_refused(refusal(1, 0, 2, 4), "no float scalar");
  check_refused(refusal(1, 0, 1, 5), "not dense float");
}

TEST_CASE("verify checks what has to be finite") {
  const auto refusal = [](DType dtype, int32_t row, uint32_t operand) {
    return refusal_of([&](ProgramBuilder& b) {
      const uint32_t g = b.dense(Space::arena, DType::f32, 0, {4}), h = b.tensor(b.arena(dtype, 64), {2, 4}, {row, 1});
      b.add(row_require_finite, {}, {g, operand == kNone ? kNone : h}, {});
    });
  };
  CHECK(refusal(DType::f32, 4, 0) == "accepted");
  check_refused(refusal(DType::f32, 5, 0), "not dense float");
  check_refused(refusal(DType::i32, 4, 0), "not dense float");
  check_refused(refusal(DType::f32, 4, kNone), "not dense float");
}

// A table of 8 rows of 4 updated by adagrad in 3 rows: hyper, steps, scale, limit, rows, p, g, sum.
std::string refusal_of_rows(const std::function<void(Words& out, Words& in, Words& attrs, ProgramBuilder& b)>& spoil) {
  return refusal_of([&](ProgramBuilder& b) {
    b.slots = 12;
    Words in = {b.tensor(b.buffer(Space::slots, DType::f64, 0, 0, 40), {5}),
                b.tensor(b.buffer(Space::slots, DType::i32, 0, 40, 8), {2}),
                kNone,
                kNone,
                b.dense(Space::arena, DType::i32, 0, {3}),
                b.dense(Space::storage, DType::f32, 0, {8, 4}),
                b.dense(Space::arena, DType::f32, 0, {3, 4}),
                b.dense(Space::storage, DType::f32, 1, {8, 4})};
    Words out = {in[5], in[7]}, attrs = {11, 0, 1};
    spoil(out, in, attrs, b);
    b.add(row_update_rows, out, in, attrs);
  });
}

TEST_CASE("verify ties updates of rows to the tables that they update, and counts their operands") {
  CHECK(refusal_of_rows([](Words&, Words&, Words&, ProgramBuilder&) {}) == "accepted");
  const auto refused = [](auto spoil, const char* why) { check_refused(refusal_of_rows(spoil), why); };
  refused(
      [](Words& out, Words&, Words&, ProgramBuilder& b) { out[1] = b.dense(Space::storage, DType::f32, 2, {8, 4}); },
      "output 1 is not the tensor that it updates");
  refused([](Words& out, Words& in, Words&, ProgramBuilder&) { out[1] = in[7] = in[5]; }, "outputs overlap");
  refused([](Words&, Words& in, Words&, ProgramBuilder&) { in.pop_back(); }, "number of operands");
  refused([](Words& out, Words&, Words&, ProgramBuilder&) { out.pop_back(); }, "number of operands");
  refused([](Words&, Words&, Words& attrs, ProgramBuilder&) { attrs[0] = 99; }, "unknown rule");
  refused([](Words&, Words&, Words& attrs, ProgramBuilder&) { attrs[1] = 2; }, "unknown flags");
  refused([](Words&, Words&, Words& attrs, ProgramBuilder&) { attrs[2] = 2; }, "beyond the steps");
  refused([](Words&, Words& in, Words&, ProgramBuilder&) { in[0] = in[1]; }, "hyper is not");
  refused([](Words&, Words& in, Words&, ProgramBuilder&) { in[1] = in[0]; }, "steps are not");
  refused([](Words&, Words& in, Words&, ProgramBuilder&) { in[4] = kNone; }, "rows are not int32 [R]");
  refused([](Words&, Words& in, Words&, ProgramBuilder& b) { in[4] = b.dense(Space::arena, DType::i32, 0, {2}); },
          "rows are not int32 [R]");
  refused([](Words&, Words& in, Words&, ProgramBuilder& b) { in[6] = b.dense(Space::arena, DType::f32, 0, {3, 5}); },
          "the gradient is not [R,D]");
  refused([](Words&, Words& in, Words&, ProgramBuilder& b) { in[2] = b.dense(Space::arena, DType::f32, 0, {2}); },
          "scale is not");
  refused([](Words&, Words& in, Words&, ProgramBuilder& b) { in[3] = b.dense(Space::arena, DType::f32, 0, {1}); },
          "limit is not");
  refused([](Words& out, Words& in, Words&,
             ProgramBuilder& b) { out[0] = in[5] = b.dense(Space::storage, DType::f32, 2, {32}); },
          "not a dense float table");
  refused([](Words& out, Words& in, Words&,
             ProgramBuilder& b) { out[1] = in[7] = b.dense(Space::storage, DType::f32, 2, {4, 8}); },
          "the state is not like its table");
}

}  // namespace
