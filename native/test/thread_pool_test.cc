// The pool: every unit once, whatever callers and budgets do meanwhile.
#include "thread_pool.h"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

namespace {

using namespace anneal;

constexpr int64_t kLong = 1'000'000'000;  // an estimate that is always worth waking for

struct Tally {
  explicit Tally(int32_t units, int32_t threads) : done(size_t(units)), threads(threads) {}
  std::vector<int> done;  // a unit's own element: a unit that two threads ran is a race, which ThreadSanitizer sees
  int32_t threads;
  std::atomic<bool> stranger{false};

  static void unit(void* tally, int64_t unit, int32_t worker) {
    Tally& t = *static_cast<Tally*>(tally);
    t.done[size_t(unit)]++;
    if (worker < 0 || worker >= t.threads) t.stranger = true;
  }

  bool complete() const {
    for (int n : done)
      if (n != 1) return false;
    return !stranger;
  }
};

bool run_all(int32_t units, int32_t threads) {
  Tally tally(units, threads);
  ThreadPool::instance().run(units, threads, kLong, Tally::unit, &tally);
  return tally.complete();
}

}  // namespace

TEST_CASE("every unit runs once, on worker numbers below the limit") {
  int wrong = 0;
  for (int round = 0; round < 2000; round++) wrong += !run_all(1 + round % 37, 1 + round % 4);
  CHECK(wrong == 0);
}

TEST_CASE("regions beyond what a ticket holds still run whole") { CHECK(run_all(ThreadPool::kMaxUnits + 2, 2)); }

TEST_CASE("regions far apart find parked workers") {
  int wrong = 0;
  for (int round = 0; round < 30; round++) {
    std::this_thread::sleep_for(std::chrono::microseconds(round * 40));
    wrong += !run_all(16, 4);
  }
  CHECK(wrong == 0);
}

TEST_CASE("callers that find the pool taken run alone, correctly") {
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < 3; c++)
    callers.emplace_back([&wrong, c] {
      for (int round = 0; round < 500; round++) wrong += !run_all(1 + (round + c) % 29, 3);
    });
  for (int n = 1; n <= 50; n++) ThreadPool::instance().set_threads(1 + n % 4);
  for (auto& caller : callers) caller.join();
  ThreadPool::instance().set_threads(default_threads());
  CHECK(wrong == 0);
}
