// random_flip, random_crop and random_erasing: elements that are moved or filled.
#pragma once
#include "images.h"

namespace anneal::ANNEAL_TARGET {

template <class T>
static void fill_run(T* to, T value, int64_t n) {
  for (int64_t i = 0; i < n; i++) to[i] = value;
}

template <class T>
static void random_flip_body(const ImagesJob& job, const T* from, T* to, int64_t b, int32_t) {
  const int64_t rows = job.C * job.H, W = job.W;
  Draws draws = job.draws(b);
  if (!(draws.uniform() < number_at(*job.call, 1))) {
    __builtin_memcpy(to, from, (size_t)(rows * W) * sizeof(T));
  } else if (job.call->attr[0] == 2) {
    for (int64_t r = 0; r < rows; r++)
      __builtin_memcpy(to + r * W, from + (r + job.H - 1 - 2 * (r % job.H)) * W, (size_t)W * sizeof(T));
  } else {
    for (int64_t r = 0; r < rows; r++)
      for (int64_t x = 0; x < W; x++) to[r * W + x] = from[r * W + W - 1 - x];
  }
}

template <class T>
static void random_crop_body(const ImagesJob& job, const T* from, T* to, int64_t b, int32_t) {
  const Call& call = *job.call;
  Draws draws = job.draws(b);
  const Box box = crop_box(call, draws);
  const uint32_t mode = call.attr[2];
  const T fill = element_at<T>(call, 3);
  // Columns [first, end) of the result stand in the image.
  const int64_t first = smallest(job.w, largest(0, -box.left)), end = largest(first, smallest(job.w, job.W - box.left));
  for (int64_t c = 0; c < job.C; c++)
    for (int64_t y = 0; y < job.h; y++, to += job.w) {
      const int64_t row = padded_index(box.top + y, job.H, mode);
      if (row < 0) {
        fill_run(to, fill, job.w);
        continue;
      }
      const T* line = from + (c * job.H + row) * job.W;
      const auto beside = [&](int64_t x) {
        const int64_t column = padded_index(box.left + x, job.W, mode);
        return column < 0 ? fill : line[column];
      };
      for (int64_t x = 0; x < first; x++) to[x] = beside(x);
      __builtin_memcpy(to + first, line + box.left + first, (size_t)(end - first) * sizeof(T));
      for (int64_t x = end; x < job.w; x++) to[x] = beside(x);
    }
}

template <class T>
static void random_erasing_body(const ImagesJob& job, const T* from, T* to, int64_t b, int32_t) {
  __builtin_memcpy(to, from, (size_t)(job.C * job.H * job.W) * sizeof(T));
  Draws draws = job.draws(b);
  Box box;
  if (!erased_box(*job.call, draws, box)) return;
  for (int64_t c = 0; c < job.C; c++)
    for (int64_t y = box.top; y < box.top + box.height; y++)
      fill_run(to + (c * job.H + y) * job.W + box.left, element_at<T>(*job.call, 1), box.width);
}

ANNEAL_IMAGE_BODY(random_flip)
ANNEAL_IMAGE_BODY(random_crop)
ANNEAL_IMAGE_BODY(random_erasing)

constexpr float kMovedCost = 0.2f;  // rough ns per element

static void random_flip_run(const Call& call, Context& context) {
  run_images<random_flip_image>(call, context, kMovedCost);
}
static void random_crop_run(const Call& call, Context& context) {
  run_images<random_crop_image>(call, context, kMovedCost);
}
static void random_erasing_run(const Call& call, Context& context) {
  run_images<random_erasing_image>(call, context, kMovedCost);
}

ANNEAL_NO_SCRATCH(random_flip)
ANNEAL_NO_SCRATCH(random_crop)
ANNEAL_NO_SCRATCH(random_erasing)

}  // namespace anneal::ANNEAL_TARGET
