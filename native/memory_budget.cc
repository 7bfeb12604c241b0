#include "memory_budget.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <vector>

#include "cgroup.h"

#ifdef __linux__
#include <unistd.h>
#endif

namespace anneal {

namespace {

std::atomic<uint64_t> by_kind[kMemoryKinds], total{0}, peak{0}, set_limit_to{0}, since_look{0};

// A look at the system costs some 200 us, little beside the page faults of this much memory. Smaller blocks add up to
// it.
constexpr uint64_t kLookEvery = uint64_t{16} << 20;

// Left to JavaScript, to other libraries and to what the system does on our behalf.
constexpr uint64_t kMostLeft = uint64_t{256} << 20, kLeftPart = 16;

uint64_t minus(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

// The number behind a name in lines such as "MemAvailable:  123 kB" or "inactive_file 4096".
uint64_t number_of(const std::vector<std::string>& lines, const std::string& name) {
  for (const std::string& line : lines)
    if (line.compare(0, name.size(), name) == 0) return std::strtoull(line.c_str() + name.size(), nullptr, 10);
  return 0;
}

// The number that a file consists of; kNoLimit for a missing one and for "max".
uint64_t number_in(const std::string& path) {
  const std::vector<std::string> lines = lines_of(path);
  char* end = nullptr;
  const uint64_t number = lines.empty() ? 0 : std::strtoull(lines[0].c_str(), &end, 10);
  return lines.empty() || end == lines[0].c_str() ? kNoLimit : number;
}

// Version 1 counts what is below a group in "total_...".
void narrow(SystemMemory& memory, uint64_t machine, const Cgroup& group) {
  const uint64_t most = number_in(group.directory + (group.v2 ? "/memory.max" : "/memory.limit_in_bytes"));
  const uint64_t used = number_in(group.directory + (group.v2 ? "/memory.current" : "/memory.usage_in_bytes"));
  if (most >= machine || used == kNoLimit) return;
  const std::vector<std::string> stat = lines_of(group.directory + "/memory.stat");
  const char* const files[] = {group.v2 ? "active_file " : "total_active_file ",
                               group.v2 ? "inactive_file " : "total_inactive_file "};
  const uint64_t caches = number_of(stat, files[0]) + number_of(stat, files[1]);
  memory.total = std::min(memory.total, most);
  memory.available = std::min(memory.available, minus(most, minus(used, caches)));
}

// Looked up once. Leaked, as threads may look when the process ends.
const std::vector<Cgroup>& own_groups() {
  static const auto& groups = *new std::vector<Cgroup>(cgroups("memory"));
  return groups;
}

// Bytes of this process in memory that no file stands behind.
uint64_t anonymous_bytes() {
#ifdef __linux__
  const std::vector<double> pages = numbers_in("/proc/self/statm", 3);  // size, resident, shared
  return uint64_t(std::max(0.0, pages[1] - pages[2])) * uint64_t(sysconf(_SC_PAGESIZE));
#else
  return 0;
#endif
}

// Of blocks that were had, part was never touched, and so is still counted as available.
uint64_t system_limit(uint64_t in_use) {
  const SystemMemory memory = system_memory();
  if (memory.available == kNoLimit) return kNoLimit;
  const uint64_t left = std::min(kMostLeft, memory.total / kLeftPart);
  return std::min(in_use, anonymous_bytes()) + minus(memory.available, left);
}

bool may_have(uint64_t bytes, uint64_t now, uint64_t& limit) {
  limit = set_limit_to.load(std::memory_order_relaxed);
  if (limit == 0) {
    if (since_look.fetch_add(bytes, std::memory_order_relaxed) + bytes < kLookEvery) return true;
    since_look.store(0, std::memory_order_relaxed);
    limit = system_limit(now - bytes);
  }
  return now <= limit;
}

std::string text_of(uint64_t bytes, uint64_t in_use, uint64_t limit) {
  return "[anneal] out of memory: got " + std::to_string(bytes) + " bytes on top of " + std::to_string(in_use) +
         ", expected " + (limit == 0 ? "what the system has" : "at most " + std::to_string(limit) + " in all") + ".";
}

}  // namespace

OutOfMemory::OutOfMemory(uint64_t bytes, uint64_t in_use, uint64_t limit)
    : Error(Code::out_of_memory, text_of(bytes, in_use, limit)), bytes(bytes), in_use(in_use), limit(limit) {}

SystemMemory system_memory(const std::string& root) {
  SystemMemory memory;
  const std::vector<std::string> lines = lines_of(root + "/proc/meminfo");
  if (const uint64_t kilobytes = number_of(lines, "MemTotal:")) memory.total = kilobytes << 10;
  // Systems that only look like Linux may not say.
  if (const uint64_t kilobytes = number_of(lines, "MemAvailable:"))
    memory.available = (kilobytes + number_of(lines, "SwapFree:")) << 10;
  const uint64_t machine = memory.total;
  for (const Cgroup& group : root.empty() ? own_groups() : cgroups("memory", root)) narrow(memory, machine, group);
  return memory;
}

MemoryUse MemoryBudget::use() {
  MemoryUse use = {{}, total.load(std::memory_order_relaxed), peak.load(std::memory_order_relaxed)};
  for (uint32_t kind = 0; kind < kMemoryKinds; kind++)
    use.by_kind[kind] = by_kind[kind].load(std::memory_order_relaxed);
  return use;
}

uint64_t MemoryBudget::limit() {
  const uint64_t limit = set_limit_to.load(std::memory_order_relaxed);
  return limit > 0 ? limit : system_limit(total.load(std::memory_order_relaxed));
}

void MemoryBudget::set_limit(uint64_t bytes) { set_limit_to.store(bytes, std::memory_order_relaxed); }

CountedBytes::CountedBytes(uint64_t bytes, MemoryKind kind) : kind_(kind) {
  const uint64_t now = total.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  uint64_t limit = 0;
  if (now < bytes || !may_have(bytes, now, limit)) {
    total.fetch_sub(bytes, std::memory_order_relaxed);
    throw OutOfMemory(bytes, now - bytes, limit);
  }
  bytes_ = bytes;
  by_kind[uint32_t(kind)].fetch_add(bytes, std::memory_order_relaxed);
  uint64_t most = peak.load(std::memory_order_relaxed);
  while (now > most && !peak.compare_exchange_weak(most, now, std::memory_order_relaxed)) {
  }
}

CountedBytes::~CountedBytes() {
  total.fetch_sub(bytes_, std::memory_order_relaxed);
  by_kind[uint32_t(kind_)].fetch_sub(bytes_, std::memory_order_relaxed);
}

}  // namespace anneal
