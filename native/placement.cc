#include "placement.h"

#ifdef __linux__
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace anneal {

int Placement::current_cpu() {
  const int cpu = sched_getcpu();
  return cpu < CPU_SETSIZE ? cpu : -1;  // beyond what a cpu_set_t holds: leave placement to the system
}

void Placement::enter() {
  thread_ = pid_t(syscall(SYS_gettid));
  has_clock_ = pthread_getcpuclockid(pthread_self(), &clock_) == 0;
}

void Placement::avoid(int cpu) {
  if (cpu < 0 || cpu == avoided_) return;
  // Read anew each time, so that a later `taskset` on the process is respected.
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  cpu_set_t others = allowed;
  CPU_CLR(cpu, &others);
  sched_setaffinity(thread_, sizeof others, CPU_COUNT(&others) > 0 ? &others : &allowed);
  avoided_ = cpu;
}

int64_t Placement::cpu_time() const {
  timespec t;
  if (!has_clock_ || clock_gettime(clock_, &t) != 0) return -1;
  return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

void Placement::pull(int cpu) {
  if (cpu < 0) return;
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(cpu, &only);
  if (sched_setaffinity(thread_, sizeof only, &only) == 0) avoided_ = -1;
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
