// Reference of require_finite: one element at a time.
#pragma once
#include "../reference_access.h"

namespace anneal::ANNEAL_TARGET {

template <class T>
static void reference_require_finite(const Call& call, Context& context) {
  int64_t before = 0;
  for (int t = 0; t < call.inputs; t++) {
    const int64_t elements = reference_elements(call.in[t]);
    for (int64_t i = 0; i < elements; i++) {
      const T x = ((const T*)call.in[t].data)[i];
      if (!std::isfinite(x))
        return context.fail(&context, Failure::not_finite, before + i, t, x != x ? 0 : x > 0 ? 1 : 2);
    }
    before += elements;
  }
}

}  // namespace anneal::ANNEAL_TARGET
