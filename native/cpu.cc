#include "cpu.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <thread>

#include "cpu_quota.h"
#include "cpu_set.h"
#include "error.h"

#ifdef _WIN32
#include <windows.h>
#endif

#if defined(__x86_64__) || defined(_M_X64)
#define ANNEAL_X64 1
#include <cpuid.h>
#endif

namespace anneal {

// The build says which targets are linked in: ANNEAL_HAS_<target>.
extern const KernelTable reference_table, baseline_table, avx2_table, avx2_w4_table, avx2_w16_table, avx512_table,
    neon_table;

namespace {

#ifdef ANNEAL_X64
struct Features {
  bool baseline, avx2, avx512;
};

// Register states that the operating system saves, from XCR0. The instruction is there when cpuid says OSXSAVE.
uint64_t saved_states() {
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}

Features detect() {
  uint32_t a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return {};
  const auto bit = [](uint32_t word, int n) { return (word >> n & 1) != 0; };
  Features f = {bit(d, 26), false, false};  // SSE2, part of x86-64
  const bool osxsave = bit(c, 27), avx = bit(c, 28), fma = bit(c, 12);
  if (!osxsave || !avx) return f;
  const uint64_t states = saved_states();
  const bool ymm = (states & 0x6) == 0x6,
             zmm = (states & 0xE6) == 0xE6;  // XMM and YMM; then opmask and both ZMM halves
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return f;
  f.avx2 = ymm && fma && bit(b, 5);
  f.avx512 = f.avx2 && zmm && bit(b, 16) && bit(b, 17) && bit(b, 30) && bit(b, 31);  // F, DQ, BW, VL
  return f;
}
#endif

// The targets that this CPU can run, the fastest first, then those that only tests choose.
std::vector<const KernelTable*> find_targets() {
  std::vector<const KernelTable*> found;
#ifdef ANNEAL_X64
  [[maybe_unused]] const Features f = detect();
  if (!f.baseline) return found;
#ifdef ANNEAL_HAS_avx512
  if (f.avx512) found.push_back(&avx512_table);
#endif
#ifdef ANNEAL_HAS_avx2
  if (f.avx2) found.push_back(&avx2_table);
#endif
#ifdef ANNEAL_HAS_baseline
  found.push_back(&baseline_table);
#endif
#ifdef ANNEAL_HAS_avx2_w4
  if (f.avx2) found.push_back(&avx2_w4_table);
#endif
#ifdef ANNEAL_HAS_avx2_w16
  if (f.avx2) found.push_back(&avx2_w16_table);
#endif
#elif defined(ANNEAL_HAS_neon)
  found.push_back(&neon_table);
#else
  return found;
#endif
  found.push_back(&reference_table);
  return found;
}

// The value of an environment variable; empty where there is none. On Windows the C library has a copy of the
// environment from when it was loaded, which lacks what JavaScript has changed in process.env.
std::string environment_variable(const char* name) {
#ifdef _WIN32
  std::string value(GetEnvironmentVariableA(name, nullptr, 0), '\0');  // with the zero at its end
  value.resize(GetEnvironmentVariableA(name, value.data(), DWORD(value.size())));
  return value;
#else
  const char* value = std::getenv(name);
  return value ? value : "";
#endif
}

int allowed_cpus() {
#ifdef __linux__
  if (const int count = CpuSet::allowed().count(); count > 0) return count;
#endif
  return int(std::thread::hardware_concurrency());
}

int allowed_quota() {
#ifdef __linux__
  return int(std::ceil(cpu_quota() - 0.05));  // a part of a CPU is worth a thread
#else
  return kMaxThreads;
#endif
}

}  // namespace

const std::vector<const KernelTable*>& available_targets() {
  // Leaked: threads that outlive the end of main() may still look.
  static const auto& targets = *new std::vector<const KernelTable*>(find_targets());
  return targets;
}

const KernelTable& choose_target(const std::string& name) {
  const auto& targets = available_targets();
  if (targets.empty())
    throw Error(Code::cpu_unsupported, "[anneal] this CPU is below the baseline: anneal needs x86-64 or 64-bit ARM.");
  const std::string wanted = !name.empty() ? name : environment_variable("ANNEAL_TARGET");
  if (wanted.empty()) return *targets.front();
  std::string known;
  for (const KernelTable* target : targets) {
    if (wanted == target->name) return *target;
    known += (known.empty() ? "" : ", ") + std::string(target->name);
  }
  throw Error(Code::invalid_argument,
              "[anneal] target '" + wanted + "' is not available on this machine: choose " + known + ".");
}

int default_threads() {
  const long wanted = std::strtol(environment_variable("ANNEAL_THREADS").c_str(), nullptr, 10);
  if (wanted >= 1) return int(std::min<long>(wanted, kMaxThreads));
  constexpr int kDefaultLimit = 16;  // memory-bound work gains little beyond, and a wake costs time per worker
  return std::clamp(std::min(allowed_cpus(), allowed_quota()), 1, kDefaultLimit);
}

std::string cpu_name() {
#ifdef ANNEAL_X64
  uint32_t words[13] = {};
  if (__get_cpuid_max(0x80000000u, nullptr) < 0x80000004u) return "x86-64";
  for (uint32_t i = 0; i < 3; i++)
    __get_cpuid(0x80000002u + i, words + 4 * i, words + 4 * i + 1, words + 4 * i + 2, words + 4 * i + 3);
  std::string name(reinterpret_cast<const char*>(words));
  name.erase(name.find_last_not_of(' ') + 1);
  return name;
#else
  return "arm64";
#endif
}

}  // namespace anneal
