// The verifier of losses.
#include "test/refusals.h"

namespace {
using namespace refusals;

TEST_CASE("verify checks what losses are given") {
  const auto soft = [](std::vector<uint32_t> targets, DType dtype, std::vector<uint32_t> weights, uint32_t smoothings) {
    return refusal_of([&](ProgramBuilder& b) {
      uint32_t next = 0;
      const auto input = [&](DType type, const std::vector<uint32_t>& dims) {
        return b.dense(Space::input, type, next++, dims);
      };
      b.add(row_soft_cross_entropy, {b.dense(Space::arena, DType::f32, 0, {4})},
            {input(DType::f32, {4, 3}), input(dtype, targets), kNone, input(DType::f32, {smoothings}),
             input(DType::f32, weights)},
            {0});
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

}  // namespace
