// The functions of which rules are made, over double in the reference and over vectors of float32 elsewhere.
#pragma once

#ifdef ANNEAL_REFERENCE
#include <cmath>
#else
#include "../../simd.h"
#endif

namespace anneal::ANNEAL_TARGET {

#ifdef ANNEAL_REFERENCE
template <class V>
static V all(double x) {
  return x;
}
static double vfma(double a, double b, double c) { return a * b + c; }
static double vsqrt(double x) { return std::sqrt(x); }
static double vabs(double x) { return std::fabs(x); }
static double vmax(double a, double b) { return a > b ? a : b; }
static double vmin(double a, double b) { return a < b ? a : b; }
static double sign_of(double x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }
#else
template <class V>
ANNEAL_INLINE V all(double x) {
  return splat((float)x);
}
ANNEAL_INLINE vf sign_of(vf x) { return to_float((x < vf{}) - (x > vf{})); }
#endif

}  // namespace anneal::ANNEAL_TARGET
