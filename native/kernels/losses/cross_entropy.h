// cross_entropy: loss = ln sum e^(x - max) - (x[label] - max); dlogits = (softmax(x) - onehot(label)) * factor. A label
// out of range is reported, and gives zeros.
#pragma once
#include "../softmax/block.h"
#include "../softmax/job.h"
#include "../softmax/pipeline.h"
#include "../softmax/transposed.h"

namespace anneal::ANNEAL_TARGET {

struct LossJob {
  RowsJob rows;
  const float* x;
  const int32_t* labels;
  float *losses, *gradients;  // either may be null
  const float* factors;       // null: 1
  int64_t factor_stride;
  int64_t first;  // number of the first row, for reports
};

static LossJob loss_job(const Call& call, Context& context) {
  const bool scaled = call.inputs > 2 && call.in[2].data;
  return {rows_job(call, context, call.in[0]),
          (const float*)call.in[0].data,
          (const int32_t*)call.in[1].data,
          (float*)call.out[0].data,
          call.outputs > 1 ? (float*)call.out[1].data : nullptr,
          scaled ? (const float*)call.in[2].data : nullptr,
          scaled ? call.in[2].strides[0] : 0,
          call.attr[0]};
}

ANNEAL_INLINE float factor_of(const LossJob& job, int64_t n) {
  return job.factors ? job.factors[n * job.factor_stride] : 1.0f;
}

ANNEAL_INLINE bool label_fits(const LossJob& job, int64_t n) { return (uint32_t)job.labels[n] < (uint64_t)job.rows.C; }

static __attribute__((noinline)) void reject_label(const LossJob& job, int64_t n) {
  const int64_t C = job.rows.C;
  job.rows.context->fail(job.rows.context, Failure::index_out_of_range, job.first + n, job.labels[n], C);
  if (job.losses) job.losses[n] = 0;
  if (job.gradients) __builtin_memset(job.gradients + n * C, 0, (size_t)C * 4);
}

// The gradient of rows [first, first + rows) at their labels, which has been written as if the label were any class.
static void write_at_labels(const LossJob& job, int64_t first, int64_t rows, const float* at_label) {
  for (int64_t r = 0; r < rows; r++) {
    const int64_t n = first + r;
    if (!label_fits(job, n))
      reject_label(job, n);
    else if (job.gradients)
      job.gradients[n * job.rows.C + job.labels[n]] = at_label[r];
  }
}

// Writes the losses; `margins` are x[label] - max.
ANNEAL_INLINE void write_losses(const LossJob& job, int64_t first, int64_t rows, const float* sums,
                                const float* margins) {
  if (!job.losses) return;
  each_vector(rows, [&](int64_t i, int lanes) __attribute__((always_inline)) {
    st_some(job.losses + first + i, vlog(ld_some(sums + i, lanes)) - ld_some(margins + i, lanes), lanes);
  });
}

// Writes the parts of the results that come of the labels alone.
static void write_labels(const LossJob& job, int64_t first, int64_t rows, const float* sums, const float* margins,
                         const float* at_label) {
  write_losses(job, first, rows, sums, margins);
  write_at_labels(job, first, rows, at_label);
}

template <bool kGradients>
ANNEAL_INLINE void cross_entropy_block(const LossJob& job, int64_t n, int rows, BlockTerms& t) {
  const Block g = {job.x + n * job.rows.C, job.rows.C, rows};
  const int64_t stride = term_stride(g.C);
  float margin[kBlockRows], at_label[kBlockRows] = {}, scale[kBlockRows];
  block_terms<kGradients>(g, t);
  for (int r = 0; r < rows; r++) {
    const int64_t label = label_fits(job, n + r) ? job.labels[n + r] : 0;
    margin[r] = g.x[r * g.C + label] - t.max[r];
    if (!kGradients) continue;
    const float factor = factor_of(job, n + r);
    at_label[r] = (t.term[r * stride + label] * t.inverse[r] - 1.0f) * factor;
    scale[r] = t.inverse[r] * factor;
  }
  if (kGradients)
    write_block(g, job.gradients + n * g.C, [&](int r, int64_t i, int) __attribute__((always_inline)) {
      return ld(t.term + r * stride + i) * splat(scale[r]);
    });
  write_labels(job, n, rows, t.sum, margin, at_label);
}

ANNEAL_INLINE vf factors_of(const LossJob& job, int64_t n) {
  if (!job.factors || job.factor_stride == 0) return splat(factor_of(job, n));
  float factor[kLanes];
  for (int l = 0; l < kLanes; l++) factor[l] = factor_of(job, n + l);
  return ld(factor);
}

// A group of transposed rows, as if their labels were any classes. Returns whether they are.
template <bool kGradients>
ANNEAL_INLINE bool cross_entropy_group(const LossJob& job, int64_t n, float* sums, float* margins, TransposedGroup& t) {
  const int64_t C = job.rows.C;
  vi label[kParts], wrong = vi{};
  Lanes16 margin = splat16(0), at_label = splat16(0), scale;
  for (int p = 0; p < kParts; p++) {
    label[p] = ld(job.labels + n + p * kLanes);
    wrong |= (label[p] < vi{}) | (label[p] >= splat((int32_t)C));
  }
  const auto see = [&](int64_t c, int p, vf x, vf term) __attribute__((always_inline)) {
    const vi here = label[p] == splat((int32_t)c);
    margin.part[p] = select(here, x, margin.part[p]);
    if (kGradients) at_label.part[p] = select(here, term, at_label.part[p]);
  };
  const Lanes16 sum = transposed_terms(job.x + n * C, C, t, see).sum;
  st16(sums, sum);
  st16(margins, margin);
  if (kGradients) {
    for (int p = 0; p < kParts; p++) {
      const vf factor = factors_of(job, n + p * kLanes), inverse = splat(1.0f) / sum.part[p];
      at_label.part[p] = (at_label.part[p] * inverse - splat(1.0f)) * factor;
      scale.part[p] = inverse * factor;
    }
    write_transposed(job.gradients + n * C, C, [&](int64_t c, int p) __attribute__((always_inline)) {
      const vf gradient = ld(t.term + c * kGroup + p * kLanes) * scale.part[p];
      return select(label[p] == splat((int32_t)c), at_label.part[p], gradient);
    });
  }
  return !any(wrong);
}

template <bool kGradients>
static void cross_entropy_transposed(const LossJob& job, int64_t n, int rows) {
  float sums[kBlockRows], margins[kBlockRows];
  TransposedGroup t;
  bool fit = true;
  for (int r = 0; r < rows; r += kGroup) fit &= cross_entropy_group<kGradients>(job, n + r, sums + r, margins + r, t);
  write_losses(job, n, rows, sums, margins);
  for (int r = 0; r < rows && !fit; r++)
    if (!label_fits(job, n + r)) reject_label(job, n + r);
}

template <bool kGradients>
static void cross_entropy_blocks(void* arg, int64_t chunk, int32_t) {
  const LossJob& job = *(const LossJob*)arg;
  BlockTerms t;
  each_block(job.rows, chunk, [&](int64_t n, int rows) __attribute__((always_inline)) {
    const int transposed = transposed_rows(job.rows.C, rows);
    if (transposed) cross_entropy_transposed<kGradients>(job, n, transposed);
    if (transposed < rows) cross_entropy_block<kGradients>(job, n + transposed, rows - transposed, t);
  });
}

template <bool kGradients, bool kStream>
static void cross_entropy_rows(void* arg, int64_t chunk, int32_t worker) {
  const LossJob& job = *(const LossJob*)arg;
  const int64_t C = job.rows.C, first = chunk * job.rows.per_chunk,
                rows = smallest(job.rows.per_chunk, job.rows.N - first);
  const float* x = job.x + first * C;
  float* terms = kGradients ? (float*)job.rows.context->scratch(job.rows.context, worker) : nullptr;
  float sums[kChunkRows], margins[kChunkRows], at_label[kChunkRows];
  const auto ending = [&](int64_t r, float max, float sum) __attribute__((always_inline)) {
    const int64_t n = first + r, label = label_fits(job, n) ? job.labels[n] : 0;
    const float factor = factor_of(job, n), inverse = 1.0f / sum;
    sums[r] = sum;
    margins[r] = x[r * C + label] - max;
    at_label[r] = kGradients ? (terms[label] * inverse - 1.0f) * factor : 0;
    return Ending{terms, kGradients ? job.gradients + n * C : nullptr, splat(inverse * factor), vf{}};
  };
  pipeline<ScaledTerm, kGradients, kStream>(x, rows, C, terms, ending);
  write_labels(job, first, rows, sums, margins, at_label);
}

static void cross_entropy_run(const Call& call, Context& context) {
  const LossJob job = loss_job(call, context);
  if (job.rows.C <= kShortRow)
    run_row_chunks(job.rows, 0.15f, job.gradients ? cross_entropy_blocks<true> : cross_entropy_blocks<false>);
  else if (!job.gradients)
    run_row_chunks(job.rows, 0.15f, cross_entropy_rows<false, false>);
  else
    run_row_chunks(job.rows, 0.2f,
                   streams(job.rows) ? cross_entropy_rows<true, true> : cross_entropy_rows<true, false>);
}

static size_t cross_entropy_scratch(const Call& call) { return terms_bytes(call.in[0]); }
static size_t cross_entropy_shared(const Call&) { return 0; }

}  // namespace anneal::ANNEAL_TARGET
