// References of copy and fill: one element at a time.
#pragma once
#include "../reference_access.h"

namespace anneal::ANNEAL_TARGET {

template <class T>
static void reference_copy(const Call& call, Context&) {
  for (int64_t i = 0; i < reference_elements(call.out[0]); i++)
    reference_store(call.out[0], reference_offset(call.out[0], i),
                    reference_load(call.in[0], reference_offset(call.in[0], i)));
}

template <class T>
static void reference_fill(const Call& call, Context&) {
  for (int64_t i = 0; i < reference_elements(call.out[0]); i++)
    reference_store(call.out[0], reference_offset(call.out[0], i), reference_load(call.in[0], 0));
}

}  // namespace anneal::ANNEAL_TARGET
