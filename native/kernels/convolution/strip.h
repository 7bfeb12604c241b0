// Strips of a source, channels side by side, with zeros where windows reach beyond it. A strip is some rows of
// positions of one image, or several whole images: as many as stay in the second cache with what is multiplied by them.
// Windows that never leave the image are read in place, if pixels lie at strides that the caches like.
#pragma once
#include "../contraction/pack.h"
#include "axis.h"

namespace anneal::ANNEAL_TARGET {

// What is correlated: axes of depth, rows and columns, and channels of source and target, by groups.
struct Correlation {
  Axis axis[3];
  int64_t N, groups;
  int64_t in, out;  // channels of a group
  int64_t in_channels() const { return in * groups; }
  int64_t out_channels() const { return out * groups; }
  int64_t phases() const { return axis[0].phases * axis[1].phases * axis[2].phases; }
  int64_t positions() const { return axis[0].positions * axis[1].positions * axis[2].positions; }
};

static Correlation forward_of(const Geometry& g) {
  return {
      {forward_axis(g, 0), forward_axis(g, 1), forward_axis(g, 2)}, g.N, g.groups, g.own_channels(), g.own_outputs()};
}
static Correlation transposed_of(const Geometry& g) {
  return {{transposed_axis(g, 0), transposed_axis(g, 1), transposed_axis(g, 2)},
          g.N,
          g.groups,
          g.own_outputs(),
          g.own_channels()};
}

struct StripLimits {
  int64_t floats, pixels;  // of the copy; of the positions
};

struct Strips {
  bool in_place;
  int64_t channels;                  // that are read of a pixel
  int64_t pixel, row, slice, image;  // floats from one source pixel, row, slice and image to the next within a strip
  int64_t step_y, step_x;            // rows and pixels of the strip from one window to the next
  int64_t skip_y, skip_x;            // of the source, from one that is copied to the next
  int64_t images, rows;              // of positions, per strip: all rows of some images, or some rows of one slice
  int64_t width, height, depth;      // of the source, of a full strip
  int64_t count;                     // of strips
  int64_t across, down;              // strips along rows of positions, and along depth
  int64_t floats() const { return in_place ? 0 : images * image; }
  int64_t pixels(const Correlation& g) const { return images * rows * g.axis[2].positions; }
};

// Elements of an axis that a strip of so many positions holds, of which every `skip`th is copied.
ANNEAL_INLINE int64_t extent_of(const Axis& a, int64_t positions, int64_t skip) {
  return ((positions - 1) * a.stride + a.reach - 1) / skip + 1;
}
// What lies between windows of one element is not copied.
ANNEAL_INLINE int64_t skip_of(const Axis& a) { return a.reach == 1 && stays_inside(a) ? a.stride : 1; }

// `channels` of each pixel; `apart`: columns of pixels will be walked, whose lines should not share cache sets.
static Strips strips_of(const Correlation& g, int64_t channels, StripLimits limit, bool apart) {
  const auto bad = [&](int64_t floats) { return apart ? floats % 64 == 0 : floats % 512 == 0; };
  const auto &d = g.axis[0], &h = g.axis[1], &w = g.axis[2];
  Strips s;
  s.in_place = stays_inside(d) && stays_inside(h) && stays_inside(w) && !bad(g.in_channels());
  s.channels = channels;
  s.pixel = s.in_place ? g.in_channels() : bad(channels) ? channels + 16 : channels;
  s.skip_y = s.in_place ? 1 : skip_of(h);
  s.skip_x = s.in_place ? 1 : skip_of(w);
  s.step_y = h.stride / s.skip_y;
  s.step_x = w.stride / s.skip_x;
  s.width = extent_of(w, w.positions, s.skip_x);
  s.depth = d.reach;
  const auto fits = [&](int64_t images, int64_t rows) {
    return images * rows * w.positions <= limit.pixels &&
           images * s.depth * extent_of(h, rows, s.skip_y) * s.width * s.pixel <= limit.floats;
  };
  s.images = s.rows = 1;
  if (fits(1, h.positions)) {
    s.rows = h.positions;
    if (d.positions == 1) {
      while (s.images < g.N && fits(s.images + 1, h.positions)) s.images++;
      s.images = equal_part(g.N, s.images, 1);
    }
  } else {
    while (fits(1, s.rows + 1)) s.rows++;
    s.rows = equal_part(h.positions, s.rows, 1);
  }
  s.height = extent_of(h, s.rows, s.skip_y);
  s.row = s.in_place ? w.source * g.in_channels() : s.width * s.pixel;
  s.slice = s.in_place ? h.source * s.row : s.height * s.row;
  s.image = s.in_place ? d.source * s.slice : s.depth * s.slice;
  s.down = d.positions;
  s.across = divide_up(h.positions, s.rows);
  s.count = divide_up(g.N, s.images) * s.down * s.across;
  return s;
}

// Positions [y, y + rows) of slice z of images [n, n + images), all of a row.
struct ImageStrip {
  int64_t n, images, z, y, rows;
};
ANNEAL_INLINE ImageStrip strip_at(const Correlation& g, const Strips& s, int64_t i) {
  const int64_t y = i % s.across * s.rows, z = i / s.across % s.down, n = i / (s.across * s.down) * s.images;
  return {n, smallest(s.images, g.N - n), z, y, smallest(s.rows, g.axis[1].positions - y)};
}

ANNEAL_INLINE void copy_floats(float* to, const float* from, int64_t n) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) st(to + i, ld(from + i));
  for (; i < n; i++) to[i] = from[i];
}
ANNEAL_INLINE void zero_floats(float* to, int64_t n) { __builtin_memset(to, 0, (size_t)n * 4); }

