// Images of a batch, each augmented by itself, by what is drawn for it.
#pragma once
#include "../walk.h"
#include "parameters.h"

namespace anneal::ANNEAL_TARGET {

constexpr int64_t kImagesChunk = 16384;  // elements of one chunk, which is whole images

struct ImagesJob {
  const Call* call;
  Context* context;
  int64_t B, C, H, W, h, w;  // [B,C,H,W] becomes [B,C,h,w]
  int64_t per_chunk;

  Draws draws(int64_t b) const { return Draws(call->in[call->inputs - 1], call->in[call->inputs - 2], b); }
  template <class T>
  const T* image(int64_t b) const {
    return (const T*)call->in[0].data + b * C * H * W;
  }
  template <class T>
  T* result(int64_t b) const {
    return (T*)call->out[0].data + b * C * h * w;
  }
};

using ImageBody = void (*)(const ImagesJob&, int64_t b, int32_t worker);

template <ImageBody kBody>
static void images_chunk(void* arg, int64_t chunk, int32_t worker) {
  const ImagesJob& job = *(const ImagesJob*)arg;
  const int64_t end = smallest(job.B, (chunk + 1) * job.per_chunk);
  for (int64_t b = chunk * job.per_chunk; b < end; b++) kBody(job, b, worker);
}

// `ns`: rough time of an element.
template <ImageBody kBody>
static void run_images(const Call& call, Context& context, float ns) {
  const int64_t *in = call.in[0].dims, *out = call.out[0].dims;
  ImagesJob job = {&call, &context, in[0], in[1], in[2], in[3], out[2], out[3], 1};
  const int64_t elements = largest(job.C * job.H * job.W, job.C * job.h * job.w);
  if (job.B == 0 || job.C * job.h * job.w == 0) return;
  job.per_chunk = largest(1, kImagesChunk / elements);
  const int64_t chunks = divide_up(job.B, job.per_chunk);
  if (chunks == 1) return images_chunk<kBody>(&job, 0, 0);
  context.parallel(&context, chunks, (int64_t)((float)(job.B * elements) * ns), images_chunk<kBody>, &job);
}

// A body for bytes and one for floats as one.
#define ANNEAL_IMAGE_BODY(name)                                                   \
  static void name##_image(const ImagesJob& job, int64_t b, int32_t worker) {     \
    if (job.call->in[0].dtype == DType::u8)                                       \
      name##_body(job, job.image<uint8_t>(b), job.result<uint8_t>(b), b, worker); \
    else                                                                          \
      name##_body(job, job.image<float>(b), job.result<float>(b), b, worker);     \
  }

// A number that stands in an attribute, as an element.
template <class T>
ANNEAL_INLINE T element_at(const Call& call, int attr) {
  return (T)number_at(call, attr);
}

}  // namespace anneal::ANNEAL_TARGET
