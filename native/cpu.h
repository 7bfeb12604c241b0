// The means of this machine: the targets that its CPU and operating system allow, and how many threads are ours.
#pragma once
#include <string>
#include <vector>

#include "kernel_table.h"

namespace anneal {

// The targets that run here, the best first; targets for tests and the reference stand last.
const std::vector<const KernelTable*>& available_targets();

// The target of that name, else the one that ANNEAL_TARGET names, else the best.
// Throws Error: invalid_argument for a name that is not available, cpu_unsupported when nothing runs here.
const KernelTable& choose_target(const std::string& name = {});

// ANNEAL_THREADS, else the CPUs that the affinity mask and the cgroup quotas leave to this process, at most
// kMaxThreads.
constexpr int kMaxThreads = 64;
int default_threads();

// The CPU's own name for itself.
std::string cpu_name();

}  // namespace anneal
