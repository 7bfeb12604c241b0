#include "cpu_quota.h"

#include <algorithm>
#include <vector>

#include "cgroup.h"

namespace anneal {

namespace {

// The quota that one group states.
double stated_quota(const Cgroup& group) {
  const auto v1 = [&](const char* file) { return numbers_in(group.directory + file, 1)[0]; };  // quota -1: none
  const std::vector<double> stated = group.v2 ? numbers_in(group.directory + "/cpu.max", 2)
                                              : std::vector{v1("/cpu.cfs_quota_us"), v1("/cpu.cfs_period_us")};
  const double quota = stated[0], period = stated[1];
  return quota > 0 && period > 0 ? quota / period : kNoQuota;
}

}  // namespace

double cpu_quota(const std::string& root) {
  double least = kNoQuota;
  for (const Cgroup& group : cgroups("cpu", root)) least = std::min(least, stated_quota(group));
  return least;
}

}  // namespace anneal
