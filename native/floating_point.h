// The floating point environment of kernels: rounds to nearest, keeps subnormals, traps nothing. A caller may have
// another one, which another addon or a library compiled with -ffast-math has set for its thread; then the same program
// would leave other bits.
#pragma once
#include <cstdint>

#if defined(__x86_64__) || defined(_M_X64)
#include <xmmintrin.h>
#endif

namespace anneal {

// Sets the environment, and gives the caller's back at the end of its scope, flags included.
class FloatingPointEnvironment {
 public:
#if defined(__x86_64__) || defined(_M_X64)
  FloatingPointEnvironment() : control_(_mm_getcsr()) { _mm_setcsr(kDefault); }
  ~FloatingPointEnvironment() { _mm_setcsr(control_); }

 private:
  static constexpr unsigned kDefault = 0x1F80;  // all exceptions masked, no flag set
  const unsigned control_;
#elif defined(__aarch64__)
  FloatingPointEnvironment() {
    __asm__ volatile("mrs %0, fpcr\n\tmrs %1, fpsr" : "=r"(control_), "=r"(status_)::"memory");
    __asm__ volatile("msr fpcr, %0" ::"r"(uint64_t{0}) : "memory");
  }
  ~FloatingPointEnvironment() {
    __asm__ volatile("msr fpcr, %0\n\tmsr fpsr, %1" ::"r"(control_), "r"(status_) : "memory");
  }

 private:
  uint64_t control_, status_;
#else
  FloatingPointEnvironment() {}
#endif

 public:
  FloatingPointEnvironment(const FloatingPointEnvironment&) = delete;
  FloatingPointEnvironment& operator=(const FloatingPointEnvironment&) = delete;
};

}  // namespace anneal
