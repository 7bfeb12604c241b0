// random_affine: each element of the result is looked up in the image, at places in steps of 2^-32, with weights of 11
// bits between elements.
#pragma once
#include "images.h"

namespace anneal::ANNEAL_TARGET {

constexpr int kWeightBits = 11;

// Between four elements, by weights of the right and of the lower ones in 2^-11.
ANNEAL_INLINE uint8_t blend_four(uint8_t a, uint8_t b, uint8_t c, uint8_t d, int32_t right, int32_t lower) {
  const int32_t one = 1 << kWeightBits;
  const int32_t above = a * (one - right) + b * right, below = c * (one - right) + d * right;
  return (uint8_t)((above * (one - lower) + below * lower + (1 << (2 * kWeightBits - 1))) >> (2 * kWeightBits));
}
ANNEAL_INLINE float blend_four(float a, float b, float c, float d, int32_t right, int32_t lower) {
  const float x = (float)right / (1 << kWeightBits), y = (float)lower / (1 << kWeightBits);
  const float above = a * (1 - x) + b * x, below = c * (1 - x) + d * x;
  return above * (1 - y) + below * y;
}

template <class T>
static void random_affine_body(const ImagesJob& job, const T* from, T* to, int64_t b, int32_t) {
  const Call& call = *job.call;
  Draws draws = job.draws(b);
  const AffineMap map = affine_map(call, draws);
  const bool bilinear = call.attr[0] == interpolations::bilinear;
  const T fill = element_at<T>(call, 1);
  const int64_t H = job.H, W = job.W, area = H * W, half = bilinear ? 0 : (int64_t)1 << 31;
  for (int64_t y = 0; y < H; y++)
    for (int64_t x = 0; x < W; x++) {
      const int64_t at_x = map.xx * x + map.xy * y + map.x0 + half, at_y = map.yx * x + map.yy * y + map.y0 + half;
      const int64_t column = at_x >> 32, row = at_y >> 32;
      const int32_t right = (int32_t)((at_x & 0xFFFFFFFF) >> (32 - kWeightBits)),
                    lower = (int32_t)((at_y & 0xFFFFFFFF) >> (32 - kWeightBits));
      const bool up = row >= 0 && row < H, down = row >= -1 && row < H - 1, near = column >= 0 && column < W,
                 far = column >= -1 && column < W - 1;
      int64_t at = row * W + column, i = y * W + x;
      for (int64_t c = 0; c < job.C; c++, at += area, i += area) {
        to[i] = up && near ? from[at] : fill;
        if (bilinear)
          to[i] = blend_four(to[i], up && far ? from[at + 1] : fill, down && near ? from[at + W] : fill,
                             down && far ? from[at + W + 1] : fill, right, lower);
      }
    }
}

ANNEAL_IMAGE_BODY(random_affine)

static void random_affine_run(const Call& call, Context& context) {
  run_images<random_affine_image>(call, context, 3.0f);
}

ANNEAL_NO_SCRATCH(random_affine)

}  // namespace anneal::ANNEAL_TARGET
