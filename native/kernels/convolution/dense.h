// A phase of a correlation with several channels, tile by tile, in blocks of K.
#pragma once
#include "plan.h"
#include "tiles.h"

namespace anneal::ANNEAL_TARGET {

constexpr int64_t kConvBlockK = 512;        // k whose weights stay in the first cache with the pixels of a tile
constexpr int64_t kWeightFloats = 1 << 16;  // panels that a tile's pixels meet one after the other

// Chunks of packing: one panel of a group, of all phases.
ANNEAL_INLINE int64_t panels_of(const Correlation& g) { return divide_up(g.out, kTileColumns); }
static void pack_weights_chunk(void* arg, int64_t chunk, int32_t worker) {
  const ConvJob& job = *(const ConvJob*)arg;
  const int64_t panel = chunk % panels_of(job.g), group = chunk / panels_of(job.g), j = panel * kTileColumns;
  const int64_t width = smaller(kTileColumns, job.g.out - j), padded = padded_columns(job.g.out);
  int32_t* const place = (int32_t*)job.context->scratch(job.context, worker);
  for (int64_t i = 0; i < job.count; i++) {
    const Phase& p = job.phases[i];
    if (p.K == 0) continue;
    note_places(job.g, p.taps, place);
    pack_panel(job.w, place, job.weights + group * job.w.group, job.g.in, j, width,
               const_cast<float*>(p.weights) + (group * padded + j) * p.K);
  }
  pad_steps(job.given.from(group * job.g.out + j), job.padded.from(group * padded + j), width, padded_columns(width));
}

// A run of pixels of a phase, for one group.
static void dense_run(const ConvJob& job, const Phase& p, int64_t group, const PixelRun& pixels) {
  const Correlation& g = job.g;
  const int64_t padded = padded_columns(g.out);
  const float* const weights = p.weights + group * padded * p.K;
  const ChannelSteps steps = steps_of(job, group, pixels.c);
  const int64_t full = g.out / kTileColumns * kTileColumns;  // columns of whole panels
  int64_t done = 0;
  const auto multiply = [&](const BlockOfK& k) {
    const ChannelSteps finish = done + k.size() == p.K ? steps : ChannelSteps{};
    const auto run_at = [&](int64_t j, int64_t columns, int64_t panels) {
      const PixelRun run = {pixels.x, pixels.source, pixels.c + j, pixels.target, pixels.count};
      const int64_t wide = padded_columns(columns);
      return TileRun{run,      weights + j * p.K + done * wide, p.K * wide,    panels, int(columns - (wide - kLanes)),
                     done > 0, finish.in_registers().from(j),   finish.from(j)};
    };
    const int64_t together = largest(1, kWeightFloats / (k.size() * kTileColumns));
    for (int64_t j = 0; j < full; j += together * kTileColumns)
      multiply_pixels<kTileVectors, kTileRows>(k,
                                               run_at(j, kTileColumns, smallest(together, (full - j) / kTileColumns)));
    if (full < g.out) {
      const TileRun rest = run_at(full, g.out - full, 1);
      if (g.out - full <= kLanes)
        multiply_pixels<1, kNarrowRows>(k, rest);
      else
        multiply_pixels<kTileVectors, kTileRows>(k, rest);
    }
    done += k.size();
  };
  if (p.flat) return multiply({1, p.K, nullptr, 0, p.flat});
  const Stretches& s = p.stretches;
  const int64_t parts = divide_up(s.length, kConvBlockK), part = divide_up(s.length, parts);  // of a stretch
  const int64_t together = parts > 1 ? 1 : equal_part(s.count, kConvBlockK / s.length, 1);
  for (int64_t b = 0; b < s.count; b += together)
    for (int64_t within = 0; within < s.length; within += part)
      multiply({smaller(together, s.count - b), smaller(part, s.length - within), p.offset + b, within, nullptr});
}

}  // namespace anneal::ANNEAL_TARGET
