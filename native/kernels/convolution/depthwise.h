// A phase of a correlation of as many groups as channels, with one output each: channels lie in the lanes, and some
// pixels share what is loaded of the weights.
#pragma once
#include "plan.h"
#include "tiles.h"

namespace anneal::ANNEAL_TARGET {

constexpr int kDepthwisePixels = kLanes == 16 ? 8 : 4;

// P pixels, all of their channels.
template <int P>
ANNEAL_INLINE void depthwise_pixels(const Phase& p, const PixelRun& t, int64_t C, const ChannelSteps& steps) {
  const int64_t padded = padded_columns(C), taps = p.K;
  for (int64_t c = 0; c < C; c += kLanes) {
    const int lanes = (int)smaller(kLanes, C - c);
    vf acc[P][1] = {};
    for (int64_t i = 0; i < taps; i++) {
      const vf weight = ld(p.weights + i * padded + c);
      const float* x = t.x + p.offset[i] + c;
#pragma GCC unroll 8
      for (int q = 0; q < P; q++) acc[q][0] = vfma(ld_some(x + t.source[q], lanes), weight, acc[q][0]);
    }
    finish_sums(acc, steps.in_registers().from(c));
#pragma GCC unroll 8
    for (int q = 0; q < P; q++) st_some(t.c + t.target[q] + c, acc[q][0], lanes);
  }
  if (steps.any_stored()) finish_stored(steps, t.c, t.target, P, C);
}

static void depthwise_run(const Phase& p, PixelRun t, int64_t C, const ChannelSteps& steps) {
  for (; t.count >= kDepthwisePixels;
       t.count -= kDepthwisePixels, t.source += kDepthwisePixels, t.target += kDepthwisePixels)
    depthwise_pixels<kDepthwisePixels>(p, t, C, steps);
  for (; t.count > 0; t.count--, t.source++, t.target++) depthwise_pixels<1>(p, t, C, steps);
}

// Weights as [tap][channel].
static void pack_depthwise(const ConvJob& job, int32_t* place) {
  const int64_t C = job.g.out_channels(), padded = padded_columns(C);
  for (int64_t i = 0; i < job.count; i++) {
    const Phase& p = job.phases[i];
    float* const to = const_cast<float*>(p.weights);
    note_places(job.g, p.taps, place);
    for (int64_t tap = 0; tap < job.w.taps; tap++)
      for (int64_t c = 0; place[tap] >= 0 && c < padded; c++)
        to[place[tap] * padded + c] = c < C ? job.weights[c * job.w.taps + tap] : 0.0f;
  }
  pad_steps(job.given, job.padded, C, padded);
}

}  // namespace anneal::ANNEAL_TARGET
