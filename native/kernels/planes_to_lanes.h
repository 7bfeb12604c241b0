// 16 planes side by side, so that a vector holds one element of each of some.
#pragma once
#include "transpose.h"
#include "walk.h"

namespace anneal::ANNEAL_TARGET {

constexpr int64_t kPlanes = 16;

// to[t, plane] = from[plane, t] for a row of n elements, and back. Lanes of planes that are not there hold 0.
static void planes_to_lanes(float* to, const float* from, int64_t stride, int64_t planes, int64_t n) {
  if (planes == kPlanes && n >= 4) {
    for (int64_t i = 0; i < n; i += 4)
      for (int64_t p = 0; p < kPlanes; p += kLanes) {
        const int64_t at = smallest(i, n - 4);
        vf four[4];
        transpose4(from + p * stride + at, stride, four);
        for (int k = 0; k < 4; k++) st(to + (at + k) * kPlanes + p, four[k]);
      }
    return;
  }
  for (int64_t t = 0; t < n; t++)
    for (int64_t p = 0; p < kPlanes; p++) to[t * kPlanes + p] = p < planes ? from[p * stride + t] : 0;
}

static void lanes_to_planes(float* to, const float* from, int64_t stride, int64_t planes, int64_t n) {
  if (planes == kPlanes && n >= 4) {
    for (int64_t i = 0; i < n; i += 4)
      for (int64_t p = 0; p < kPlanes; p += kLanes) {
        const int64_t at = smallest(i, n - 4);
        vf four[4];
        for (int k = 0; k < 4; k++) four[k] = ld(from + (at + k) * kPlanes + p);
        transpose4_back(four, to + p * stride + at, stride);
      }
    return;
  }
  for (int64_t p = 0; p < planes; p++)
    for (int64_t t = 0; t < n; t++) to[p * stride + t] = from[t * kPlanes + p];
}

}  // namespace anneal::ANNEAL_TARGET
