// The verifier accepts what the compiler emits and refuses everything else, whatever single word is wrong.
#include "verify.h"

#include "refusals.h"

namespace {

using namespace refusals;

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
                  b.add(row_cross_entropy, {b.tensor(buffer, {4}), b.tensor(buffer, {4, 4})}, {logits, labels}, {0});
                }),
                "outputs overlap");
  check_refused(refusal_of([](ProgramBuilder& b) {  // two buffers in one external buffer: one moves into the other
                  const uint32_t from = b.tensor(b.buffer(Space::output, DType::f32, 0, 0, 16), {4});
                  b.add(row_copy, {b.tensor(b.buffer(Space::output, DType::f32, 0, 16, 16, 16), {4})}, {from});
                }),
                "an output overlaps input 0");
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
