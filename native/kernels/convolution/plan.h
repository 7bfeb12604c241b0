// What the chunks of a correlation share: phases with their tables, packed weights, bias.
#pragma once
#include "../carve.h"
#include "channel_steps.h"
#include "weights.h"

namespace anneal::ANNEAL_TARGET {

constexpr StripLimits kConvStrip = {1 << 16, 1024};
constexpr int64_t kShortStretch = 32;  // shorter ones are walked by an offset for each k
constexpr int64_t kMaxFlat = 1024;     // k walked so

ANNEAL_INLINE bool is_depthwise(const Correlation& g) { return g.in == 1 && g.out == 1 && g.groups > 1; }

// The source and the place of a run of pixels: pixel i is read at x + source[i] and stored at c + target[i].
struct PixelRun {
  const float* x;
  const int32_t* source;
  float* c;
  const int32_t* target;
  int64_t count;  // of tiles, or of pixels
};

// A phase, prepared once for all strips.
struct Phase {
  Taps taps[3];
  Stretches stretches;
  int64_t K;
  int64_t* offset;           // of the stretches
  int32_t *source, *target;  // of the positions of a strip
  int32_t* flat;             // offsets of single k, or null
  const float* weights;      // of the first group
};

struct ConvJob {
  Correlation g;
  bool depthwise;  // as many groups as channels, taken together
  Strips s;
  WeightStrides w;
  ChannelSteps given, padded;  // padded: to panels, of each group
  Epilogue after;              // what is done with results that have been stored
  const float *source, *weights;
  float* target;
  Phase* phases;
  int64_t count;  // of phases
  Context* context;
};

ANNEAL_INLINE void phase_taps(const Correlation& g, int64_t i, Taps (&taps)[3]) {
  taps[2] = taps_of(g.axis[2], i % g.axis[2].phases);
  taps[1] = taps_of(g.axis[1], i / g.axis[2].phases % g.axis[1].phases);
  taps[0] = taps_of(g.axis[0], i / (g.axis[2].phases * g.axis[1].phases));
}

ANNEAL_INLINE bool is_flat(const Stretches& t) {
  return t.length < kShortStretch && t.count > 1 && t.count * t.length <= kMaxFlat;
}

// Several images of all rows have only the phase's own positions in the table, some rows of an image all rows.
static void note_positions(const ConvJob& job, const Phase& p) {
  const Correlation& g = job.g;
  const Strips& s = job.s;
  const auto &d = g.axis[0], &h = g.axis[1], &w = g.axis[2];
  const bool all = s.rows == h.positions;
  const int64_t O = g.out_channels(), image = d.target * h.target * w.target;
  int64_t i = 0;
  for (int64_t n = 0; n < s.images; n++)
    for (int64_t y = all ? p.taps[1].from : 0; y < (all ? p.taps[1].to : s.rows); y++)
      for (int64_t x = p.taps[2].from; x < p.taps[2].to; x++, i++) {
        p.source[i] = int32_t(n * s.image + y * s.step_y * s.row + x * s.step_x * s.pixel);
        p.target[i] = int32_t((n * image + y * p.taps[1].result_step * w.target + x * p.taps[2].result_step) * O);
      }
}

// Lays out, and where there is memory fills, what all chunks share: phases, their tables and packed weights, bias.
static ConvJob conv_job(const Call& call, bool transposed, Carve& memory) {
  const Geometry geometry = transposed ? geometry_of(call.out[0], call.in[0], call.in[1], call.attr + 2)
                                       : geometry_of(call.in[0], call.out[0], call.in[1], call.attr + 2);
  ConvJob job;
  job.g = transposed ? transposed_of(geometry) : forward_of(geometry);
  job.depthwise = is_depthwise(job.g);
  job.s = strips_of(job.g, job.depthwise ? job.g.groups : job.g.in, kConvStrip, false);
  job.w = weight_strides(geometry, transposed);
  const auto operand = [&](int i) { return i < call.inputs ? (const float*)call.in[i].data : nullptr; };
  const float* const mask = operand(3);
  const bool relu = call.attr[0] == activations::relu && !mask;
  job.given = {operand(2), operand(4), operand(5), operand(6), relu};
  job.after = {nullptr, mask, relu ? activations::none : call.attr[0]};
  job.source = (const float*)call.in[0].data;
  job.weights = (const float*)call.in[1].data;
  job.target = (float*)call.out[0].data;
  job.count = job.g.phases();
  const int64_t panels = job.depthwise ? padded_columns(job.g.groups) : padded_columns(job.g.out) * job.g.groups;
  const auto panels_for = [&](const float* numbers) { return numbers ? memory.take<float>(panels) : nullptr; };
  job.padded = {panels_for(job.given.bias), panels_for(job.given.scale), panels_for(job.given.shift),
                job.given.residual, relu};
  job.phases = memory.take<Phase>(job.count);
  for (int64_t i = 0; i < job.count; i++) {
    Phase p;
    phase_taps(job.g, i, p.taps);
    p.K = all_taps(p.taps) * job.g.in;
    p.stretches = job.depthwise ? Stretches{p.K, 1} : stretches_of(job.s, p.taps);
    p.offset = memory.take<int64_t>(p.stretches.count);
    p.source = memory.take<int32_t>(job.s.pixels(job.g));
    p.target = memory.take<int32_t>(job.s.pixels(job.g));
    p.flat = !job.depthwise && is_flat(p.stretches) ? memory.take<int32_t>(p.K) : nullptr;
    p.weights = memory.take<float>(p.K * panels);
    if (!memory.base) continue;
    note_stretches(job.s, p.taps, job.depthwise, p.offset);
    note_positions(job, p);
    if (p.flat)
      for (int64_t j = 0; j < p.K; j++) p.flat[j] = int32_t(p.offset[j / p.stretches.length] + j % p.stretches.length);
    job.phases[i] = p;
  }
  return job;
}

// The pixels of a phase in a strip: `x` is where the strip's first window begins, the results are the group's.
static PixelRun pixels_of(const ConvJob& job, const ImageStrip& strip, const Phase& p, int64_t group, const float* x) {
  const Correlation& g = job.g;
  const auto &d = g.axis[0], &h = g.axis[1], &w = g.axis[2];
  const Taps(&t)[3] = p.taps;
  if (strip.z < t[0].from || strip.z >= t[0].to || t[2].to <= t[2].from) return {};
  const bool all = job.s.rows == h.positions;
  const int64_t begin = all ? 0 : smallest(strip.rows, largest(0, t[1].from - strip.y));
  const int64_t end = all ? t[1].to - t[1].from : smallest(strip.rows, t[1].to - strip.y);
  if (end <= begin) return {};
  const int64_t width = t[2].to - t[2].from, O = g.out_channels();
  const int64_t slice = strip.n * d.target + t[0].result + strip.z * t[0].result_step;
  const int64_t first = (slice * h.target + t[1].result + strip.y * t[1].result_step) * w.target + t[2].result;
  return {x, p.source + begin * width, job.target + first * O + group * g.out, p.target + begin * width,
          strip.images * (end - begin) * width};
}

// The steps of a group whose results begin at c.
static ChannelSteps steps_of(const ConvJob& job, int64_t group, const float* c) {
  ChannelSteps steps = job.padded.from(group * padded_columns(job.g.out));
  if (steps.residual) steps.residual = job.given.residual + (c - job.target);
  return steps;
}

}  // namespace anneal::ANNEAL_TARGET
