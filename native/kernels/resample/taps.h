// Taps of an axis: the elements of x that one of y is made of, and their weights. Positions are PyTorch's, in its
// float32.
#pragma once
#include "../../kernel_table.h"

namespace anneal::ANNEAL_TARGET {

struct ResampleAxis {
  int64_t n, m;  // elements of x and of y
  uint32_t mode;
  int64_t before;
  float step;
};

constexpr int kMostTaps = 4;

struct ResampleTaps {
  int64_t index[kMostTaps];
  float weight[kMostTaps];
};

static ResampleAxis resample_axis(const Call& call, const TensorArg& x, const TensorArg& y, int i) {
  ResampleAxis a = {x.dims[1 + i], y.dims[1 + i], call.attr[i], (int32_t)call.attr[3 + i], 0};
  __builtin_memcpy(&a.step, call.attr + 6 + i, 4);
  return a;
}

static bool is_antialias(const ResampleAxis& a) {
  return a.mode == resample_modes::linear_antialias || a.mode == resample_modes::cubic_antialias;
}

// The number of taps that each element of y has without a filter.
static int taps_of(const ResampleAxis& a) {
  using namespace resample_modes;
  if (a.mode == cubic || a.mode == cubic_corners) return 4;
  return (a.mode == linear || a.mode == linear_corners) && a.n != a.m ? 2 : 1;
}

static int64_t clamped(int64_t i, int64_t n) { return i < 0 ? 0 : i < n ? i : n - 1; }

// The greatest whole number that is not above x, within [-1, n]; positions begin at -1/2.
static int64_t floor_within(double x, int64_t n) {
  if (!(x >= 0)) return -1;
  return x < (double)n ? (int64_t)x : n;
}

static int64_t padded_at(const ResampleAxis& a, int64_t i) {
  using namespace resample_modes;
  const int64_t at = i - a.before;
  if (a.mode == reflect) return at < 0 ? -at : at < a.n ? at : 2 * (a.n - 1) - at;
  if (a.mode == circular) return at < 0 ? at + a.n : at < a.n ? at : at - a.n;
  return clamped(at, a.n);
}

// Weights of the four elements around a position, a share t behind the second: Keys, IEEE Trans. ASSP 29 (1981), a =
// -3/4.
static void cubic_weights(double t, float (&weight)[kMostTaps]) {
  const double a = -0.75, u = 1 - t, s = t + 1, v = u + 1;
  weight[0] = (float)(((a * s - 5 * a) * s + 8 * a) * s - 4 * a);
  weight[1] = (float)(((a + 2) * t - (a + 3)) * t * t + 1);
  weight[2] = (float)(((a + 2) * u - (a + 3)) * u * u + 1);
  weight[3] = (float)(((a * v - 5 * a) * v + 8 * a) * v - 4 * a);
}

static ResampleTaps taps_at(const ResampleAxis& a, int64_t i) {
  using namespace resample_modes;
  ResampleTaps taps = {{}, {1}};
  const bool corners = a.mode == linear_corners || a.mode == cubic_corners, curved = taps_of(a) == 4;
  const double at = corners ? (double)a.step * (double)i : (double)a.step * ((double)i + 0.5) - 0.5;
  if (taps_of(a) > 1) {
    const double position = curved || at > 0 ? at : 0;
    const int64_t first = floor_within(position, a.n - 1);
    const double behind = position - (double)first;
    const float share = behind < 0 ? 0 : behind < 1 ? (float)behind : 1;
    if (curved) {
      for (int t = 0; t < 4; t++) taps.index[t] = clamped(first - 1 + t, a.n);
      cubic_weights(share, taps.weight);
    } else {
      taps = {{first, clamped(first + 1, a.n)}, {1 - share, share}};
    }
  } else if (a.mode == nearest) {
    taps.index[0] = clamped(floor_within((float)i * a.step, a.n), a.n);
  } else if (a.mode == nearest_exact) {
    taps.index[0] = clamped(floor_within(((float)i + 0.5f) * a.step, a.n), a.n);
  } else {
    taps.index[0] = a.mode >= reflect ? padded_at(a, i) : i;
  }
  return taps;
}

// Half the width of a filter: that of interpolation, and as much wider as the steps are.
static double filter_support(const ResampleAxis& a) {
  return (a.mode == resample_modes::linear_antialias ? 1 : 2) * (a.step > 1 ? (double)a.step : 1);
}

// A triangle, or Keys' cubic with a = -1/2, as PyTorch and Pillow have them.
static double filter_weight(const ResampleAxis& a, double x) {
  const double t = x < 0 ? -x : x;
  if (a.mode == resample_modes::linear_antialias) return t < 1 ? 1 - t : 0;
  if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
  return t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
}

// Calls f(element of x, weight) for each tap of element i of y.
template <class F>
static void each_tap(const ResampleAxis& a, int64_t i, F f) {
  if (!is_antialias(a)) {
    const ResampleTaps taps = taps_at(a, i);
    for (int t = 0; t < taps_of(a); t++) f(taps.index[t], taps.weight[t]);
    return;
  }
  const double centre = (double)a.step * ((double)i + 0.5), support = filter_support(a);
  const double scale = a.step > 1 ? 1 / (double)a.step : 1;
  const int64_t first = centre - support + 0.5 > 0 ? (int64_t)(centre - support + 0.5) : 0;
  const int64_t after = (int64_t)(centre + support + 0.5), end = after < a.n ? after : a.n;
  const auto weight = [&](int64_t at) { return filter_weight(a, ((double)at + 0.5 - centre) * scale); };
  double sum = 0;
  for (int64_t at = first; at < end; at++) sum += weight(at);
  for (int64_t at = first; at < end; at++)
    if (const double w = weight(at); w != 0) f(at, (float)(w / sum));
}

}  // namespace anneal::ANNEAL_TARGET
