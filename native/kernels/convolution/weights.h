// Weights [O, C / groups, taps] as the tiles read them: by group and phase, panels of kTileColumns output channels,
// [tap][channel][columns] each, the last padded to vectors. Packed anew in every run: they change with every step.
#pragma once
#include "strip.h"

namespace anneal::ANNEAL_TARGET {

// Weight (in, out, tap) of a group lies at in * by_in + out * by_out + tap, and groups `group` apart.
struct WeightStrides {
  int64_t by_in, by_out, group, taps;
};
static WeightStrides weight_strides(const Geometry& g, bool transposed) {
  const int64_t taps = g.all_taps(), row = g.own_channels() * taps;
  return {transposed ? row : taps, transposed ? taps : row, g.own_outputs() * row, taps};
}

ANNEAL_INLINE int64_t all_taps(const Taps (&t)[3]) { return t[0].count * t[1].count * t[2].count; }

// place[tap] becomes the tap's position among those of a phase, or -1.
static void note_places(const Correlation& g, const Taps (&t)[3], int32_t* place) {
  const int64_t taps = g.axis[0].taps * g.axis[1].taps * g.axis[2].taps;
  for (int64_t i = 0; i < taps; i++) place[i] = -1;
  int32_t next = 0;
  for (int64_t d = 0; d < t[0].count; d++)
    for (int64_t h = 0; h < t[1].count; h++)
      for (int64_t w = 0; w < t[2].count; w++)
        place[((t[0].tap + d * t[0].tap_step) * g.axis[1].taps + t[1].tap + h * t[1].tap_step) * g.axis[2].taps +
              t[2].tap + w * t[2].tap_step] = next++;
}

// Of kLanes rows that lie `stride` apart, column m as a vector: put(m, column), m < count, some of them twice.
template <class Put>
ANNEAL_INLINE void each_column(const float* from, int64_t stride, int64_t count, Put put) {
  const auto four = [&](int64_t m) __attribute__((always_inline)) {
    vf out[4];
    transpose4(from + m, stride, out);
    for (int u = 0; u < 4; u++) put(m + u, out[u]);
  };
  if (count >= 4) {
    for (int64_t m = 0; m + 4 <= count; m += 4) four(m);
    if (count % 4 != 0) four(count - 4);
    return;
  }
  for (int64_t m = 0; m < count; m++) {
    float column[kLanes];
    for (int j = 0; j < kLanes; j++) column[j] = from[j * stride + m];
    put(m, ld(column));
  }
}

// The panel of output channels [j, j + width) of a phase.
static void pack_panel(const WeightStrides& w, const int32_t* place, const float* from, int64_t in, int64_t j,
                       int64_t width, float* to) {
  const int64_t padded = padded_columns(width);
  from += j * w.by_out;
  int64_t o = 0;
  for (; o + kLanes <= width; o += kLanes) {
    const float* rows = from + o * w.by_out;
    float* const at = to + o;
    if (w.by_out == 1)
      for (int64_t i = 0; i < in; i++) st(at + i * padded, ld(rows + i * w.by_in));
    else if (w.by_in == 1)
      each_column(rows, w.by_out, in, [&](int64_t i, vf x) { st(at + i * padded, x); });
    else
      for (int64_t i = 0; i < in; i++)
        each_column(rows + i * w.by_in, w.by_out, w.taps, [&](int64_t tap, vf x) {
          if (place[tap] >= 0) st(at + (place[tap] * in + i) * padded, x);
        });
  }
  if (o == padded) return;
  for (int64_t tap = 0; tap < w.taps; tap++)
    for (int64_t i = 0; place[tap] >= 0 && i < in; i++) {
      float* const row = to + (place[tap] * in + i) * padded;
      for (int64_t k = o; k < padded; k++) row[k] = k < width ? from[k * w.by_out + i * w.by_in + tap] : 0.0f;
    }
}

}  // namespace anneal::ANNEAL_TARGET
