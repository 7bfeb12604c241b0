// log(1 + x) and e^x - 1, which keep their digits where x is small, and softplus made of them.
#pragma once
#include "math.h"

namespace anneal::ANNEAL_TARGET {

// ln(1 + x) = ln u * x / (u - 1), u = 1 + x rounded: what rounding takes from u it takes from both (Kahan).
ANNEAL_INLINE vf vlog1p(vf x) {
  const vf one = splat(1.0f), u = one + x;
  const vf r = vlog(u) * (x / (u - one));
  return select((u == one) | (x == splat(kInfinity)), x, r);
}

// e^x - 1 = 2^n (e^r - 1) + 2^n - 1, |r| <= ln 2 / 2; in halves, because 2^n itself may be too large.
ANNEAL_INLINE vf vexpm1(vf x) {
  constexpr float kQ[] = {0.5f, 0.16666667f, 0.041666668f, 0.0083333338f, 0.0013888889f, 0.00019841270f};
  const vf magic = splat(12582912.0f);
  const vf inside = vmin(splat(89.0f), vmax(splat(-18.0f), x));  // below, the result is -1; NaN passes
  const vf shifted = vfma(inside, splat(1.44269504f), magic);
  const vf n = shifted - magic;
  vf r = vfma(n, splat(-0.693359375f), inside);
  r = vfma(n, splat(2.12194440e-4f), r);
  const vf p = vfma(r * r, polynomial(r, kQ), r);
  const vi k = as_int(shifted) - as_int(magic);
  const vf half = as_float((k + splat(int32_t(126))) << 23);
  const vf y = vfma(half, p, half - splat(0.5f));
  return select(x == vf{}, x, y + y);
}

// ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|).
ANNEAL_INLINE vf vsoftplus(vf x) { return select(x != x, x, vmax(x, vf{})) + vlog1p(vexp_nonpositive(-vabs(x))); }

}  // namespace anneal::ANNEAL_TARGET
