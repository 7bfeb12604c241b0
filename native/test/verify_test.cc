// The verifier accepts what the compiler emits and refuses everything else, whatever single word is wrong.
#include "verify.h"

#include <doctest/doctest.h>

#include <functional>
#include <string>

#include "error.h"
#include "program_builder.h"

namespace {

using namespace anneal;
using Words = std::vector<uint32_t>;

// x [2,3] input, w [3,4] storage, product [2,4] arena = x w, y [2,4] output = relu(product), in place over the arena in
// between.
Words small_program() {
  ProgramBuilder b;
  const uint32_t x = b.dense(Space::input, DType::f32, 0, {2, 3});
  const uint32_t w = b.dense(Space::storage, DType::f32, 0, {3, 4});
  const uint32_t product = b.dense(Space::arena, DType::f32, 0, {2, 4});
  const uint32_t y = b.dense(Space::output, DType::f32, 1, {2, 4});
  b.add(row_gemm, {product}, {x, w}, {0, 0});
  b.add(row_pointwise, {product}, {product}, {1, 15, 0, kNone, kNone, 1});
  b.add(row_copy, {y}, {product});
  return b.words();
}

std::string refusal(const Words& words, VerifyOptions options = {}) {
  try {
    verify(words.data(), words.size(), options);
  } catch (const Error& error) {
    CHECK(error.code == Code::internal);
    return error.what();
  }
  return "accepted";
}

// The refusal of a program with one instruction over operands that `write` makes.
std::string refusal_of(const std::function<void(ProgramBuilder&)>& write, VerifyOptions options = {}) {
  ProgramBuilder b;
  write(b);
  return refusal(b.words(), options);
}

void check_refused(const std::string& refusal, const char* why) {
  CHECK_MESSAGE(refusal.find(why) != std::string::npos, refusal);
}

}  // namespace

TEST_CASE("verify accepts a program and tells what it needs") {
  const Words words = small_program();
  const auto program = verify(words.data(), words.size());
  CHECK(program->instructions.size() == 3);
  CHECK(program->arena_bytes == 64);
  CHECK(program->storage_bytes == std::vector<uint64_t>{48});
  CHECK(program->externals.size() == 2);
  CHECK_FALSE(program->externals[0].written);
  CHECK(program->externals[1].written);
  CHECK(program->instructions[0].inputs == 4);  // bias and aux absent, and there to be looked at
  CHECK(program->args[4].data == nullptr);
}

TEST_CASE("verify asks for storages as large as the buffers in them reach") {
  ProgramBuilder b;
  const uint32_t x = b.dense(Space::input, DType::f32, 0, {8});
  b.add(row_copy, {b.tensor(b.buffer(Space::storage, DType::f32, 0, 64, 32), {8})}, {x});
  b.add(row_copy, {b.tensor(b.buffer(Space::storage, DType::f32, 0, 0, 32), {8})}, {x});
  const Words words = b.words();
  CHECK(verify(words.data(), words.size())->storage_bytes == std::vector<uint64_t>{96});
}

TEST_CASE("verify refuses a damaged header, and every truncation") {
  const Words words = small_program();
  for (size_t n = 0; n < words.size(); n++) {
    Words cut(words.begin(), words.begin() + long(n));
    CHECK(refusal(cut) != "accepted");
    if (n > layout::words) cut[layout::words] = uint32_t(n);
    CHECK(refusal(cut) != "accepted");
  }
  Words longer = words;
  longer.push_back(0);
  longer[layout::words]++;
  check_refused(refusal(longer), "behind the last instruction");
}

TEST_CASE("verify survives every word replaced by every suspicious value") {
  const Words words = small_program();
  const uint32_t values[] = {0, 1, 2, 7, 8, 9, 64, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, kNone, 0x40000000, 0x10001};
  int accepted = 0;
  for (size_t i = 0; i < words.size(); i++)
    for (const uint32_t value : values) {
      Words changed = words;
      changed[i] = value;
      accepted += refusal(changed) == "accepted" && changed != words;
    }
  CHECK(accepted > 0);  // strides of unused axes, node numbers
}

