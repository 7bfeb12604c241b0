// The CPU on which a pool's worker runs. Measured on Linux: a worker woken after an idle spell may be put on the CPU of
// the very thread that wakes it, while others idle, and stays there for milliseconds. So before a wake the worker's
// affinity mask is the caller's without the CPU that the caller is on. No thread is pinned: the caller wanders.
// Elsewhere this does nothing.
#pragma once
#include <cstdint>

#ifdef __linux__
#include <pthread.h>
#include <sys/types.h>
#include <ctime>
#endif

namespace anneal {

class Placement {
 public:
  static int current_cpu();  // -1 when unknown

  // Called by the worker, once, before anything else.
  void enter();
  // Called by whoever holds the pool: keeps the worker off `cpu`, which the caller is on. Costs a system call when that
  // changed.
  void avoid(int cpu);
  // The CPU time that the worker has used, in ns; it stands still while the worker waits for a CPU.
  int64_t cpu_time() const;
  // Lets the worker run on `cpu` only, until the next avoid(): the caller is about to yield that CPU to it.
  void pull(int cpu);

 private:
#ifdef __linux__
  pid_t thread_ = 0;
  clockid_t clock_ = 0;
  bool has_clock_ = false;
  int avoided_ = -1;
#endif
};

}  // namespace anneal
