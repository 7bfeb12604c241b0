// References of attention and its gradients: the definitions, a score at a time.
#pragma once
#include "../../philox.h"
#include "../reference_access.h"

namespace anneal::ANNEAL_TARGET {

template <class T>
struct ReferenceAttention {
  const Call& call;
  const TensorArg &query = call.in[0], &key = call.in[1], &value = call.in[2], &mask = call.in[3];
  int64_t H = query.dims[1], K = key.dims[1], rows = query.dims[2], S = key.dims[2], D = query.dims[3],
          E = value.dims[3];

  static T& at(const TensorArg& t, int64_t b, int64_t h, int64_t s, int64_t d) {
    return ((T*)t.data)[b * t.strides[0] + h * t.strides[1] + s * t.strides[2] + d * t.strides[3]];
  }
  float attribute(int i) const {
    float x;
    __builtin_memcpy(&x, &call.attr[i], 4);
    return x;
  }
  int64_t head(int64_t h) const { return h / (H / K); }
  int64_t length(Context& context, int64_t b) const {
    if (!call.in[4].data) return S;
    const int64_t length = ((const int32_t*)call.in[4].data)[b];
    return reference_in_range(context, b, length, S + 1) ? length : length < 0 ? 0 : S;
  }
  int64_t limit(int64_t length, int64_t t) const { return call.attr[1] && t + 1 < length ? t + 1 : length; }

