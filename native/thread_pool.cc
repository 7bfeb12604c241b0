#include "thread_pool.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <system_error>
#include <thread>

#include "floating_point.h"
#include "signals.h"

#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(_WIN32)
#include <windows.h>
#endif

namespace anneal {

namespace {

// Times in ns, from measurements on Linux with two to four threads.
constexpr int64_t kWorthWhileWarm = 5'000;   // a region on one thread, when the workers still spin
constexpr int64_t kWorthWhileCold = 40'000;  // when they have to be woken
constexpr int64_t kShare = 2'500;            // a thread's part of a region, at least
constexpr int64_t kSpin = 200'000;         // a worker without work, before it parks: a serial part of a step is shorter
constexpr int64_t kCallerSpin = 20'000;    // the caller without work, before it yields between looks
constexpr int64_t kLateAtLeast = 100'000;  // before a worker that has not finished is looked into
constexpr int64_t kClockWindow = 40'000;   // over which a worker's CPU clock is watched
constexpr int64_t kClockStill = 5'000;     // less CPU time than that within the window: it waits for a CPU
constexpr int64_t kLookAgain = 200'000;
constexpr int64_t kFirstBackOff = 1'000'000, kLongestBackOff = 160'000'000;
constexpr int64_t kCalm = 20'000'000;  // without a pull, until the back-off starts from the bottom again

int64_t now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void pause() {
#if defined(__x86_64__) || defined(_M_X64)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// Sleeps while the word is 1; may return early.
void park(std::atomic<uint32_t>& word) {
#ifdef __linux__
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAIT_PRIVATE, 1, nullptr, nullptr, 0);
#elif defined(_WIN32)
  uint32_t parked = 1;
  WaitOnAddress(&word, &parked, sizeof parked, INFINITE);
#else
  word.wait(1);
#endif
}

void unpark(std::atomic<uint32_t>& word) {
  word.store(0, std::memory_order_release);
#ifdef __linux__
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
#elif defined(_WIN32)
  WakeByAddressSingle(&word);
#else
  word.notify_one();
#endif
}

// A ticket, from the top: threads that may claim (16 bits), and the units [first, end) that remain (24 each).
constexpr int kUnitBits = 24;
constexpr uint64_t kUnitMask = ThreadPool::kMaxUnits;
constexpr uint64_t ticket_of(int32_t threads, int32_t units) {
  return uint64_t(uint32_t(threads)) << 2 * kUnitBits | uint64_t(uint32_t(units));
}
constexpr int32_t first_of(uint64_t ticket) { return int32_t(ticket >> kUnitBits & kUnitMask); }
constexpr int32_t end_of(uint64_t ticket) { return int32_t(ticket & kUnitMask); }
constexpr bool has_unit_for(uint64_t ticket, int32_t worker) {
  return first_of(ticket) < end_of(ticket) && worker < int32_t(ticket >> 2 * kUnitBits);
}

}  // namespace

ThreadPool& ThreadPool::instance() {
  static ThreadPool& pool = *new ThreadPool;
  return pool;
}

ThreadPool::ThreadPool() : budget_(default_threads()) {}

void ThreadPool::set_threads(int n) { budget_.store(std::clamp(n, 1, kMaxThreads), std::memory_order_relaxed); }

// ---- claiming ----------------------------------------------------------------------------------------------------

// Even workers take units from the front and odd ones from the back, so that a thread's units are neighbours, and much
// the same ones from region to region: they find in their caches what they wrote.
int32_t ThreadPool::claim(int32_t worker) {
  const bool in_front = worker % 2 == 0;
  const uint64_t taken = in_front ? uint64_t{1} << kUnitBits : ~uint64_t{0};
  uint64_t ticket = ticket_.load(std::memory_order_acquire);
  while (has_unit_for(ticket, worker))
    if (ticket_.compare_exchange_weak(ticket, ticket + taken, std::memory_order_acq_rel, std::memory_order_acquire))
      return in_front ? first_of(ticket) : end_of(ticket) - 1;
  return -1;
}

bool ThreadPool::has_unit(int32_t worker) const {
  return has_unit_for(ticket_.load(std::memory_order_seq_cst), worker);
}

void ThreadPool::drain(int32_t worker) {
  for (int32_t unit; (unit = claim(worker)) >= 0;) {
    body_(arg_, unit, worker);
    done_.fetch_add(1, std::memory_order_release);
  }
}

// ---- a worker ----------------------------------------------------------------------------------------------------

void ThreadPool::loop(Worker& worker) {
  int64_t deadline = now() + kSpin;
  for (int turn = 1;; turn++) {
    if (has_unit(worker.number)) {
      drain(worker.number);
      deadline = now() + kSpin;
      continue;
    }
    pause();
    if (turn % 16 != 0 || now() < deadline) continue;
    worker.parked.store(1, std::memory_order_seq_cst);  // announced; wake() looks here after it has published
    if (has_unit(worker.number)) {
      worker.parked.store(0, std::memory_order_relaxed);
      continue;
    }
    while (worker.parked.load(std::memory_order_acquire) == 1) park(worker.parked);
    deadline = now() + kSpin;
  }
}

// ---- the caller --------------------------------------------------------------------------------------------------

// Regions that are too small to wake anyone for do so together, when they follow each other closely.
bool ThreadPool::worth_waking(int64_t ns, int64_t time) {
  if (started_ > 1 && workers_[1]->parked.load(std::memory_order_relaxed) == 0) return true;
  if (time - small_since_ > kSpin) small_since_ = time, small_ = 0;
  small_ += ns;
  return small_ >= kWorthWhileCold;
}

void ThreadPool::run_alone(int32_t units, Body body, void* arg) {
  for (int32_t unit = 0; unit < units; unit++) body(arg, unit, 0);
}

void ThreadPool::run(int32_t units, int32_t threads, int64_t ns, Body body, void* arg) {
  threads = int32_t(std::min({int64_t{threads}, int64_t{units}, ns / kShare, int64_t{kMaxThreads}}));
  if (threads <= 1 || units > kMaxUnits || ns < kWorthWhileWarm || busy_.load(std::memory_order_relaxed) ||
      busy_.exchange(true, std::memory_order_acquire))
    return run_alone(units, body, arg);
  const int64_t started = now();
  const bool alone = started < alone_until_ || !worth_waking(ns, started);
  if (!alone) grow(threads);
  if (alone || started_ == 1) {
    busy_.store(false, std::memory_order_release);  // nothing of the pool is used: another caller may have it
    return run_alone(units, body, arg);
  }
  threads = std::min(threads, started_);
  body_ = body;
  arg_ = arg;
  done_.store(0, std::memory_order_relaxed);
  ticket_.store(ticket_of(threads, units), std::memory_order_seq_cst);
  wake(threads - 1);
  drain(0);
  await_units(uint32_t(units), threads, started);
  busy_.store(false, std::memory_order_release);
}

// Starts threads up to that many. When the system refuses one, the pool stays as it is.
void ThreadPool::grow(int32_t threads) {
  if (started_ >= threads || !can_grow_) return;
  const SignalsBlocked blocked;
  while (started_ < threads) {
    Worker* worker = new (std::nothrow) Worker;
    if (!worker) break;
    worker->number = started_;
    std::atomic<bool> entered{false};
    try {
      std::thread([this, worker, &entered] {
        const FloatingPointEnvironment environment;  // not what it inherits; nobody else has this thread
        worker->placement.enter();
        entered.store(true, std::memory_order_release);
        loop(*worker);
      }).detach();
    } catch (const std::system_error&) {
      delete worker;
      can_grow_ = false;
      return;
    }
    while (!entered.load(std::memory_order_acquire)) std::this_thread::yield();
    workers_[started_++] = worker;
  }
}

void ThreadPool::wake(int32_t workers) {
  const int cpu = Placement::current_cpu();
  for (int32_t i = 1; i <= workers; i++) {
    Worker& worker = *workers_[i];
    worker.placement.avoid(cpu);
    if (worker.parked.load(std::memory_order_seq_cst) == 1) unpark(worker.parked);
  }
}

void ThreadPool::await_units(uint32_t units, int32_t threads, int64_t started) {
  int64_t waiting_since = 0, late = 0;
  bool pulled = false;
  for (int turn = 1; done_.load(std::memory_order_acquire) != units; turn++) {
    pause();
    if (turn % 16 != 0) continue;
    const int64_t time = now();
    if (waiting_since == 0) {
      waiting_since = time;
      late = time + std::max(kLateAtLeast, (time - started) / 2);
    } else if (time > late && !pulled) {
      pulled = pull_waiting(units, threads);
      late = now() + kLookAgain;
    } else if (time > waiting_since + kCallerSpin) {
      std::this_thread::yield();
    }
  }
  if (pulled) back_off();
}

// The caller has waited long. A worker that is awake but gets no CPU (a busy neighbour) is pulled over to this one.
bool ThreadPool::pull_waiting(uint32_t units, int32_t threads) {
  for (int32_t i = 1; i < threads; i++) workers_[i]->cpu_time = workers_[i]->placement.cpu_time();
  for (const int64_t end = now() + kClockWindow; now() < end; pause())
    if (done_.load(std::memory_order_acquire) == units) return false;
  const int cpu = Placement::current_cpu();
  bool any = false;
  for (int32_t i = 1; i < threads && cpu >= 0; i++) {
    Worker& worker = *workers_[i];
    if (worker.cpu_time < 0 || worker.parked.load(std::memory_order_acquire) == 1) continue;
    if (worker.placement.cpu_time() - worker.cpu_time >= kClockStill) continue;
    worker.placement.pull(cpu);
    any = true;
  }
  return any;
}

// After a pull, regions run on the caller alone for a while: a short one, unless this is contention that lasts.
void ThreadPool::back_off() {
  const int64_t time = now();
  alone_for_ = time < alone_until_ + kCalm ? std::min(alone_for_ * 2, kLongestBackOff) : kFirstBackOff;
  alone_until_ = time + alone_for_;
}

}  // namespace anneal
