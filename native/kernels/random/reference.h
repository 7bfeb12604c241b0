// The reference of random: Philox4x32-10 block by block, distributions in double.
#pragma once
#include "../../philox.h"
#include "../reference_access.h"

namespace anneal::ANNEAL_TARGET {

template <class T>
static void reference_random(const Call& call, Context&) {
  const int32_t* key = (const int32_t*)call.in[0].data;
  const double p0 = reference_load(call.in[1], 0).real, p1 = reference_load(call.in[1], 1).real;
  const uint32_t seed[2] = {(uint32_t)key[0], (uint32_t)key[1]};
  for (int64_t i = 0; i < reference_elements(call.out[0]); i++) {
    const uint32_t counter[4] = {(uint32_t)(i / 4), (uint32_t)key[4], (uint32_t)key[2], (uint32_t)key[3]};
    uint32_t words[4];
    philox_block(seed, counter, words);
    const auto uniform = [&](int64_t w) { return (double)(words[w] >> 8) * 0x1p-24; };
    const double u = uniform(i % 4), v = uniform(i % 4 | 1);
    const double radius = std::sqrt(-2 * std::log(1 - uniform(i % 4 & ~1)));
    double x = (T)(p0 + u * (p1 - p0));
    if (call.attr[0] == distributions::uniform && x >= p1 && p0 < p1) x = p0;
    if (call.attr[0] == distributions::normal)
      x = p0 + p1 * radius * (i % 2 ? std::sin(2 * kPi * v) : std::cos(2 * kPi * v));
    if (call.attr[0] == distributions::bernoulli) x = u < p0 ? p1 : 0;
    reference_store(call.out[0], i, {x, 0, true});
  }
}

}  // namespace anneal::ANNEAL_TARGET
