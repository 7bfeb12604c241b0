// The parameters of one image's augmentation, from its draws and the attributes: those of torchvision, of which kernels
// and references are made.
#pragma once
#include "../../codes.h"
#include "draws.h"

namespace anneal::ANNEAL_TARGET {

static inline double number_at(const Call& call, int attr) {
  float x;
  __builtin_memcpy(&x, call.attr + attr, 4);
  return (double)x;
}
static inline double draw_range(Draws& draws, const Call& call, int attr) {
  return draws.between(number_at(call, attr), number_at(call, attr + 1));
}
static inline int64_t rounded(double x) { return (int64_t)(x + (x < 0 ? -0.5 : 0.5)); }

// A part of an image.
struct Box {
  int64_t top, left, height, width;
};

static inline Box crop_box(const Call& call, Draws& draws) {
  const int64_t down = call.in[0].dims[2] + 2 * (int64_t)call.attr[0] - call.out[0].dims[2],
                right = call.in[0].dims[3] + 2 * (int64_t)call.attr[1] - call.out[0].dims[3];
  const bool random = call.attr[4];
  const int64_t top = random ? draws.below(down + 1) : down / 2, left = random ? draws.below(right + 1) : right / 2;
  return {top - (int64_t)call.attr[0], left - (int64_t)call.attr[1], call.out[0].dims[2], call.out[0].dims[3]};
}

// The element of an axis of n that stands at i; -1: none, it is filled.
static inline int64_t padded_index(int64_t i, int64_t n, uint32_t mode) {
  if (i >= 0 && i < n) return i;
  if (mode == padding_modes::constant) return -1;
  if (mode == padding_modes::edge) return i < 0 ? 0 : n - 1;
  const int64_t twice = mode == padding_modes::symmetric;  // the element at the edge stands twice
  return i < 0 ? -i - twice : 2 * n - 2 + twice - i;
}

// Draws an area and an aspect ratio (width by height) until they fit: height and width below `height` and `width` or,
// where `whole`, as large. Returns whether they did within ten attempts.
static inline bool draw_box(const Call& call, Draws& draws, int area, bool whole, Box& box) {
  const int64_t H = call.in[0].dims[2], W = call.in[0].dims[3];
  const double low = log_of(number_at(call, area + 2)), high = log_of(number_at(call, area + 3));
  for (int i = 0; i < 10; i++) {
    const double size = (double)(H * W) * draw_range(draws, call, area), ratio = exp_of(draws.between(low, high));
    box.width = rounded(__builtin_sqrt(size * ratio));
    box.height = rounded(__builtin_sqrt(size / ratio));
    if (box.height < 1 || box.width < 1 || box.height > H - !whole || box.width > W - !whole) continue;
    box.top = draws.below(H - box.height + 1);
    box.left = draws.below(W - box.width + 1);
    return true;
  }
  return false;
}

// The largest box in the middle of an image with width / height in [low, high].
static inline Box central_box(int64_t H, int64_t W, double low, double high) {
  Box box = {0, 0, H, W};
  if ((double)W < (double)H * low) box.height = rounded((double)W / low);
  if ((double)W > (double)H * high) box.width = rounded((double)H * high);
  if (box.height < 1) box.height = 1;
  if (box.width < 1) box.width = 1;
  box.top = (H - box.height) / 2;
  box.left = (W - box.width) / 2;
  return box;
}

static inline Box resized_box(const Call& call, Draws& draws) {
  const int64_t H = call.in[0].dims[2], W = call.in[0].dims[3];
  const double own = (double)call.out[0].dims[3] / (double)call.out[0].dims[2];
  if (!call.attr[1]) return central_box(H, W, own, own);
  Box box;
  if (draw_box(call, draws, 2, true, box)) return box;
  return central_box(H, W, number_at(call, 4), number_at(call, 5));
}

// Weights of the elements of an axis whose triangle filter, as wide as the image is made smaller, gives element i of
// `out`; as Pillow's and PyTorch's with antialias.
struct ResizeTaps {
  int64_t first, count;
  double center, scale, sum;

  ResizeTaps(int64_t i, int64_t in, int64_t out) {
    const double ratio = (double)in / (double)out;
    scale = ratio > 1 ? ratio : 1;
    center = ((double)i + 0.5) * ratio;
    first = (int64_t)(center - scale + 0.5 < 0 ? 0 : center - scale + 0.5);
    const int64_t end = (int64_t)(center + scale + 0.5);
    count = (end < in ? end : in) - first;
    sum = 0;
    for (int64_t t = 0; t < count; t++) sum += raw(t);
  }
  double weight(int64_t t) const { return raw(t) / sum; }

