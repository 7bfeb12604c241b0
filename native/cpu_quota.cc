#include "cpu_quota.h"

#include <algorithm>
#include <fstream>
#include <sstream>

namespace anneal {

namespace {

// The quota that one cgroup directory states. A file that is missing reads as none.
double directory_quota(const std::string& directory, bool v2) {
  double quota = 0, period = 0;
  if (v2)
    std::ifstream(directory + "/cpu.max") >> quota >> period;        // "max" is no number
  else if (std::ifstream(directory + "/cpu.cfs_quota_us") >> quota)  // -1: none
    std::ifstream(directory + "/cpu.cfs_period_us") >> period;
  return quota > 0 && period > 0 ? quota / period : kNoQuota;
}

double least_quota(const std::string& mount_point, std::string path, bool v2) {
  double least = kNoQuota;
  for (;;) {
    least = std::min(least, directory_quota(mount_point + path, v2));
    if (path.empty()) return least;
    path.resize(path.rfind('/'));
  }
}

bool has_cpu(const std::string& controllers) { return ("," + controllers + ",").find(",cpu,") != std::string::npos; }

// The part of `path` below `base`, or nothing: a container may see its own cgroup mounted, but the host's paths.
std::string below(const std::string& path, const std::string& base) {
  const std::string prefix = base == "/" ? "" : base;
  const bool inside =
      path.compare(0, prefix.size(), prefix) == 0 && path.size() > prefix.size() + 1 && path[prefix.size()] == '/';
  return inside ? path.substr(prefix.size()) : "";
}

// The process's path in a hierarchy, from the lines `id:controllers:path`; version 2 has no controllers.
std::string cgroup_path(const std::string& root, bool v2) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':'), second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (v2 ? controllers.empty() : has_cpu(controllers)) return line.substr(second + 1);
  }
  return {};
}

}  // namespace

double cpu_quota(const std::string& root) {
  double least = kNoQuota;
  std::ifstream mounts(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    // id parent major:minor base mount-point options [tags...] - type source super-options
    std::istringstream fields(line);
    std::string skipped, base, mount_point, type, options;
    fields >> skipped >> skipped >> skipped >> base >> mount_point;
    while (fields >> skipped && skipped != "-") continue;
    fields >> type >> skipped >> options;
    const bool v2 = type == "cgroup2";
    if (v2 || (type == "cgroup" && has_cpu(options)))
      least = std::min(least, least_quota(root + mount_point, below(cgroup_path(root, v2), base), v2));
  }
  return least;
}

}  // namespace anneal
