// References of convolutions: the definitions, summed in double. What lies beyond an image is 0 and is multiplied, so
// that a weight that is not finite makes NaN there.
#pragma once
#include "../contraction/reference.h"
#include "geometry.h"

namespace anneal::ANNEAL_TARGET {

// The position along an axis of x that output `out` reads with `tap`.
static int64_t reference_position(const Geometry& g, int axis, int64_t out, int64_t tap) {
  return out * g.stride[axis] - g.padding[axis] + tap * g.dilation[axis];
}

// images[n, d, h, w, channel], or 0 beyond them. `dims` are those of all but the batch.
template <class T>
static double reference_pixel(const TensorArg& images, int64_t n, const int64_t* at, int64_t channel) {
  int64_t offset = n;
  for (int axis = 0; axis < 3; axis++) {
    if (at[axis] < 0 || at[axis] >= images.dims[1 + axis]) return 0;
    offset = offset * images.dims[1 + axis] + at[axis];
  }
  return (double)((const T*)images.data)[offset * images.dims[4] + channel];
}

template <class T>
static double reference_weight(const TensorArg& w, int64_t o, int64_t c, const int64_t* tap) {
  return (
      double)((const T*)w.data)[(((o * w.dims[1] + c) * w.dims[2] + tap[0]) * w.dims[3] + tap[1]) * w.dims[4] + tap[2]];
}

// Calls visit(d, h, w) for each position of a box.
template <class Visit>
static void reference_box(const int64_t* sizes, Visit visit) {
  int64_t at[3];
  for (at[0] = 0; at[0] < sizes[0]; at[0]++)
    for (at[1] = 0; at[1] < sizes[1]; at[1]++)
      for (at[2] = 0; at[2] < sizes[2]; at[2]++) visit(at);
}

// Rounds a sum to T, and does what is done with it, one rounding each.
template <class T>
static void reference_finish(const Call& call, int64_t element, int64_t channel, double sum) {
  const auto operand = [&](int i) { return i < call.inputs ? (const T*)call.in[i].data : nullptr; };
  const T *bias = operand(2), *mask = operand(3), *scale = operand(4), *shift = operand(5), *residual = operand(6);
  T x = (T)sum;
  if (bias) x = (T)((double)x + (double)bias[channel]);
  if (scale) x = (T)((double)x * (double)scale[channel]);
  if (shift) x = (T)((double)x + (double)shift[channel]);
  if (residual) x = (T)((double)x + (double)residual[element]);
  x = (T)reference_activation(call.attr[0], (double)x);
  if (mask) x = mask[element] > 0 ? x : T(0);
  ((T*)call.out[0].data)[element] = x;
}

template <class T>
static void reference_conv(const Call& call, Context&) {
  const TensorArg &x = call.in[0], &w = call.in[1];
  const Geometry g = geometry_of(x, call.out[0], w, call.attr + 2);
  int64_t element = 0;
  for (int64_t n = 0; n < g.N; n++)
    reference_box(g.out, [&](const int64_t* out) {
      for (int64_t o = 0; o < g.O; o++) {
        const int64_t first = o / g.own_outputs() * g.own_channels();
        double sum = 0;
        reference_box(g.taps, [&](const int64_t* tap) {
          int64_t at[3];
          for (int axis = 0; axis < 3; axis++) at[axis] = reference_position(g, axis, out[axis], tap[axis]);
          for (int64_t c = 0; c < g.own_channels(); c++)
            sum += reference_pixel<T>(x, n, at, first + c) * reference_weight<T>(w, o, c, tap);
        });
        reference_finish<T>(call, element++, o, sum);
      }
    });
}

// Of x, the places of y whose windows would reach it: those beyond y are 0.
template <class T>
static void reference_conv_transpose(const Call& call, Context&) {
  const TensorArg &y = call.in[0], &w = call.in[1];
  const Geometry g = geometry_of(call.out[0], y, w, call.attr + 2);
  int64_t element = 0;
  for (int64_t n = 0; n < g.N; n++)
    reference_box(g.in, [&](const int64_t* in) {
      for (int64_t c = 0; c < g.C; c++) {
        const int64_t group = c / g.own_channels();
        double sum = 0;
        reference_box(g.taps, [&](const int64_t* tap) {
          int64_t at[3];
          for (int axis = 0; axis < 3; axis++) {
            const int64_t from = in[axis] + g.padding[axis] - tap[axis] * g.dilation[axis];
            if (from % g.stride[axis] != 0) return;
            at[axis] = from / g.stride[axis];
          }
          for (int64_t o = group * g.own_outputs(); o < (group + 1) * g.own_outputs(); o++)
            sum += reference_pixel<T>(y, n, at, o) * reference_weight<T>(w, o, c % g.own_channels(), tap);
        });
        reference_finish<T>(call, element++, c, sum);
      }
    });
}

template <class T>
static void reference_conv_weight_grad(const Call& call, Context&) {
  const TensorArg &x = call.in[0], &y = call.in[1];
  const Geometry g = geometry_of(x, y, call.out[0], call.attr);
  int64_t element = 0;
  for (int64_t o = 0; o < g.O; o++)
    for (int64_t c = 0; c < g.own_channels(); c++)
      reference_box(g.taps, [&](const int64_t* tap) {
        double sum = 0;
        for (int64_t n = 0; n < g.N; n++)
          reference_box(g.out, [&](const int64_t* out) {
            int64_t at[3];
            for (int axis = 0; axis < 3; axis++) at[axis] = reference_position(g, axis, out[axis], tap[axis]);
            sum += reference_pixel<T>(x, n, at, o / g.own_outputs() * g.own_channels() + c) *
                   reference_pixel<T>(y, n, out, o);
          });
        ((T*)call.out[0].data)[element++] = (T)sum;
      });
}

}  // namespace anneal::ANNEAL_TARGET
