// color_jitter: bytes of one channel, grey, or of three: red, green and blue. An image is rounded to bytes after each
// of its four adjustments; arithmetic is torchvision's, of floats.
#pragma once
#include "color.h"
#include "images.h"

namespace anneal::ANNEAL_TARGET {

static void adjust_brightness(uint8_t* image, int64_t n, float factor) {
  for (int64_t i = 0; i < n; i++) image[i] = blend_bytes((float)image[i], 0, factor);
}

static void adjust_contrast(uint8_t* image, int64_t C, int64_t area, float factor) {
  int64_t sum = 0;
  for (int64_t i = 0; i < area; i++) sum += grey_at(image, C, area, i);
  const float mean = (float)((double)sum / (double)area);
  for (int64_t i = 0; i < C * area; i++) image[i] = blend_bytes((float)image[i], mean, factor);
}

static void adjust_saturation(uint8_t* image, int64_t area, float factor) {
  for (int64_t i = 0; i < area; i++) {
    const float grey = (float)grey_at(image, 3, area, i);
    for (int64_t c = 0; c < 3; c++) image[c * area + i] = blend_bytes((float)image[c * area + i], grey, factor);
  }
}

static void adjust_hue(uint8_t* image, int64_t area, float shift) {
  for (int64_t i = 0; i < area; i++) shift_hue(image[i], image[area + i], image[2 * area + i], shift);
}

static void color_jitter_image(const ImagesJob& job, int64_t b, int32_t) {
  const int64_t area = job.H * job.W, C = job.C;
  uint8_t* image = job.result<uint8_t>(b);
  __builtin_memcpy(image, job.image<uint8_t>(b), (size_t)(C * area));
  Draws draws = job.draws(b);
  const Jitter jitter = draw_jitter(*job.call, draws);
  for (const int kind : jitter.order) {
    const float factor = jitter.factors[kind];
    if (factor == (kind == 3 ? 0.0f : 1.0f)) continue;
    if (kind == 0) adjust_brightness(image, C * area, factor);
    if (kind == 1) adjust_contrast(image, C, area, factor);
    if (kind == 2 && C == 3) adjust_saturation(image, area, factor);
    if (kind == 3 && C == 3) adjust_hue(image, area, factor);
  }
}

static void color_jitter_run(const Call& call, Context& context) {
  run_images<color_jitter_image>(call, context, 10.0f);
}

ANNEAL_NO_SCRATCH(color_jitter)

}  // namespace anneal::ANNEAL_TARGET
