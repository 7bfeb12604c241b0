// x^y = 2^(y log2 x), in double over half vectors, which leaves the rounding to float as the only error worth naming
// (0.51 ULP).
#pragma once
#include "math.h"

namespace anneal::ANNEAL_TARGET {

typedef double vd __attribute__((vector_size(4 * ANNEAL_LANES)));  // half as many lanes as vf
typedef int64_t vl __attribute__((vector_size(4 * ANNEAL_LANES)));
typedef uint64_t vul __attribute__((vector_size(4 * ANNEAL_LANES)));

ANNEAL_INLINE vd splat_double(double x) { return vd{} + x; }
#if defined(__AVX512F__) && ANNEAL_LANES == 16
ANNEAL_INLINE vd fma_double(vd a, vd b, vd c) { return _mm512_fmadd_pd(a, b, c); }
#elif defined(__FMA__) && ANNEAL_LANES == 16
ANNEAL_INLINE vd fma_double(vd a, vd b, vd c) {
  struct Halves {
    __m256d low, high;
  };
  const Halves x = __builtin_bit_cast(Halves, a), y = __builtin_bit_cast(Halves, b), z = __builtin_bit_cast(Halves, c);
  return __builtin_bit_cast(vd, Halves{_mm256_fmadd_pd(x.low, y.low, z.low), _mm256_fmadd_pd(x.high, y.high, z.high)});
}
#elif defined(__FMA__) && ANNEAL_LANES == 8
ANNEAL_INLINE vd fma_double(vd a, vd b, vd c) { return _mm256_fmadd_pd(a, b, c); }
#elif defined(__FMA__)
ANNEAL_INLINE vd fma_double(vd a, vd b, vd c) { return _mm_fmadd_pd(a, b, c); }
#elif defined(__aarch64__)
ANNEAL_INLINE vd fma_double(vd a, vd b, vd c) { return vfmaq_f64(c, a, b); }
#else
ANNEAL_INLINE vd fma_double(vd a, vd b, vd c) { return a * b + c; }
#endif
ANNEAL_INLINE vd select(vl mask, vd a, vd b) { return mask ? a : b; }

template <int n>
ANNEAL_INLINE vd polynomial_double(vd x, const double (&c)[n]) {
  vd r = splat_double(c[n - 1]);
#pragma GCC unroll 16
  for (int i = n - 2; i >= 0; i--) r = fma_double(r, x, splat_double(c[i]));
  return r;
}

// log2 of a positive float that is held in a double, where denormal floats are normal numbers: e + log2 m, m in
// [2/3, 4/3), log2 m = t q(t^2), t = (m - 1) / (m + 1).
ANNEAL_INLINE vd log2_double(vd x) {
  constexpr double kQ[] = {2.8853900817779299,  0.96179669391564171, 0.57707802065436231, 0.41219793433806201,
                           0.32064494821068251, 0.26064598184786469, 0.25126072455933235};
  constexpr uint64_t kHalf = uint64_t(1) << 62, kLow = 0x3FE5555555555555;  // 1024 exponents, and the bits of 2/3
  const vul above = ((vul)x + (kHalf - kLow)) & (vul{} + (uint64_t(0xFFF) << 52));
  const vd m = (vd)((vul)x + kHalf - above);
  const vd magic = splat_double(6755399441055744.0);  // 1.5 * 2^52: its low bits hold a small integer
  const vd e = (vd)((above >> 52) + (vul)magic) - splat_double(6755399441055744.0 + 1024.0);
  const vd one = splat_double(1.0), t = (m - one) / (m + one);
  return fma_double(t, polynomial_double(t * t, kQ), e);
}

ANNEAL_INLINE vd exp2_double(vd x) {
  constexpr double kQ[] = {0.99999999999976208,    0.69314718054651403,    0.24022650698881778,
                           0.055504109393420341,   0.0096181285426452309,  0.0013333452061892405,
                           0.00015403851868850475, 1.5309737524751915e-05, 1.3175836509841691e-06};
  const vd magic = splat_double(6755399441055744.0);
  const vd top = splat_double(300.0);  // 2^300 and 2^-300 are inf and 0 as floats
  x = select(x > top, top, select(x < -top, -top, x));
  const vd shifted = x + magic;
  return (vd)((vul)polynomial_double(x - (shifted - magic), kQ) + ((vul)shifted << 52));
}

// x^y for positive finite x and any y; x = 1 with infinite or NaN y gives NaN.
ANNEAL_INLINE vf pow_positive(vf x, vf y) {
  typedef float half_vf __attribute__((vector_size(2 * ANNEAL_LANES)));
  struct Halves {
    half_vf low, high;
  };
  const Halves a = __builtin_bit_cast(Halves, x), b = __builtin_bit_cast(Halves, y);
  const vd low = __builtin_convertvector(b.low, vd) * log2_double(__builtin_convertvector(a.low, vd));
  const vd high = __builtin_convertvector(b.high, vd) * log2_double(__builtin_convertvector(a.high, vd));
  const Halves r = {__builtin_convertvector(exp2_double(low), half_vf),
                    __builtin_convertvector(exp2_double(high), half_vf)};
  return __builtin_bit_cast(vf, r);
}

// The special cases, where x is not a positive finite number or y is not finite; r = |x|^y where that is a number.
ANNEAL_INLINE vf pow_special(vf x, vf y, vf r) {
  const vf size = vabs(x), height = vabs(y), infinity = splat(kInfinity), one = splat(1.0f);
  r = select(size == vf{}, select(y < vf{}, infinity, vf{}), r);
  r = select(size == infinity, select(y < vf{}, vf{}, infinity), r);
  r = select(size == one, one, r);
  r = select((x != x) | (y != y), splat(kNaN), r);
  // A float of 2^24 and beyond is an even integer, infinity included.
  const vi small = height < splat(16777216.0f), whole = to_int(select(small, y, vf{}));
  const vi integer = ~small | (to_float(whole) == y), odd = small & integer & -(whole & splat(int32_t(1)));
  r = select((as_int(x) < vi{}) & (x == x) & odd, -r, r);  // the sign bit, so that -0 counts
  r = select((x < vf{}) & (x > -infinity) & ~integer, splat(kNaN), r);
  return select((y == vf{}) | (x == one), one, r);
}

// Every special case of IEEE pow, such as pow(1, NaN) = pow(NaN, 0) = 1 and pow(-2, 0.5) = NaN.
ANNEAL_INLINE vf vpow(vf x, vf y) {
  const vf r = pow_positive(vabs(x), y);
  const vi special = ~((x > vf{}) & (x < splat(kInfinity)) & (vabs(y) < splat(kInfinity)));
  return __builtin_expect(!any(special), 1) ? r : pow_special(x, y, r);
}

}  // namespace anneal::ANNEAL_TARGET
