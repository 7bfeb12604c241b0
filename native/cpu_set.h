// A set of CPUs of any number. Linux only.
#pragma once
#ifdef __linux__
#include <sched.h>
#include <sys/types.h>

#include <utility>

namespace anneal {

class CpuSet {
 public:
  // Those that the calling thread may run on; empty when the system doesn't tell.
  static CpuSet allowed() {
    for (int cpus = 1024; cpus <= 1 << 17; cpus *= 2) {  // the kernel refuses a set smaller than its own
      CpuSet set(cpus);
      if (set.bits_ && sched_getaffinity(0, set.bytes_, set.bits_) == 0) return set;
    }
    return CpuSet(0);
  }
  ~CpuSet() {
    if (bits_) CPU_FREE(bits_);
  }
  CpuSet(CpuSet&& other) noexcept : bits_(std::exchange(other.bits_, nullptr)), bytes_(other.bytes_) {}
  CpuSet& operator=(CpuSet&&) = delete;

  int count() const { return bits_ ? CPU_COUNT_S(bytes_, bits_) : 0; }
  void remove(int cpu) { CPU_CLR_S(size_t(cpu), bytes_, bits_); }
  void keep_only(int cpu) {
    CPU_ZERO_S(bytes_, bits_);
    CPU_SET_S(size_t(cpu), bytes_, bits_);
  }
  bool confine(pid_t thread) const { return sched_setaffinity(thread, bytes_, bits_) == 0; }

 private:
  explicit CpuSet(int cpus)
      : bits_(cpus > 0 ? CPU_ALLOC(size_t(cpus)) : nullptr), bytes_(CPU_ALLOC_SIZE(size_t(cpus))) {}

  cpu_set_t* bits_;
  size_t bytes_;
};

}  // namespace anneal
#endif
