// A context for kernel benches: workers that spin between regions, so that what is measured is the kernel and not the
// waking.
#pragma once
#include <atomic>
#include <thread>
#include <vector>

#include "test/kernel_harness.h"

namespace bench {
using namespace anneal;

class BenchContext : public Context {
 public:
  explicit BenchContext(int count) {
    threads = count;
    shared_scratch = nullptr;
    parallel = [](Context* self, int64_t chunks, int64_t ns, void (*body)(void*, int64_t, int32_t), void* arg) {
      auto& c = *static_cast<BenchContext*>(self);
      if (c.threads == 1 || ns < 3000) {
        for (int64_t i = 0; i < chunks; i++) body(arg, i, 0);
        return;
      }
      c.body_ = body, c.arg_ = arg, c.chunks_ = chunks;
      c.next_.store(0, std::memory_order_relaxed);
      c.busy_.store(c.threads - 1, std::memory_order_relaxed);
      c.round_.fetch_add(1, std::memory_order_release);
      c.work(0);
      while (c.busy_.load(std::memory_order_acquire)) __builtin_ia32_pause();
    };
    scratch = [](Context* self, int32_t worker) {
      return static_cast<BenchContext*>(self)->scratches_[size_t(worker)]->data();
    };
    fail = [](Context*, Failure, int64_t, int64_t, int64_t) {};
    for (int w = 1; w < count; w++) others_.emplace_back([this, w] { serve(w); });
  }
  ~BenchContext() {
    stop_ = true;
    round_.fetch_add(1);
    for (auto& t : others_) t.join();
    reserve_nothing();
  }
  BenchContext(const BenchContext&) = delete;
  BenchContext& operator=(const BenchContext&) = delete;

  void reserve(size_t bytes, size_t shared) {
    reserve_nothing();
    for (int i = 0; i < threads; i++) scratches_.push_back(new harness::Aligned(bytes));
    shared_ = new harness::Aligned(shared);
    shared_scratch = shared_->data();
  }

 private:
  void reserve_nothing() {
    for (auto* s : scratches_) delete s;
    scratches_.clear();
    delete shared_;
    shared_ = nullptr;
  }
  void work(int32_t worker) {
    for (int64_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < chunks_;) body_(arg_, i, worker);
  }
  void serve(int32_t worker) {
    for (uint32_t seen = 0;;) {
      // Spins for some milliseconds, then lets others run: the libraries are measured in between on the same cores.
      for (int spins = 0; round_.load(std::memory_order_acquire) == seen; spins++)
        if (spins < 20000)
          __builtin_ia32_pause();
        else
          std::this_thread::sleep_for(std::chrono::microseconds(50));
      seen++;
      if (stop_) return;
      work(worker);
      busy_.fetch_sub(1, std::memory_order_release);
    }
  }

  std::vector<harness::Aligned*> scratches_;
  harness::Aligned* shared_ = nullptr;
  std::vector<std::thread> others_;
  std::atomic<uint32_t> round_{0};
  std::atomic<int64_t> next_{0};
  std::atomic<int32_t> busy_{0};
  std::atomic<bool> stop_{false};
  void (*body_)(void*, int64_t, int32_t) = nullptr;
  void* arg_ = nullptr;
  int64_t chunks_ = 0;
};
}  // namespace bench
