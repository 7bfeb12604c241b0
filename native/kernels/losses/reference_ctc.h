// Reference of ctc: the recursions of the paper over the whole lattice, in double.
#pragma once
#include "../softmax/reference.h"

namespace anneal::ANNEAL_TARGET {

static double reference_log_add(double a, double b) {
  const double top = a > b ? a : b;
  return top == -HUGE_VAL ? top : top + std::log(std::exp(a - top) + std::exp(b - top));
}

struct ReferenceLattice {
  int64_t steps, states;
  const int32_t* labels;
  int32_t blank;
  double *y, *alpha, *beta;  // ln softmax [steps][C]; [steps][states]

  int32_t class_of(int64_t s) const { return s % 2 ? labels[s / 2] : blank; }
  bool skips(int64_t s) const { return s > 1 && class_of(s) != blank && class_of(s) != class_of(s - 2); }
};

// beta leaves the step itself out.
static double reference_ctc_sums(const ReferenceLattice& g, int64_t C) {
  const int64_t L = g.states;
  for (int64_t t = 0; t < g.steps; t++)
    for (int64_t s = 0; s < L; s++) {
      double sum = t == 0 && s < 2 ? 0 : -HUGE_VAL;
      for (int64_t back = 0; t > 0 && back < (g.skips(s) ? 3 : 2) && back <= s; back++)
        sum = reference_log_add(sum, g.alpha[(t - 1) * L + s - back]);
      g.alpha[t * L + s] = sum + g.y[t * C + g.class_of(s)];
    }
  for (int64_t t = g.steps - 1; t >= 0; t--)
    for (int64_t s = 0; s < L; s++) {
      double sum = t == g.steps - 1 && s >= L - 2 ? 0 : -HUGE_VAL;
      for (int64_t to = s; t < g.steps - 1 && to < L && to <= s + 2; to++)
        if (to < s + 2 || g.skips(to))
          sum = reference_log_add(sum, g.beta[(t + 1) * L + to] + g.y[(t + 1) * C + g.class_of(to)]);
      g.beta[t * L + s] = sum;
    }
  const double* end = g.alpha + (g.steps - 1) * L;
  return reference_log_add(end[L - 1], L > 1 ? end[L - 2] : -HUGE_VAL);
}

template <class T>
static void reference_ctc_example(const Call& call, Context& context, int64_t n, double* memory) {
  const TensorArg& x = call.in[0];
  const int64_t steps_most = x.dims[1], C = x.dims[2], labels_most = call.in[1].dims[1];
  T* losses = (T*)call.out[0].data;
  T* gradients = call.outputs > 1 && call.out[1].data ? (T*)call.out[1].data + n * steps_most * C : nullptr;
  const double factor =
      call.inputs > 4 && call.in[4].data ? (double)((const T*)call.in[4].data)[n * call.in[4].strides[0]] : 1.0;
  const int64_t steps = ((const int32_t*)call.in[2].data)[n], count = ((const int32_t*)call.in[3].data)[n];
  const int32_t* labels = (const int32_t*)call.in[1].data + n * labels_most;
  for (int64_t i = 0; gradients && i < steps_most * C; i++) gradients[i] = 0;
  if (losses) losses[n] = 0;
  if (!reference_in_range(context, n, steps, steps_most + 1)) return;
  if (!reference_in_range(context, n, count, labels_most + 1)) return;
  for (int64_t i = 0; i < count; i++)
    if (!reference_in_range(context, n, labels[i], C)) return;

  const int64_t L = 2 * count + 1;
  const ReferenceLattice g = {
      steps, L, labels, (int32_t)call.attr[0], memory, memory + steps * C, memory + steps * (C + L)};
  for (int64_t t = 0; t < steps; t++) {
    const T* row = (const T*)x.data + n * x.strides[0] + t * x.strides[1];
    const ReferenceLogSoftmax logs = reference_log_softmax(row, C);
    for (int64_t c = 0; c < C; c++) g.y[t * C + c] = logs.of((double)row[c]);
  }
  const double log_likelihood = steps ? reference_ctc_sums(g, C) : count ? -HUGE_VAL : 0;
  const bool infinite = log_likelihood == -HUGE_VAL;
  if (infinite && call.attr[1]) return;
  if (losses) losses[n] = (T)-log_likelihood;
  for (int64_t t = 0; gradients && t < steps; t++)
    for (int64_t c = 0; c < C; c++) {
      double posterior = 0;
      for (int64_t s = 0; s < L; s++)
        if (g.class_of(s) == c) posterior += std::exp(g.alpha[t * L + s] + g.beta[t * L + s] - log_likelihood);
      gradients[t * C + c] = (T)(infinite ? NAN : (std::exp(g.y[t * C + c]) - posterior) * factor);
    }
}

template <class T>
static void reference_ctc(const Call& call, Context& context) {
  const int64_t* dims = call.in[0].dims;
  double* memory = new double[(size_t)(dims[1] * (dims[2] + 2 * (2 * call.in[1].dims[1] + 1)) + 1)];
  for (int64_t n = 0; n < dims[0]; n++) reference_ctc_example<T>(call, context, n, memory);
  delete[] memory;
}

}  // namespace anneal::ANNEAL_TARGET
