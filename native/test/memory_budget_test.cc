// Native memory is counted, and refused over the limit: what was set, or what the machine and its control groups leave.
#include "memory_budget.h"

#include <doctest/doctest.h>

#include <vector>

#include "arena.h"
#include "cpu.h"
#include "sanitizers.h"
#include "session_programs.h"

#ifndef _WIN32
#include "fake_root.h"
#endif

using namespace session_test;

namespace {

constexpr uint64_t kMegabyte = uint64_t{1} << 20;

struct Limited {
  explicit Limited(uint64_t more) { MemoryBudget::set_limit(MemoryBudget::use().total + more); }
  ~Limited() { MemoryBudget::set_limit(0); }
};

}  // namespace

TEST_CASE("memory is counted by kind while it is there, moved or not, and its peak stays") {
  const MemoryUse before = MemoryBudget::use();
  {
    Memory a(3 * kMegabyte, MemoryKind::data), b(1000, MemoryKind::weights);
    const Memory c = std::move(a);
    CHECK(MemoryBudget::use().by_kind[uint32_t(MemoryKind::data)] ==
          before.by_kind[uint32_t(MemoryKind::data)] + 3 * kMegabyte);
    CHECK(MemoryBudget::use().by_kind[uint32_t(MemoryKind::weights)] ==
          before.by_kind[uint32_t(MemoryKind::weights)] + 1000);
    CHECK(MemoryBudget::use().total == before.total + 3 * kMegabyte + 1000);
    a = Memory(10, MemoryKind::plans);
    CHECK(MemoryBudget::use().total == before.total + 3 * kMegabyte + 1010);
  }
  CHECK(MemoryBudget::use().total == before.total);
  CHECK(MemoryBudget::use().peak >= before.total + 3 * kMegabyte + 1010);
}

TEST_CASE("a block over the limit is refused with sizes, and what is refused does not count") {
  const uint64_t in_use = MemoryBudget::use().total;
  const Limited limited(kMegabyte);
  const Memory fits(kMegabyte, MemoryKind::weights);
  try {
    const Memory over(1, MemoryKind::weights);
    FAIL("allocated");
  } catch (const OutOfMemory& error) {
    CHECK(error.code == Code::out_of_memory);
    CHECK(error.bytes == 1);
    CHECK(error.in_use == in_use + kMegabyte);
    CHECK(error.limit == in_use + kMegabyte);
  }
  CHECK(MemoryBudget::use().total == in_use + kMegabyte);
  CHECK_THROWS_AS(Memory(size_t{1} << 63, MemoryKind::data), OutOfMemory);
  CHECK(MemoryBudget::use().total == in_use + kMegabyte);
}

TEST_CASE("a run whose plan is over the limit fails with its size, changes nothing, and a smaller one goes on") {
  Session session(choose_target(), ignore, nullptr);
  ProgramBuilder large;
  const uint32_t kept = large.dense(Space::storage, DType::f32, 0, {4});
  large.add(row_copy, {kept}, {large.dense(Space::input, DType::f32, 0, {4})});
  large.arena_bytes = 8 * kMegabyte;
  const uint32_t program = load(session, large), copy = load(session, copy_through());
  const int32_t id = int32_t(session.allocate(16));
  std::vector<float> in = {1, 2, 3, 4}, out(4);
  const Limited limited(kMegabyte);
  const uint64_t in_use = MemoryBudget::use().total;
  const Handover call = {program, {id}, {external_of(in)}};
  const auto check = [&](const Outcome& outcome) {
    CHECK(outcome.code == Code::out_of_memory);
    CHECK(outcome.where == int64_t(8 * kMegabyte));
    CHECK(outcome.value == int64_t(in_use));
    CHECK(outcome.limit >= int64_t(in_use));
    CHECK(reinterpret_cast<float*>(session.storage_data(id))[3] == 0);
  };
  check(session.run_here(call.request()));
  session.enqueue(call.request(), std::make_unique<Run>());
  session.drain();
  check(session.take_finished().front()->outcome);
  CHECK(session.run_here(Handover{copy, {id}, {external_of(in), external_of(out)}}.request()).code == Code::none);
  CHECK(out == in);
}

