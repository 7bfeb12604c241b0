// Elementary functions over vectors. Made of IEEE operations and explicit vfma only, so every target with FMA gives the
// same bits. Coefficients are minimax fits (weighted for relative error, rounded to float one by one). The largest
// error over all floats, in ULP of the exact result, on a target with FMA (npm run test:ulp, bench/results/ulp.json):
//   vexp 1.1   vlog 0.9   vtanh 1.4   vsigmoid 2.5   verf 1.4   vexpm1 1.7   vlog1p 2.5   vsoftplus 2.9   vgelu 15
// and of vpow 0.6 where it was sampled. vgelu_tanh has 220, where x < -10 and the result vanishes, as u has the
// rounding errors of a cubic; the slopes of both gelus, which have zeros, are good to 4 units of 2^-24. NaN gives NaN
// and the ends are exact: exp(-inf) = 0, log(0) = -inf, log(x < 0) = NaN, tanh(inf) = erf(inf) = 1, and denormals count
// as what they are, going in and coming out.
#pragma once
#include "../simd.h"

namespace anneal::ANNEAL_TARGET {

constexpr float kInfinity = __builtin_inff();
constexpr float kNaN = __builtin_nanf("");

// c[0] + c[1] x + ..., by Horner's rule.
template <int n>
ANNEAL_INLINE vf polynomial(vf x, const float (&c)[n]) {
  vf r = splat(c[n - 1]);
#pragma GCC unroll 16
  for (int i = n - 2; i >= 0; i--) r = vfma(r, x, splat(c[i]));
  return r;
}

// The same, by even and odd powers side by side: half the wait, for two operations more.
template <int n>
ANNEAL_INLINE vf polynomial_in_two(vf x, const float (&c)[n]) {
  const vf square = x * x;
  vf even = splat(c[(n - 1) / 2 * 2]), odd = splat(c[(n - 2) / 2 * 2 + 1]);
#pragma GCC unroll 16
  for (int i = (n - 1) / 2 * 2 - 2; i >= 0; i -= 2) even = vfma(even, square, splat(c[i]));
#pragma GCC unroll 16
  for (int i = (n - 2) / 2 * 2 - 1; i >= 0; i -= 2) odd = vfma(odd, square, splat(c[i]));
  return vfma(odd, x, even);
}

constexpr float kLog2E = 1.44269504f;
constexpr float kRounder = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer, which is then in the low bits

// e^(x - n ln 2) - 1 for the integer n nearest to x / ln 2. ln 2 comes in two parts; the first has few bits, so n times
// it is exact without FMA too.
ANNEAL_INLINE vf exp_fraction(vf x, vf n) {
  constexpr float kQ[] = {0.49999994f, 0.166665211f, 0.0416682735f, 0.00836868584f, 0.00138201378f};
  const vf r = vfma(n, splat(2.12194440e-4f), vfma(n, splat(-0.693359375f), x));
  return vfma(r * r, polynomial(r, kQ), r);
}

// e^x = 2^n (1 + f). The power of two is applied in two steps of which only the second rounds, in denormal results.
// The number added to kRounder makes an exponent of the low bits, bias included. The lower bounds of x are where that
// exponent is 0: far below, the result is 0 by multiplication with 0, and not by an underflow, which is slow.
ANNEAL_INLINE vf vexp(vf x) {
  x = vmin(splat(89.0f), vmax(splat(-176.1f), x));  // inf from 89 on; at -176.1, `half` is 0; NaN passes
#ifdef ANNEAL_SCALE
  const vf n = vfma(x, splat(kLog2E), splat(kRounder)) - splat(kRounder);
  return vscale(exp_fraction(x, n) + splat(1.0f), n);
#else
  const vf shifted = vfma(x, splat(kLog2E), splat(kRounder + 254));
  const vf f = exp_fraction(x, shifted - splat(kRounder + 254));
  const vu twice = (vu)as_int(shifted);
  const vu half = (twice << 22) & (vu)splat(int32_t(0xFF800000)), rest = (twice << 23) - half;
  return vfma(f, as_float((vi)half), as_float((vi)half)) * as_float((vi)rest);
#endif
}

// The bits of vexp for x <= 0 (or NaN), in fewer operations. Several vectors go step by step together, so that a
// processor needs not look far ahead to find work.
#define ANNEAL_STEP(what) _Pragma("GCC unroll 8") for (int u = 0; u < n; u++) what
template <int n>
ANNEAL_INLINE void vexp_nonpositive(vf (&x)[n]) {
  constexpr float kQ[] = {0.49999994f, 0.166665211f, 0.0416682735f, 0.00836868584f, 0.00138201378f};
#ifdef ANNEAL_SCALE
  const vf rounder = splat(kRounder);
#else
  const vf rounder = splat(kRounder + 127 + 64);
#endif
  vf shifted[n], k[n], q[n], square[n];
  ANNEAL_STEP(x[u] = vmax(splat(-132.4f), x[u]));  // where `power` is 0
  ANNEAL_STEP(shifted[u] = vfma(x[u], splat(kLog2E), rounder));
  ANNEAL_STEP(k[u] = shifted[u] - rounder);
  ANNEAL_STEP(x[u] = vfma(k[u], splat(-0.693359375f), x[u]));
  ANNEAL_STEP(x[u] = vfma(k[u], splat(2.12194440e-4f), x[u]));
  ANNEAL_STEP(square[u] = x[u] * x[u]);
  ANNEAL_STEP(q[u] = vfma(splat(kQ[4]), x[u], splat(kQ[3])));
  ANNEAL_STEP(q[u] = vfma(q[u], x[u], splat(kQ[2])));
  ANNEAL_STEP(q[u] = vfma(q[u], x[u], splat(kQ[1])));
  ANNEAL_STEP(q[u] = vfma(q[u], x[u], splat(kQ[0])));
  ANNEAL_STEP(x[u] = vfma(square[u], q[u], x[u]));
#ifdef ANNEAL_SCALE
  ANNEAL_STEP(x[u] = vscale(x[u] + splat(1.0f), k[u]));
#else
  ANNEAL_STEP(shifted[u] = as_float(as_int(shifted[u]) << 23));
  ANNEAL_STEP(x[u] = vfma(x[u], shifted[u], shifted[u]) * splat(5.42101086e-20f));  // 2^-64
#endif
}
ANNEAL_INLINE vf vexp_nonpositive(vf x) {
  vf one[1] = {x};
  vexp_nonpositive(one);
  return one[0];
}

// ln (x 2^-shift) = e ln 2 + ln(1 + f), 1 + f in [2/3, 4/3), for positive normal x.
ANNEAL_INLINE vf log_normal(vf x, vf shift) {
  constexpr float kQ[] = {0.333332151f, -0.249998048f, 0.200104386f, -0.166802078f,
                          0.140054762f, -0.121877491f, 0.139859602f, -0.128776997f};
  const vu bits = (vu)as_int(x);
  const vi exponent = (vi)(bits - (vu)splat(int32_t(0x3F2AAAAB))) >> 23;
  const vf f = as_float((vi)(bits - ((vu)exponent << 23))) - splat(1.0f);
  const vf e = to_float(exponent) - shift;
  const vf s = f * f;
  vf r = vfma(s * f, polynomial(f, kQ), e * splat(-2.12194440e-4f));
  r = vfma(splat(-0.5f), s, r);
  return vfma(e, splat(0.693359375f), r + f);
}

// Denormals, 0, infinity, NaN and negative numbers are rare enough for a branch.
ANNEAL_INLINE vf vlog(vf x) {
  const vf r = log_normal(x, vf{});
  // Unsigned arithmetic that wraps around: what is not a positive normal number is above all those.
  const vi special = (vi)((vu)as_int(x) + (vu)splat(int32_t(0x7F800000))) > splat(int32_t(-0x01000001));
  if (__builtin_expect(!any(special), 1)) return r;
  vf rare = log_normal(x * splat(8388608.0f), splat(23.0f));
  rare = select(x == splat(kInfinity), x, rare);
  rare = select(x == vf{}, splat(-kInfinity), rare);
  rare = select((x < vf{}) | (x != x), splat(kNaN), rare);
  return select(special, rare, r);
}

// Below 0.625 an odd polynomial, above 1 - 2 / (e^2x + 1).
ANNEAL_INLINE vf vtanh(vf x) {
  constexpr float kQ[] = {-0.333332837f, 0.133314848f, -0.0537430048f, 0.0206491034f, -0.00571549917f};
  const vf a = vabs(x), s = x * x;
  const vf small = vfma(a * s, polynomial(s, kQ), a);
  const vf large = splat(1.0f) - splat(2.0f) / (vexp(a + a) + splat(1.0f));
  return copy_sign(select(a < splat(0.625f), small, large), x);
}

// 1 / (1 + e^-x), from e^-|x| so that neither end loses digits.
ANNEAL_INLINE vf vsigmoid(vf x) {
  const vf e = vexp_nonpositive(-vabs(x));
  return select(x < vf{}, e, splat(1.0f)) / (splat(1.0f) + e);
}

// Below 1.15 an odd polynomial, above one around the middle of what is left before the result is 1: there the function
// is so flat that the polynomial's rounding errors hardly reach it, and no exp is needed.
ANNEAL_INLINE vf verf(vf x) {
  constexpr float kSmall[] = {0.12837917f,   -0.37612596f,   0.112831734f, -0.026835596f,
                              0.0051536434f, -0.0007712779f, 6.908834e-05f};
  constexpr float kLarge[] = {0.0053704553f,   -0.012419206f,  0.017352441f,    -0.015923176f,
                              0.009541022f,    -0.003113226f,  -0.00025013418f, 0.0008233139f,
                              -0.00034079206f, -1.588837e-06f, 4.1294104e-05f,  -9.15875e-06f};
  const vf a = vabs(x), s = a * a;
  const vf small = vfma(a, polynomial(s, kSmall), a);
  const vf t = vmin(splat(3.9192059f), a) - splat(2.3125f);  // NaN passes
  const vf large = vfma(t, polynomial_in_two(t, kLarge), splat(0.9989259f));
  return copy_sign(select(a < splat(1.15f), small, large), x);
}

// The standard normal distribution: density e^(-x^2/2) without its factor, and the cumulative Phi(x) = erfc(-x / sqrt
// 2) / 2. erfc(z) = e^(-z^2) R(t), t = 1 / (1 + 0.45 z), so the left tail keeps its relative accuracy and one exp
// serves both.
struct Normal {
  vf density, cumulative;
};
ANNEAL_INLINE Normal standard_normal(vf x) {
  constexpr float kR[] = {0.318268031f,  1.01200175f,  1.2423228f,    0.923641264f,  0.233432427f,
                          -0.211843297f, -0.12309505f, 0.0900483504f, 0.0462688245f, -0.0414675772f};
  const vf a = vmin(splat(16.0f), vabs(x));
  const vf square = a * a;
  const vf e = vexp_nonpositive(square * splat(-0.5f));
  const vf density = vfma(e * splat(-0.5f), vfma(a, a, -square), e);  // what rounding took from the square
  const vf t = splat(1.0f) / vfma(a, splat(0.45f * 0.70710678f), splat(1.0f)) -
               splat(0.59375f);  // centred: small rounding errors
  const vf tail = splat(0.5f) * density * polynomial(t, kR);
  return {density, select(x < vf{}, tail, splat(1.0f) - tail)};
}

// x Phi(x). Minus infinity gives NaN, as in PyTorch.
ANNEAL_INLINE vf vgelu(vf x) { return x * standard_normal(x).cumulative; }

// Its derivative, Phi(x) + x phi(x).
ANNEAL_INLINE vf vgelu_slope(vf x) {
  const Normal n = standard_normal(x);
  return vfma(vmax(splat(-16.0f), vmin(splat(16.0f), x)) * splat(0.398942280f), n.density, n.cumulative);
}

// x (1 + tanh(u)) / 2 = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3).
ANNEAL_INLINE vf vgelu_tanh(vf x) {
  const vf u2 = x * vfma(x * x, splat(2 * 0.797884561f * 0.044715f), splat(2 * 0.797884561f));
  return x * vsigmoid(u2);
}

// Its derivative, s + x s (1 - s) 2 u', s = sigmoid(2 u). Beyond 16 it is 0 or 1 and the products could overflow.
ANNEAL_INLINE vf vgelu_tanh_slope(vf x) {
  x = vmax(splat(-16.0f), vmin(splat(16.0f), x));
  const vf square = x * x;
  const vf u2 = x * vfma(square, splat(2 * 0.797884561f * 0.044715f), splat(2 * 0.797884561f));
  const vf slope = vfma(square, splat(2 * 0.797884561f * 3 * 0.044715f), splat(2 * 0.797884561f));
  const vf e = vexp_nonpositive(-vabs(u2)), inverse = splat(1.0f) / (splat(1.0f) + e);
  const vf s = select(u2 < vf{}, e, splat(1.0f)) * inverse;
  return vfma(x * slope, e * inverse * inverse, s);  // s (1 - s) = e / (1 + e)^2
}

// sin and cos of 2 pi u for u in [0, 1], a multiple of 2^-24: the reduction to an eighth of a turn is exact.
ANNEAL_INLINE void vsincos_turns(vf u, vf& sine, vf& cosine) {
  constexpr float kSin[] = {6.28318548f, -41.3418694f, 81.6265259f, -76.8181229f};
  constexpr float kCos[] = {1.0f, -19.7392082f, 64.9391403f, -85.423111f, 58.5601921f};
  const vi quarter = to_int(vfma(u, splat(4.0f), splat(0.5f)));
  const vf r = vfma(to_float(quarter), splat(-0.25f), u), s = r * r;
  const vf a = r * polynomial(s, kSin), b = polynomial(s, kCos);
  const vi odd = -(quarter & splat(int32_t(1)));
  const vi sine_sign = (quarter & splat(int32_t(2))) << 30;
  const vi cosine_sign = ((quarter + splat(int32_t(1))) & splat(int32_t(2))) << 30;
  sine = as_float(as_int(select(odd, b, a)) ^ sine_sign);
  cosine = as_float(as_int(select(odd, a, b)) ^ cosine_sign);
}

}  // namespace anneal::ANNEAL_TARGET
