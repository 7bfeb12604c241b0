// The native memory of this process, by what it is for, and how much there may be. Memory that is mapped is not there
// yet: where too little is left, Linux ends the process at a page that is touched. So a block is refused before.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "error.h"

namespace anneal {

// Weights: with states of optimizers and gradients that are kept. Saved: results that outlive their run. Plans: what
// runs compute in. Data: examples.
enum class MemoryKind : uint32_t { weights, saved, plans, data };
constexpr uint32_t kMemoryKinds = 4;
constexpr const char* kMemoryKindNames[kMemoryKinds] = {"weights", "saved", "plans", "data"};

constexpr uint64_t kNoLimit = UINT64_MAX;

struct MemoryUse {
  uint64_t by_kind[kMemoryKinds], total, peak;
};

// Thrown for a block that would go over the limit. A limit of 0: the system has refused it.
class OutOfMemory : public Error {
 public:
  OutOfMemory(uint64_t bytes, uint64_t in_use, uint64_t limit);

  const uint64_t bytes, in_use, limit;
};

// What Linux leaves to this process: the memory of the machine and of its control groups, and how much of it can be had
// now, file caches included; kNoLimit without any.
struct SystemMemory {
  uint64_t total = kNoLimit, available = kNoLimit;
};
SystemMemory system_memory(const std::string& root = {});

// All threads share these.
class MemoryBudget {
 public:
  static MemoryUse use();
  // The most that there may be in all: what was set, else what the system leaves.
  static uint64_t limit();
  // 0: what the system leaves.
  static void set_limit(uint64_t bytes);
};

// Bytes that count as used while it lives.
class CountedBytes {
 public:
  CountedBytes() = default;
  CountedBytes(uint64_t bytes, MemoryKind kind);  // throws OutOfMemory
  ~CountedBytes();
  CountedBytes(CountedBytes&& other) noexcept : bytes_(std::exchange(other.bytes_, 0)), kind_(other.kind_) {}
  CountedBytes& operator=(CountedBytes&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(kind_, other.kind_);
    return *this;
  }

 private:
  uint64_t bytes_ = 0;
  MemoryKind kind_ = MemoryKind::plans;
};

}  // namespace anneal
