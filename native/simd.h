// The vector type of a target, over GCC/Clang vector extensions. The target's namespace,
// ANNEAL_TARGET, and ANNEAL_LANES (floats per vector: 4, 8 or 16) are defined by targets/<target>.cc. Lanes wider than
// the machine's registers work too: what the compiler cannot split by itself (fma, sqrt, min, max) is mapped over
// halves here. Everything is forced inline, so that no copy with external linkage can be merged across targets.
//
// +, -, *, /, comparisons (lanes of 0 or -1), &, |, ^, ~, <<, >> are the operators of the vector types themselves.
#pragma once
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace anneal::ANNEAL_TARGET {

#define ANNEAL_INLINE static inline __attribute__((always_inline))

typedef float v4 __attribute__((vector_size(16)));
typedef float v8 __attribute__((vector_size(32)));
typedef float v16 __attribute__((vector_size(64)));

constexpr int kLanes = ANNEAL_LANES;
typedef float vf __attribute__((vector_size(4 * ANNEAL_LANES)));
typedef int32_t vi __attribute__((vector_size(4 * ANNEAL_LANES)));   // also the mask type: lanes of 0 or -1
typedef uint32_t vu __attribute__((vector_size(4 * ANNEAL_LANES)));  // for logical shifts
typedef uint8_t vb __attribute__((vector_size(ANNEAL_LANES)));

// ---- halves ----------------------------------------------------------------------------------------------------
ANNEAL_INLINE v4 low(v8 x) { return __builtin_shufflevector(x, x, 0, 1, 2, 3); }
ANNEAL_INLINE v4 high(v8 x) { return __builtin_shufflevector(x, x, 4, 5, 6, 7); }
ANNEAL_INLINE v8 low(v16 x) { return __builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7); }
ANNEAL_INLINE v8 high(v16 x) { return __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15); }
ANNEAL_INLINE v8 join(v4 a, v4 b) { return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7); }
ANNEAL_INLINE v16 join(v8 a, v8 b) {
  return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

// ---- what has no operator: fused multiply-add, square root, minimum, maximum -----------------------------------
// vfma is a * b + c with one rounding wherever the target has FMA (the baseline has not, and is outside the bit
// promise). vmin and vmax return the second operand when either is NaN or both are zero, as x86 does; NEON's own
// differ, so it selects.
#if defined(__SSE2__)
#if defined(__FMA__)
ANNEAL_INLINE v4 vfma(v4 a, v4 b, v4 c) { return _mm_fmadd_ps(a, b, c); }
#else
ANNEAL_INLINE v4 vfma(v4 a, v4 b, v4 c) { return a * b + c; }
#endif
ANNEAL_INLINE v4 vsqrt(v4 x) { return _mm_sqrt_ps(x); }
ANNEAL_INLINE v4 vmin(v4 a, v4 b) { return _mm_min_ps(a, b); }
ANNEAL_INLINE v4 vmax(v4 a, v4 b) { return _mm_max_ps(a, b); }
#else
ANNEAL_INLINE v4 vfma(v4 a, v4 b, v4 c) { return vfmaq_f32(c, a, b); }
ANNEAL_INLINE v4 vsqrt(v4 x) { return vsqrtq_f32(x); }
ANNEAL_INLINE v4 vmin(v4 a, v4 b) { return a < b ? a : b; }
ANNEAL_INLINE v4 vmax(v4 a, v4 b) { return a > b ? a : b; }
#endif

#if defined(__AVX2__) && defined(__FMA__)
ANNEAL_INLINE v8 vfma(v8 a, v8 b, v8 c) { return _mm256_fmadd_ps(a, b, c); }
ANNEAL_INLINE v8 vsqrt(v8 x) { return _mm256_sqrt_ps(x); }
ANNEAL_INLINE v8 vmin(v8 a, v8 b) { return _mm256_min_ps(a, b); }
ANNEAL_INLINE v8 vmax(v8 a, v8 b) { return _mm256_max_ps(a, b); }
#else
ANNEAL_INLINE v8 vfma(v8 a, v8 b, v8 c) { return join(vfma(low(a), low(b), low(c)), vfma(high(a), high(b), high(c))); }
ANNEAL_INLINE v8 vsqrt(v8 x) { return join(vsqrt(low(x)), vsqrt(high(x))); }
ANNEAL_INLINE v8 vmin(v8 a, v8 b) { return join(vmin(low(a), low(b)), vmin(high(a), high(b))); }
ANNEAL_INLINE v8 vmax(v8 a, v8 b) { return join(vmax(low(a), low(b)), vmax(high(a), high(b))); }
#endif

#if defined(__AVX512F__)
ANNEAL_INLINE v16 vfma(v16 a, v16 b, v16 c) { return _mm512_fmadd_ps(a, b, c); }
// The masked forms, with full masks: g++ 12 warns of an uninitialised value inside its own header for the plain ones.
ANNEAL_INLINE v16 vsqrt(v16 x) { return _mm512_maskz_sqrt_ps(0xFFFF, x); }
ANNEAL_INLINE v16 vmin(v16 a, v16 b) { return _mm512_maskz_min_ps(0xFFFF, a, b); }
ANNEAL_INLINE v16 vmax(v16 a, v16 b) { return _mm512_maskz_max_ps(0xFFFF, a, b); }
#if ANNEAL_LANES == 16
#define ANNEAL_SCALE  // there is an instruction for it
ANNEAL_INLINE v16 vscale(v16 x, v16 n) { return _mm512_maskz_scalef_ps(0xFFFF, x, n); }  // x 2^n, rounded once
#endif
#else
ANNEAL_INLINE v16 vfma(v16 a, v16 b, v16 c) {
  return join(vfma(low(a), low(b), low(c)), vfma(high(a), high(b), high(c)));
}
ANNEAL_INLINE v16 vsqrt(v16 x) { return join(vsqrt(low(x)), vsqrt(high(x))); }
ANNEAL_INLINE v16 vmin(v16 a, v16 b) { return join(vmin(low(a), low(b)), vmin(high(a), high(b))); }
ANNEAL_INLINE v16 vmax(v16 a, v16 b) { return join(vmax(low(a), low(b)), vmax(high(a), high(b))); }
#endif

// The same of single numbers.
#if defined(__FMA__) || defined(__aarch64__)
ANNEAL_INLINE float vfma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
#else
ANNEAL_INLINE float vfma(float a, float b, float c) { return a * b + c; }
#endif

// ---- constants -------------------------------------------------------------------------------------------------
#if ANNEAL_LANES == 4
#define ANNEAL_EACH_LANE(x) x, x, x, x
#elif ANNEAL_LANES == 8
#define ANNEAL_EACH_LANE(x) x, x, x, x, x, x, x, x
#else
#define ANNEAL_EACH_LANE(x) x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x
#endif
ANNEAL_INLINE vf splat(float x) { return vf{ANNEAL_EACH_LANE(x)}; }
ANNEAL_INLINE vi splat(int32_t x) { return vi{ANNEAL_EACH_LANE(x)}; }
ANNEAL_INLINE vi iota() {  // 0, 1, 2, ...
#if ANNEAL_LANES == 4
  return vi{0, 1, 2, 3};
#elif ANNEAL_LANES == 8
  return vi{0, 1, 2, 3, 4, 5, 6, 7};
#else
  return vi{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
#endif
}

// ---- memory: no alignment is asked for -------------------------------------------------------------------------
typedef v4 v4_loose __attribute__((aligned(4), may_alias));
typedef vf vf_loose __attribute__((aligned(4), may_alias));
typedef vi vi_loose __attribute__((aligned(4), may_alias));
typedef vb vb_loose __attribute__((aligned(1), may_alias));
ANNEAL_INLINE v4 ld4(const float* p) { return *(const v4_loose*)p; }
ANNEAL_INLINE void st4(float* p, v4 x) { *(v4_loose*)p = x; }
ANNEAL_INLINE vf ld(const float* p) { return *(const vf_loose*)p; }
ANNEAL_INLINE vi ld(const int32_t* p) { return *(const vi_loose*)p; }
ANNEAL_INLINE vi ld(const uint8_t* p) { return __builtin_convertvector(*(const vb_loose*)p, vi); }  // widened
ANNEAL_INLINE void st(float* p, vf x) { *(vf_loose*)p = x; }
ANNEAL_INLINE void st(int32_t* p, vi x) { *(vi_loose*)p = x; }
ANNEAL_INLINE void st(uint8_t* p, vi x) {
  *(vb_loose*)p = __builtin_convertvector(x, vb);
}  // the low byte of each lane

// A store past the caches, to an address that is a multiple of a vector's size. Other threads see it after
// stream_fence.
#if defined(__SSE2__)
ANNEAL_INLINE void st_stream(float* p, v4 x) { _mm_stream_ps(p, x); }
ANNEAL_INLINE void st_stream(float* p, v8 x) {
#if defined(__AVX__)
  _mm256_stream_ps(p, x);
#else
  st_stream(p, low(x)), st_stream(p + 4, high(x));
#endif
}
ANNEAL_INLINE void st_stream(float* p, v16 x) {
#if defined(__AVX512F__)
  _mm512_stream_ps(p, x);
#else
  st_stream(p, low(x)), st_stream(p + 8, high(x));
#endif
}
ANNEAL_INLINE void stream_fence() { _mm_sfence(); }
#else
ANNEAL_INLINE void st_stream(float* p, vf x) { st(p, x); }
ANNEAL_INLINE void stream_fence() {}
#endif

// The first n lanes, 0 <= n <= kLanes; the others read as 0, or are left alone. AVX2 has a masked store, but AMD runs
// it in microcode: only AVX-512 split over AVX2 takes it, to go the ways of the real one.
constexpr bool kMaskedStores = ANNEAL_LANES == 16;
#if defined(__AVX512F__) && ANNEAL_LANES == 16
ANNEAL_INLINE __mmask16 first_lanes(int n) { return (__mmask16)((1u << n) - 1u); }
ANNEAL_INLINE vf ld_part(const float* p, int n) { return _mm512_maskz_loadu_ps(first_lanes(n), p); }
ANNEAL_INLINE vf ld_part(const float* p, int n, vf otherwise) {
  return _mm512_mask_loadu_ps(otherwise, first_lanes(n), p);
}
ANNEAL_INLINE void st_part(float* p, vf x, int n) { _mm512_mask_storeu_ps(p, first_lanes(n), x); }
#elif defined(__AVX2__) && ANNEAL_LANES == 16
ANNEAL_INLINE __m256i first_lanes(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
ANNEAL_INLINE vf ld_part(const float* p, int n) {
  return join(_mm256_maskload_ps(p, first_lanes(n)), _mm256_maskload_ps(p + 8, first_lanes(n - 8)));
}
ANNEAL_INLINE void st_part(float* p, vf x, int n) {
  _mm256_maskstore_ps(p, first_lanes(n), low(x));
  _mm256_maskstore_ps(p + 8, first_lanes(n - 8), high(x));
}
#else
#if defined(__AVX2__) && ANNEAL_LANES == 8
ANNEAL_INLINE vf ld_part(const float* p, int n) { return _mm256_maskload_ps(p, (__m256i)(iota() < splat(int32_t(n)))); }
#elif defined(__AVX2__) && ANNEAL_LANES == 4
ANNEAL_INLINE vf ld_part(const float* p, int n) { return _mm_maskload_ps(p, (__m128i)(iota() < splat(int32_t(n)))); }
#else
ANNEAL_INLINE vf ld_part(const float* p, int n) {
  float lane[kLanes] = {};
  for (int i = 0; i < n; i++) lane[i] = p[i];
  return ld(lane);
}
#endif
ANNEAL_INLINE void st_part(float* p, vf x, int n) {
  float lane[kLanes];
  st(lane, x);
  for (int i = 0; i < n; i++) p[i] = lane[i];
}
#endif
ANNEAL_INLINE vi ld_part(const int32_t* p, int n) { return (vi)ld_part((const float*)p, n); }
ANNEAL_INLINE void st_part(int32_t* p, vi x, int n) { st_part((float*)p, (vf)x, n); }
ANNEAL_INLINE vi ld_part(const uint8_t* p, int n) {
  uint8_t lane[kLanes] = {};
  for (int i = 0; i < n; i++) lane[i] = p[i];
  return ld(lane);
}
ANNEAL_INLINE void st_part(uint8_t* p, vi x, int n) {
  uint8_t lane[kLanes];
  st(lane, x);
  for (int i = 0; i < n; i++) p[i] = lane[i];
}

// ---- lanes -----------------------------------------------------------------------------------------------------
ANNEAL_INLINE vi as_int(vf x) { return (vi)x; }    // the same bits
ANNEAL_INLINE vf as_float(vi x) { return (vf)x; }  // the same bits
ANNEAL_INLINE vf to_float(vi x) { return __builtin_convertvector(x, vf); }
ANNEAL_INLINE vi to_int(vf x) {
  return __builtin_convertvector(x, vi);
}  // truncates; out of range differs between targets: guard it
ANNEAL_INLINE vi shift_right(vi x, int n) { return (vi)((vu)x >> n); }  // logical
ANNEAL_INLINE vf select(vi mask, vf a, vf b) { return mask ? a : b; }
#if !(defined(__AVX512F__) && ANNEAL_LANES == 16)
ANNEAL_INLINE vf ld_part(const float* p, int n, vf otherwise) {
  return select(iota() < splat(int32_t(n)), ld_part(p, n), otherwise);
}
#endif
ANNEAL_INLINE vi select(vi mask, vi a, vi b) { return mask ? a : b; }
// Returns whether any lane of a mask is set.
#if defined(__AVX512F__) && ANNEAL_LANES == 16
ANNEAL_INLINE bool any(vi mask) { return _mm512_movepi32_mask((__m512i)mask) != 0; }
#elif defined(__AVX2__) && ANNEAL_LANES == 16
ANNEAL_INLINE bool any(vi mask) { return _mm256_movemask_ps(low((v16)mask)) | _mm256_movemask_ps(high((v16)mask)); }
#elif defined(__AVX2__) && ANNEAL_LANES == 8
ANNEAL_INLINE bool any(vi mask) { return _mm256_movemask_ps((__m256)mask) != 0; }
#elif defined(__SSE2__)
ANNEAL_INLINE bool any(vi mask) { return _mm_movemask_ps((__m128)mask) != 0; }
#else
ANNEAL_INLINE bool any(vi mask) { return vmaxvq_u32((uint32x4_t)mask) != 0; }
#endif
ANNEAL_INLINE vi vmin(vi a, vi b) { return a < b ? a : b; }
ANNEAL_INLINE vi vmax(vi a, vi b) { return a > b ? a : b; }
ANNEAL_INLINE vf vabs(vf x) { return as_float(as_int(x) & splat(int32_t(0x7FFFFFFF))); }
ANNEAL_INLINE vf copy_sign(vf magnitude, vf sign) {
  const vi bit = splat(int32_t(-0x7FFFFFFF - 1));
  return as_float((as_int(magnitude) & ~bit) | (as_int(sign) & bit));
}
// max(x, 0): NaN stays NaN and -0 stays -0, as the operand order of vmax has it.
ANNEAL_INLINE vf vrelu(vf x) { return vmax(vf{}, x); }

// ---- sixteen virtual lanes: a summation whose order is the same for every width of vector -----------------------
// Element i goes to virtual lane i % 16; fold16 combines lane q with q + 8, then q + 4, q + 2, q + 1.
constexpr int kParts = 16 / ANNEAL_LANES;
struct Lanes16 {
  vf part[kParts];
};
ANNEAL_INLINE Lanes16 splat16(float x) {
  Lanes16 r;
  for (int p = 0; p < kParts; p++) r.part[p] = splat(x);
  return r;
}
// op takes two vectors of one type (v4 or v8): [](auto a, auto b) { return a + b; }
template <class Op>
ANNEAL_INLINE float fold16(const Lanes16& t, Op op) {
#if ANNEAL_LANES == 4
  const v4 q = op(op(t.part[0], t.part[2]), op(t.part[1], t.part[3]));
#elif ANNEAL_LANES == 8
  const v8 e = op(t.part[0], t.part[1]);
  const v4 q = op(low(e), high(e));
#else
  const v8 e = op(low(t.part[0]), high(t.part[0]));
  const v4 q = op(low(e), high(e));
#endif
  const v4 d = op(q, v4(__builtin_shufflevector(q, q, 2, 3, 2, 3)));
  const v4 s = op(d, v4(__builtin_shufflevector(d, d, 1, 1, 1, 1)));
  return s[0];
}
ANNEAL_INLINE float sum16(const Lanes16& t) {
  return fold16(t, [](auto a, auto b) __attribute__((always_inline)) { return a + b; });
}

// The sum of x[0, n), n a power of two, by halves: in sixteen vectors the order of fold16. What was in x is lost.
template <int n>
ANNEAL_INLINE vf sum_by_halves(vf (&x)[n]) {
#pragma GCC unroll 4
  for (int half = n / 2; half; half /= 2)
#pragma GCC unroll 8
    for (int k = 0; k < half; k++) x[k] = x[k] + x[k + half];
  return x[0];
}

// ---- register pins ---------------------------------------------------------------------------------------------
// Empty assembly that asks for a value to be in a vector register here. Without it g++ and clang++ both spill the
// accumulators of large register tiles. A vector wider than a register cannot be pinned.
#if defined(__AVX512F__)
#define ANNEAL_REGISTER "v"
#elif defined(__aarch64__)
#define ANNEAL_REGISTER "w"
#else
#define ANNEAL_REGISTER "x"
#endif
#if (ANNEAL_LANES == 16 && !defined(__AVX512F__)) || (ANNEAL_LANES == 8 && !defined(__AVX2__))
ANNEAL_INLINE void pin(vf&) {}
ANNEAL_INLINE void pin(vf&, const vf&, const vf&) {}
#else
ANNEAL_INLINE void pin(vf& x) { asm volatile("" : "+" ANNEAL_REGISTER(x)); }
ANNEAL_INLINE void pin(vf& x, const vf& a, const vf& b) {
  asm volatile("" : "+" ANNEAL_REGISTER(x) : ANNEAL_REGISTER(a), ANNEAL_REGISTER(b));
}
#endif

}  // namespace anneal::ANNEAL_TARGET
