#include "placement.h"

#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>

#include "cpu_set.h"

namespace anneal {

int Placement::current_cpu() { return sched_getcpu(); }

void Placement::enter() {
  thread_ = pid_t(syscall(SYS_gettid));
  has_clock_ = pthread_getcpuclockid(pthread_self(), &clock_) == 0;
}

void Placement::avoid(int cpu) {
  if (cpu < 0 || cpu == avoided_) return;
  // Read anew each time, so that a later `taskset` on the process is respected.
  CpuSet others = CpuSet::allowed();
  if (others.count() == 0) return;
  if (others.count() > 1) others.remove(cpu);
  others.confine(thread_);
  avoided_ = cpu;
}

int64_t Placement::cpu_time() const {
  timespec t;
  if (!has_clock_ || clock_gettime(clock_, &t) != 0) return -1;
  return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

void Placement::pull(int cpu) {
  CpuSet only = CpuSet::allowed();
  if (cpu < 0 || only.count() == 0) return;
  only.keep_only(cpu);
  if (only.confine(thread_)) avoided_ = -1;
}

}  // namespace anneal

#else

namespace anneal {

int Placement::current_cpu() { return -1; }
void Placement::enter() {}
void Placement::avoid(int) {}
int64_t Placement::cpu_time() const { return -1; }
void Placement::pull(int) {}

}  // namespace anneal

#endif
