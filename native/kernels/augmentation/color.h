// Colours of one pixel as torchvision adjusts them, in floats whose operations IEEE 754 defines: for kernels and
// references.
#pragma once
#include "../../kernel_table.h"

namespace anneal::ANNEAL_TARGET {

static inline float clamp_float(float x, float high) { return x < 0 ? 0 : x > high ? high : x; }

// factor x + (1 - factor) other, in [0, 255], without its fraction.
static inline uint8_t blend_bytes(float x, float other, float factor) {
  return (uint8_t)clamp_float(x * factor + other * (1 - factor), 255);
}

// The grey of a pixel, or its only channel.
static inline uint8_t grey_at(const uint8_t* image, int64_t C, int64_t area, int64_t i) {
  if (C == 1) return image[i];
  return (uint8_t)((float)image[i] * 0.2989f + (float)image[area + i] * 0.587f + (float)image[2 * area + i] * 0.114f);
}

static inline float fraction_of(float x) { return x - (float)(int32_t)x + (x < (float)(int32_t)x ? 1.0f : 0.0f); }

// Turns the hue by `shift` of a circle, in [-0.5, 0.5].
static inline void shift_hue(uint8_t& red, uint8_t& green, uint8_t& blue, float shift) {
  const float r = (float)red / 255, g = (float)green / 255, b = (float)blue / 255;
  const float most = r > g ? (r > b ? r : b) : (g > b ? g : b), least = r < g ? (r < b ? r : b) : (g < b ? g : b);
  if (most == least) return;  // grey has no hue
  const float range = most - least, saturation = range / most;
  const float dr = (most - r) / range, dg = (most - g) / range, db = (most - b) / range;
  const float sixths = most == r ? db - dg : most == g ? 2 + dr - db : 4 + dg - dr;
  const float turned = fraction_of(fraction_of(sixths / 6 + 1) + shift) * 6;
  const int32_t sector = (int32_t)turned;
  const float rest = turned - (float)sector;
  const auto byte = [](float x) { return (uint8_t)(clamp_float(x, 1) * 255.999f); };
  const uint8_t v = byte(most), p = byte(most * (1 - saturation)), q = byte(most * (1 - saturation * rest)),
                t = byte(most * (1 - saturation * (1 - rest)));
  const uint8_t reds[] = {v, q, p, p, t, v}, greens[] = {t, v, v, q, p, p}, blues[] = {p, p, t, v, v, q};
  red = reds[sector % 6];
  green = greens[sector % 6];
  blue = blues[sector % 6];
}

}  // namespace anneal::ANNEAL_TARGET