TEST_CASE("verify keeps tensors inside their buffers") {
  const auto tensor = [](std::vector<uint32_t> dims, std::vector<int32_t> strides, uint32_t offset) {
    return refusal_of([&](ProgramBuilder& b) { b.tensor(b.arena(DType::f32, 400), dims, strides, offset); });
  };
  CHECK(tensor({100}, {1}, 0) == "accepted");
  CHECK(tensor({100}, {-1}, 99) == "accepted");
  CHECK(tensor({10, 10}, {-10, 1}, 90) == "accepted");
  CHECK(tensor({1000}, {0}, 99) == "accepted");
  CHECK(tensor({0, 5}, {1, 1}, 100) == "accepted");
  check_refused(tensor({101}, {1}, 0), "elements [0, 100]");
  check_refused(tensor({100}, {-1}, 98), "elements [-1, 98]");
  check_refused(tensor({2}, {0x7FFFFFFF}, 0), "elements [0, 2147483647]");
  check_refused(tensor({0}, {1}, 101), "starts behind");
  check_refused(tensor({65536, 32768}, {0, 0}, 0), "too many elements");
  check_refused(tensor({0, 65536, 65536}, {0, 0, 0}, 0), "too many elements");
  check_refused(tensor({0x80000000}, {0}, 0), "too many elements");
}

TEST_CASE("verify keeps buffers inside the arena, and sizes inside 64 bits") {
  const auto buffer = [](uint64_t offset, uint64_t bytes, uint64_t arena) {
    return refusal_of([&](ProgramBuilder& b) {
      b.buffer(Space::arena, DType::f32, 0, offset, bytes);
      b.arena_bytes = arena;
    });
  };
  CHECK(buffer(64, 64, 128) == "accepted");
  check_refused(buffer(64, 68, 128), "ends behind the arena");
  check_refused(buffer(32, 64, 128), "misaligned");
  check_refused(buffer(0, 6, 128), "bytes of elements of 4");
  check_refused(buffer(~uint64_t{63}, 64, 128), "beyond any memory");
  check_refused(buffer(0, 64, ~uint64_t{0}), "an arena of");
}

TEST_CASE("verify refuses writes to inputs and slots, and outputs that overlap") {
  check_refused(refusal_of([](ProgramBuilder& b) {
                  b.add(row_copy, {b.dense(Space::input, DType::f32, 0, {4})},
                        {b.dense(Space::input, DType::f32, 1, {4})});
                }),
                "writes to an input");
  check_refused(refusal_of([](ProgramBuilder& b) {
                  const uint32_t buffer = b.arena(DType::f32, 64);
                  b.add(row_copy, {b.tensor(buffer, {8})}, {b.tensor(buffer, {8}, {1}, 7)});
                }),
                "an output overlaps input 0");
  check_refused(refusal_of([](ProgramBuilder& b) {
                  b.add(row_copy, {b.tensor(b.arena(DType::f32, 64), {4, 4}, {1, 1})},
                        {b.dense(Space::input, DType::f32, 0, {4, 4})});
                }),
                "elements of an output overlap");
  check_refused(refusal_of([](ProgramBuilder& b) {
                  const uint32_t logits = b.dense(Space::input, DType::f32, 0, {4, 4});
                  const uint32_t labels = b.dense(Space::input, DType::i32, 1, {4});
                  const uint32_t buffer = b.arena(DType::f32, 64);
                  b.add(row_cross_entropy, {b.tensor(buffer, {4}), b.tensor(buffer, {4, 4})}, {logits, labels});
                }),
                "outputs overlap");
  check_refused(refusal_of([](ProgramBuilder& b) {  // two buffers in one external buffer: one moves into the other
                  const uint32_t from = b.tensor(b.buffer(Space::output, DType::f32, 0, 0, 16), {4});
                  b.add(row_copy, {b.tensor(b.buffer(Space::output, DType::f32, 0, 16, 16, 16), {4})}, {from});
                }),
                "an output overlaps input 0");
}

