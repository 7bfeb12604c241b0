// Scaled dot-product attention and its gradients, without scores in memory. See rows.def for the operands.
#pragma once
#include "backward.h"
#include "cached.h"

namespace anneal::ANNEAL_TARGET {

// Multiply-adds, and the exponential, of a score on one thread, in ns; half of the scores where they are causal.
ANNEAL_INLINE int64_t attention_cost(const AttentionProblem& p, int64_t products) {
  const int64_t scores = p.B * p.H * p.T * p.S / (p.causal ? 2 : 1);
  return scores * (products * (p.D + p.E) / 2 + 32) / 64;
}

// Lengths that are out of range are reported, and count as the nearest that is not.
static void check_lengths(const AttentionProblem& p, Context& context) {
  const int32_t* lengths = (const int32_t*)p.call.in[4].data;
  if (!lengths) return;
  for (int64_t b = 0; b < p.B; b++)
    if (lengths[b] < 0 || lengths[b] > p.S) context.fail(&context, Failure::index_out_of_range, b, lengths[b], p.S + 1);
}

struct AttentionJob {
  AttentionProblem problem;
  AttentionDropout dropout;
  Context* context;
  int64_t together;    // heads of a chunk
  int64_t rows, keys;  // or parts of a head
};

// ---- forward -----------------------------------------------------------------------------------------------------
static void attention_chunk(void* arg, int64_t chunk, int32_t worker) {
  const AttentionJob& job = *(const AttentionJob*)arg;
  const AttentionProblem& p = job.problem;
  Carve carve = {job.context->scratch(job.context, worker)};
  const ForwardScratch scratch = forward_scratch(carve, p.D, p.E);
  const int64_t first = chunk / job.rows * job.together, end = smallest(p.heads(), first + job.together);
  for (int64_t number = first; number < end; number++) {
    const AttentionHead head = attention_head(p, number);
    // The last rows, which may look at most keys, first.
    const int64_t begin = (job.rows - 1 - chunk % job.rows) * kAttentionRows;
    attend_rows(head, {begin, smallest(p.rows() - begin, kAttentionRows)}, job.dropout, scratch);
  }
}

constexpr int64_t kProductsForward = 2;
constexpr int64_t kAttentionChunk = 20000;  // ns worth a chunk

static void attention_run(const Call& call, Context& context) {
  AttentionJob job = {attention_problem(call), {}, &context, 1, 0, 0};
  const AttentionProblem& p = job.problem;
  check_lengths(p, context);
  if (p.heads() == 0 || p.rows() == 0) return;
  job.dropout = attention_dropout(p);
  job.rows = divide_up(p.rows(), kAttentionRows);
  const int64_t ns = attention_cost(p, kProductsForward);
  if (job.rows == 1) job.together = largest(1, smallest(p.heads() / 2, kAttentionChunk * p.heads() / (ns + 1)));
  context.parallel(&context, divide_up(p.heads(), job.together) * job.rows, ns, attention_chunk, &job);
}

static size_t attention_scratch(const Call& call) {
  Carve carve = {nullptr};
  forward_scratch(carve, call.in[0].dims[3], call.in[2].dims[3]);
  return (size_t)carve.bytes;
}
static size_t attention_shared(const Call&) { return 0; }

// ---- backward ----------------------------------------------------------------------------------------------------
// All of a head.
static BackwardPart whole_head(const AttentionProblem& p, int64_t head) {
  const TensorArg &dkey = p.call.out[1], &dvalue = p.call.out[2];
  const int64_t b = head / p.K, k = head % p.K;
  BackwardPart part = {0, p.S, 0, p.rows(), p.call.out[0].data != nullptr, {}, {}};
  if (dkey.data) part.dkey = head_of(dkey, b, k);
  if (dvalue.data) part.dvalue = head_of(dvalue, b, k);
  return part;
}

// The i-th part of one that is shared by threads: the gradients of a block of keys, the first of which most rows look
// at, or of a block of rows, the last of which look at most keys.
static BackwardPart part_of_head(const AttentionJob& job, int64_t head, int64_t i) {
  BackwardPart part = whole_head(job.problem, head);
  if (i < job.keys) {
    part.first_key = i * kAttentionKeys;
    part.end_key = smallest(part.end_key, part.first_key + kAttentionKeys);
    part.of_queries = false;
  } else {
    part.first_row = (job.rows - 1 - (i - job.keys)) * kAttentionRows;
    part.end_row = smallest(part.end_row, part.first_row + kAttentionRows);
    part.dkey = part.dvalue = {};
  }
  return part;
}

static void attention_grad_chunk(void* arg, int64_t chunk, int32_t worker) {
  const AttentionJob& job = *(const AttentionJob*)arg;
  const AttentionProblem& p = job.problem;
  Carve carve = {job.context->scratch(job.context, worker)};
  const BackwardScratch scratch = backward_scratch(carve, p.D, p.E);
  const int64_t parts = job.rows + job.keys;
  if (parts > 0)
    return differentiate_head(attention_head(p, chunk / parts), part_of_head(job, chunk / parts, chunk % parts),
                              job.dropout, scratch);
  for (int64_t head = chunk * job.together; head < smallest(p.heads(), (chunk + 1) * job.together); head++)
    differentiate_head(attention_head(p, head), whole_head(p, head), job.dropout, scratch);
}

// Five products of a head at once, or three for its rows and four for its keys, which more threads can share.
constexpr int64_t kProductsAtOnce = 5, kProductsApart = 7;

static void attention_grad_run(const Call& call, Context& context) {
  AttentionJob job = {attention_problem(call), {}, &context, 1, 0, 0};
  const AttentionProblem& p = job.problem;
  check_lengths(p, context);
  const int64_t heads = p.heads();
  if (heads == 0) return;
  job.dropout = attention_dropout(p);
  const int64_t ns = attention_cost(p, kProductsAtOnce);
  if (p.rows() > kAttentionRows &&
      kProductsApart * heads < kProductsAtOnce * divide_up(heads, context.threads) * context.threads) {
    job.rows = divide_up(p.rows(), kAttentionRows);
    job.keys = divide_up(p.S, kAttentionKeys);
    return context.parallel(&context, heads * (job.rows + job.keys), ns, attention_grad_chunk, &job);
  }
  job.together = largest(1, smallest(heads / 2, kAttentionChunk * heads / (ns + 1)));
  context.parallel(&context, divide_up(heads, job.together), ns, attention_grad_chunk, &job);
}

static size_t attention_grad_scratch(const Call& call) {
  Carve carve = {nullptr};
  backward_scratch(carve, call.in[0].dims[3], call.in[2].dims[3]);
  return (size_t)carve.bytes;
}
static size_t attention_grad_shared(const Call&) { return 0; }

}  // namespace anneal::ANNEAL_TARGET
