// References of normalisation and its gradient: the definitions, in double.
#pragma once
#include <cstring>

#include "../reference_access.h"

namespace anneal::ANNEAL_TARGET {

struct ReferenceNorm {
  int64_t A, R, G, P;

  int64_t at(int64_t a, int64_t r, int64_t g, int64_t p) const { return ((a * R + r) * G + g) * P + p; }
};

static ReferenceNorm reference_norm_of(const TensorArg& x) { return {x.dims[0], x.dims[1], x.dims[2], x.dims[3]}; }

static double reference_eps(uint32_t bits) {
  float eps;
  std::memcpy(&eps, &bits, 4);
  return (double)eps;
}

// The sum of f(r, p) over the elements of a group.
template <class F>
static double reference_group_sum(const ReferenceNorm& n, F f) {
  double sum = 0;
  for (int64_t r = 0; r < n.R; r++)
    for (int64_t p = 0; p < n.P; p++) sum += f(r, p);
  return sum;
}

template <class T>
static void reference_norm(const Call& call, Context&) {
  const ReferenceNorm n = reference_norm_of(call.in[0]);
  const T *x = (const T*)call.in[0].data, *weight = (const T*)call.in[1].data, *bias = (const T*)call.in[2].data;
  const T* residual = (const T*)call.in[3].data;
  T *y = (T*)call.out[0].data, *spreads = (T*)call.out[1].data, *means = (T*)call.out[2].data;
  T* sum = (T*)call.out[3].data;
  const double count = (double)(n.R * n.P);
  for (int64_t a = 0; a < n.A; a++)
    for (int64_t g = 0; g < n.G; g++) {
      // The sum is rounded, as it is where it is an addition of its own.
      const auto total = [&](int64_t at) { return residual ? (T)(x[at] + residual[at]) : x[at]; };
      const auto element = [&](int64_t r, int64_t p) { return (double)total(n.at(a, r, g, p)); };
      const double mean = call.attr[0] ? reference_group_sum(n, element) / count : 0;
      const double spread =
          reference_group_sum(n,
                              [&](int64_t r, int64_t p) { return (element(r, p) - mean) * (element(r, p) - mean); }) /
          count;
      const double inverse = 1 / std::sqrt(spread + reference_eps(call.attr[1]));
      for (int64_t r = 0; r < n.R; r++)
        for (int64_t p = 0; p < n.P; p++) {
          const double z = (element(r, p) - mean) * inverse * (weight ? (double)weight[g * n.P + p] : 1);
          y[n.at(a, r, g, p)] = (T)(z + (bias ? (double)bias[g * n.P + p] : 0));
          if (sum) sum[n.at(a, r, g, p)] = total(n.at(a, r, g, p));
        }
      if (spreads) spreads[a * n.G + g] = (T)spread;
      if (means) means[a * n.G + g] = (T)mean;
    }
}

template <class T>
static void reference_norm_grad(const Call& call, Context&) {
  const ReferenceNorm n = reference_norm_of(call.in[1]);
  const T *dy = (const T*)call.in[0].data, *x = (const T*)call.in[1].data, *spreads = (const T*)call.in[2].data;
  const T *means = (const T*)call.in[3].data, *weight = (const T*)call.in[4].data;
  const T* residual = (const T*)call.in[5].data;
  T *dx = (T*)call.out[0].data, *dweight = (T*)call.out[1].data, *dbias = (T*)call.out[2].data;
  const double count = (double)(n.R * n.P);
  for (int64_t a = 0; a < n.A; a++)
    for (int64_t g = 0; g < n.G; g++) {
      const double mean = means ? (double)means[a * n.G + g] : 0;
      const double inverse = 1 / std::sqrt((double)spreads[a * n.G + g] + reference_eps(call.attr[0]));
      const auto z = [&](int64_t r, int64_t p) { return ((double)x[n.at(a, r, g, p)] - mean) * inverse; };
      const auto slope = [&](int64_t r, int64_t p) {
        return (double)dy[n.at(a, r, g, p)] * (weight ? (double)weight[g * n.P + p] : 1);
      };
      const double of_mean = means ? reference_group_sum(n, slope) / count : 0;
      const double along = reference_group_sum(n, [&](int64_t r, int64_t p) { return slope(r, p) * z(r, p); }) / count;
      if (dx)
        for (int64_t r = 0; r < n.R; r++)
          for (int64_t p = 0; p < n.P; p++)
            dx[n.at(a, r, g, p)] = (T)((slope(r, p) - of_mean - z(r, p) * along) * inverse +
                                       (residual ? (double)residual[n.at(a, r, g, p)] : 0));
    }
  for (int64_t g = 0; g < n.G; g++)
    for (int64_t p = 0; p < n.P; p++) {
      double of_weight = 0, of_bias = 0;
      for (int64_t a = 0; a < n.A; a++) {
        const double mean = means ? (double)means[a * n.G + g] : 0;
        const double inverse = 1 / std::sqrt((double)spreads[a * n.G + g] + reference_eps(call.attr[0]));
        for (int64_t r = 0; r < n.R; r++) {
          const double slope = (double)dy[n.at(a, r, g, p)];
          of_weight += slope * ((double)x[n.at(a, r, g, p)] - mean) * inverse;
          of_bias += slope;
        }
      }
      if (dweight) dweight[g * n.P + p] = (T)of_weight;
      if (dbias) dbias[g * n.P + p] = (T)of_bias;
    }
}

}  // namespace anneal::ANNEAL_TARGET
