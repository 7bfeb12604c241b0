// The gradient of single rows. What is in a cache goes a few rows at a time: their sums first, which are folded
// together, then what is written, four rows at once, so that sums over rows stay in registers meanwhile.
#pragma once
#include "../softmax/fold_rows.h"
#include "../softmax/rows.h"
#include "rows.h"

namespace anneal::ANNEAL_TARGET {

constexpr int64_t kGroupedElements = 1 << 20;         // of an x whose rows go together
constexpr int64_t kGroupRows = 16, kGradNear = 3072;  // rows of a group, and their elements, at most
constexpr int kGradRows = 4;                          // rows that are written at once

// to[r] = the sum of lanes[r], in the order of fold_lanes.
ANNEAL_INLINE void fold_rows(const Lanes16* lanes, float* to) {
  const auto add = [](auto a, auto b) __attribute__((always_inline)) { return a + b; };
  vf narrow[kGroupRows];
  for (int64_t r = 0; r < kGroupRows; r++) narrow[r] = narrow16(lanes[r], add);
  for (int64_t r = 0; r < kGroupRows; r += kLanes) st(to + r, fold16_rows(narrow + r, add));
}

// The operands of a gradient; null for those that are absent.
struct GradOperands {
  const float *dy, *x, *spreads, *means, *weight, *residual;
  float* dx;
};

static GradOperands grad_operands(const Call& call) {
  const auto in = [&](int i) { return (const float*)call.in[i].data; };
  return {in(0), in(1), in(2), in(3), in(4), in(5), (float*)call.out[0].data};
}

template <bool kWeighted>
ANNEAL_INLINE vf slope(const float* dy, const float* weight, int64_t i, int lanes) {
  const vf d = ld_some(dy + i, lanes);
  return kWeighted ? d * ld_some(weight + i, lanes) : d;
}

// What dx is made of: (slope - mean - distance * tilt) * inverse, with distance = x - center.
struct RowSlopes {
  float center[kGroupRows] = {}, inverse[kGroupRows] = {}, mean[kGroupRows] = {}, tilt[kGroupRows] = {};
};

// Those of some rows from `first` on, of at most one block; `weight` is that of each of them.
template <bool kWeighted>
ANNEAL_INLINE void row_slopes(const NormJob& job, const GradOperands& of, int64_t first, int64_t rows,
                              const float* weight, RowSlopes& slopes) {
  const int64_t P = job.P;
  float spread[kGroupRows] = {};
  Lanes16 sums[kGroupRows] = {}, along[kGroupRows] = {};
  for (int64_t r = 0; r < rows; r++) {
    const float *dy = of.dy + (first + r) * P, *x = of.x + (first + r) * P;
    spread[r] = of.spreads[first + r];
    slopes.center[r] = of.means ? of.means[first + r] : 0;
    const vf center = splat(slopes.center[r]);
    Lanes16 sum = splat16(0.0f), tilt = splat16(0.0f);
    each_lane_vector(0, P, [&](int64_t i, int p, int lanes) __attribute__((always_inline)) {
      const int64_t at = i + p * kLanes;
      const vf g = slope<kWeighted>(dy, weight, at, lanes);
      sum.part[p] = sum.part[p] + g;
      tilt.part[p] = tilt.part[p] + keep_lanes(g * (ld_some(x + at, lanes) - center), lanes, vf{});
    });
    sums[r] = sum, along[r] = tilt;
  }
  fold_rows(sums, slopes.mean);
  fold_rows(along, slopes.tilt);
  const vf n = splat((float)P);
  for (int64_t r = 0; r < kGroupRows; r += kLanes) {
    const vf inverse = splat(1.0f) / vsqrt(ld(spread + r) + splat(job.eps));
    st(slopes.inverse + r, inverse);
    st(slopes.mean + r, (of.means ? ld(slopes.mean + r) : vf{}) / n);
    st(slopes.tilt + r, ld(slopes.tilt + r) / n * inverse * inverse);
  }
}

// Writes dx of `kRows` rows, and adds their shares to the sums, which are null where nobody wants them.
template <int kRows, bool kWeighted, bool kSums, bool kStream>
ANNEAL_INLINE void write_gradients(const NormJob& job, const GradOperands& of, int64_t first, const float* weight,
                                   float* dweight, float* dbias, const RowSlopes& slopes, int64_t at) {
  const int64_t P = job.P;
  const float *dy = of.dy + first * P, *x = of.x + first * P,
              *residual = of.residual ? of.residual + first * P : nullptr;
  float* dx = of.dx ? of.dx + first * P : nullptr;
  vf center[kRows], inverse[kRows], mean[kRows], tilt[kRows];
  for (int r = 0; r < kRows; r++) {
    center[r] = splat(slopes.center[at + r]), inverse[r] = splat(slopes.inverse[at + r]);
    mean[r] = splat(slopes.mean[at + r]), tilt[r] = splat(slopes.tilt[at + r]);
  }
  each_vector(P, [&](int64_t i, int lanes) __attribute__((always_inline)) {
    vf of_weight = kSums ? ld_some(dweight + i, lanes) : vf{}, of_bias = kSums ? ld_some(dbias + i, lanes) : vf{};
    const vf w = kWeighted ? ld_some(weight + i, lanes) : vf{};
    for (int r = 0; r < kRows; r++) {
      const vf d = ld_some(dy + r * P + i, lanes), distance = ld_some(x + r * P + i, lanes) - center[r];
      if (dx) {
        vf z = ((kWeighted ? d * w : d) - mean[r] - distance * tilt[r]) * inverse[r];
        if (residual) z = z + ld_some(residual + r * P + i, lanes);
        put<kStream>(dx + r * P + i, z, lanes);
      }
      of_weight = vfma(d, distance * inverse[r], of_weight);
      of_bias = of_bias + d;
    }
    if (!kSums) return;
    st_some(dweight + i, of_weight, lanes);
    st_some(dbias + i, of_bias, lanes);
  });
}

// Those of a row by itself, of any length.
template <bool kWeighted>
ANNEAL_INLINE void one_row_slopes(const NormJob& job, const GradOperands& of, int64_t row, const float* weight,
                                  RowSlopes& slopes) {
  const float *dy = of.dy + row * job.P, *x = of.x + row * job.P;
  const vf center = splat(of.means ? of.means[row] : 0);
  const auto term = [&](int64_t i, int p, int lanes)
                        __attribute__((always_inline)) { return slope<kWeighted>(dy, weight, i + p * kLanes, lanes); };
  const float n = (float)job.P, sum = of.means ? sum_of(job.P, term) : 0;
  const float along = sum_of(job.P, [&](int64_t i, int p, int lanes) __attribute__((always_inline)) {
    const int64_t at = i + p * kLanes;
    return keep_lanes(slope<kWeighted>(dy, weight, at, lanes) * (ld_some(x + at, lanes) - center), lanes, vf{});
  });
  slopes.center[0] = center[0];
  slopes.inverse[0] = inverse_root(job, of.spreads[row]);
  slopes.mean[0] = sum / n;
  slopes.tilt[0] = along / n * slopes.inverse[0] * slopes.inverse[0];
}

// One group has one weight for all rows. What no cache has is written row by row: memory takes the results of one while
// the next is read.
ANNEAL_INLINE int64_t grad_rows_together(const NormJob& job) {
  if (job.G > 1 || job.P > kRowBlock || job.A * job.C > kGroupedElements) return 1;
  return smallest(kGroupRows, largest(1, kGradNear / job.P));
}

template <bool kWeighted, bool kSums, bool kStream>
ANNEAL_INLINE void grad_rows(const NormRowsJob& job, int64_t chunk, float* sums) {
  const NormJob& base = job.base;
  const GradOperands of = grad_operands(*base.call);
  const int64_t end = smallest(base.A, (chunk + 1) * job.per_chunk) * base.G, together = grad_rows_together(base);
  for (int64_t first = chunk * job.per_chunk * base.G; first < end; first += together) {
    const int64_t rows = smallest(together, end - first), feature = first % base.G * base.P;
    const float* weight = kWeighted ? of.weight + feature : nullptr;
    RowSlopes slopes;
    if (together == 1)
      one_row_slopes<kWeighted>(base, of, first, weight, slopes);
    else
      row_slopes<kWeighted>(base, of, first, rows, weight, slopes);
    float *dweight = kSums ? sums + feature : nullptr, *dbias = kSums ? sums + base.C + feature : nullptr;
    int64_t r = 0;
    for (; r + kGradRows <= rows; r += kGradRows)
      write_gradients<kGradRows, kWeighted, kSums, kStream>(base, of, first + r, weight, dweight, dbias, slopes, r);
    for (; r < rows; r++)
      write_gradients<1, kWeighted, kSums, kStream>(base, of, first + r, weight, dweight, dbias, slopes, r);
  }
  if (kStream) stream_fence();
}

template <bool kStream>
static void norm_grad_rows_chunk(void* arg, int64_t chunk, int32_t) {
  const NormRowsJob& job = *(const NormRowsJob*)arg;
  const bool weighted = job.base.call->in[4].data != nullptr;
  float* sums = job.partial ? job.partial + chunk * 2 * job.base.C : nullptr;
  if (!sums)
    return weighted ? grad_rows<true, false, kStream>(job, chunk, sums)
                    : grad_rows<false, false, kStream>(job, chunk, sums);
  __builtin_memset(sums, 0, (size_t)(2 * job.base.C) * 4);
  weighted ? grad_rows<true, true, kStream>(job, chunk, sums) : grad_rows<false, true, kStream>(job, chunk, sums);
}

static void run_grad_rows(const NormJob& base) {
  NormRowsJob job = norm_rows_job(base, true);
  const Call& call = *base.call;
  if (call.out[1].data || call.out[2].data) job.partial = (float*)base.context->shared_scratch;
  const bool stream = call.out[0].data && streams_rows(call.out[0], base.P);
  run_norm_chunks(base, job.chunks, stream ? norm_grad_rows_chunk<true> : norm_grad_rows_chunk<false>, &job);
  if (!job.partial) return;
  add_partials(job.partial, job.chunks, 2 * base.C);
  store_vector(call.out[1], job.partial);
  store_vector(call.out[2], job.partial + base.C);
}

}  // namespace anneal::ANNEAL_TARGET
