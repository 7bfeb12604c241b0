// The core as kernel tests need it: the targets that this machine can run, a context with threads, tensors with
// guard bands.
#pragma once
#include <atomic>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

#include "../cpu.h"
#include "../kernel_table.h"

namespace anneal {
extern const KernelTable reference_table;
}  // namespace anneal

namespace harness {
using namespace anneal;

struct Target {
  const KernelTable* table;
  bool fma;  // inside the promise of equal bits
};

inline bool is_named(const KernelTable& table, const char* name) { return std::strcmp(table.name, name) == 0; }

// Every target of this build that this machine can run, the reference left out. The first one with FMA is what the
// others are compared to.
inline const std::vector<Target>& targets() {
  static const std::vector<Target> list = [] {
    std::vector<Target> t;
    for (const KernelTable* table : available_targets())
      if (table != &reference_table) t.push_back({table, !is_named(*table, "baseline")});
    return t;
  }();
  return list;
}

// Allocates memory as sessions have it: kernels go other ways where operands do not begin with a line of the cache.
template <class T>
struct AlignedAllocator {
  using value_type = T;
  static constexpr std::align_val_t kAlignment{64};

  AlignedAllocator() = default;
  template <class U>
  AlignedAllocator(const AlignedAllocator<U>&) {}
  T* allocate(size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), kAlignment)); }
  void deallocate(T* p, size_t) { ::operator delete(p, kAlignment); }
  bool operator==(const AlignedAllocator&) const { return true; }
};

using AlignedBytes = std::vector<char, AlignedAllocator<char>>;

// A context that really runs chunks on `threads` threads, each region with new ones: slow, and enough for tests.
class TestContext : public Context {
 public:
  explicit TestContext(int threads) {
    Context::threads = threads;
    shared_scratch = nullptr;
    parallel = [](Context* self, int64_t chunks, int64_t ns, void (*body)(void*, int64_t, int32_t), void* arg) {
      asked().insert(asked().end(), {chunks, ns});
      std::atomic<int64_t> next{0};
      auto work = [&](int32_t worker) {
        for (int64_t i; (i = next.fetch_add(1)) < chunks;) body(arg, i, worker);
      };
      std::vector<std::thread> others;
      for (int32_t w = 1; w < self->threads && w < chunks; w++) others.emplace_back(work, w);
      work(0);
      for (auto& t : others) t.join();
    };
    scratch = [](Context* self, int32_t worker) {
      return static_cast<TestContext*>(self)->scratches_[size_t(worker)].data();
    };
    fail = [](Context* self, Failure failure, int64_t where, int64_t value, int64_t limit) {
      auto& c = *static_cast<TestContext*>(self);
      const std::lock_guard lock(c.failing_);
      if (c.failure != Failure::none && c.where <= where) return;
      c.failure = failure, c.where = where, c.value = value, c.limit = limit;
    };
  }

  // Runs a row of a table with scratch of the sizes that it asks for, in whole lines of the cache, full of NaN.
  void run(const KernelTable& table, Row row, const Call& call) {
    const KernelRow& r = table.rows[row];
    const size_t own = r.scratch ? r.scratch(call) : 0, shared = r.shared_scratch ? r.shared_scratch(call) : 0;
    const auto never_written = [](size_t bytes) { return AlignedBytes((bytes + 63) / 64 * 64, char(0xFF)); };
    scratches_.assign(size_t(threads), never_written(own));
    shared_ = never_written(shared);
    shared_scratch = shared_.data();
    asked() = {int64_t(own), int64_t(shared)};
    r.run(call, *this);
  }

  // Requests of the last row that ran to its context: scratch, and the chunks and cost of each region.
  static std::vector<int64_t>& asked() {
    static std::vector<int64_t> list;
    return list;
  }

  Failure failure = Failure::none;
  int64_t where = 0, value = 0, limit = 0;

 private:
  std::mutex failing_;
  std::vector<AlignedBytes> scratches_;
  AlignedBytes shared_;
};

// AVX-512 split over AVX2 stands for the real one where that cannot run, so it has to go the same ways: to ask for the
// same scratch and cut into the same chunks, which follow from tiles, blocks and lanes.
class SplitWatch {
 public:
  void ran(const KernelTable& table) {
    if (is_named(table, "avx2_w16")) split_ = TestContext::asked();
    if (is_named(table, "avx512")) real_ = TestContext::asked();
  }
  bool differs() const { return !real_.empty() && !split_.empty() && real_ != split_; }

 private:
  std::vector<int64_t> real_, split_;
};

// xorshift64*: the same numbers everywhere.
class Numbers {
 public:
  explicit Numbers(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15ull + 0x1234567) {}
  uint64_t next() {
    state_ ^= state_ >> 12, state_ ^= state_ << 25, state_ ^= state_ >> 27;
    return state_ * 0x2545F4914F6CDD1Dull;
  }
  int64_t below(int64_t n) { return int64_t((next() >> 33) % uint64_t(n)); }
  float uniform() { return float(int32_t(next() >> 40)) * (1.0f / (1 << 24)) - 0.5f; }  // [-0.5, 0.5)

 private:
  uint64_t state_;
};

// FNV-1a over bytes.
inline uint64_t hash_of(const void* data, size_t bytes, uint64_t h = 0xCBF29CE484222325ull) {
  const auto* p = static_cast<const unsigned char*>(data);
  for (size_t i = 0; i < bytes; i++) h = (h ^ p[i]) * 0x100000001B3ull;
  return h;
}

// Hash of what the targets with FMA left in the running test case, 0 where nothing was noted: main.cc writes it down,
// so that runs on other machines and of other compilers can be compared. One NaN counts as another.
inline uint64_t& bits_of_case() {
  static uint64_t bits = 0;
  return bits;
}
inline void note_bits(const void* data, size_t bytes) { bits_of_case() = hash_of(data, bytes, bits_of_case() + 1); }
inline void note_bits(const float* x, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint32_t bits;
    std::memcpy(&bits, x + i, sizeof bits);
    if (x[i] != x[i]) bits = 0x7FC00000;
    note_bits(&bits, sizeof bits);
  }
}

}  // namespace harness
