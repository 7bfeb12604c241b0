// The control groups of this process, as Linux shows them in files.
#pragma once
#include <string>
#include <vector>

namespace anneal {

struct Cgroup {
  std::string directory;
  bool v2;
};

// From the process's own group up to the root, of version 2 and of version 1's `controller`. `root` stands before /proc
// and the mount points, for tests.
std::vector<Cgroup> cgroups(const std::string& controller, const std::string& root = {});

// The pieces of a text between single separators; no empty one at the end. Streams would bring all locales into a
// binary that has its C++ library inside.
std::vector<std::string> split(const std::string& text, char separator);

// The lines of a file. A file that is missing reads as empty.
std::vector<std::string> lines_of(const std::string& path);

// The numbers in the first line of a file; 0 for what is missing or none, as in "max 100000".
std::vector<double> numbers_in(const std::string& path, size_t count);

}  // namespace anneal
