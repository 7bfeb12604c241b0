// Sizes of a convolution, of all rows alike.
#pragma once
#include "../../kernel_table.h"

namespace anneal::ANNEAL_TARGET {

// Images x [N, D, H, W, C] and y [N, .., O], weights [O, C / groups, ..]: element `out` of y along an axis reads the
// elements out * stride - padding + tap * dilation of x, those beyond it being 0.
struct Geometry {
  int64_t N, C, O, groups;
  int64_t in[3], out[3], taps[3], stride[3], padding[3], dilation[3];

  int64_t own_channels() const { return C / groups; }
  int64_t own_outputs() const { return O / groups; }
  int64_t in_pixels() const { return in[0] * in[1] * in[2]; }
  int64_t out_pixels() const { return out[0] * out[1] * out[2]; }
  int64_t all_taps() const { return taps[0] * taps[1] * taps[2]; }
};

static Geometry geometry_of(const TensorArg& x, const TensorArg& y, const TensorArg& w, const uint32_t* attrs) {
  Geometry g = {x.dims[0], x.dims[4], y.dims[4], attrs[0], {}, {}, {}, {}, {}, {}};
  for (int axis = 0; axis < 3; axis++) {
    g.in[axis] = x.dims[1 + axis];
    g.out[axis] = y.dims[1 + axis];
    g.taps[axis] = w.dims[2 + axis];
    g.stride[axis] = attrs[1 + axis];
    g.padding[axis] = attrs[4 + axis];
    g.dilation[axis] = attrs[7 + axis];
  }
  return g;
}

}  // namespace anneal::ANNEAL_TARGET