  double score(int64_t b, int64_t h, int64_t t, int64_t s) const {
    double sum = 0;
    for (int64_t d = 0; d < D; d++) sum += (double)at(query, b, h, t, d) * (double)at(key, b, head(h), s, d);
    sum *= (double)attribute(0);
    if (!mask.data) return sum;
    const int64_t index[] = {b, h, t, s};
    int64_t offset = 0;
    for (int d = 0; d < 4; d++) offset += mask.dims[d] == 1 ? 0 : index[d] * mask.strides[d];
    const ReferenceLane m = reference_load(mask, offset);
    return m.is_real ? sum + m.real : m.integer ? sum : -HUGE_VAL;
  }
  // The factor of a weight.
  double dropout(int64_t b, int64_t h, int64_t t, int64_t s) const {
    const int32_t* random = (const int32_t*)call.in[5].data;
    if (!random) return 1;
    const uint64_t block = (uint64_t)(((b * H + h) * rows + t) * ((S + 3) / 4) + s / 4);
    const uint32_t seed[2] = {(uint32_t)random[0], (uint32_t)random[1]};
    const uint32_t counter[4] = {(uint32_t)block, (uint32_t)random[4], (uint32_t)random[2], (uint32_t)random[3]};
    uint32_t words[4];
    philox_block(seed, counter, words);
    return (double)(words[s % 4] >> 8) * 0x1p-24 < (double)attribute(2) ? (double)attribute(3) : 0;
  }
};

// Sums are kept in the results, which are double where it matters.
template <class T>
static void reference_attention(const Call& call, Context& context) {
  const ReferenceAttention<T> a = {call};
  const TensorArg &y = call.out[0], &lse = call.out[1];
  for (int64_t b = 0; b < a.query.dims[0]; b++) {
    const int64_t length = a.length(context, b);
    for (int64_t h = 0; h < a.H; h++)
      for (int64_t t = 0; t < a.rows; t++) {
        const int64_t keys = a.limit(length, t);
        double most = -HUGE_VAL, total = 0;
        for (int64_t s = 0; s < keys; s++) most = a.score(b, h, t, s) > most ? a.score(b, h, t, s) : most;
        const double shift = most == -HUGE_VAL ? 0 : most;
        for (int64_t s = 0; s < keys; s++) total += std::exp(a.score(b, h, t, s) - shift);
        const bool nothing = total == 0;
        if (lse.data) ((T*)lse.data)[(b * a.H + h) * a.rows + t] = (T)(nothing ? 0 : std::log(total) + shift);
        if (!y.data) continue;
        for (int64_t e = 0; e < a.E; e++) a.at(y, b, h, t, e) = 0;
        for (int64_t s = 0; s < keys; s++) {
          const double weight = std::exp(a.score(b, h, t, s) - shift) / (nothing ? 1 : total) * a.dropout(b, h, t, s);
          for (int64_t e = 0; e < a.E; e++)
            a.at(y, b, h, t, e) += (T)(weight * (double)a.at(a.value, b, a.head(h), s, e));
        }
      }
  }
}

template <class T>
static void reference_attention_grad(const Call& call, Context& context) {
  const ReferenceAttention<T> a = {call};
  const TensorArg &y = call.in[6], &dy = call.in[7], &lse = call.in[8], &dlse = call.in[9];
  const TensorArg &dquery = call.out[0], &dkey = call.out[1], &dvalue = call.out[2];
  for (int o = 0; o < 3; o++)
    for (int64_t i = 0; call.out[o].data && i < reference_elements(call.out[o]); i++)
      ((T*)call.out[o].data)[reference_offset(call.out[o], i)] = 0;
  for (int64_t b = 0; b < a.query.dims[0]; b++) {
    const int64_t length = a.length(context, b);
    for (int64_t h = 0; h < a.H; h++)
      for (int64_t t = 0; t < a.rows; t++) {
        const int64_t row = (b * a.H + h) * a.rows + t, k = a.head(h);
        double delta = dlse.data ? -(double)((const T*)dlse.data)[row] : 0;
        for (int64_t e = 0; e < a.E; e++) delta += (double)a.at(dy, b, h, t, e) * (double)a.at(y, b, h, t, e);
        // A large log-sum-exp is rounded to 32 bits.
        const bool rounded = std::fabs((double)((const T*)lse.data)[row]) > 64;
        const auto unscaled = [&](int64_t s) {
          return std::exp(a.score(b, h, t, s) - (double)((const T*)lse.data)[row]);
        };
        double total = 0;
        for (int64_t s = 0; rounded && s < a.limit(length, t); s++) total += unscaled(s);
        for (int64_t s = 0; s < a.limit(length, t); s++) {
          const double weight = unscaled(s) / (rounded ? total : 1);
          const double factor = a.dropout(b, h, t, s);
          double dweight = 0;
          for (int64_t e = 0; e < a.E; e++) dweight += (double)a.at(dy, b, h, t, e) * (double)a.at(a.value, b, k, s, e);
          const double dscore = weight * (dweight * factor - delta) * (double)a.attribute(0);
          for (int64_t e = 0; dvalue.data && e < a.E; e++)
            a.at(dvalue, b, k, s, e) += (T)(weight * factor * (double)a.at(dy, b, h, t, e));
          for (int64_t d = 0; d < a.D; d++) {
            if (dquery.data) a.at(dquery, b, h, t, d) += (T)(dscore * (double)a.at(a.key, b, k, s, d));
            if (dkey.data) a.at(dkey, b, k, s, d) += (T)(dscore * (double)a.at(a.query, b, h, t, d));
          }
        }
      }
  }
}

template <class T>
static void reference_cached_attention(const Call& call, Context& context) {
  const TensorArg &query = call.in[0], &key = call.in[1], &value = call.in[2], &keys = call.in[3], &values = call.in[4],
                  &mask = call.in[6], &y = call.out[0];
  const auto at = ReferenceAttention<T>::at;
  const int64_t H = query.dims[1], G = key.dims[1] ? H / key.dims[1] : 1, C = keys.dims[2];
  float scale;
  __builtin_memcpy(&scale, &call.attr[0], 4);
  for (int64_t b = 0; b < query.dims[0]; b++) {
    int64_t own = ((const int32_t*)call.in[5].data)[b];
    if (!reference_in_range(context, b, own, C)) own = own < 0 ? 0 : C - 1;
    for (int64_t h = 0; h < H; h++) {
      const auto score = [&](int64_t s) {
        double sum = 0;
        for (int64_t d = 0; d < query.dims[3]; d++)
          sum += (double)at(query, b, h, 0, d) * (double)(s < own ? at(keys, b, h / G, s, d) : at(key, b, h / G, 0, d));
        sum *= (double)scale;
        if (!mask.data) return sum;
        const int64_t index[] = {b, h, 0, s};
        int64_t offset = 0;
        for (int d = 0; d < 4; d++) offset += mask.dims[d] == 1 ? 0 : index[d] * mask.strides[d];
        const ReferenceLane m = reference_load(mask, offset);
        return m.is_real ? sum + m.real : m.integer ? sum : -HUGE_VAL;
      };
      double most = -HUGE_VAL, total = 0;
      for (int64_t s = 0; s <= own; s++) most = score(s) > most ? score(s) : most;
      const double shift = most == -HUGE_VAL ? 0 : most;
      for (int64_t s = 0; s <= own; s++) total += std::exp(score(s) - shift);
      for (int64_t e = 0; e < y.dims[3]; e++) {
        double sum = 0;
        for (int64_t s = 0; s <= own; s++) {
          const T from = s < own ? at(values, b, h / G, s, e) : at(value, b, h / G, 0, e);
          sum += std::exp(score(s) - shift) * (double)from;
        }
        at(y, b, h, 0, e) = (T)(sum / (total == 0 ? 1 : total));
      }
    }
  }
}

template <class T>
static void reference_write_positions(const Call& call, Context& context) {
  const TensorArg &cache = call.out[0], &rows = call.in[0];
  const auto at = ReferenceAttention<T>::at;
  for (int64_t b = 0; b < rows.dims[0]; b++) {
    const int64_t offset = ((const int32_t*)call.in[1].data)[b];
    if (!reference_in_range(context, b, offset, cache.dims[2] - rows.dims[2] + 1)) continue;
    for (int64_t k = 0; k < rows.dims[1]; k++)
      for (int64_t t = 0; t < rows.dims[2]; t++)
        for (int64_t d = 0; d < rows.dims[3]; d++) at(cache, b, k, offset + t, d) = at(rows, b, k, t, d);
  }
}

}  // namespace anneal::ANNEAL_TARGET
