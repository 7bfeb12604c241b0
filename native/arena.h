// Memory that kernels work in: 64-byte aligned, zero-filled, in huge pages where it is large, and staggered: arrays at
// distances of a power of two share cache sets and evict each other in kernels that go over several at once.
#pragma once
#include <cstddef>
#include <utility>

#include "memory_budget.h"

namespace anneal {

constexpr size_t kMemoryAlignment = 64;

// A block of zeros that frees itself. Its pages are touched first by the thread that first uses them.
class Memory {
 public:
  Memory() = default;
  Memory(size_t bytes, MemoryKind kind);  // throws OutOfMemory
  ~Memory() { release(); }
  Memory(Memory&& other) noexcept
      : counted_(std::move(other.counted_)),
        base_(std::exchange(other.base_, nullptr)),
        data_(std::exchange(other.data_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)),
        mapped_(std::exchange(other.mapped_, 0)) {}
  Memory& operator=(Memory&& other) noexcept {
    std::swap(counted_, other.counted_);
    std::swap(base_, other.base_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(mapped_, other.mapped_);
    return *this;
  }

  char* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  bool map(size_t bytes);
  void release();

  CountedBytes counted_;
  char* base_ = nullptr;  // of the block from the system, which begins up to a page before the data
  char* data_ = nullptr;
  size_t bytes_ = 0;
  size_t mapped_ = 0;  // bytes of the mapping, or 0 when the block is from the heap
};

// One block that grows to the largest use and is never read for what a former use left in it.
class Arena {
 public:
  // Returns at least `bytes`; the address may change when it grows, and what it held is lost.
  char* reserve(size_t bytes) {
    if (bytes > memory_.bytes()) grow(bytes);
    return memory_.data();
  }
  size_t bytes() const { return memory_.bytes(); }

 private:
  void grow(size_t bytes) {
    memory_ = Memory();  // give back the old block first: both at once could be too much
    memory_ = Memory(bytes, MemoryKind::plans);
  }

  Memory memory_;
};

}  // namespace anneal
