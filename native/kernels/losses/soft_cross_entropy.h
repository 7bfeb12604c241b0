// soft_cross_entropy: the cross-entropy of distributions, sum_c t_c (ln sum e^(x - max) - (x_c - max)), whose gradient
// is (softmax(x) sum_c t_c - t) * factor. The targets are t_c = w_c ((1 - s) p_c + s / C), of probabilities p that are
// given, or are 1 at a label. A class whose target is 0 counts nothing, whatever its logit.
#pragma once
#include "cross_entropy.h"

namespace anneal::ANNEAL_TARGET {

struct SoftJob {
  LossJob loss;
  const float *probabilities, *weights;  // null: labels; 1
  float keep, spread;                    // 1 - s, s / C
  float spread_mass;                     // sum_c w_c s / C
};

ANNEAL_INLINE vf class_weights(const SoftJob& job, vf t, int64_t i, int lanes) {
  return job.weights ? t * ld_some(job.weights + i, lanes) : t;
}

// The targets of classes [i, i + lanes) of a row, `at` from the first probability, without what a label adds; 0 in
// lanes beyond.
template <bool kGiven>
ANNEAL_INLINE vf targets_at(const SoftJob& job, int64_t at, int64_t i, int lanes) {
  vf t = splat(job.spread);
  if (kGiven) t = vfma(splat(job.keep), ld_some(job.probabilities + at, lanes), t);
  return keep_lanes(class_weights(job, t, i, lanes), lanes, vf{});
}

ANNEAL_INLINE vf target_times(vf target, vf margin) { return select(target == vf{}, target, target * margin); }

// The share that the label of row n adds to the target of its class.
ANNEAL_INLINE float label_target(const SoftJob& job, int64_t label) {
  return job.weights ? job.keep * job.weights[label] : job.keep;
}

// From what a row's sums have without its label, what they are: `mass` of targets and `dot` of targets and margins.
// Returns the label's margin.
ANNEAL_INLINE float add_label(const SoftJob& job, int64_t n, float max, float& mass, float& dot) {
  const int64_t label = label_fits(job.loss, n) ? job.loss.labels[n] : 0;
  const float t = label_target(job, label), margin = job.loss.x[n * job.loss.rows.C + label] - max;
  mass += t;
  dot += t == 0 ? 0 : t * margin;
  return margin;
}

// The gradients of rows [n, n + rows) at their labels.
static void label_gradients(const SoftJob& job, int64_t n, int64_t rows, const float* margin, const float* inverse,
                            const float* mass, float* at_label) {
  each_vector(rows, [&](int64_t i, int lanes) __attribute__((always_inline)) {
    const vf p = vexp_nonpositive(ld_some(margin + i, lanes)) * ld_some(inverse + i, lanes);
    st_some(at_label + i, p * ld_some(mass + i, lanes), lanes);
  });
  for (int64_t r = 0; r < rows; r++) {
    const int64_t label = label_fits(job.loss, n + r) ? job.loss.labels[n + r] : 0;
    const float whole = label_target(job, label) + (job.weights ? job.spread * job.weights[label] : job.spread);
    at_label[r] = (at_label[r] - whole) * factor_of(job.loss, n + r);
  }
}

// Writes the gradients of rows [n, n + rows) at their labels, at most a block.
static void write_label_gradients(const SoftJob& job, int64_t n, int64_t rows, const float* margin,
                                  const float* inverse, const float* mass) {
  float at_label[kBlockRows];
  if (job.loss.gradients) label_gradients(job, n, rows, margin, inverse, mass, at_label);
  write_at_labels(job.loss, n, rows, at_label);
}

ANNEAL_INLINE vf soft_gradient(vf target, vf term, float scale, float factor) {
  return vfma(-target, splat(factor), term * splat(scale));
}

template <bool kGiven>
ANNEAL_INLINE void soft_block(const SoftJob& job, int64_t n, int rows, BlockTerms& terms) {
  const int64_t C = job.loss.rows.C, stride = term_stride(C);
  const Block g = {job.loss.x + n * C, C, rows};
  float dot[kBlockRows], mass[kBlockRows], scale[kBlockRows], factor[kBlockRows];
  float margin[kBlockRows];
  if (job.loss.gradients)
    block_terms<true>(g, terms);
  else
    block_terms<false>(g, terms);
  block_sums(g, dot, [&](int first, int64_t i, const int64_t* at, int lanes, vf* v) __attribute__((always_inline)) {
    for (int u = 0; u < kRowsInRegisters; u++)
      v[u] = target_times(targets_at<kGiven>(job, n * C + at[u], i, lanes),
                          ld_some(g.x + at[u], lanes) - splat(terms.max[first + u]));
  });
  if (kGiven)
    block_sums(g, mass, [&](int, int64_t i, const int64_t* at, int lanes, vf* v) __attribute__((always_inline)) {
      for (int u = 0; u < kRowsInRegisters; u++) v[u] = targets_at<kGiven>(job, n * C + at[u], i, lanes);
    });
  for (int r = 0; r < rows; r++) {
    if (!kGiven) {
      mass[r] = job.spread_mass;
      margin[r] = add_label(job, n + r, terms.max[r], mass[r], dot[r]);
    }
    factor[r] = factor_of(job.loss, n + r);
    scale[r] = terms.inverse[r] * mass[r] * factor[r];
  }
  if (job.loss.losses)
    each_vector(rows, [&](int64_t i, int lanes) __attribute__((always_inline)) {
      const vf losses = vfma(ld_some(mass + i, lanes), vlog(ld_some(terms.sum + i, lanes)), -ld_some(dot + i, lanes));
      st_some(job.loss.losses + n + i, losses, lanes);
    });
  if (job.loss.gradients)
    write_block(g, job.loss.gradients + n * C, [&](int r, int64_t i, int lanes) __attribute__((always_inline)) {
      const vf target = targets_at<kGiven>(job, (n + r) * C + i, i, lanes);
      return soft_gradient(target, ld(terms.term + r * stride + i), scale[r], factor[r]);
    });
  if (!kGiven) write_label_gradients(job, n, rows, margin, terms.inverse, mass);
}

template <bool kGiven>
static void soft_blocks(void* arg, int64_t chunk, int32_t) {
  const SoftJob& job = *(const SoftJob*)arg;
  BlockTerms terms;
  each_block(job.loss.rows, chunk,
             [&](int64_t n, int rows) __attribute__((always_inline)) { soft_block<kGiven>(job, n, rows, terms); });
}

// The sum of e^(x - max), whose terms are kept.
static float kept_terms(const float* x, int64_t C, float max, float* terms) {
  const auto batch = [&](int64_t i, Lanes16& acc) __attribute__((always_inline)) {
    vf e[kBatch];
    for (int b = 0; b < kBatch; b++) e[b] = ld(x + i + b * kLanes) - splat(max);
    vexp_nonpositive(e);
    for (int b = 0; b < kBatch; b++) {
      st(terms + i + b * kLanes, e[b]);
      acc.part[b % kParts] = acc.part[b % kParts] + e[b];
    }
  };
  return sum_of(C, batch, [&](int64_t i, int p, int lanes) __attribute__((always_inline)) {
    const int64_t at = i + p * kLanes;
    const vf e = vexp_nonpositive(ld_or(x + at, lanes, splat(-kInfinity)) - splat(max));
    st_some(terms + at, e, lanes);
    return e;
  });
}

template <bool kGiven>
static void soft_row(const SoftJob& job, int64_t n, float* terms) {
  const int64_t C = job.loss.rows.C;
  const float* x = job.loss.x + n * C;
  const float max = row_max(x, C), sum = kept_terms(x, C, max, terms), factor = factor_of(job.loss, n);
  float dot = sum_of(C, [&](int64_t i, int p, int lanes) __attribute__((always_inline)) {
    const int64_t at = i + p * kLanes;
    return target_times(targets_at<kGiven>(job, n * C + at, at, lanes), ld_some(x + at, lanes) - splat(max));
  });
  float mass = kGiven ? sum_of(C,
                               [&](int64_t i, int p, int lanes) __attribute__((always_inline)) {
                                 const int64_t at = i + p * kLanes;
                                 return targets_at<kGiven>(job, n * C + at, at, lanes);
                               })
                      : job.spread_mass;
  const float inverse = 1.0f / sum, margin = kGiven ? 0 : add_label(job, n, max, mass, dot);
  if (job.loss.losses) job.loss.losses[n] = vfma(splat(mass), vlog(splat(sum)), splat(-dot))[0];
  if (job.loss.gradients)
    each_vector(C, [&](int64_t i, int lanes) __attribute__((always_inline)) {
      const vf target = targets_at<kGiven>(job, n * C + i, i, lanes);
      const vf gradient = soft_gradient(target, ld_some(terms + i, lanes), inverse * mass * factor, factor);
      st_some(job.loss.gradients + n * C + i, gradient, lanes);
    });
  if (!kGiven) write_label_gradients(job, n, 1, &margin, &inverse, &mass);
}

template <bool kGiven>
static void soft_rows(void* arg, int64_t chunk, int32_t worker) {
  const SoftJob& job = *(const SoftJob*)arg;
  const RowsJob& rows = job.loss.rows;
  float* terms = (float*)rows.context->scratch(rows.context, worker);
  const int64_t end = smallest(rows.N, (chunk + 1) * rows.per_chunk);
  for (int64_t n = chunk * rows.per_chunk; n < end; n++) soft_row<kGiven>(job, n, terms);
}

template <bool kGiven>
static void soft_run(const SoftJob& job) {
  const float cost = 0.25f + (kGiven ? 0.1f : 0.0f) + (job.loss.gradients ? 0.1f : 0.0f);
  run_row_chunks(job.loss.rows, cost, job.loss.rows.C <= kShortRow ? soft_blocks<kGiven> : soft_rows<kGiven>);
}

static void soft_cross_entropy_run(const Call& call, Context& context) {
  const TensorArg& targets = call.in[1];
  const float smoothing = *(const float*)call.in[3].data;
  SoftJob job = {loss_job(call, context), nullptr, nullptr, 1.0f - smoothing, 0, smoothing};
  const int64_t C = job.loss.rows.C;
  job.spread = smoothing / (float)C;
  if (call.inputs > 4) job.weights = (const float*)call.in[4].data;
  if (job.weights)
    job.spread_mass = job.spread * sum_of(C, [&](int64_t i, int p, int lanes) __attribute__((always_inline)) {
                        return ld_some(job.weights + i + p * kLanes, lanes);
                      });
  if (targets.dtype == DType::i32) return soft_run<false>(job);
  job.probabilities = (const float*)targets.data;
  soft_run<true>(job);
}

static size_t soft_cross_entropy_scratch(const Call& call) { return terms_bytes(call.in[0]); }
static size_t soft_cross_entropy_shared(const Call&) { return 0; }

}  // namespace anneal::ANNEAL_TARGET
