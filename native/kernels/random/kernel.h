// random: Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", 2011), a block of four words per
// counter. Element i comes from word i % 4 of block i / 4, so any part of the stream can be made on its own.
#pragma once
#include "../../codes.h"
#include "../math.h"
#include "../walk.h"

namespace anneal::ANNEAL_TARGET {

typedef uint64_t vq __attribute__((vector_size(4 * ANNEAL_LANES)));  // a block per lane, each word in the low half

constexpr int kBlocks = ANNEAL_LANES / 2;  // made at a time
constexpr int kWords = 2 * ANNEAL_LANES;   // in two vectors

// The product of the low halves. Upper halves hold anything.
ANNEAL_INLINE vq multiply_low(vq a, vq b) {
#if defined(__AVX512F__) && ANNEAL_LANES == 16
  return (vq)_mm512_maskz_mul_epu32(0xFF, (__m512i)a, (__m512i)b);  // g++ 12 warns about the form without a mask
#elif defined(__AVX2__) && ANNEAL_LANES == 8
  return (vq)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__SSE2__) && ANNEAL_LANES == 4
  return (vq)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
  return (a & 0xFFFFFFFFu) * (b & 0xFFFFFFFFu);
#endif
}

ANNEAL_INLINE vq block_index(int64_t first) {
  vq r;
  for (int l = 0; l < kBlocks; l++) r[l] = (uint64_t)first + (uint64_t)l;
  return r;
}

struct Philox {
  uint32_t key[2], stream[2], counter;
};

// The four words of each of these blocks, in the low halves; upper halves of some hold anything.
ANNEAL_INLINE void philox_rounds(const Philox& s, vq blocks, vq (&words)[4]) {
  const vq multiplier0 = vq{} + 0xD2511F53u, multiplier1 = vq{} + 0xCD9E8D57u;
  vq c0 = blocks, c1 = vq{} + s.counter, c2 = vq{} + s.stream[0], c3 = vq{} + s.stream[1];
  uint32_t k0 = s.key[0], k1 = s.key[1];
  for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
    const vq p0 = multiply_low(c0, multiplier0), p1 = multiply_low(c2, multiplier1);
    c0 = (p1 >> 32) ^ c1 ^ (vq{} + k0);
    c2 = (p0 >> 32) ^ c3 ^ (vq{} + k1);
    c1 = p1;
    c3 = p0;
  }
  words[0] = c0, words[1] = c1, words[2] = c2, words[3] = c3;
}

// The words of blocks [first, first + kBlocks), in order.
ANNEAL_INLINE void philox(const Philox& s, int64_t first, vi& words0, vi& words1) {
  vq c[4];
  philox_rounds(s, block_index(first), c);
  const vq low = (c[0] & 0xFFFFFFFFu) | (c[1] << 32),
           high = (c[2] & 0xFFFFFFFFu) | (c[3] << 32);  // words 0 and 1, 2 and 3 of each block
#if ANNEAL_LANES == 4
  words0 = (vi)__builtin_shufflevector(low, high, 0, 2);
  words1 = (vi)__builtin_shufflevector(low, high, 1, 3);
#elif ANNEAL_LANES == 8
  words0 = (vi)__builtin_shufflevector(low, high, 0, 4, 1, 5);
  words1 = (vi)__builtin_shufflevector(low, high, 2, 6, 3, 7);
#else
  words0 = (vi)__builtin_shufflevector(low, high, 0, 8, 1, 9, 2, 10, 3, 11);
  words1 = (vi)__builtin_shufflevector(low, high, 4, 12, 5, 13, 6, 14, 7, 15);
#endif
}

// [0, 1) in steps of 2^-24.
ANNEAL_INLINE vf uniform_of(vi words) { return to_float(shift_right(words, 8)) * splat(0x1p-24f); }

ANNEAL_INLINE vf even_lanes(vf a, vf b) {
#if ANNEAL_LANES == 4
  return __builtin_shufflevector(a, b, 0, 2, 4, 6);
#elif ANNEAL_LANES == 8
  return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14);
#else
  return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
#endif
}
ANNEAL_INLINE vf odd_lanes(vf a, vf b) {
#if ANNEAL_LANES == 4
  return __builtin_shufflevector(a, b, 1, 3, 5, 7);
#elif ANNEAL_LANES == 8
  return __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15);
#else
  return __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