 private:
  double raw(int64_t t) const {
    const double x = ((double)(first + t) - center + 0.5) / scale, distance = x < 0 ? -x : x;
    return distance < 1 ? 1 - distance : 0;
  }
};

// What stands at (x, y) of the result is at (xx x + xy y + x0, yx x + yy y + y0) of the image, in steps of 2^-32.
struct AffineMap {
  int64_t xx, xy, x0, yx, yy, y0;
};

constexpr double kTurn = 360, kSteps = 4294967296.0;

static inline AffineMap affine_map(const Call& call, Draws& draws) {
  const double H = (double)call.in[0].dims[2], W = (double)call.in[0].dims[3];
  const double angle = draw_range(draws, call, 2) / kTurn;
  const double tx = (double)rounded(draw_range(draws, call, 4) * W),
               ty = (double)rounded(draw_range(draws, call, 6) * H);
  const double scale = draw_range(draws, call, 8);
  const double sx = draw_range(draws, call, 10) / kTurn, sy = draw_range(draws, call, 12) / kTurn;
  double sin_angle, cos_angle, sin_rest, cos_rest, sin_x, cos_x, sin_y, cos_y;
  sin_cos_turns(angle, sin_angle, cos_angle);
  sin_cos_turns(angle - sy, sin_rest, cos_rest);
  sin_cos_turns(sx, sin_x, cos_x);
  sin_cos_turns(sy, sin_y, cos_y);
  const double tan_x = sin_x / cos_x;
  // Rotation and shears [a b; c d], whose determinant is 1: the inverse is [d -b; -c a] / scale, about the centre.
  const double a = cos_rest / cos_y, b = -cos_rest * tan_x / cos_y - sin_angle;
  const double c = sin_rest / cos_y, d = -sin_rest * tan_x / cos_y + cos_angle;
  const double cx = (W - 1) / 2, cy = (H - 1) / 2;
  const double xx = d / scale, xy = -b / scale, yx = -c / scale, yy = a / scale;
  return {rounded(xx * kSteps), rounded(xy * kSteps), rounded((cx - xx * (cx + tx) - xy * (cy + ty)) * kSteps),
          rounded(yx * kSteps), rounded(yy * kSteps), rounded((cy - yx * (cx + tx) - yy * (cy + ty)) * kSteps)};
}

static inline bool erased_box(const Call& call, Draws& draws, Box& box) {
  return draws.uniform() < number_at(call, 0) && draw_box(call, draws, 2, false, box);
}

// What is done to colours, in this order: 0 brightness, 1 contrast, 2 saturation, 3 hue.
struct Jitter {
  int order[4] = {0, 1, 2, 3};
  float factors[4];
};

static inline Jitter draw_jitter(const Call& call, Draws& draws) {
  Jitter jitter;
  for (int64_t i = 3; i > 0; i--) {
    const int64_t j = draws.below(i + 1);
    const int other = jitter.order[j];
    jitter.order[j] = jitter.order[i];
    jitter.order[i] = other;
  }
  for (int i = 0; i < 4; i++) jitter.factors[i] = (float)draw_range(draws, call, 2 * i);
  return jitter;
}

// The part of the first of two images, and the box in which the second stands instead.
struct Mixture {
  float share;
  Box box;
};

static inline Mixture draw_mixture(const Call& call, Draws& draws) {
  const int64_t H = call.in[0].dims[2], W = call.in[0].dims[3];
  Mixture mixture = {1, {0, 0, 0, 0}};
  const double chosen = draws.uniform();
  if (chosen < number_at(call, 1) || !(chosen < number_at(call, 2))) return mixture;
  const double share = draw_beta(draws, number_at(call, 3));
  if (!call.attr[0]) {
    mixture.share = (float)share;
    return mixture;
  }
  const double half = 0.5 * __builtin_sqrt(1 - share);
  const int64_t y = draws.below(H), x = draws.below(W), h = (int64_t)(half * (double)H),
                w = (int64_t)(half * (double)W);
  Box& box = mixture.box;
  box.top = y > h ? y - h : 0;
  box.left = x > w ? x - w : 0;
  box.height = (y + h < H ? y + h : H) - box.top;
  box.width = (x + w < W ? x + w : W) - box.left;
  mixture.share = (float)(1 - (double)(box.height * box.width) / (double)(H * W));
  return mixture;
}

}  // namespace anneal::ANNEAL_TARGET
