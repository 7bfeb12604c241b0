// mix_images: MixUp (Zhang et al., arXiv:1710.09412) and CutMix (Yun et al., arXiv:1905.04899) of pairs of images.
#pragma once
#include "images.h"

namespace anneal::ANNEAL_TARGET {

static void mix_images_image(const ImagesJob& job, int64_t b, int32_t) {
  const Call& call = *job.call;
  const int64_t area = job.H * job.W, n = job.C * area;
  const float *first = job.image<float>(b), *second = (const float*)call.in[1].data + b * n;
  float* to = job.result<float>(b);
  Draws draws = job.draws(b);
  const auto [share, box] = draw_mixture(call, draws);
  ((float*)call.out[1].data)[b] = share;
  if (call.attr[0]) {
    __builtin_memcpy(to, first, (size_t)n * 4);
    for (int64_t c = 0; c < job.C; c++)
      for (int64_t y = box.top; y < box.top + box.height; y++) {
        const int64_t at = c * area + y * job.W + box.left;
        __builtin_memcpy(to + at, second + at, (size_t)box.width * 4);
      }
    return;
  }
  const vf own = splat(share), other = splat(1 - share);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) st(to + i, ld(first + i) * own + ld(second + i) * other);
  for (; i < n; i++) to[i] = first[i] * share + second[i] * (1 - share);
}

static void mix_images_run(const Call& call, Context& context) { run_images<mix_images_image>(call, context, 0.3f); }

ANNEAL_NO_SCRATCH(mix_images)

}  // namespace anneal::ANNEAL_TARGET