// Channels [channel, channel + s.channels) of a strip's source: where its first window begins. `to` has room for it.
static const float* fill_strip(const Correlation& g, const Strips& s, const ImageStrip& strip, const float* source,
                               int64_t channel, float* to) {
  const auto &d = g.axis[0], &h = g.axis[1], &w = g.axis[2];
  const int64_t C = g.in_channels(), z = strip.z * d.stride + d.begin, y = strip.y * h.stride + h.begin;
  if (s.in_place) return source + (((strip.n * d.source + z) * h.source + y) * w.source + w.begin) * C + channel;
  const int64_t begin = smallest(s.width, w.begin < 0 ? -w.begin : 0);
  const int64_t end = largest(begin, smallest(s.width, w.source - w.begin));
  const int64_t height = extent_of(h, strip.rows, s.skip_y);
  for (int64_t i = 0; i < strip.images; i++)
    for (int64_t k = 0; k < s.depth; k++)
      for (int64_t r = 0; r < height; r++) {
        float* at = to + i * s.image + k * s.slice + r * s.row;
        const int64_t row = y + r * s.skip_y;
        if (z + k < 0 || z + k >= d.source || row < 0 || row >= h.source) {
          zero_floats(at, s.row);
          continue;
        }
        const float* from =
            source + ((((strip.n + i) * d.source + z + k) * h.source + row) * w.source + begin + w.begin) * C + channel;
        zero_floats(at, begin * s.pixel);
        zero_floats(at + end * s.pixel, (s.width - end) * s.pixel);
        if (s.pixel == C && s.skip_x == 1)
          copy_floats(at + begin * s.pixel, from, (end - begin) * C);
        else
          for (int64_t x = begin; x < end; x++)
            copy_floats(at + x * s.pixel, from + (x - begin) * s.skip_x * C, s.channels);
      }
  return to;
}

// The elements that a window reads in a phase, as stretches that lie side by side: rows of taps, or single taps where
// pixels or taps are apart.
struct Stretches {
  int64_t count, length;
};
ANNEAL_INLINE bool has_whole_rows(const Strips& s, const Taps& w) { return s.pixel == s.channels && w.dilation == 1; }
ANNEAL_INLINE Stretches stretches_of(const Strips& s, const Taps (&t)[3]) {
  const bool whole = has_whole_rows(s, t[2]);
  return {t[0].count * t[1].count * (whole ? 1 : t[2].count), (whole ? t[2].count : 1) * s.channels};
}
// Their offsets from the window's begin; `single`: of each tap.
static void note_stretches(const Strips& s, const Taps (&t)[3], bool single, int64_t* offset) {
  const int64_t across = !single && has_whole_rows(s, t[2]) ? 1 : t[2].count;
  for (int64_t kd = 0; kd < t[0].count; kd++)
    for (int64_t kh = 0; kh < t[1].count; kh++)
      for (int64_t kw = 0; kw < across; kw++)
        *offset++ = (t[0].begin + kd * t[0].dilation) * s.slice + (t[1].begin + kh * t[1].dilation) * s.row +
                    (t[2].begin + kw * t[2].dilation) * s.pixel;
}

}  // namespace anneal::ANNEAL_TARGET
