// The checks of random augmentation.
#pragma once
#include "../../codes.h"
#include "../verify_operands.h"

namespace anneal {

inline float augmentation_number(const Call& c, int attr) {
  float x;
  __builtin_memcpy(&x, c.attr + attr, 4);
  return x;
}
// Attributes are a range within [low, high]; NaN is in none.
inline bool is_range(const Call& c, int attr, float low, float high) {
  const float from = augmentation_number(c, attr), to = augmentation_number(c, attr + 1);
  return from >= low && from <= to && to <= high;
}
inline bool is_number(const Call& c, int attr, float low, float high) {
  const float x = augmentation_number(c, attr);
  return x >= low && x <= high;
}
// A number that elements are set to.
inline bool is_element(const Call& c, int attr) {
  const float limit = c.in[0].dtype == DType::u8 ? 255 : 3.4028234e38f;
  return is_number(c, attr, c.in[0].dtype == DType::u8 ? 0 : -limit, limit);
}

// The operands of all rows; examples and key stand last.
inline const char* verify_images(const Call& c) {
  const TensorArg &out = c.out[0], &images = c.in[0], &examples = c.in[c.inputs - 2], &key = c.in[c.inputs - 1];
  NEED(present(out) && present(images) && present(examples) && present(key), "an operand is absent");
  NEED(images.rank == 4 && out.rank == 4 && is_dense(images) && is_dense(out), "images are not dense [B,C,H,W]");
  NEED(images.dtype == DType::u8 || is_float(images), "images are neither bytes nor float");
  NEED(out.dtype == images.dtype && dims_at(out, 0, 2, images, 0), "the result has other images");
  for (int d = 2; d < 4; d++)
    for (const TensorArg* t : {&images, &out})
      NEED(t->dims[d] >= 1 && t->dims[d] <= image_limits::side, "images are empty or too large");
  NEED(is_vector(examples, DType::i32, images.dims[0]), "examples are not int32 [B]");
  NEED(is_vector(key, DType::i32, 5), "the key is not int32 [5]");
  return nullptr;
}

inline const char* verify_images_of_one_size(const Call& c) {
  if (const char* why = verify_images(c)) return why;
  NEED(same_dims(c.out[0], c.in[0]), "the result has another size");
  return nullptr;
}

inline const char* verify_random_flip(const Call& c) {
  if (const char* why = verify_images_of_one_size(c)) return why;
  NEED(c.attr[0] == 2 || c.attr[0] == 3, "the axis is neither 2 nor 3");
  NEED(is_number(c, 1, 0, 1), "p is no probability");
  return nullptr;
}

inline const char* verify_random_crop(const Call& c) {
  if (const char* why = verify_images(c)) return why;
  NEED(c.attr[2] <= padding_modes::symmetric && c.attr[4] <= 1, "unknown mode");
  for (int i = 0; i < 2; i++) {
    const int64_t size = c.in[0].dims[2 + i], padding = c.attr[i];
    const int64_t most = c.attr[2] == padding_modes::reflect     ? size - 1
                         : c.attr[2] == padding_modes::symmetric ? size
                                                                 : int64_t(image_limits::side);
    NEED(padding <= most && c.out[0].dims[2 + i] <= size + 2 * padding, "the crop does not fit");
  }
  NEED(is_element(c, 3), "the fill is no element");
  return nullptr;
}

inline const char* verify_random_resized_crop(const Call& c) {
  if (const char* why = verify_images(c)) return why;
  NEED(c.attr[0] <= interpolations::bilinear && c.attr[1] <= 1, "unknown mode");
  NEED(is_range(c, 2, 1e-6f, 1) && is_range(c, 4, 1e-3f, 1e3f), "no areas or ratios");
  return nullptr;
}

inline const char* verify_random_affine(const Call& c) {
  if (const char* why = verify_images_of_one_size(c)) return why;
  NEED(c.attr[0] <= interpolations::bilinear && is_element(c, 1), "unknown mode or fill");
  NEED(is_range(c, 2, -3600, 3600) && is_range(c, 4, -1, 1) && is_range(c, 6, -1, 1) && is_range(c, 8, 0.01f, 100) &&
           is_range(c, 10, -80, 80) && is_range(c, 12, -80, 80),
       "a range is out of range");
  return nullptr;
}

inline const char* verify_random_erasing(const Call& c) {
  if (const char* why = verify_images_of_one_size(c)) return why;
  NEED(is_number(c, 0, 0, 1) && is_element(c, 1), "no probability or element");
  NEED(is_range(c, 2, 1e-6f, 1) && is_range(c, 4, 1e-3f, 1e3f), "no areas or ratios");
  return nullptr;
}

inline const char* verify_color_jitter(const Call& c) {
  if (const char* why = verify_images_of_one_size(c)) return why;
  NEED(c.in[0].dtype == DType::u8 && (c.in[0].dims[1] == 1 || c.in[0].dims[1] == 3),
       "images are not grey or of colours");
  NEED(is_range(c, 0, 0, 1e3f) && is_range(c, 2, 0, 1e3f) && is_range(c, 4, 0, 1e3f) && is_range(c, 6, -0.5f, 0.5f),
       "a factor is out of range");
  return nullptr;
}

inline const char* verify_mix_images(const Call& c) {
  if (const char* why = verify_images_of_one_size(c)) return why;
  NEED(is_float(c.in[0]) && present(c.in[1]) && is_like(c.in[1], c.in[0]), "images differ, or are not float");
  NEED(present(c.out[1]) && is_vector(c.out[1], c.in[0].dtype, c.in[0].dims[0]), "shares are not [B]");
  NEED(c.attr[0] <= 1 && is_range(c, 1, 0, 1) && is_number(c, 3, 0.01f, 100), "no probabilities or alpha");
  return nullptr;
}

}  // namespace anneal
