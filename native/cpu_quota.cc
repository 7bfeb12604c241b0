#include "cpu_quota.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace anneal {

namespace {

using Strings = std::vector<std::string>;

// The pieces of a text between single separators; no empty one at the end. Streams would bring all locales into a
// binary that has its C++ library inside.
Strings split(const std::string& text, char separator) {
  Strings pieces;
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find(separator, start), text.size());
    pieces.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return pieces;
}

// The lines of a file. A file that is missing reads as empty.
Strings lines_of(const std::string& path) {
  std::string text;
  if (std::FILE* file = std::fopen(path.c_str(), "r")) {
    char part[4096];
    while (const size_t bytes = std::fread(part, 1, sizeof part, file)) text.append(part, bytes);
    std::fclose(file);
  }
  return split(text, '\n');
}

// The numbers in the first line of a file; 0 for what is missing or none, as in "max 100000".
std::vector<double> numbers_in(const std::string& path, size_t count) {
  std::vector<double> numbers(count);
  if (const Strings lines = lines_of(path); !lines.empty()) {
    const Strings words = split(lines[0], ' ');
    for (size_t i = 0; i < std::min(count, words.size()); i++) numbers[i] = std::strtod(words[i].c_str(), nullptr);
  }
  return numbers;
}

// The quota that one cgroup directory states.
double directory_quota(const std::string& directory, bool v2) {
  const auto v1 = [&](const char* file) { return numbers_in(directory + file, 1)[0]; };  // quota -1: none
  const std::vector<double> stated =
      v2 ? numbers_in(directory + "/cpu.max", 2) : std::vector{v1("/cpu.cfs_quota_us"), v1("/cpu.cfs_period_us")};
  const double quota = stated[0], period = stated[1];
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
  for (const std::string& line : lines_of(root + "/proc/self/cgroup")) {
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
  for (const std::string& line : lines_of(root + "/proc/self/mountinfo")) {
    // id parent major:minor base mount-point options [tags...] - type source super-options
    const Strings fields = split(line, ' ');
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    if (dash - fields.begin() < 6 || fields.end() - dash < 4) continue;
    const std::string &base = fields[3], &mount_point = fields[4], &type = dash[1], &options = dash[3];
    const bool v2 = type == "cgroup2";
    if (v2 || (type == "cgroup" && has_cpu(options)))
      least = std::min(least, least_quota(root + mount_point, below(cgroup_path(root, v2), base), v2));
  }
  return least;
}

}  // namespace anneal
