// libFuzzer: whatever stands in the files by which Linux tells of control groups and memory. Numbers come of it, and
// nothing else is read or written.
#include "../cgroup.h"

#include <fuzzer/FuzzedDataProvider.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "../cpu_quota.h"
#include "../memory_budget.h"

namespace {

// A folder that is there for as long as the process.
const std::string& root() {
  static const std::string& folder = *new std::string([] {
    std::string name = std::filesystem::temp_directory_path() / "anneal-fuzz-XXXXXX";
    if (!mkdtemp(name.data())) std::abort();
    for (const char* part : {"/proc/self", "/m/a/b"}) std::filesystem::create_directories(name + part);
    std::atexit([] { std::filesystem::remove_all(root()); });
    return name;
  }());
  return folder;
}

void write(const char* path, const std::string& text) {
  std::FILE* file = std::fopen((root() + path).c_str(), "w");
  if (!file) std::abort();
  std::fwrite(text.data(), 1, text.size(), file);
  std::fclose(file);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  FuzzedDataProvider data(bytes, size);
  const bool v2 = data.ConsumeBool();
  const std::string mount = std::string("1 1 0:1 / /m rw - ") + (v2 ? "cgroup2 x x\n" : "cgroup x cpu,memory\n");
  write("/proc/self/mountinfo", data.ConsumeBool() ? mount : data.ConsumeRandomLengthString(200));
  write("/proc/self/cgroup",
        data.ConsumeBool() ? v2 ? "0::/a/b\n" : "1:cpu,memory:/a/b\n" : data.ConsumeRandomLengthString(100));
  write("/proc/meminfo", data.ConsumeRandomLengthString(100));
  for (const char* file :
       {"/m/a/b/cpu.max", "/m/a/b/memory.max", "/m/a/b/memory.current", "/m/a/b/memory.stat", "/m/a/cpu.cfs_quota_us",
        "/m/a/cpu.cfs_period_us", "/m/a/memory.limit_in_bytes", "/m/a/memory.usage_in_bytes", "/m/a/memory.stat"})
    write(file, data.ConsumeRandomLengthString(60));
  if (!(anneal::cpu_quota(root()) > 0)) std::abort();
  anneal::system_memory(root());
  return 0;
}
