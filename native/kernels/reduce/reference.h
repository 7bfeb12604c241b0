// The reference of reduce: every output gathers its elements in order and applies the definition in double.
#pragma once
#include <cstring>

#include "../reference_access.h"

namespace anneal::ANNEAL_TARGET {

struct ReferenceMoments {
  double sum, squares;
  int64_t integer_sum;
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
    ReferenceMoments s = {0, 0, 0};
    ReferenceLane best = {};
    int64_t count = 0, where = 0;
    bool any = false, all = true;
    reference_each_reduced(in, out, o, [&](const ReferenceLane& x, int64_t i) {
      s.sum += x.real;
      s.integer_sum += x.integer;
      const bool truth = x.is_real ? x.real != 0 : x.integer != 0;
      any |= truth;
      all &= truth;
      if (count++ == 0 || reference_beats(x, best, kind == reductions::max || kind == reductions::argmax))
        best = x, where = i;
    });
    const double mean = s.sum / (double)count;
    reference_each_reduced(in, out, o,
                           [&](const ReferenceLane& x, int64_t) { s.squares += (x.real - mean) * (x.real - mean); });
    float correction;
    std::memcpy(&correction, call.attr + 1, 4);
    const double left = (double)count - (double)correction;
    ReferenceLane result = best;  // max and min
    if (kind == reductions::sum) result = {s.sum, reference_fit(context, o, s.integer_sum), true};
    if (kind == reductions::mean) result = {mean, 0, true};
    if (kind == reductions::argmax || kind == reductions::argmin) result = {0, (int32_t)where, false};
    if (kind == reductions::var) result = {s.squares / (left > 0 ? left : 0), 0, true};
    if (kind == reductions::any) result = {0, any, false};
    if (kind == reductions::all) result = {0, all, false};
    result.real = (double)(T)result.real;
    reference_store(out, o, result);
  }
}

}  // namespace anneal::ANNEAL_TARGET
