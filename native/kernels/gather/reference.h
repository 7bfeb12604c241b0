// References of gather, scatter_add, coalesce, gather_rows, take_along_axis and scatter: one element at a time.
#pragma once
#include "../reference_access.h"

namespace anneal::ANNEAL_TARGET {

// [O, A, I] around the axis of `whole`.
static void reference_split(const TensorArg& whole, uint32_t axis, int64_t& O, int64_t& A, int64_t& I) {
  O = I = 1;
  A = whole.dims[axis];
  for (int d = 0; d < whole.rank; d++)
    if (d != (int)axis) (d < (int)axis ? O : I) *= whole.dims[d];
}

template <class T>
static void reference_gather(const Call& call, Context& context) {
  int64_t O, A, I;
  reference_split(call.in[0], call.attr[0], O, A, I);
  const int64_t K = reference_elements(call.in[1]);
  for (int64_t o = 0; o < O; o++)
    for (int64_t k = 0; k < K; k++) {
      const int64_t index = ((const int32_t*)call.in[1].data)[k];
      const bool inside = reference_in_range(context, k, index, A);
      for (int64_t i = 0; i < I; i++)
        reference_store(call.out[0], (o * K + k) * I + i,
                        inside ? reference_load(call.in[0], (o * A + index) * I + i) : ReferenceLane{});
    }
}

template <class T>
static void reference_scatter_add(const Call& call, Context& context) {
  int64_t O, A, I;
  const TensorArg& out = call.out[0];
  reference_split(out, call.attr[0], O, A, I);
  const int64_t K = reference_elements(call.in[0]);
  for (int64_t i = 0; i < O * A * I; i++) reference_store(out, i, {});
  for (int64_t k = 0; k < K; k++) {
    const int64_t index = ((const int32_t*)call.in[0].data)[k];
    if (!reference_in_range(context, k, index, A)) continue;
    for (int64_t o = 0; o < O; o++)
      for (int64_t i = 0; i < I; i++) {
        const int64_t at = (o * A + index) * I + i;
        const ReferenceLane a = reference_load(out, at), b = reference_load(call.in[1], (o * K + k) * I + i);
        reference_store(
            out, at, {a.real + b.real, reference_fit(context, o * K + k, (int64_t)a.integer + b.integer), a.is_real});
      }
  }
}

template <class T>
static void reference_coalesce(const Call& call, Context& context) {
  const int64_t K = reference_elements(call.in[0]), room = call.out[0].dims[0], D = call.out[0].dims[1],
                size = call.attr[0];
  const int32_t* indices = (const int32_t*)call.in[0].data;
  int32_t* rows = (int32_t*)call.out[1].data;
  const auto is_none = [&](int64_t k) { return call.attr[1] && indices[k] == -1; };
  for (int64_t k = 0; k < K; k++)
    if (!is_none(k)) reference_in_range(context, k, indices[k], size);
  for (int64_t i = 0; i < room * D; i++) reference_store(call.out[0], i, {0, 0, true});
  int64_t last = -1;
  for (int64_t r = 0; r < room; r++) {
    int64_t next = size;
    for (int64_t k = 0; k < K; k++)
      if (indices[k] > last && indices[k] < next) next = indices[k];
    rows[r] = next < size ? (int32_t)next : -1;
    last = next;
    for (int64_t k = 0; k < K; k++)
      for (int64_t i = 0; i < D && indices[k] == rows[r] && rows[r] >= 0; i++) {
        const double sum = reference_load(call.out[0], r * D + i).real + reference_load(call.in[1], k * D + i).real;
        reference_store(call.out[0], r * D + i, {sum, 0, true});
      }
  }
}

template <class T>
static void reference_gather_rows(const Call& call, Context& context) {
  const TensorArg &data = call.in[0], &out = call.out[0];
  int64_t O, N, I;
  reference_split(data, 0, O, N, I);
  const int64_t B = reference_elements(call.in[1]);
  const bool scaled = call.inputs > 2 && call.in[2].data;
  const auto number = [&](int i) { return scaled ? reference_load(call.in[i], 0).real : 0; };
  const double mean = number(2), rest = number(3), scale = number(4);
  for (int64_t b = 0; b < B; b++) {
    const int64_t index = ((const int32_t*)call.in[1].data)[b];
    const bool inside = reference_in_range(context, b, index, N);
    for (int64_t i = 0; i < I; i++) {
      const ReferenceLane x = inside ? reference_load(data, index * I + i) : ReferenceLane{};
      ReferenceLane y = {x.is_real ? x.real : (double)x.integer,
                         x.is_real ? reference_saturate(x.real, -2147483648.0, 2147483647.0) : x.integer, true};
      if (scaled) y.real = (double)(T)((double)(T)((double)(T)(y.real - mean) - rest) * scale);
      reference_store(out, b * I + i, inside ? y : ReferenceLane{});
    }
  }
}

template <class T>
static void reference_take_along_axis(const Call& call, Context& context) {
  const int64_t N = call.in[0].dims[0], C = call.in[0].dims[1], K = call.in[1].rank == 2 ? call.in[1].dims[1] : 1;
  for (int64_t at = 0; at < N * K; at++) {
    const int64_t label = ((const int32_t*)call.in[1].data)[at];
    const bool inside = reference_in_range(context, at, label, C);
    ((T*)call.out[0].data)[at] = inside ? ((const T*)call.in[0].data)[at / K * C + label] : (T)0;
  }
}

template <class T>
static void reference_scatter(const Call& call, Context& context) {
  const int64_t N = call.out[0].dims[0], C = call.out[0].dims[1], K = call.in[1].rank == 2 ? call.in[1].dims[1] : 1;
  T* out = (T*)call.out[0].data;
  for (int64_t i = 0; i < N * C; i++) out[i] = 0;
  for (int64_t at = 0; at < N * K; at++) {
    const int64_t label = ((const int32_t*)call.in[1].data)[at];
    if (reference_in_range(context, at, label, C))
      out[at / K * C + label] = ((const T*)call.in[0].data)[call.in[0].rank > 0 ? at : 0];
  }
}

}  // namespace anneal::ANNEAL_TARGET
