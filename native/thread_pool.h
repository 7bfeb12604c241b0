// The process's one pool of worker threads, lent to one region of work at a time.
//
// A region's units are claimed by compare-and-swap on one word, the ticket: what remains, and how many threads may take
// part. Publishing a region is the store of its ticket; what the region is gets read only after a claim was won, so a
// thread that is late can only ever take a valid unit of the region that is open, even where its ticket looks like an
// older one. A worker spins for a while and then
// parks on a word of its own. Announcing "parked" and publishing a ticket are each followed by a look at the other's
// word, all sequentially consistent, so that no wake-up is lost (Dekker).
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "cpu.h"
#include "placement.h"

namespace anneal {

constexpr size_t kCacheLinePair = 128;  // the adjacent-line prefetcher makes pairs of lines travel together

class ThreadPool {
 public:
  static constexpr int32_t kMaxUnits = (1 << 24) - 1;
  using Body = void (*)(void* arg, int64_t unit, int32_t worker);

  // Leaked on purpose: process.exit() runs destructors while workers still look at the pool.
  static ThreadPool& instance();

  int threads() const { return budget_.load(std::memory_order_relaxed); }
  void set_threads(int n);

  // Runs body(arg, unit, worker) for all units, on at most `threads` threads, worker numbers below that; returns when
  // all are done. `ns` is the estimate for one thread. A region that is small, has more than kMaxUnits, or finds the
  // pool taken, runs on the caller alone.
  void run(int32_t units, int32_t threads, int64_t ns, Body body, void* arg);

 private:
  struct alignas(kCacheLinePair) Worker {
    std::atomic<uint32_t> parked{0};  // 1: sleeping, or about to
    int32_t number = 0;
    Placement placement;
    int64_t cpu_time = 0;
  };

  ThreadPool();

  int32_t claim(int32_t worker);
  bool has_unit(int32_t worker) const;
  void drain(int32_t worker);
  void loop(Worker& worker);
  bool worth_waking(int64_t ns, int64_t time);
  void run_alone(int32_t units, Body body, void* arg);
  void grow(int32_t threads);
  void wake(int32_t workers);
  void await_units(uint32_t units, int32_t threads, int64_t started);
  bool pull_waiting(uint32_t units, int32_t threads);
  void back_off();

  alignas(kCacheLinePair) std::atomic<uint64_t> ticket_{0};
  alignas(kCacheLinePair) std::atomic<uint32_t> done_{0};
  alignas(kCacheLinePair) Body body_ = nullptr;
  void* arg_ = nullptr;

  // From here on only for whoever holds busy_, except for the two atomics.
  alignas(kCacheLinePair) std::atomic<bool> busy_{false};
  std::atomic<int> budget_;
  Worker* workers_[kMaxThreads] = {};  // [0] is the caller's place and stays null
  int32_t started_ = 1;                // threads that exist, the caller included
  bool can_grow_ = true;
  int64_t alone_until_ = 0, alone_for_ = 0;
  int64_t small_since_ = 0, small_ = 0;  // of regions that found the workers asleep: from when on, and ns in all
};

}  // namespace anneal
