#include "limit_loops.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace bench {
namespace {

// Iterations touch only their own index, so arrays that are read and written are no obstacle to vectors.
#if defined(__clang__)
#define ANNEAL_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define ANNEAL_INDEPENDENT _Pragma("GCC ivdep")
#endif

template <int kReads, int kWrites>
float loop(const Arrays& s, int64_t first, int64_t end) {
  const float* r[kReads + 1];
  float* w[kWrites + 1];
  for (int j = 0; j < kReads; j++) r[j] = s.reads[j];
  for (int j = 0; j < kWrites; j++) w[j] = s.writes[j];
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

template <int kReads>
Loop loop_writing(int writes) {
  static constexpr Loop loops[] = {loop<kReads, 0>, loop<kReads, 1>, loop<kReads, 2>, loop<kReads, 3>};
  return loops[writes];
}

// Independent chains, as many as hide the latency; the barrier keeps the compiler from merging or dropping them, also
// while they are still equal. Loops over the chains are unrolled, or the array would live in memory; the loop around
// them is not, or g++ keeps chains of one round beside those of the next and spills them.
#define ANNEAL_EACH_CHAIN(count, what) _Pragma("GCC unroll 16") for (int j = 0; j < count; j++) what
#define ANNEAL_CHAINS(type, count, fma, set, barrier)                                \
  type c[count];                                                                     \
  const type a = set(0.999f), b = set(0.001f);                                       \
  float sum = 0;                                                                     \
  ANNEAL_EACH_CHAIN(count, {                                                         \
    c[j] = a;                                                                        \
    asm volatile("" : barrier(c[j]));                                                \
  })                                                                                 \
  _Pragma("GCC unroll 1") for (int64_t i = 0; i < n; i++) ANNEAL_EACH_CHAIN(count, { \
    c[j] = fma;                                                                      \
    asm volatile("" : barrier(c[j]));                                                \
  }) ANNEAL_EACH_CHAIN(count, sum += c[j][0];) volatile float sink = sum;            \
  (void)sink

// Nothing waits for a round before it, but roots and divisions have few circuits, which do not overlap them much.
#define ANNEAL_ROOTS(type, root, divide, set, barrier)                                  \
  type x = set(0.999f);                                                                 \
  _Pragma("GCC unroll 1") for (int64_t i = 0; i < n; i++) for (int j = 0; j < 8; j++) { \
    asm volatile("" : barrier(x));                                                      \
    type y = divide(x, root(x));                                                        \
    asm volatile("" : barrier(y));                                                      \
  }

#if defined(__x86_64__)
// The masked form, with a full mask: g++ 12 warns of an uninitialised value inside its own header for the plain one.
#define ANNEAL_ROOT_512(x) _mm512_maskz_sqrt_ps(0xFFFF, x)
__attribute__((target("avx512f"))) void roots_512(int64_t n) {
  ANNEAL_ROOTS(__m512, ANNEAL_ROOT_512, _mm512_div_ps, _mm512_set1_ps, "+v")
}
__attribute__((target("avx2,fma"))) void roots_256(int64_t n) {
  ANNEAL_ROOTS(__m256, _mm256_sqrt_ps, _mm256_div_ps, _mm256_set1_ps, "+x")
}
#elif defined(__aarch64__)
void roots_128(int64_t n) { ANNEAL_ROOTS(float32x4_t, vsqrtq_f32, vdivq_f32, vdupq_n_f32, "+w") }
#endif

#if defined(__x86_64__)
__attribute__((target("avx512f"))) void burst_512(int64_t n) {
  ANNEAL_CHAINS(__m512, 16, _mm512_fmadd_ps(c[j], a, b), _mm512_set1_ps, "+v");
}
__attribute__((target("avx2,fma"))) void burst_256(int64_t n) {
  ANNEAL_CHAINS(__m256, 12, _mm256_fmadd_ps(c[j], a, b), _mm256_set1_ps, "+x");
}
#elif defined(__aarch64__)
void burst_128(int64_t n) { ANNEAL_CHAINS(float32x4_t, 16, vfmaq_f32(b, c[j], a), vdupq_n_f32, "+w"); }
#endif
}  // namespace

Burst multiply_adds(int lanes) {
#if defined(__x86_64__)
  if (lanes == 16 && __builtin_cpu_supports("avx512f")) return {burst_512, 2 * 16 * 16};
  return {burst_256, 2 * 12 * 8};
#elif defined(__aarch64__)
  (void)lanes;
  return {burst_128, 2 * 16 * 4};
#endif
}

Burst divided_roots(int lanes) {
#if defined(__x86_64__)
  if (lanes == 16 && __builtin_cpu_supports("avx512f")) return {roots_512, 8 * 16};
  return {roots_256, 8 * 8};
#elif defined(__aarch64__)
  (void)lanes;
  return {roots_128, 8 * 4};
#endif
}

Loop loop_of(int reads, int writes) {
  static constexpr Loop (*reading[])(int) = {loop_writing<0>, loop_writing<1>, loop_writing<2>,
                                             loop_writing<3>, loop_writing<4>, loop_writing<5>,
                                             loop_writing<6>, loop_writing<7>, loop_writing<8>};
  if (reads > kMostReads || writes > kMostWrites) return nullptr;
  return reading[reads](writes);
}
}  // namespace bench
