// Programs leave the same bits whatever floating point environment their caller has, who keeps it.
#include "floating_point.h"

#include <doctest/doctest.h>

#include <atomic>
#include <cstring>

#include "cpu.h"
#include "session_programs.h"
#include "thread_pool.h"

using namespace session_test;

namespace {

#if defined(__x86_64__) || defined(_M_X64)
uint64_t control() { return _mm_getcsr(); }
void set_control(uint64_t value) { _mm_setcsr(unsigned(value)); }
// Subnormals flushed in results and read as 0; rounding up; the flag of an inexact result.
constexpr uint64_t kHostile = 0x1F80 | 0x8000 | 0x0040 | 0x4000 | 0x0020, kUsual = 0x1F80, kFlags = 0x3F;
#elif defined(__aarch64__)
uint64_t control() {
  uint64_t value;
  __asm__ volatile("mrs %0, fpcr" : "=r"(value)::"memory");
  return value;
}
void set_control(uint64_t value) { __asm__ volatile("msr fpcr, %0" ::"r"(value) : "memory"); }
// Subnormals flushed; NaNs replaced; rounding up.
constexpr uint64_t kHostile = uint64_t{1} << 24 | uint64_t{1} << 25 | uint64_t{1} << 22, kUsual = 0, kFlags = 0;
#endif

constexpr uint32_t kRows = 512, kInner = 128;  // enough for the pool to take part

// A product of subnormals and of numbers whose sum has to be rounded.
struct Product {
  std::vector<float> x = std::vector<float>(size_t{kRows} * kInner), y = std::vector<float>(size_t{kInner} * kInner),
                     out = std::vector<float>(size_t{kRows} * kInner);

  Product() {
    for (size_t i = 0; i < x.size(); i++) x[i] = i % 3 == 0 ? 1e-39f : 0.1f + float(i % 7);
    for (size_t i = 0; i < y.size(); i++) y[i] = i % 5 == 0 ? 1e-3f : 0.3f;
    // Rows of subnormals alone.
    for (size_t i = 0; i < 4 * size_t{kInner}; i++) x[i] = 1e-40f;
  }

  static ProgramBuilder program() {
    ProgramBuilder b;
    const uint32_t x = b.dense(Space::input, DType::f32, 0, {kRows, kInner}),
                   y = b.dense(Space::input, DType::f32, 1, {kInner, kInner});
    b.add(row_gemm, {b.dense(Space::output, DType::f32, 2, {kRows, kInner})}, {x, y}, {0, 0});
    return b;
  }
};

// Runs in the caller's environment, so the operands are made before.
std::vector<float> product(Product p, const KernelTable& target, bool queued) {
  Session session(target, ignore, nullptr);
  const Handover call = {
      load(session, Product::program()), {}, {external_of(p.x), external_of(p.y), external_of(p.out)}};
  if (queued) {
    session.enqueue(call.request(), std::make_unique<Run>());
    session.drain();
    REQUIRE(session.take_finished().front()->outcome.code == Code::none);
  } else {
    REQUIRE(session.run_here(call.request()).code == Code::none);
  }
  return p.out;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE(
    "a caller that flushes subnormals and rounds up gets the same bits, on every thread, and keeps its environment") {
  const int threads = ThreadPool::instance().threads();
  ThreadPool::instance().set_threads(3);
  for (const KernelTable* target : available_targets()) {
    CAPTURE(target->name);
    const Product operands;
    const std::vector<float> usual = product(operands, *target, false);
    CHECK(usual[0] != 0);
    for (const bool queued : {false, true}) {
      const uint64_t before = control();
      set_control(kHostile);
      const std::vector<float> hostile = product(operands, *target, queued);
      const uint64_t after = control();
      set_control(before);
      CHECK(same_bits(hostile, usual));
      CHECK(after == kHostile);
    }
  }
  ThreadPool::instance().set_threads(threads);
}

TEST_CASE("the environment of a scope is that of kernels, and its caller's is there again behind it") {
  const uint64_t before = control();
  set_control(kHostile);
  uint64_t within;
  {
    const FloatingPointEnvironment environment;
    within = control();
  }
  const uint64_t after = control();
  set_control(before);
  CHECK(within == kUsual);
  CHECK(after == kHostile);
}

TEST_CASE("a thread of the pool has the environment of kernels, whoever starts it") {
  ThreadPool& pool = ThreadPool::instance();
  constexpr int32_t kThreads = 7, kUnits = 7000;  // more than any test before has started
  static std::atomic<int> others;
  others = 0;
  const auto unit = [](void*, int64_t, int32_t worker) {
    if (worker > 0 && (control() & ~kFlags) != kUsual) others++;
  };
  const uint64_t before = control();
  set_control(kHostile);
  for (int i = 0; i < 20; i++) pool.run(kUnits, kThreads, 1'000'000'000, unit, nullptr);
  set_control(before);
  CHECK(others == 0);
}
