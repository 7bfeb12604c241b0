// The reference of reduce: every output gathers its elements in order and applies the definition in double.
#pragma once
#include <cstring>

#include "../reference_access.h"

namespace anneal::ANNEAL_TARGET {

struct ReferenceMoments {
  double sum, product, squares;
  int64_t integer_sum, integer_product;
};

// Calls f(lane, position) for every element of output `o`, positions in the row-major order of the reduced axes.
template <class F>
static void reference_each_reduced(const TensorArg& in, const TensorArg& out, int64_t o, F f) {
  int64_t base = 0, count = 1;
  for (int d = out.rank - 1; d >= 0; d--) {
    if (out.dims[d] == in.dims[d]) {
      base += o % out.dims[d] * in.strides[d];
      o /= out.dims[d];
    } else {
      count *= in.dims[d];
    }
  }
  for (int64_t i = 0; i < count; i++) {
    int64_t offset = base, rest = i;
    for (int d = in.rank - 1; d >= 0; d--)
      if (out.dims[d] != in.dims[d]) {
        offset += rest % in.dims[d] * in.strides[d];
        rest /= in.dims[d];
      }
    f(reference_load(in, offset), i);
  }
}

static bool reference_beats(const ReferenceLane& x, const ReferenceLane& best, bool most) {
  if (!x.is_real) return most ? x.integer > best.integer : x.integer < best.integer;
  if (best.real != best.real) return false;
  return x.real != x.real || (most ? x.real > best.real : x.real < best.real);
}

template <class T>
static void reference_reduce(const Call& call, Context& context) {
  const TensorArg &in = call.in[0], &out = call.out[0];
  const uint32_t kind = call.attr[0];
  for (int64_t o = 0; o < reference_elements(out); o++) {
    ReferenceMoments s = {0, 1, 0, 0, 1};
    ReferenceLane best = {};
    int64_t count = 0, where = 0;
    bool any = false, all = true;
    reference_each_reduced(in, out, o, [&](const ReferenceLane& x, int64_t i) {
      s.sum += x.real;
      s.product *= x.real;
      s.integer_sum += x.integer;
      s.integer_product = reference_wrap(s.integer_product * x.integer);
      const bool truth = x.is_real ? x.real != 0 : x.integer != 0;
      any |= truth;
      all &= truth;
      if (count++ == 0 || reference_beats(x, best, kind == 2 || kind == 4)) best = x, where = i;
    });
    const double mean = s.sum / (double)count;
    reference_each_reduced(in, out, o,
                           [&](const ReferenceLane& x, int64_t) { s.squares += (x.real - mean) * (x.real - mean); });
    float correction;
    std::memcpy(&correction, call.attr + 1, 4);
    const double left = (double)count - (double)correction;
    ReferenceLane result = best;  // max and min
    if (kind == 0) result = {s.sum, reference_fit(context, o, s.integer_sum), true};
    if (kind == 1) result = {mean, 0, true};
    if (kind == 4 || kind == 5) result = {0, (int32_t)where, false};
    if (kind == 6) result = {s.squares / (left > 0 ? left : 0), 0, true};
    if (kind == 7) result = {0, any, false};
    if (kind == 8) result = {0, all, false};
    if (kind == 9) result = {s.product, (int32_t)s.integer_product, true};
    result.real = (double)(T)result.real;
    reference_store(out, o, result);
  }
}

}  // namespace anneal::ANNEAL_TARGET
