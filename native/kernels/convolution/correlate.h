// conv and conv_transpose: strips are the chunks.
#pragma once
#include "../contraction/grid.h"
#include "dense.h"
#include "depthwise.h"

namespace anneal::ANNEAL_TARGET {

// The epilogue over all results of a strip, which are whole rows of pixels.
static void finish_strip(const ConvJob& job, const ImageStrip& strip) {
  const auto &d = job.g.axis[0], &h = job.g.axis[1], &w = job.g.axis[2];
  const int64_t y = results_before(h, strip.y), rows = results_before(h, strip.y + strip.rows) - y,
                O = job.g.out_channels();
  for (int64_t n = strip.n; n < strip.n + strip.images; n++)
    for (int64_t z = results_before(d, strip.z); z < results_before(d, strip.z + 1); z++)
      finish(job.after, job.target, O, ((n * d.target + z) * h.target + y) * w.target, 0, rows * w.target, O);
}

static void conv_chunk(void* arg, int64_t chunk, int32_t worker) {
  const ConvJob& job = *(const ConvJob*)arg;
  const ImageStrip strip = strip_at(job.g, job.s, chunk);
  float* const copy = (float*)job.context->scratch(job.context, worker);
  for (int64_t group = 0; group < (job.depthwise ? 1 : job.g.groups); group++) {
    const float* x = fill_strip(job.g, job.s, strip, job.source, group * job.g.in, copy);
    for (int64_t i = 0; i < job.count; i++) {
      const Phase& p = job.phases[i];
      const PixelRun pixels = pixels_of(job, strip, p, group, x);
      if (pixels.count == 0) continue;
      if (p.K > 0 && !job.depthwise)
        dense_run(job, p, group, pixels);
      else  // of no taps, too, for one group after the other
        depthwise_run(p, pixels, job.depthwise ? job.g.groups : job.g.out, steps_of(job, group, pixels.c));
    }
  }
  if (job.after.any()) finish_strip(job, strip);
}

ANNEAL_INLINE bool has_results(const Call& call) { return elements_of(call.out[0]) > 0; }

static void run_correlation(const Call& call, Context& context, bool transposed) {
  if (!has_results(call)) return;
  Carve memory = {context.shared_scratch};
  ConvJob job = conv_job(call, transposed, memory);
  job.context = &context;
  int64_t K = 0;
  for (int64_t i = 0; i < job.count; i++) K += job.phases[i].K;
  if (job.depthwise)
    pack_depthwise(job, (int32_t*)context.scratch(&context, 0));
  else
    context.parallel(&context, panels_of(job.g) * job.g.groups, K * job.g.out_channels(), pack_weights_chunk, &job);
  context.parallel(&context, job.s.count, cost_of(job.g.N * job.g.positions(), job.g.out_channels(), K), conv_chunk,
                   &job);
}

static size_t correlation_shared(const Call& call, bool transposed) {
  if (!has_results(call)) return 0;
  Carve memory = {nullptr};
  conv_job(call, transposed, memory);
  return (size_t)memory.bytes;
}

static size_t correlation_scratch(const Call& call, bool transposed) {
  if (!has_results(call)) return 0;
  Carve memory = {nullptr};
  const ConvJob job = conv_job(call, transposed, memory);
  const int64_t places = job.g.axis[0].taps * job.g.axis[1].taps * job.g.axis[2].taps;
  return (size_t)largest(4 * (job.s.floats() + kLanes), 4 * places);
}

}  // namespace anneal::ANNEAL_TARGET
