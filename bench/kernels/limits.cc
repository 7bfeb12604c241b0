// The limits of the machine that cases are held against: arithmetic in registers, and plain loops over memory.
#include <algorithm>
#include <stdexcept>

#include "bench.h"
#include "limit_loops.h"

namespace bench {
namespace {
constexpr int64_t kBurst = 4000;          // some microseconds
constexpr int64_t kSpan = 16384;          // floats of one chunk
constexpr int64_t kLongEnough = 1 << 30;  // ns: always worth a thread

struct Stream {
  Arrays arrays;
  Loop loop;
  int64_t n;
};
}  // namespace

Limit Bench::burst(const char* name, Burst burst, double work) {
  const double scale = work / (burst.work * double(kBurst) * threads);
  if (threads == 1) return {name, [burst] { burst.run(kBurst); }, scale};
  const auto unit = [](void* arg, int64_t, int32_t) { static_cast<const Burst*>(arg)->run(kBurst); };
  return {name, [this, burst, unit]() mutable { context.parallel(&context, threads, kLongEnough, unit, &burst); },
          scale};
}

Limit Bench::peak(double flops) { return burst("FMA peak", multiply_adds(table.lanes), flops); }

Limit Bench::roots(int64_t n) { return burst("roots and divisions", divided_roots(table.lanes), double(n)); }

Limit Bench::stream(const std::vector<const float*>& reads, const std::vector<float*>& writes, int64_t n) {
  const Loop loop = loop_of(int(reads.size()), int(writes.size()));
  if (!loop) throw std::invalid_argument("stream: too many arrays");
  Stream stream = {{}, loop, n};
  std::copy(reads.begin(), reads.end(), stream.arrays.reads);
  std::copy(writes.begin(), writes.end(), stream.arrays.writes);
  const auto chunk = [](void* arg, int64_t c, int32_t) {
    const Stream& s = *static_cast<const Stream*>(arg);
    volatile float sink = s.loop(s.arrays, c * kSpan, std::min(s.n, (c + 1) * kSpan));
    (void)sink;
  };
  const auto call = [this, stream, chunk]() mutable {
    if (threads > 1) return context.parallel(&context, (stream.n + kSpan - 1) / kSpan, kLongEnough, chunk, &stream);
    volatile float sink = stream.loop(stream.arrays, 0, stream.n);
    (void)sink;
  };
  return {"plain loop", call};
}

Limit Bench::stream(int reads, int writes, int64_t n) {
  std::vector<const float*> r;
  std::vector<float*> w;
  for (int i = 0; i < reads; i++) r.push_back(floats(n));
  for (int i = 0; i < writes; i++) w.push_back(floats(n));
  return stream(r, w, n);
}
}  // namespace bench
