// Writes programs for the core's tests: the words that the compiler in src/compiler/ emits, by hand.
#pragma once
#include <array>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "../kernel_table.h"

namespace anneal {

class ProgramBuilder {
 public:
  uint32_t slots = 0;
  uint64_t arena_bytes = 0;

  uint32_t buffer(Space space, DType dtype, uint32_t index, uint64_t offset, uint64_t bytes,
                  uint32_t iteration_stride = 0) {
    if (space == Space::storage && index >= storages_) storages_ = index + 1;
    if ((space == Space::input || space == Space::output) && index >= externals_) externals_ = index + 1;
    const uint32_t words[] = {uint32_t(space),       uint32_t(dtype),        index,
                              uint32_t(offset),      uint32_t(offset >> 32), uint32_t(bytes),
                              uint32_t(bytes >> 32), iteration_stride};
    buffers_.insert(buffers_.end(), std::begin(words), std::end(words));
    return uint32_t(buffers_.size() / layout::kBuffer) - 1;
  }

  uint32_t arena(DType dtype, uint64_t bytes) {
    const uint64_t offset = arena_bytes;
    arena_bytes += (bytes + 63) / 64 * 64;
    return buffer(Space::arena, dtype, 0, offset, bytes);
  }

  uint32_t tensor(uint32_t buffer, const std::vector<uint32_t>& dims, std::vector<int32_t> strides = {},
                  uint32_t offset = 0) {
    if (strides.empty()) {
      strides.resize(dims.size());
      int32_t stride = 1;
      for (size_t i = dims.size(); i-- > 0;) strides[i] = stride, stride *= int32_t(dims[i]);
    }
    std::array<uint32_t, layout::kTensor> words = {buffer, offset, uint32_t(dims.size()), 0};
    for (size_t i = 0; i < dims.size() && i < kMaxRank; i++) {
      words[4 + i] = dims[i];
      words[4 + kMaxRank + i] = uint32_t(strides[i]);
    }
    tensors_.insert(tensors_.end(), words.begin(), words.end());
    return uint32_t(tensors_.size() / layout::kTensor) - 1;
  }

  // A dense tensor over a buffer of its own.
  uint32_t dense(Space space, DType dtype, uint32_t index, const std::vector<uint32_t>& dims) {
    uint64_t bytes = uint64_t(size_of(dtype));
    for (uint32_t dim : dims) bytes *= dim;
    return tensor(space == Space::arena ? arena(dtype, bytes) : buffer(space, dtype, index, 0, bytes), dims);
  }

  void add(uint32_t row, const std::vector<uint32_t>& outputs, const std::vector<uint32_t>& inputs,
           const std::vector<uint32_t>& attrs = {}, uint32_t predicate = kNone) {
    const uint32_t words[] = {
        row, uint32_t(outputs.size()), uint32_t(inputs.size()), uint32_t(attrs.size()), predicate, 0, 100 + count_, 0};
    body_.insert(body_.end(), std::begin(words), std::end(words));
    for (const auto* list : {&outputs, &inputs, &attrs}) body_.insert(body_.end(), list->begin(), list->end());
    count_++;
  }

  std::vector<uint32_t> words() const {
    std::vector<uint32_t> all = {kProgramMagic,
                                 kProgramVersion,
                                 0,
                                 uint32_t(buffers_.size() / layout::kBuffer),
                                 uint32_t(tensors_.size() / layout::kTensor),
                                 count_,
                                 storages_,
                                 externals_,
                                 slots,
                                 uint32_t(arena_bytes),
                                 uint32_t(arena_bytes >> 32)};
    all.resize(layout::kHeader);
    for (const auto* part : {&buffers_, &tensors_, &body_}) all.insert(all.end(), part->begin(), part->end());
    all[layout::words] = uint32_t(all.size());
    return all;
  }

 private:
  std::vector<uint32_t> buffers_, tensors_, body_;
  uint32_t storages_ = 0, externals_ = 0, count_ = 0;
};

}  // namespace anneal
