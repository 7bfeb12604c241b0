// The number of threads that are ours: affinity masks, cgroup quotas of both versions in a made-up file system,
// ANNEAL_THREADS.
#include "cpu.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>
#include <thread>

#include "cpu_quota.h"
#include "cpu_set.h"
#include "fake_root.h"

namespace {

using namespace anneal;

double quota_in(const FakeRoot& root) { return cpu_quota(root.path()); }

constexpr char kMounts[] =
    "22 1 0:21 / / rw - ext4 /dev/vda rw\n"
    "31 22 0:28 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 master:2 - cgroup cgroup rw,cpu,cpuacct\n"
    "32 22 0:29 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
    "33 22 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

}  // namespace

TEST_CASE("without cgroup files there is no quota") {
  const FakeRoot root;
  CHECK(quota_in(root) == kNoQuota);
  root.write("/proc/self/mountinfo", kMounts);
  root.write("/proc/self/cgroup", "0::/a\n");
  CHECK(quota_in(root) == kNoQuota);
}

TEST_CASE("version 2: the least quota on the way to the root") {
  const FakeRoot root;
  root.write("/proc/self/mountinfo", kMounts);
  root.write("/proc/self/cgroup", "2:cpuset:/\n0::/a/b/c\n");
  root.write("/sys/fs/cgroup/unified/a/b/c/cpu.max", "max 100000\n");
  CHECK(quota_in(root) == kNoQuota);
  root.write("/sys/fs/cgroup/unified/a/cpu.max", "250000 100000\n");
  CHECK(quota_in(root) == doctest::Approx(2.5));
  root.write("/sys/fs/cgroup/unified/a/b/cpu.max", "150000 100000\n");
  CHECK(quota_in(root) == doctest::Approx(1.5));
  root.write("/sys/fs/cgroup/unified/a/b/c/cpu.max", "400000 100000\n");
  CHECK(quota_in(root) == doctest::Approx(1.5));
  root.write("/sys/fs/cgroup/unified/other/cpu.max", "1000 100000\n");
  CHECK(quota_in(root) == doctest::Approx(1.5));
}

TEST_CASE("version 1: the cpu controller's quota, wherever it is mounted") {
  const FakeRoot root;
  root.write("/proc/self/mountinfo", kMounts);
  root.write("/proc/self/cgroup", "4:cpuset:/cage\n3:cpu,cpuacct:/jobs/one\n0::/\n");
  root.write("/sys/fs/cgroup/cpu,cpuacct/jobs/one/cpu.cfs_quota_us", "-1\n");
  root.write("/sys/fs/cgroup/cpu,cpuacct/jobs/one/cpu.cfs_period_us", "100000\n");
  CHECK(quota_in(root) == kNoQuota);
  root.write("/sys/fs/cgroup/cpu,cpuacct/jobs/cpu.cfs_quota_us", "50000\n");
  root.write("/sys/fs/cgroup/cpu,cpuacct/jobs/cpu.cfs_period_us", "20000\n");
  CHECK(quota_in(root) == doctest::Approx(2.5));
  // A controller that is not asked about.
  root.write("/sys/fs/cgroup/cpuset/cage/cpu.cfs_quota_us", "1000\n");
  root.write("/sys/fs/cgroup/cpuset/cage/cpu.cfs_period_us", "100000\n");
  CHECK(quota_in(root) == doctest::Approx(2.5));
}

TEST_CASE("a container that sees only its own cgroup, under the host's path") {
  const FakeRoot root;
  root.write("/proc/self/mountinfo", "31 22 0:28 /docker/f00 /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
  root.write("/proc/self/cgroup", "0::/docker/f00/inner\n");
  root.write("/sys/fs/cgroup/cpu.max", "300000 100000\n");
  CHECK(quota_in(root) == doctest::Approx(3));
  root.write("/sys/fs/cgroup/inner/cpu.max", "200000 100000\n");
  CHECK(quota_in(root) == doctest::Approx(2));
  root.write("/proc/self/cgroup", "0::/docker/f00d\n");  // not below the mount's base
  CHECK(quota_in(root) == doctest::Approx(3));
}

#ifdef __linux__
TEST_CASE("the thread budget follows the affinity mask") {
  int threads = 0, allowed = 0;
  std::thread([&] {  // a thread of its own, whose mask ends with it
    CpuSet one = CpuSet::allowed();
    REQUIRE(one.count() >= 1);
    one.keep_only(sched_getcpu());
    REQUIRE(one.confine(0));
    allowed = CpuSet::allowed().count();
    threads = default_threads();
  })
      .join();
  CHECK(allowed == 1);
  if (!std::getenv("ANNEAL_THREADS")) CHECK(threads == 1);
}
#endif

TEST_CASE("ANNEAL_THREADS sets the thread budget") {
  const char* before = std::getenv("ANNEAL_THREADS");
  const std::string kept = before ? before : "";
  setenv("ANNEAL_THREADS", "3", 1);
  CHECK(default_threads() == 3);
  setenv("ANNEAL_THREADS", "100000", 1);
  CHECK(default_threads() == kMaxThreads);
  setenv("ANNEAL_THREADS", "0", 1);
  CHECK(default_threads() >= 1);
  before ? setenv("ANNEAL_THREADS", kept.c_str(), 1) : unsetenv("ANNEAL_THREADS");
}
