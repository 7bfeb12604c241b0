// random_resized_crop: a box of the image, brought to the result's size along rows, then along columns. Bytes have
// weights in 2^-22 and are rounded in between, as in Pillow.
#pragma once
#include "../carve.h"
#include "images.h"

namespace anneal::ANNEAL_TARGET {

constexpr int kTapBits = 22;

// Weights of one axis: `count` of them, at most `most`, for each element of the result.
template <class Weight>
struct ResizedAxis {
  int64_t* first;
  int64_t* count;
  Weight* weights;
  int64_t most;
};

static int64_t most_taps(int64_t in, int64_t out) { return 2 * divide_up(largest(in, out), out) + 2; }

ANNEAL_INLINE void set_weight(int32_t& to, double weight) { to = (int32_t)rounded(weight * (1 << kTapBits)); }
ANNEAL_INLINE void set_weight(float& to, double weight) { to = (float)weight; }

template <class Weight>
static void resize_axis(const ResizedAxis<Weight>& axis, int64_t in, int64_t out) {
  for (int64_t i = 0; i < out; i++) {
    const ResizeTaps taps(i, in, out);
    axis.first[i] = taps.first;
    axis.count[i] = taps.count;
    for (int64_t t = 0; t < taps.count; t++) set_weight(axis.weights[i * axis.most + t], taps.weight(t));
  }
}

ANNEAL_INLINE uint8_t weighted(const uint8_t* from, int64_t step, const int32_t* weights, int64_t count) {
  int32_t sum = 1 << (kTapBits - 1);
  for (int64_t t = 0; t < count; t++) sum += from[t * step] * weights[t];
  const int32_t x = sum >> kTapBits;
  return (uint8_t)(x < 0 ? 0 : x > 255 ? 255 : x);
}
ANNEAL_INLINE float weighted(const float* from, int64_t step, const float* weights, int64_t count) {
  float sum = 0;
  for (int64_t t = 0; t < count; t++) sum += from[t * step] * weights[t];
  return sum;
}

// Scratch of a worker: both axes, and the rows of one channel.
template <class T, class Weight>
struct ResizeScratch {
  ResizedAxis<Weight> across, down;
  T* rows;
};

template <class Weight>
static ResizedAxis<Weight> resized_axis(int64_t in, int64_t out, Carve& memory) {
  const int64_t most = most_taps(in, out);
  int64_t *first = memory.take<int64_t>(out), *count = memory.take<int64_t>(out);
  return {first, count, memory.take<Weight>(out * most), most};
}

template <class T, class Weight>
static ResizeScratch<T, Weight> resize_scratch(const Call& call, Carve& memory) {
  const int64_t *in = call.in[0].dims, *out = call.out[0].dims;
  const auto across = resized_axis<Weight>(in[3], out[3], memory), down = resized_axis<Weight>(in[2], out[2], memory);
  return {across, down, memory.take<T>(in[2] * out[3])};
}

template <class T, class Weight>
static void resize_box(const ImagesJob& job, const T* from, T* to, const Box& box, Carve memory) {
  const int64_t h = job.h, w = job.w;
  const auto [across, down, rows] = resize_scratch<T, Weight>(*job.call, memory);
  resize_axis(across, box.width, w);
  resize_axis(down, box.height, h);
  for (int64_t c = 0; c < job.C; c++) {
    const T* corner = from + (c * job.H + box.top) * job.W + box.left;
    for (int64_t y = 0; y < box.height; y++)
      for (int64_t x = 0; x < w; x++)
        rows[y * w + x] =
            weighted(corner + y * job.W + across.first[x], 1, across.weights + x * across.most, across.count[x]);
    for (int64_t y = 0; y < h; y++)
      for (int64_t x = 0; x < w; x++)
        to[(c * h + y) * w + x] =
            weighted(rows + down.first[y] * w + x, w, down.weights + y * down.most, down.count[y]);
  }
}

template <class T>
static void random_resized_crop_body(const ImagesJob& job, const T* from, T* to, int64_t b, int32_t worker) {
  const Call& call = *job.call;
  Draws draws = job.draws(b);
  const Box box = resized_box(call, draws);
  if (call.attr[0] == interpolations::bilinear) {
    const Carve memory = {job.context->scratch(job.context, worker)};
    if constexpr (sizeof(T) == 1)
      resize_box<T, int32_t>(job, from, to, box, memory);
    else
      resize_box<T, float>(job, from, to, box, memory);
    return;
  }
  for (int64_t c = 0; c < job.C; c++)
    for (int64_t y = 0; y < job.h; y++)
      for (int64_t x = 0; x < job.w; x++)
        *to++ = from[(c * job.H + box.top + y * box.height / job.h) * job.W + box.left + x * box.width / job.w];
}

ANNEAL_IMAGE_BODY(random_resized_crop)

static void random_resized_crop_run(const Call& call, Context& context) {
  run_images<random_resized_crop_image>(call, context, 4.0f);
}
static size_t random_resized_crop_scratch(const Call& call) {
  if (call.attr[0] == interpolations::nearest) return 0;
  Carve memory = {nullptr};
  resize_scratch<float, float>(call, memory);
  return (size_t)memory.bytes;
}
static size_t random_resized_crop_shared(const Call&) { return 0; }

}  // namespace anneal::ANNEAL_TARGET
