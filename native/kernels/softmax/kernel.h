// softmax, log_softmax and their gradients along the last axis. Short rows go in blocks (block.h), the shortest of them
// transposed (transposed.h), long ones through a pipeline (pipeline.h). Sums run over 16 virtual lanes in blocks of
// kRowBlock, whose results combine pairwise: bits don't depend on the target, nor on the rows beside.
#pragma once
#include "block.h"
#include "job.h"
#include "pipeline.h"
#include "transposed.h"

namespace anneal::ANNEAL_TARGET {

// ---- softmax and log_softmax -------------------------------------------------------------------------------------
static void softmax_block(const Block& g, float* y, bool log, BlockTerms& t) {
  if (!log) {
    block_terms<true>(g, t);
    write_block(g, y, [&](int r, int64_t i, int) __attribute__((always_inline)) {
      return ld(t.term + r * term_stride(g.C) + i) * splat(t.inverse[r]);
    });
    return;
  }
  block_terms<false>(g, t);
  for (int r = 0; r < g.rows; r += kLanes) st(t.sum + r, vlog(ld(t.sum + r)));
  write_block(g, y, [&](int r, int64_t i, int lanes) __attribute__((always_inline)) {
    return ld_some(g.x + r * g.C + i, lanes) - splat(t.max[r]) - splat(t.sum[r]);
  });
}

static void softmax_transposed(const float* x, float* y, int64_t C, int rows, bool log) {
  TransposedGroup t;
  for (int64_t i = 0; i < rows * C; i += kGroup * C) {
    const TransposedSums row =
        transposed_terms(x + i, C, t, [](int64_t, int, vf, vf) __attribute__((always_inline)) {});
    Lanes16 of_sum;
    for (int p = 0; p < kParts; p++) of_sum.part[p] = log ? vlog(row.sum.part[p]) : splat(1.0f) / row.sum.part[p];
    write_transposed(y + i, C, [&](int64_t c, int p) __attribute__((always_inline)) {
      const int64_t at = c * kGroup + p * kLanes;
      return log ? ld(t.x + at) - row.max.part[p] - of_sum.part[p] : ld(t.term + at) * of_sum.part[p];
    });
  }
}

static void softmax_blocks(void* arg, int64_t chunk, int32_t) {
  const RowsJob& job = *(const RowsJob*)arg;
  const bool log = job.call->attr[0] != 0;
  BlockTerms t;
  each_block(job, chunk, [&](int64_t n, int rows) __attribute__((always_inline)) {
    const float* x = (const float*)job.call->in[0].data + n * job.C;
    float* y = (float*)job.call->out[0].data + n * job.C;
    const int transposed = transposed_rows(job.C, rows);
    if (transposed) softmax_transposed(x, y, job.C, transposed, log);
    if (transposed < rows)
      softmax_block({x + transposed * job.C, job.C, rows - transposed}, y + transposed * job.C, log, t);
  });
}

template <class End, bool kStream>
static void softmax_rows(void* arg, int64_t chunk, int32_t worker) {
  const RowsJob& job = *(const RowsJob*)arg;
  const int64_t first = chunk * job.per_chunk, C = job.C;
  const float* x = (const float*)job.call->in[0].data + first * C;
  float* y = (float*)job.call->out[0].data + first * C;
  float* terms = (float*)job.context->scratch(job.context, worker);
  const auto ending = [&](int64_t r, float max, float sum) __attribute__((always_inline)) {
    if constexpr (End::kOfTerms)
      return Ending{terms, y + r * C, splat(1.0f / sum), vf{}};
    else
      return Ending{x + r * C, y + r * C, splat(max), vlog(splat(sum))};
  };
  pipeline<End, true, kStream>(x, smallest(job.per_chunk, job.N - first), C, terms, ending);
}

static void softmax_run(const Call& call, Context& context) {
  const RowsJob job = rows_job(call, context, call.out[0]);
  if (job.C <= kShortRow)
    run_row_chunks(job, 0.15f, softmax_blocks);
  else if (call.attr[0])
    run_row_chunks(job, 0.2f, streams(job) ? softmax_rows<LogTerm, true> : softmax_rows<LogTerm, false>);
  else
    run_row_chunks(job, 0.2f, streams(job) ? softmax_rows<ScaledTerm, true> : softmax_rows<ScaledTerm, false>);
}

// dx = y (dy - sum(y dy)), and for the logarithm dx = dy - e^y sum(dy).
template <bool kLog>
ANNEAL_INLINE vf gradient_term(vf y, vf dy) {
  return kLog ? dy : y * dy;
}
template <bool kLog>
ANNEAL_INLINE vf gradient_of(vf y, vf dy, vf sum) {
  return kLog ? vfma(-vexp_nonpositive(y), sum, dy) : y * (dy - sum);
}

template <bool kLog>
static void softmax_grad_chunk(void* arg, int64_t chunk, int32_t) {
  const RowsJob& job = *(const RowsJob*)arg;
  const int64_t C = job.C;
  each_block(job, chunk, [&](int64_t n, int rows) __attribute__((always_inline)) {
    const Block g = {(const float*)job.call->in[0].data + n * C, C, rows};
    const float* dy = (const float*)job.call->in[1].data + n * C;
    float sum[kBlockRows];
    block_sums(g, sum, [&](int, int64_t, const int64_t* at, int lanes, vf* v) __attribute__((always_inline)) {
      for (int u = 0; u < kRowsInRegisters; u++)
        v[u] = gradient_term<kLog>(ld_some(g.x + at[u], lanes), ld_some(dy + at[u], lanes));
    });
    write_block(
        g, (float*)job.call->out[0].data + n * C, [&](int r, int64_t i, int lanes) __attribute__((always_inline)) {
          return gradient_of<kLog>(ld_some(g.x + r * C + i, lanes), ld_some(dy + r * C + i, lanes), splat(sum[r]));
        });
  });
}

template <bool kLog>
static void softmax_grad_rows(void* arg, int64_t chunk, int32_t) {
  const RowsJob& job = *(const RowsJob*)arg;
  const int64_t C = job.C, end = smallest(job.N, (chunk + 1) * job.per_chunk);
  for (int64_t n = chunk * job.per_chunk; n < end; n++) {
    const float* y = (const float*)job.call->in[0].data + n * C;
    const float* dy = (const float*)job.call->in[1].data + n * C;
    float* dx = (float*)job.call->out[0].data + n * C;
    const vf sum = splat(sum_of(C, [&](int64_t i, int p, int lanes) __attribute__((always_inline)) {
      if (p == 0)
        __builtin_prefetch(y + i + kRowPrefetchElements, 0, 2), __builtin_prefetch(dy + i + kRowPrefetchElements, 0, 2);
      return gradient_term<kLog>(ld_some(y + i + p * kLanes, lanes), ld_some(dy + i + p * kLanes, lanes));
    }));
    each_vector(C, [&](int64_t i, int lanes) __attribute__((always_inline)) {
      st_some(dx + i, gradient_of<kLog>(ld_some(y + i, lanes), ld_some(dy + i, lanes), sum), lanes);
    });
  }
}

static void softmax_grad_run(const Call& call, Context& context) {
  const RowsJob job = rows_job(call, context, call.out[0]);
  if (job.C <= kShortRow)
    run_row_chunks(job, 0.15f, call.attr[0] ? softmax_grad_chunk<true> : softmax_grad_chunk<false>);
  else
    run_row_chunks(job, 0.2f, call.attr[0] ? softmax_grad_rows<true> : softmax_grad_rows<false>);
}

static size_t softmax_scratch(const Call& call) { return terms_bytes(call.out[0]); }
static size_t softmax_shared(const Call&) { return 0; }
ANNEAL_NO_SCRATCH(softmax_grad)

}  // namespace anneal::ANNEAL_TARGET