#ifdef __linux__
namespace {

constexpr char kMounts[] =
    "22 1 0:21 / / rw - ext4 /dev/vda rw\n"
    "31 22 0:28 / /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory\n"
    "33 22 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

SystemMemory memory_in(const FakeRoot& root) { return system_memory(root.path()); }

}  // namespace

TEST_CASE("what the system leaves: the machine's available memory, with its swap") {
  const FakeRoot root;
  CHECK(memory_in(root).available == kNoLimit);
  root.write("/proc/meminfo", "MemTotal:  8000 kB\nMemFree:  10 kB\n");
  CHECK(memory_in(root).available == kNoLimit);
  root.write("/proc/meminfo", "MemTotal:  8000 kB\nMemFree:  10 kB\nMemAvailable:   5000 kB\nSwapFree: 1 kB\n");
  CHECK(memory_in(root).total == 8000 << 10);
  CHECK(memory_in(root).available == 5001 << 10);
}

TEST_CASE("what version 2 leaves: the least on the way to the root, file caches not counted as used") {
  const FakeRoot root;
  root.write("/proc/meminfo", "MemTotal:  8000 kB\nMemAvailable:   5000 kB\n");
  root.write("/proc/self/mountinfo", kMounts);
  root.write("/proc/self/cgroup", "3:cpu:/\n0::/pod/box\n");
  root.write("/sys/fs/cgroup/unified/pod/box/memory.max", "max\n");
  root.write("/sys/fs/cgroup/unified/pod/box/memory.current", "7\n");
  CHECK(memory_in(root).available == 5000 << 10);
  root.write("/sys/fs/cgroup/unified/pod/box/memory.max", "1048576\n");
  root.write("/sys/fs/cgroup/unified/pod/box/memory.current", "1000000\n");
  root.write("/sys/fs/cgroup/unified/pod/box/memory.stat", "anon 5\nactive_file 100000\ninactive_file 200000\n");
  CHECK(memory_in(root).total == 1048576);
  CHECK(memory_in(root).available == 348576);
  // Its neighbours have used what the pod has.
  root.write("/sys/fs/cgroup/unified/pod/memory.max", "2097152\n");
  root.write("/sys/fs/cgroup/unified/pod/memory.current", "2097153\n");
  CHECK(memory_in(root).total == 1048576);
  CHECK(memory_in(root).available == 0);
}

TEST_CASE("what version 1 leaves, whose number for no limit is a huge one") {
  const FakeRoot root;
  root.write("/proc/meminfo", "MemTotal:  8000 kB\nMemAvailable:   5000 kB\n");
  root.write("/proc/self/mountinfo", kMounts);
  root.write("/proc/self/cgroup", "4:memory:/jobs/one\n0::/\n");
  root.write("/sys/fs/cgroup/memory/jobs/one/memory.limit_in_bytes", "9223372036854771712\n");
  root.write("/sys/fs/cgroup/memory/jobs/one/memory.usage_in_bytes", "4096\n");
  CHECK(memory_in(root).available == 5000 << 10);
  root.write("/sys/fs/cgroup/memory/jobs/memory.limit_in_bytes", "3000000\n");
  root.write("/sys/fs/cgroup/memory/jobs/memory.usage_in_bytes", "1000000\n");
  root.write("/sys/fs/cgroup/memory/jobs/memory.stat", "inactive_file 1\ntotal_inactive_file 500000\n");
  CHECK(memory_in(root).total == 3000000);
  CHECK(memory_in(root).available == 2500000);
}

TEST_CASE("more than the machine has is refused before it is mapped") {
  if (kAddressSanitizer) return;  // which counts its own
  const uint64_t in_use = MemoryBudget::use().total;
  const SystemMemory memory = system_memory();
  REQUIRE(memory.available != kNoLimit);
  CHECK(MemoryBudget::limit() < memory.total);
  // Blocks that nobody touches add up.
  std::vector<Memory> blocks;
  const uint64_t each = memory.available / 4;
  CHECK_THROWS_AS(while (blocks.size() < 8) blocks.emplace_back(each, MemoryKind::data), OutOfMemory);
  CHECK(blocks.size() >= 2);
  CHECK(blocks.size() <= 4);  // what else this process has in memory is taken for touched blocks
  blocks.clear();
  CHECK(MemoryBudget::use().total == in_use);
}
#endif
