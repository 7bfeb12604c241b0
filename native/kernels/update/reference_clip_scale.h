// Reference of clip_scale: sums of squares in double, in order.
#pragma once
#include "../reference_access.h"
#include "clip_factor.h"

namespace anneal::ANNEAL_TARGET {

template <class T>
static void reference_clip_scale(const Call& call, Context&) {
  const double limit = (double)*(const T*)call.in[0].data;
  T* scales = (T*)call.out[0].data;
  double all = 0;
  for (int t = 1; t < call.inputs; t++) {
    double own = 0;
    for (int64_t i = 0; i < reference_elements(call.in[t]); i++) {
      const double g = (double)((const T*)call.in[t].data)[i];
      own += g * g;
    }
    if (call.attr[0]) scales[t - 1] = (T)clip_factor(std::sqrt(own), limit);
    all += own;
  }
  if (!call.attr[0]) scales[0] = (T)clip_factor(std::sqrt(all), limit);
  *(T*)call.out[1].data = (T)std::sqrt(all);
}

}  // namespace anneal::ANNEAL_TARGET
