// A convolution along one axis, in the terms in which all rows compute it: windows over a source, in phases.
//
// conv reads x and writes y: one phase, whose windows lie a stride apart. conv_transpose reads y and writes x: windows
// of the next places of y, which serve `stride` neighbours in x; each of these is a phase, with the taps that reach it.
// No zeros are put between places.
#pragma once
#include "../walk.h"
#include "geometry.h"

namespace anneal::ANNEAL_TARGET {

// Windows begin at position * stride + begin and reach over `reach` elements of the source.
struct Axis {
  int64_t source, target;  // elements
  int64_t positions, stride, begin, reach, phases;
  bool transposed;
  int64_t first;  // the position, counted from the source's first element, that position 0 stands for
  int64_t taps, dilation, step, padding;
};

// The part of a window that a phase reads: `count` elements, `dilation` apart from `begin` on, of which the first meets
// tap `tap` of the weights and the next ones tap + i * tap_step. Positions [from, to) have results, at result +
// position
// * result_step.
struct Taps {
  int64_t count, dilation, begin, tap, tap_step, from, to, result, result_step;
};

ANNEAL_INLINE int64_t divide_down(int64_t a, int64_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }
ANNEAL_INLINE int64_t common_divisor(int64_t a, int64_t b) {
  while (b) {
    const int64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

// The taps of a transposed convolution that reach neighbour `phase`: the first one's distance in places, and how many.
struct Reached {
  int64_t count, first_tap, tap_step, nearest, farthest, apart;
};
static Reached reached_by(const Axis& a, int64_t phase) {
  const int64_t divisor = common_divisor(a.step, a.dilation);
  Reached r = {0, 0, a.step / divisor, 0, 0, a.dilation / divisor};
  if (phase % divisor != 0) return r;
  const int64_t end = smallest(r.tap_step, a.taps);
  while (r.first_tap < end && (r.first_tap * a.dilation - phase) % a.step != 0) r.first_tap++;
  if (r.first_tap >= end) return r;
  r.count = (a.taps - 1 - r.first_tap) / r.tap_step + 1;
  r.nearest = (r.first_tap * a.dilation - phase) / a.step;
  r.farthest = r.nearest + (r.count - 1) * r.apart;
  return r;
}

static Axis forward_axis(const Geometry& g, int i) {
  const int64_t reach = (g.taps[i] - 1) * g.dilation[i] + 1;
  return {g.in[i], g.out[i], g.out[i],  g.stride[i],   -g.padding[i], reach,       1,
          false,   0,        g.taps[i], g.dilation[i], g.stride[i],   g.padding[i]};
}

static Axis transposed_axis(const Geometry& g, int i) {
  Axis a = {g.out[i], g.in[i], 0, 1, 0, 0, g.stride[i], true, 0, g.taps[i], g.dilation[i], g.stride[i], g.padding[i]};
  a.first = a.padding / a.step;
  a.positions = (a.padding + a.target - 1) / a.step - a.first + 1;
  int64_t nearest = INT64_MAX, farthest = INT64_MIN;
  for (int64_t phase = 0; phase < a.phases; phase++) {
    const Reached r = reached_by(a, phase);
    if (r.count == 0) continue;
    nearest = smallest(nearest, r.nearest);
    farthest = largest(farthest, r.farthest);
  }
  a.begin = a.first - farthest;
  a.reach = farthest - nearest + 1;
  return a;
}

static Taps taps_of(const Axis& a, int64_t phase) {
  if (!a.transposed) return {a.taps, a.dilation, 0, 0, 1, 0, a.positions, 0, 1};
  const Reached r = reached_by(a, phase);
  Taps t = {r.count, r.apart, 0, 0, 0, 0, 0, 0, a.step};
  if (r.count > 0) {
    t.begin = a.first - r.farthest - a.begin;
    t.tap = r.first_tap + (r.count - 1) * r.tap_step;
    t.tap_step = -r.tap_step;
  }
  t.from = largest(0, divide_up(largest(0, a.padding - phase), a.step) - a.first);
  t.to = smallest(a.positions, divide_down(a.target - 1 + a.padding - phase, a.step) - a.first + 1);
  t.result = a.first * a.step + phase - a.padding;
  return t;
}

// Results of positions before `position`, of all phases.
ANNEAL_INLINE int64_t results_before(const Axis& a, int64_t position) {
  if (!a.transposed) return position;
  return smallest(a.target, largest(0, (a.first + position) * a.step - a.padding));
}

// Returns whether no window leaves the source.
ANNEAL_INLINE bool stays_inside(const Axis& a) {
  return a.begin >= 0 && (a.positions - 1) * a.stride + a.begin + a.reach <= a.source;
}

}  // namespace anneal::ANNEAL_TARGET
