// The limits of the machine: measured as cases of their own, at the start of every run.
#include "bench.h"

namespace {
using namespace bench;

Subject subject_of(Limit limit, double flops, double bytes) {
  Subject s;
  s.ours = std::move(limit.call);
  s.flops = flops;
  s.bytes = bytes;
  return s;
}

void fill(bench::Family& family) {
  family.add({.group = "limits", .name = "fused multiply-adds", .make = [](Bench& b) {
                const Limit peak = b.peak(1);
                return subject_of(peak, 1 / peak.scale, 0);
              }});
  struct {
    const char* name;
    int reads, writes;
  } const loops[] = {{"read", 1, 0}, {"copy", 1, 1}, {"read 4, write 3", 4, 3}};
  for (const auto& l : loops) {
    family.add({.group = "memory", .name = std::string("memory: ") + l.name, .make = [l](Bench& b) {
                  constexpr int64_t n = 25'000'000;
                  return subject_of(b.stream(l.reads, l.writes, n), 0, 4.0 * (l.reads + l.writes) * n);
                }});
  }
}

const bench::Family limits("limits", fill);
}  // namespace
