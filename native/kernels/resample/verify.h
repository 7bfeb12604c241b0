// The checks of resampling.
#pragma once
#include "../verify_operands.h"

namespace anneal {

// Steps that do not lead beyond x by far, so that there are not many taps in all.
inline bool is_antialiased(int64_t n, int64_t m, uint32_t step) {
  float s;
  __builtin_memcpy(&s, &step, 4);
  return s >= 0 && s * double(m) <= 2 * double(n) && 8 * double(n) + 6 * double(m) < 2147483647.0;
}

// Every element of y has an element of x to be made of. Interpolation looks for one itself, whatever the positions.
inline bool is_resampled(int64_t n, int64_t m, uint32_t mode, int64_t before, uint32_t step) {
  using namespace resample_modes;
  if (m == 0) return mode <= cubic_antialias;
  if (n < 1) return false;
  if (mode <= cubic_corners) return (step & 0x7F800000) != 0x7F800000;
  if (mode == linear_antialias || mode == cubic_antialias) return is_antialiased(n, m, step);
  if (mode == reflect) return before < n && m - before < 2 * n;
  if (mode == circular) return before <= n && m - before <= 2 * n;
  return mode == replicate;
}

inline const char* verify_resampling(const Call& c, const TensorArg& x, const TensorArg& y) {
  if (const char* wrong = verify_images(x, y)) return wrong;
  for (int i = 0; i < 3; i++)
    NEED(is_resampled(x.dims[1 + i], y.dims[1 + i], c.attr[i], int32_t(c.attr[3 + i]), c.attr[6 + i]),
         "an axis does not fit");
  return nullptr;
}

inline const char* verify_resample(const Call& c) { return verify_resampling(c, c.in[0], c.out[0]); }
inline const char* verify_resample_grad(const Call& c) { return verify_resampling(c, c.out[0], c.in[0]); }

}  // namespace anneal
