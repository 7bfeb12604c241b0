// CPU time that the cgroups of this process leave it.
#pragma once
#include <string>

namespace anneal {

constexpr double kNoQuota = 1e9;

// In CPUs, the least on the way from the process's cgroup up to the root, of version 2 and of version 1's cpu
// controller; kNoQuota without one. `root` stands before /proc and the mount points, for tests.
double cpu_quota(const std::string& root = {});

}  // namespace anneal
