// Average pooling and its gradient, beside oneDNN where it is there, and a plain loop that reads and writes what they
// do.
#include "bench.h"

namespace {
using namespace bench;

struct Pooling {
  int64_t P, size, kernel, stride, padding;  // P planes of size x size

  int64_t pooled() const { return (size + 2 * padding - kernel) / stride + 1; }
  std::string name() const {
    const auto square = [](int64_t n) { return std::to_string(n) + "x" + std::to_string(n); };
    return square(kernel) + " every " + std::to_string(stride) + " of " + std::to_string(P) + " planes of " +
           square(size);
  }
};

Subject pool(Bench& b, const Pooling& p, bool gradient) {
  const int64_t read = p.P * p.size * p.size, written = p.P * p.pooled() * p.pooled();
  float *x = b.floats(read), *y = b.floats(written);
  const TensorArg large = b.tensor({p.P, 1, p.size, p.size}, x), small = b.tensor({p.P, 1, p.pooled(), p.pooled()}, y);
  const auto k = uint32_t(p.kernel), s = uint32_t(p.stride), e = uint32_t(p.padding);
  Subject subject;
  subject.ours = b.kernel(gradient ? row_pool_grad : row_pool, {gradient ? large : small}, {gradient ? small : large},
                          {reductions::mean, 1, k, k, 1, s, s, 0, e, e, 1, 0});
  Limit moved = b.stream(1, 1, read + written);  // as many bytes, times two
  moved.scale = 0.5;
  subject.limits = {moved};
  subject.bytes = 4.0 * double(read + written);
  return subject;
}

void fill(bench::Family& family) {
  for (const Pooling p : {Pooling{2048, 112, 2, 2, 0}, Pooling{2048, 112, 3, 2, 1}, Pooling{4096, 56, 3, 1, 1},
                          Pooling{8192, 28, 2, 2, 0}, Pooling{1024, 224, 4, 4, 0}, Pooling{65536, 7, 7, 7, 0},
                          Pooling{64, 28, 2, 2, 0}, Pooling{64, 14, 2, 2, 0}, Pooling{64, 28, 3, 1, 1}})
    for (const bool gradient : {false, true}) {
      const bool large = p.P > 64;
      family.add({.group = gradient ? "average pooling, gradient" : "average pooling",
                  .name = (gradient ? "gradient of " : "") + p.name(),
                  .of_limit = large ? 0.8 : 0,
                  .counted = !large,
                  .make = [=](Bench& b) { return pool(b, p, gradient); }});
    }
}

const bench::Family pooling("pooling", fill);
}  // namespace
