#include "cgroup.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace anneal {

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> pieces;
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find(separator, start), text.size());
    pieces.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return pieces;
}

std::vector<std::string> lines_of(const std::string& path) {
  std::string text;
  if (std::FILE* file = std::fopen(path.c_str(), "r")) {
    char part[4096];
    while (const size_t bytes = std::fread(part, 1, sizeof part, file)) text.append(part, bytes);
    std::fclose(file);
  }
  return split(text, '\n');
}

std::vector<double> numbers_in(const std::string& path, size_t count) {
  std::vector<double> numbers(count);
  if (const std::vector<std::string> lines = lines_of(path); !lines.empty()) {
    const std::vector<std::string> words = split(lines[0], ' ');
    for (size_t i = 0; i < std::min(count, words.size()); i++) numbers[i] = std::strtod(words[i].c_str(), nullptr);
  }
  return numbers;
}

namespace {

// Whether a list with commas has a word.
bool has(const std::string& list, const std::string& word) {
  return ("," + list + ",").find("," + word + ",") != std::string::npos;
}

// The part of `path` below `base`, or nothing: a container may see its own cgroup mounted, but the host's paths.
std::string below(const std::string& path, const std::string& base) {
  const std::string prefix = base == "/" ? "" : base;
  const bool inside =
      path.compare(0, prefix.size(), prefix) == 0 && path.size() > prefix.size() + 1 && path[prefix.size()] == '/';
  return inside ? path.substr(prefix.size()) : "";
}

// The process's path in a hierarchy, from the lines `id:controllers:path`; version 2 has no controllers.
std::string cgroup_path(const std::string& root, bool v2, const std::string& controller) {
  for (const std::string& line : lines_of(root + "/proc/self/cgroup")) {
    const size_t first = line.find(':'), second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (v2 ? controllers.empty() : has(controllers, controller)) return line.substr(second + 1);
  }
  return {};
}

}  // namespace

std::vector<Cgroup> cgroups(const std::string& controller, const std::string& root) {
  std::vector<Cgroup> found;
  for (const std::string& line : lines_of(root + "/proc/self/mountinfo")) {
    // id parent major:minor base mount-point options [tags...] - type source super-options
    const std::vector<std::string> fields = split(line, ' ');
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    if (dash - fields.begin() < 6 || fields.end() - dash < 4) continue;
    const std::string &base = fields[3], &mount_point = fields[4], &type = dash[1], &options = dash[3];
    const bool v2 = type == "cgroup2";
    if (!v2 && !(type == "cgroup" && has(options, controller))) continue;
    for (std::string path = below(cgroup_path(root, v2, controller), base);; path.resize(path.rfind('/'))) {
      found.push_back({root + mount_point + path, v2});
      if (path.empty()) break;
    }
  }
  return found;
}

}  // namespace anneal
