// The limits of the machine that cases are held against: fused multiply-adds in registers, and plain loops over memory.
#include "bench.h"

#include <algorithm>
#include <cstdlib>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace bench {
namespace {

// Independent chains, as many as hide the latency; the barrier keeps the compiler from merging or dropping them. Loops
// over the chains are unrolled, or the array would live in memory.
#define ANNEAL_EACH_CHAIN(count, what) _Pragma("GCC unroll 16") for (int j = 0; j < count; j++) what
#define ANNEAL_CHAINS(type, count, lanes, fma, set, barrier) \
  type c[count];                                             \
  const type a = set(0.999f), b = set(0.001f);               \
  float sum = 0;                                             \
  ANNEAL_EACH_CHAIN(count, c[j] = a;)                        \
  for (int64_t i = 0; i < n; i++)                            \
    ANNEAL_EACH_CHAIN(count, {                               \
      c[j] = fma;                                            \
      asm volatile("" : barrier(c[j]));                      \
    })                                                       \
  ANNEAL_EACH_CHAIN(count, sum += c[j][0];)                  \
  volatile float sink = sum;                                 \
  (void)sink;                                                \
  return 2.0 * (count) * (lanes) * double(n)

using Burst = double (*)(int64_t n);  // returns the floating-point operations done

#if defined(__x86_64__)
__attribute__((target("avx512f"))) double burst_512(int64_t n) {
  ANNEAL_CHAINS(__m512, 16, 16, _mm512_fmadd_ps(c[j], a, b), _mm512_set1_ps, "+v");
}
__attribute__((target("avx2,fma"))) double burst_256(int64_t n) {
  ANNEAL_CHAINS(__m256, 12, 8, _mm256_fmadd_ps(c[j], a, b), _mm256_set1_ps, "+x");
}
Burst burst_of(int lanes) { return lanes == 16 && __builtin_cpu_supports("avx512f") ? burst_512 : burst_256; }
#elif defined(__aarch64__)
double burst_128(int64_t n) { ANNEAL_CHAINS(float32x4_t, 16, 4, vfmaq_f32(b, c[j], a), vdupq_n_f32, "+w"); }
Burst burst_of(int) { return burst_128; }
#endif

constexpr int64_t kBurst = 4000;  // some microseconds

struct Stream {
  std::vector<const float*> reads;
  std::vector<float*> writes;
  int64_t n;
};

// Iterations touch only their own index, so arrays that are read and written are no obstacle to vectors.
#if defined(__clang__)
#define ANNEAL_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define ANNEAL_INDEPENDENT _Pragma("GCC ivdep")
#endif

// Writes the mean of what it reads, so that numbers neither grow nor become denormal however often it runs.
template <int kReads, int kWrites>
float loop(const Stream& s, int64_t first, int64_t end) {
  const float* r[kReads + 1];
  float* w[kWrites + 1];
  for (int j = 0; j < kReads; j++) r[j] = s.reads[size_t(j)];
  for (int j = 0; j < kWrites; j++) w[j] = s.writes[size_t(j)];
  float sum = 0;
  ANNEAL_INDEPENDENT
  for (int64_t i = first; i < end; i++) {
    float x = kReads ? 0.0f : 1.0f;
    for (int j = 0; j < kReads; j++) x += r[j][i];
    x *= kReads ? 1.0f / float(kReads) : 1.0f;
    for (int j = 0; j < kWrites; j++) w[j][i] = x;
    if (!kWrites) sum += x;
  }
  return sum;
}

using Loop = float (*)(const Stream&, int64_t, int64_t);

template <int kReads>
Loop loop_with(size_t writes) {
  constexpr Loop loops[] = {loop<kReads, 0>, loop<kReads, 1>, loop<kReads, 2>, loop<kReads, 3>};
  return loops[writes];
}

Loop loop_of(size_t reads, size_t writes) {
  constexpr Loop (*with[])(size_t) = {loop_with<0>, loop_with<1>, loop_with<2>, loop_with<3>, loop_with<4>,
                                      loop_with<5>, loop_with<6>, loop_with<7>, loop_with<8>};
  if (reads >= std::size(with) || writes > 3) std::abort();
  return with[reads](writes);
}

struct Span {
  const Stream* stream;
  Loop loop;
};

constexpr int64_t kSpan = 16384;          // floats of one chunk
constexpr int64_t kLongEnough = 1 << 30;  // ns: always worth a thread
}  // namespace

Limit Bench::peak(double flops) {
  const Burst burst = burst_of(table.lanes);
  double each = 0;
  Closure call;
  if (threads == 1) {
    each = burst(kBurst);
    call = [burst] { burst(kBurst); };
  } else {
    each = burst(kBurst) * threads;
    call = [this, burst] {
      context.parallel(
          &context, threads, kLongEnough,
          [](void* arg, int64_t, int32_t) { (*static_cast<const Burst*>(arg))(kBurst); }, const_cast<Burst*>(&burst));
    };
  }
  return {"FMA peak", call, flops / each};
}

Limit Bench::stream(std::vector<const float*> reads, std::vector<float*> writes, int64_t n) {
  auto s = std::make_shared<Stream>(Stream{std::move(reads), std::move(writes), n});
  const Loop loop = loop_of(s->reads.size(), s->writes.size());
  const auto chunk = [](void* arg, int64_t c, int32_t) {
    const Span& span = *static_cast<const Span*>(arg);
    volatile float sink = span.loop(*span.stream, c * kSpan, std::min(span.stream->n, (c + 1) * kSpan));
    (void)sink;
  };
  const auto call = [this, s, loop, chunk] {
    Span span = {s.get(), loop};
    if (threads == 1) {
      volatile float sink = loop(*s, 0, s->n);
      (void)sink;
      return;
    }
    context.parallel(&context, (s->n + kSpan - 1) / kSpan, kLongEnough, chunk, &span);
  };
  return {"plain loop", call, 1};
}

Limit Bench::stream(int reads, int writes, int64_t n) {
  std::vector<const float*> r;
  std::vector<float*> w;
  for (int i = 0; i < reads; i++) r.push_back(floats(n));
  for (int i = 0; i < writes; i++) w.push_back(floats(n));
  return stream(std::move(r), std::move(w), n);
}
}  // namespace bench