TEST_CASE("verify checks what losses are given") {
  const auto soft = [](std::vector<uint32_t> targets, DType dtype, std::vector<uint32_t> weights, uint32_t smoothings) {
    return refusal_of([&](ProgramBuilder& b) {
      uint32_t next = 0;
      const auto input = [&](DType type, const std::vector<uint32_t>& dims) {
        return b.dense(Space::input, type, next++, dims);
      };
      b.add(row_soft_cross_entropy, {b.dense(Space::arena, DType::f32, 0, {4})},
            {input(DType::f32, {4, 3}), input(dtype, targets), kNone, input(DType::f32, {smoothings}),
             input(DType::f32, weights)});
    });
  };
  CHECK(soft({4}, DType::i32, {3}, 1) == "accepted");
  CHECK(soft({4, 3}, DType::f32, {3}, 1) == "accepted");
  check_refused(soft({4, 3}, DType::i32, {3}, 1), "targets are neither");
  check_refused(soft({4}, DType::f32, {3}, 1), "targets are neither");
  check_refused(soft({4}, DType::i32, {4}, 1), "class weights are not [C]");
  check_refused(soft({4}, DType::i32, {3}, 2), "smoothing is no float scalar");

  const auto ctc = [](std::vector<uint32_t> labels, uint32_t lengths, std::vector<int32_t> strides, uint32_t blank) {
    return refusal_of([&](ProgramBuilder& b) {
      const uint32_t logits = b.tensor(b.buffer(Space::input, DType::f32, 0, 0, 96), {2, 4, 3}, strides);
      const uint32_t counts = b.dense(Space::input, DType::i32, 1, {lengths});
      b.add(row_ctc, {b.dense(Space::arena, DType::f32, 0, {2}), b.dense(Space::output, DType::f32, 2, {2, 4, 3})},
            {logits, b.dense(Space::input, DType::i32, 3, labels), counts, counts}, {blank, 0});
    });
  };
  CHECK(ctc({2, 5}, 2, {12, 3, 1}, 2) == "accepted");
  CHECK(ctc({2, 5}, 2, {3, 6, 1}, 0) == "accepted");
  check_refused(ctc({3, 5}, 2, {12, 3, 1}, 0), "labels are not int32 [N,S]");
  check_refused(ctc({2, 5}, 3, {12, 3, 1}, 0), "lengths are not int32 [N]");
  check_refused(ctc({2, 5}, 2, {12, 1, 4}, 0), "classes of logits are not dense");
  check_refused(ctc({2, 5}, 2, {12, 3, 1}, 3), "the blank is no class");
}

TEST_CASE("verify lets only the very same elements be computed in place") {
  const auto in_place = [](uint32_t offset, std::vector<uint32_t> dims) {
    return refusal_of([&](ProgramBuilder& b) {
      const uint32_t out = b.tensor(b.buffer(Space::arena, DType::f32, 0, 0, 64), {4});
      const uint32_t in = b.tensor(b.buffer(Space::arena, DType::f32, 0, 0, 64), dims, {1}, offset);
      b.arena_bytes = 64;
      b.add(row_pointwise, {out}, {in}, {1, 15, 0, kNone, kNone, 1});
    });
  };
  CHECK(in_place(0, {4}) == "accepted");
  CHECK(in_place(4, {4}) == "accepted");
  check_refused(in_place(1, {4}), "an output overlaps");
}

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

TEST_CASE("verify keeps float64 to slots, except for the reference") {
  const auto copy = [](ProgramBuilder& b) {
    b.add(row_copy, {b.dense(Space::arena, DType::f64, 0, {4})}, {b.dense(Space::input, DType::f64, 0, {4})});
  };
  check_refused(refusal_of(copy), "float64");
  check_refused(refusal_of([](ProgramBuilder& b) {
                  b.slots = 8;
                  const uint32_t doubles = b.tensor(b.buffer(Space::slots, DType::f64, 0, 0, 32), {4});
                  b.add(row_reduce, {b.dense(Space::arena, DType::i32, 0, {1})}, {doubles}, {4, 0, 0});
                }),
                "float64 is for hyper-parameters");
  CHECK(refusal_of(copy, {true}) == "accepted");
  check_refused(refusal_of(
                    [](ProgramBuilder& b) {
                      b.add(row_require_finite, {},
                            {b.dense(Space::arena, DType::f64, 0, {1}), b.dense(Space::arena, DType::f32, 0, {128})});
                    },
                    {true}),
                "float32 and float64 together");
}
