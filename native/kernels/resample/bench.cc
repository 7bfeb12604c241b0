// Interpolation and padding, and their gradients, beside a plain loop that reads and writes what they do.
#include <bit>

#include "bench.h"

namespace {
using namespace bench;
using namespace anneal::resample_modes;

struct Resampling {
  const char* name;
  int64_t N, C, n, m;  // N images of n x n with C channels side by side; C = 0: planes
  uint32_t mode;
  int32_t before = 0;
};

Subject resample(Bench& b, const Resampling& r, bool gradient) {
  const int64_t channels = r.C > 0 ? r.C : 1, read = r.N * r.n * r.n * channels, written = r.N * r.m * r.m * channels;
  const auto images = [&](int64_t size, float* data) {
    return r.C > 0 ? b.tensor({r.N, 1, size, size, r.C}, data) : b.tensor({r.N, 1, size, size}, data);
  };
  const TensorArg x = images(r.n, b.floats(read)), y = images(r.m, b.floats(written));
  const auto step = std::bit_cast<uint32_t>(float(r.n) / float(r.m));
  Subject subject;
  subject.ours = b.kernel(gradient ? row_resample_grad : row_resample, {gradient ? x : y}, {gradient ? y : x},
                          {replicate, r.mode, r.mode, 0, uint32_t(r.before), uint32_t(r.before), 0, step, step});
  Limit moved = b.stream(1, 1, read + written);  // as many bytes, times two
  moved.scale = 0.5;
  subject.limits = {moved};
  subject.bytes = 4.0 * double(read + written);
  return subject;
}

void fill(bench::Family& family) {
  for (const Resampling r : {Resampling{"bilinear, 16x64x56x56 twice as large", 16, 64, 56, 112, linear},
                             Resampling{"nearest, 16x64x56x56 twice as large", 16, 64, 56, 112, nearest},
                             Resampling{"bicubic, 16x64x56x56 twice as large", 16, 64, 56, 112, cubic},
                             Resampling{"bilinear, 16x64x112x112 half as large", 16, 64, 112, 56, linear},
                             Resampling{"bilinear, 1024 planes of 56x56 twice as large", 1024, 0, 56, 112, linear},
                             Resampling{"nearest, 1024 planes of 56x56 twice as large", 1024, 0, 56, 112, nearest},
                             Resampling{"reflected by 3, 48 planes of 224x224", 48, 0, 224, 230, reflect, 3},
                             Resampling{"bilinear, 4x16x7x7 twice as large", 4, 16, 7, 14, linear},
                             Resampling{"bilinear, 64 planes of 7x7 twice as large", 64, 0, 7, 14, linear}})
    for (const bool gradient : {false, true}) {
      const bool large = r.n > 7;
      family.add({.group = gradient ? "resampling, gradient" : "resampling",
                  .name = std::string(gradient ? "gradient of " : "") + r.name,
                  .of_limit = large && r.C > 0 ? 0.4 : 0,
                  .counted = !large,
                  .make = [=](Bench& b) { return resample(b, r, gradient); }});
    }
}

const bench::Family resampling("resample", fill);
}  // namespace
