// A set of CPUs of any number. Linux only.
#pragma once
#ifdef __linux__
#include <sched.h>
#include <sys/types.h>

#include <algorithm>
#include <vector>

namespace anneal {

class CpuSet {
 public:
  // The CPUs that the calling thread may run on; empty when the system doesn't tell.
  static CpuSet allowed() {
    for (size_t cpus = 1024; cpus <= 1 << 17; cpus *= 2) {  // the kernel refuses a set smaller than its own
      CpuSet set(cpus);
      if (sched_getaffinity(0, set.bytes(), set.bits()) == 0) return set;
    }
    return CpuSet(0);
  }

  int count() const {
    int count = 0;
    for (const Word word : words_) count += __builtin_popcountll(word);
    return count;
  }
  void remove(int cpu) { words_[size_t(cpu) / kWordBits] &= ~bit(cpu); }
  void keep_only(int cpu) {
    std::fill(words_.begin(), words_.end(), Word{0});
    words_[size_t(cpu) / kWordBits] = bit(cpu);
  }
  bool confine(pid_t thread) const { return sched_setaffinity(thread, bytes(), bits()) == 0; }

 private:
  // Words of bits, as the kernel has them. The macros of <sched.h> for sets of any size call functions of glibc alone.
  using Word = unsigned long;
  static constexpr size_t kWordBits = 8 * sizeof(Word);

  explicit CpuSet(size_t cpus) : words_(cpus / kWordBits) {}

  static Word bit(int cpu) { return Word{1} << size_t(cpu) % kWordBits; }
  size_t bytes() const { return words_.size() * sizeof(Word); }
  cpu_set_t* bits() { return reinterpret_cast<cpu_set_t*>(words_.data()); }
  const cpu_set_t* bits() const { return reinterpret_cast<const cpu_set_t*>(words_.data()); }

  std::vector<Word> words_;
};

}  // namespace anneal
#endif
