// conv_weight_grad: dw[K, outputs] = sum over pixels of window[pixel, K] dy[pixel, outputs]. Output channels lie in the
// lanes, channels of the window are broadcast from the strip, pixels follow each other in order: nothing is transposed
// but the result. The sum is cut into parts of whole images by the shape alone; parts are added by halves.
#pragma once
#include "../contraction/grid.h"
#include "plan.h"
#include "tiles.h"

namespace anneal::ANNEAL_TARGET {

constexpr StripLimits kGradientStrip = {1 << 16, 256};
constexpr int64_t kGradientChannels = 128;  // of a block, whose strip stays in the caches
constexpr int64_t kMostParts = 16, kPartPixels = 512, kPartFloats = 1 << 20;
constexpr int64_t kGradientChunks = 8;

// Neighbours in memory, of one pixel after the other: wherever these are, or `step` apart.
struct ChannelRows {
  const float* x;
  const int32_t* pixel;
  __attribute__((always_inline)) float row(int r) const { return x[*pixel + r]; }
  __attribute__((always_inline)) void advance() { pixel++; }
};
struct SteppingRows {
  const float* next;
  int64_t step;
  __attribute__((always_inline)) float row(int r) const { return next[r]; }
  __attribute__((always_inline)) void advance() { next += step; }
};
template <int V>
struct ChannelColumns {
  const float* x;
  const int32_t* pixel;
  __attribute__((always_inline)) vf load(int v) const { return ld(x + *pixel + v * kLanes); }
  __attribute__((always_inline)) void advance() { pixel++; }
};

// Pixels x + pixel[i] with dy + i * the panel's columns. Lines of `width` are `step` apart.
struct Pixels {
  int64_t count, width, step;
  const int32_t* pixel;
  const float* dy;
};

// `tiles` of R elements of the window x V vectors of output channels.
using GradientKernel = void (*)(const Pixels& p, const float* x, float* c, int64_t tiles, bool accumulate);
template <int R, int V>
struct GradientTiles {
  static void run(const Pixels& p, const float* x, float* c, int64_t tiles, bool accumulate) {
    for (; tiles > 0; tiles--, x += R, c += R * V * kLanes) {
      TileSum<R, V> sum;
      if (accumulate)
        sum.load(c, V * kLanes, kLanes);
      else
        sum.clear();
      PanelColumns<V> b = {p.dy};
      if constexpr (V == 1) {  // loads are what holds it up: none for where a pixel is
        for (int64_t i = 0; i < p.count; i += p.width) {
          SteppingRows a = {x + p.pixel[i], p.step};
          sum.add(p.width, a, b);
        }
      } else {  // nor do short lines
        ChannelRows a = {x, p.pixel};
        sum.add(p.count, a, b);
      }
      sum.store(c, V * kLanes, kLanes);
    }
  }
};
template <int V, int Max>
ANNEAL_INLINE GradientKernel gradient_tiles_of(int rows) {
#define ANNEAL_TILE(r) GradientTiles<(r <= Max ? r : Max), V>::run
  static constexpr GradientKernel kernels[12] = {ANNEAL_TILE(1), ANNEAL_TILE(2),  ANNEAL_TILE(3),  ANNEAL_TILE(4),
                                                 ANNEAL_TILE(5), ANNEAL_TILE(6),  ANNEAL_TILE(7),  ANNEAL_TILE(8),
                                                 ANNEAL_TILE(9), ANNEAL_TILE(10), ANNEAL_TILE(11), ANNEAL_TILE(12)};
#undef ANNEAL_TILE
  return kernels[rows - 1];
}
template <int V, int Max>
static void multiply_stretch(const Pixels& p, const float* x, float* c, int64_t length, bool accumulate) {
  while (length > 0) {
    const int r = next_rows(length, Max);
    const int64_t tiles = r == Max && length >= 2 * Max ? length / Max - 1 : 1;
    gradient_tiles_of<V, Max>(r)(p, x, c, tiles, accumulate);
    x += tiles * r;
    c += tiles * r * V * kLanes;
    length -= tiles * r;
  }
}

// The other way round, for few output channels: the window lies in the lanes, output channels are broadcast. A stretch
// of V vectors with R of them, in c[output channel][of the stretch].
template <int R, int V>
static void gradient_across(const Pixels& p, const float* x, const float* dy, float* c, int64_t length,
                            bool accumulate) {
  TileSum<R, V> sum;
  if (accumulate)
    sum.load(c, length, kLanes);
  else
    sum.clear();
  SteppingRows a = {dy, kLanes};
  ChannelColumns<V> b = {x, p.pixel};
  sum.add(p.count, a, b);
  sum.store(c, length, kLanes);
}
template <int R>
static void multiply_across(const Pixels& p, const float* x, const float* dy, float* c, int64_t length,
                            bool accumulate) {
  for (int64_t v = length / kLanes; v > 0;) {
    const int64_t vectors = v == 2 || v == 4 ? 2 : 3;
    (vectors == 3 ? gradient_across<R, 3> : gradient_across<R, 2>)(p, x, dy, c, length, accumulate);
    x += vectors * kLanes;
    c += vectors * kLanes;
    v -= vectors;
  }
}
static void multiply_across(const Pixels& p, const float* x, float* c, int64_t outputs, int64_t length,
                            bool accumulate) {
  constexpr int kRows = kLanes == 8 ? 4 : 8;
  int64_t o = 0;
  for (; o + kRows <= outputs; o += kRows) multiply_across<kRows>(p, x, p.dy + o, c + o * length, length, accumulate);
  for (; o < outputs; o++) multiply_across<1>(p, x, p.dy + o, c + o * length, length, accumulate);
}

// Sums lie by part, group, block of channels and panel: [tap][channel of the block][columns], or, where output channels
// are few, [stretch][output channel][of the stretch].
struct GradientJob {
  Correlation g;
  bool depthwise, across;
  Strips s;
  Taps taps[3];
  int64_t block, parts, cuts;  // channels of a block; parts of the batch; of the panels
  int64_t K, padded, size;     // of a group; floats of a part
  Stretches stretches;         // of a full block
  float* sums;
  const float *x, *dy;
  float* weights;
  Context* context;
};

ANNEAL_INLINE int64_t gradient_parts(const Correlation& g, int64_t results) {
  const int64_t pixels = g.N * g.positions();
  int64_t parts = 1;
  while (2 * parts <= smallest(kMostParts, g.N) && pixels / (2 * parts) >= kPartPixels &&
         2 * parts * results <= kPartFloats)
    parts *= 2;
  return parts;
}

static GradientJob gradient_job(const Call& call, Carve& memory) {
  const Geometry geometry = geometry_of(call.in[0], call.in[1], call.out[0], call.attr);
  GradientJob job;
  job.g = forward_of(geometry);
  job.depthwise = is_depthwise(job.g);
  phase_taps(job.g, 0, job.taps);
  const int64_t taps = all_taps(job.taps);
  job.K = taps * job.g.in;
  job.parts = gradient_parts(job.g, job.K * job.g.out_channels());
  job.block = job.depthwise ? job.g.groups : equal_part(job.g.in, kGradientChannels, 8);
  job.padded = job.depthwise ? padded_columns(job.g.groups) : padded_columns(job.g.out);
  job.size = job.K * job.padded * (job.depthwise ? 1 : job.g.groups);
  job.cuts = job.depthwise ? 1 : smallest(divide_up(job.g.out, kTileColumns), largest(1, kGradientChunks / job.parts));
  job.s = strips_of(job.g, job.block, kGradientStrip, !job.depthwise);
  const int64_t length = stretches_of(job.s, job.taps).length;
  job.across = !job.depthwise && job.g.out > 1 && job.g.out <= kLanes && job.block == job.g.in &&
               length % kLanes == 0 && length >= 2 * kLanes;
  job.sums = memory.take<float>(job.parts * job.size);
  job.x = (const float*)call.in[0].data;
  job.dy = (const float*)call.in[1].data;
  job.weights = (float*)call.out[0].data;
  return job;
}

// What a chunk needs for itself: a strip's copy, its dy in panels, offsets of its pixels and of stretches.
struct GradientScratch {
  float *copy, *panels;
  int32_t* pixel;
  int64_t* offset;
};

// Where the windows of a strip begin.
static void note_pixels(const Strips& s, int64_t width, int32_t* pixel) {
  for (int64_t i = 0; i < s.images * s.rows; i++)
    for (int64_t x = 0; x < width; x++)
      *pixel++ = int32_t(i / s.rows * s.image + i % s.rows * s.row * s.step_y + x * s.step_x * s.pixel);
}

static GradientScratch gradient_scratch(const GradientJob& job, Carve& memory) {
  GradientScratch own;
  own.copy = memory.take<float>(job.s.floats() + kLanes);
  own.panels = memory.take<float>(job.s.pixels(job.g) * job.padded);
  own.pixel = memory.take<int32_t>(job.s.pixels(job.g));
  own.offset = memory.take<int64_t>(all_taps(job.taps));
  return own;
}

// Columns [from, to) of dy[pixels, O] as panels [pixels][columns].
static void pack_gradient(const float* dy, int64_t O, int64_t from, int64_t end, int64_t pixels, float* to) {
  for (int64_t p = 0; p < pixels; p++, dy += O)
    for (int64_t j = from; j < end; j += kTileColumns) {
      const int64_t width = smaller(kTileColumns, end - j), padded = padded_columns(width);
      float* at = to + (j - from) * pixels + p * padded;
      for (int64_t v = 0; v < padded; v += kLanes) st(at + v, ld_some(dy + j + v, (int)smaller(kLanes, width - v)));
    }
}

// The windows of a strip against its dy, output channels [n.begin, n.end) of a group: `sums` are those of a block of
// channels.
static void multiply_gradient(const GradientJob& job, const Stretches& t, const int64_t* offset, Pixels p,
                              const float* x, const float* dy, Range n, float* sums, bool accumulate) {
  const int64_t K = t.count * t.length;
  p.dy = dy;
  for (int64_t i = 0; job.across && i < t.count; i++)
    multiply_across(p, x + offset[i], sums + i * t.length * job.g.out, job.g.out, t.length, accumulate);
  if (job.across) return;
  for (int64_t j = n.begin; j < n.end; j += kTileColumns) {
    const int64_t padded = padded_columns(smaller(kTileColumns, job.g.out - j));
    p.dy = dy + (j - n.begin) * p.count;
    for (int64_t i = 0; i < t.count; i++) {
      float* to = sums + j * K + i * t.length * padded;
      if (padded == kLanes)
        multiply_stretch<1, kNarrowRows>(p, x + offset[i], to, t.length, accumulate);
      else
        multiply_stretch<kTileVectors, kTileRows>(p, x + offset[i], to, t.length, accumulate);
    }
  }
}

// Images [n, end) of a group, output channels `columns`, into its sums.
static void accumulate_gradient(const GradientJob& job, int64_t group, Range images, Range columns, float* sums,
                                const GradientScratch& own) {
  Correlation g = job.g;
  const auto &h = g.axis[1], &w = g.axis[2];
  const int64_t O = g.out_channels(), slices = g.axis[0].positions * h.positions * w.positions;
  const float* source = job.x + images.begin * g.axis[0].source * h.source * w.source * g.in_channels();
  const float* dy = job.dy + images.begin * slices * O + group * g.out;
  g.N = images.size();
  Strips s = job.s;
  s.count = divide_up(g.N, s.images) * s.down * s.across;
  const int64_t taps = all_taps(job.taps);
  const int64_t step = s.pixel * s.step_x, lines = s.images * s.rows;
  note_pixels(s, w.positions, own.pixel);
  bool dense = true;  // lines follow each other as pixels do
  for (int64_t i = 0; i < lines; i++) dense = dense && own.pixel[i * w.positions] == i * w.positions * step;
  const bool packs = g.groups > 1 || g.out != padded_columns(g.out) || g.out > kTileColumns;
  for (int64_t i = 0; i < s.count; i++) {
    const ImageStrip strip = strip_at(g, s, i);
    const int64_t pixels = strip.images * strip.rows * w.positions;
    const float* d = dy + ((strip.n * g.axis[0].positions + strip.z) * h.positions + strip.y) * w.positions * O;
    if (packs) pack_gradient(d, O, columns.begin, columns.end, pixels, own.panels);
    for (int64_t channel = 0; channel < g.in; channel += job.block) {
      Strips b = s;
      b.channels = smaller(job.block, g.in - channel);
      const float* x = fill_strip(g, b, strip, source, group * g.in + channel, own.copy);
      const Stretches t = stretches_of(b, job.taps);
      note_stretches(b, job.taps, false, own.offset);
      const Pixels p = {pixels, dense ? pixels : w.positions, step, own.pixel, nullptr};
      multiply_gradient(job, t, own.offset, p, x, packs ? own.panels : d, columns, sums + channel * taps * job.padded,
                        i > 0);
    }
  }
}

// T taps of one vector of channels, or of the first `lanes` of them.
using DepthwiseKernel = void (*)(const float* x, const int64_t* offset, const int32_t* source, const float* dy,
                                 int64_t C, int64_t pixels, float* sums, int64_t padded, int lanes);
template <int T, bool kWhole>
static void depthwise_taps(const float* x, const int64_t* offset, const int32_t* source, const float* dy, int64_t C,
                           int64_t pixels, float* sums, int64_t padded, int lanes) {
  const auto load = [=](const float* from)
                        __attribute__((always_inline)) { return kWhole ? ld(from) : ld_part(from, lanes); };
  vf acc[T];
  const float* of[T];
  for (int t = 0; t < T; t++) acc[t] = ld(sums + t * padded);
  for (int t = 0; t < T; t++) of[t] = x + offset[t];
  for (int64_t i = 0; i < pixels; i++, dy += C) {
    const vf d = load(dy);
    const int64_t at = source[i];
#pragma GCC unroll 12
    for (int t = 0; t < T; t++) acc[t] = vfma(load(of[t] + at), d, acc[t]);
  }
  for (int t = 0; t < T; t++) st(sums + t * padded, acc[t]);
}
constexpr int kWholeTaps = 9, kPartTaps = 4;  // at once
ANNEAL_INLINE DepthwiseKernel depthwise_taps_of(int taps, bool whole) {
  static constexpr DepthwiseKernel of_whole[kWholeTaps] = {
      depthwise_taps<1, true>, depthwise_taps<2, true>, depthwise_taps<3, true>,
      depthwise_taps<4, true>, depthwise_taps<5, true>, depthwise_taps<6, true>,
      depthwise_taps<7, true>, depthwise_taps<8, true>, depthwise_taps<9, true>};
  static constexpr DepthwiseKernel of_part[kPartTaps] = {depthwise_taps<1, false>, depthwise_taps<2, false>,
                                                         depthwise_taps<3, false>, depthwise_taps<4, false>};
  return (whole ? of_whole : of_part)[taps - 1];
}

static void accumulate_depthwise(const GradientJob& job, Range images, float* sums, const GradientScratch& own) {
  Correlation g = job.g;
  const auto &h = g.axis[1], &w = g.axis[2];
  const int64_t C = g.groups, slices = g.axis[0].positions * h.positions * w.positions, taps = job.K;
  const float* source = job.x + images.begin * g.axis[0].source * h.source * w.source * C;
  const float* dy = job.dy + images.begin * slices * C;
  g.N = images.size();
  Strips s = job.s;
  s.count = divide_up(g.N, s.images) * s.down * s.across;
  note_stretches(s, job.taps, true, own.offset);
  note_pixels(s, w.positions, own.pixel);
  zero_floats(sums, job.size);
  for (int64_t i = 0; i < s.count; i++) {
    const ImageStrip strip = strip_at(g, s, i);
    const int64_t pixels = strip.images * strip.rows * w.positions;
    const float* d = dy + ((strip.n * g.axis[0].positions + strip.z) * h.positions + strip.y) * w.positions * C;
    const float* x = fill_strip(g, s, strip, source, 0, own.copy);
    for (int64_t c = 0; c < C; c += kLanes) {
      const int lanes = (int)smaller(kLanes, C - c);
      const bool whole = lanes == kLanes;
      const int64_t together = equal_part(taps, whole ? kWholeTaps : kPartTaps, 1);
      for (int64_t t = 0; t < taps; t += together)
        depthwise_taps_of((int)smaller(together, taps - t), whole)(x + c, own.offset + t, own.pixel, d + c, C, pixels,
                                                                   sums + t * job.padded + c, job.padded, lanes);
    }
  }
}

static void gradient_chunk(void* arg, int64_t chunk, int32_t worker) {
  const GradientJob& job = *(const GradientJob*)arg;
  const int64_t cut = chunk % job.cuts, group = chunk / job.cuts % (job.depthwise ? 1 : job.g.groups);
  const int64_t part = chunk / job.cuts / (job.depthwise ? 1 : job.g.groups);
  const Range images = {job.g.N * part / job.parts, job.g.N * (part + 1) / job.parts};
  Carve memory = {job.context->scratch(job.context, worker)};
  const GradientScratch own = gradient_scratch(job, memory);
  float* const sums = job.sums + part * job.size + group * job.K * job.padded;
  if (job.depthwise) return accumulate_depthwise(job, images, sums, own);
  const int64_t panels = divide_up(job.g.out, kTileColumns);
  const Range columns = {panels * cut / job.cuts * kTileColumns,
                         smaller(job.g.out, panels * (cut + 1) / job.cuts * kTileColumns)};
  if (columns.size() > 0) accumulate_gradient(job, group, images, columns, sums, own);
}

// The sum of a run of floats over all parts, in the first part's.
static void add_parts(const GradientJob& job, float* sums, int64_t count) {
  for (int64_t half = job.parts / 2; half; half /= 2)
    for (int64_t p = 0; p < half; p++)
      for (int64_t i = 0; i < count; i += kLanes)
        st(sums + p * job.size + i, ld(sums + p * job.size + i) + ld(sums + (p + half) * job.size + i));
}

// Rows [0, count) of sums [count][padded] beside kLanes columns, of which `lanes` are wanted, into `to`: count floats
// each, `stride` apart.
ANNEAL_INLINE void put_columns(float* to, int64_t stride, int64_t count, int64_t lanes, const float* sums, int64_t row,
                               int64_t padded) {
  int64_t m = 0;
  if (lanes == kLanes)
    for (; m + 4 <= count; m += 4) {
      const vf four[4] = {ld(sums + m * row * padded), ld(sums + (m + 1) * row * padded),
                          ld(sums + (m + 2) * row * padded), ld(sums + (m + 3) * row * padded)};
      transpose4_back(four, to + m, stride);
    }
  for (; m < count; m++)
    for (int64_t j = 0; j < lanes; j++) to[j * stride + m] = sums[m * row * padded + j];
}

static void unpack_across(const GradientJob& job, const float* sums, float* to) {
  const int64_t taps = all_taps(job.taps), C = job.g.in, length = stretches_of(job.s, job.taps).length;
  for (int64_t tap = 0; tap < taps; tap += length / C)
    for (int64_t o = 0; o < job.g.out; o++, sums += length)
      for (int64_t i = 0; i < length; i++) to[(o * C + i % C) * taps + tap + i / C] = sums[i];
}

// One panel of a group.
static void unpack_chunk(void* arg, int64_t chunk, int32_t) {
  const GradientJob& job = *(const GradientJob*)arg;
  const int64_t panels = divide_up(job.g.out, kTileColumns), j = chunk % panels * kTileColumns, group = chunk / panels;
  const int64_t taps = all_taps(job.taps), width = smaller(kTileColumns, job.g.out - j), padded = padded_columns(width);
  float* const to = job.weights + (group * job.g.out + j) * job.K;
  for (int64_t channel = 0; channel < job.g.in; channel += job.block) {
    const int64_t channels = smaller(job.block, job.g.in - channel);
    float* const sums = job.sums + group * job.K * job.padded + channel * taps * job.padded + j * channels * taps;
    add_parts(job, sums, channels * taps * padded);
    if (job.across) return unpack_across(job, sums, to);
    for (int64_t o = 0; o < width; o += kLanes) {
      const int64_t lanes = smaller(kLanes, width - o);
      float* const rows = to + o * job.K + channel * taps;
      if (taps == 1)
        put_columns(rows, job.K, channels, lanes, sums + o, 1, padded);
      else
        for (int64_t c = 0; c < channels; c++)
          put_columns(rows + c * taps, job.K, taps, lanes, sums + c * padded + o, channels, padded);
    }
  }
}

static void unpack_depthwise(const GradientJob& job) {
  add_parts(job, job.sums, job.size);
  for (int64_t c = 0; c < job.g.groups; c++)
    for (int64_t t = 0; t < job.K; t++) job.weights[c * job.K + t] = job.sums[t * job.padded + c];
}

static void conv_weight_grad_run(const Call& call, Context& context) {
  if (elements_of(call.out[0]) == 0) return;
  if (call.in[0].dims[0] == 0) return zero_floats((float*)call.out[0].data, elements_of(call.out[0]));
  Carve memory = {context.shared_scratch};
  GradientJob job = gradient_job(call, memory);
  job.context = &context;
  const int64_t groups = job.depthwise ? 1 : job.g.groups;
  const int64_t cost = cost_of(job.K, job.g.out_channels(), job.g.N * job.g.positions());
  context.parallel(&context, job.parts * groups * job.cuts, cost, gradient_chunk, &job);
  if (job.depthwise) return unpack_depthwise(job);
  context.parallel(&context, groups * divide_up(job.g.out, kTileColumns), job.parts * job.size / 4, unpack_chunk, &job);
}

static size_t conv_weight_grad_scratch(const Call& call) {
  if (elements_of(call.out[0]) == 0 || call.in[0].dims[0] == 0) return 0;
  Carve shared = {nullptr}, memory = {nullptr};
  gradient_scratch(gradient_job(call, shared), memory);
  return (size_t)memory.bytes;
}

static size_t conv_weight_grad_shared(const Call& call) {
  if (elements_of(call.out[0]) == 0 || call.in[0].dims[0] == 0) return 0;
  Carve memory = {nullptr};
  gradient_job(call, memory);
  return (size_t)memory.bytes;
}

}  // namespace anneal::ANNEAL_TARGET