#endif
}
ANNEAL_INLINE vf interleave_low(vf a, vf b) {
#if ANNEAL_LANES == 4
  return __builtin_shufflevector(a, b, 0, 4, 1, 5);
#elif ANNEAL_LANES == 8
  return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
#else
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
#endif
}
ANNEAL_INLINE vf interleave_high(vf a, vf b) {
#if ANNEAL_LANES == 4
  return __builtin_shufflevector(a, b, 2, 6, 3, 7);
#elif ANNEAL_LANES == 8
  return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
#else
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
#endif
}

struct RandomJob {
  Philox philox;
  float* out;
  int64_t n;
  uint32_t distribution;
  float p0, p1;
};

// [p0, p1): what rounding takes to p1 becomes p0.
ANNEAL_INLINE void uniform_pair(const RandomJob& job, vf& a, vf& b) {
  const vf low = splat(job.p0), high = splat(job.p1), span = splat(job.p1 - job.p0);
  a = low + a * span;
  b = low + b * span;
  a = select((a >= high) & (low < high), low, a);
  b = select((b >= high) & (low < high), low, b);
}

// Box and Muller: words 2j and 2j + 1 give sqrt(-2 ln(1 - u)) times cos and sin of 2 pi u'.
ANNEAL_INLINE void normal_pair(const RandomJob& job, vf& a, vf& b) {
  const vf radius = vsqrt(splat(-2.0f) * vlog(splat(1.0f) - even_lanes(a, b)));
  vf sine, cosine;
  vsincos_turns(odd_lanes(a, b), sine, cosine);
  const vf mean = splat(job.p0), deviation = splat(job.p1);
  const vf x = mean + radius * cosine * deviation, y = mean + radius * sine * deviation;
  a = interleave_low(x, y);
  b = interleave_high(x, y);
}

ANNEAL_INLINE void bernoulli_pair(const RandomJob& job, vf& a, vf& b) {
  const vf keep = splat(job.p0), value = splat(job.p1);
  a = select(a < keep, value, vf{});
  b = select(b < keep, value, vf{});
}

template <uint32_t kDistribution>
static void random_run_of(const RandomJob& job, int64_t first, int64_t end) {
  for (int64_t i = first; i < end; i += kWords) {
    vi words0, words1;
    philox(job.philox, i / 4, words0, words1);
    vf a = uniform_of(words0), b = uniform_of(words1);
    if (kDistribution == distributions::uniform) uniform_pair(job, a, b);
    if (kDistribution == distributions::normal) normal_pair(job, a, b);
    if (kDistribution == distributions::bernoulli) bernoulli_pair(job, a, b);
    const int64_t left = end - i;
    st_some(job.out + i, a, (int)smallest(left, kLanes));
    if (left > kLanes) st_some(job.out + i + kLanes, b, (int)smallest(left - kLanes, kLanes));
  }
}

constexpr int64_t kRandomChunk = 16384;  // elements
constexpr float kRandomCost = 1.0f;      // rough ns per element

static void random_chunk(void* arg, int64_t chunk, int32_t) {
  const RandomJob& job = *(const RandomJob*)arg;
  const int64_t first = chunk * kRandomChunk, end = smallest(job.n, first + kRandomChunk);
  switch (job.distribution) {
    case distributions::uniform:
      return random_run_of<distributions::uniform>(job, first, end);
    case distributions::normal:
      return random_run_of<distributions::normal>(job, first, end);
    default:
      return random_run_of<distributions::bernoulli>(job, first, end);
  }
}

static void random_run(const Call& call, Context& context) {
  const int32_t* key = (const int32_t*)call.in[0].data;  // seed lo, hi, stream lo, hi, counter
  const float* parameters = (const float*)call.in[1].data;
  RandomJob job = {{{(uint32_t)key[0], (uint32_t)key[1]}, {(uint32_t)key[2], (uint32_t)key[3]}, (uint32_t)key[4]},
                   (float*)call.out[0].data,
                   elements_of(call.out[0]),
                   call.attr[0],
                   parameters[0],
                   parameters[1]};
  const int64_t chunks = divide_up(job.n, kRandomChunk);
  if (chunks == 0) return;
  if (chunks == 1) return random_chunk(&job, 0, 0);
  context.parallel(&context, chunks, (int64_t)((float)job.n * kRandomCost), random_chunk, &job);
}

ANNEAL_NO_SCRATCH(random)

}  // namespace anneal::ANNEAL_TARGET
