// Scaled dot-product attention and its gradients, without scores in memory. See rows.def for the operands.
#pragma once
#include "backward.h"

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
  int64_t parts;     // of a head
  int64_t together;  // heads of a chunk, where they are not parts
  bool split;        // gradients of queries and of keys apart
};

// ---- forward -----------------------------------------------------------------------------------------------------
static void attention_chunk(void* arg, int64_t chunk, int32_t worker) {
  const AttentionJob& job = *(const AttentionJob*)arg;
  const AttentionProblem& p = job.problem;
  Carve carve = {job.context->scratch(job.context, worker)};
  const ForwardScratch scratch = forward_scratch(carve, p.D, p.E);
  const int64_t first = chunk / job.parts * job.together, end = smallest(p.heads(), first + job.together);
  for (int64_t number = first; number < end; number++) {
    const AttentionHead head = attention_head(p, number);
    // The last rows, which may look at most keys, first.
    const int64_t begin = (job.parts - 1 - chunk % job.parts) * kAttentionRows;
    attend_rows(head, {begin, smallest(p.rows() - begin, kAttentionRows)}, job.dropout, scratch);
  }
}

constexpr int64_t kAttentionChunk = 20000;  // ns worth a chunk

static void attention_run(const Call& call, Context& context) {
  AttentionJob job = {attention_problem(call), {}, &context, 1, 1, false};
  const AttentionProblem& p = job.problem;
  check_lengths(p, context);
  if (p.heads() == 0 || p.rows() == 0) return;
  job.dropout = attention_dropout(p);
  job.parts = divide_up(p.rows(), kAttentionRows);
  const int64_t ns = attention_cost(p, 2);
  if (job.parts == 1) job.together = largest(1, smallest(p.heads() / 2, kAttentionChunk * p.heads() / (ns + 1)));
  context.parallel(&context, divide_up(p.heads(), job.together) * job.parts, ns, attention_chunk, &job);
}

static size_t attention_scratch(const Call& call) {
  Carve carve = {nullptr};
  forward_scratch(carve, call.in[0].dims[3], call.in[2].dims[3]);
  return (size_t)carve.bytes;
}
static size_t attention_shared(const Call&) { return 0; }

// ---- backward ----------------------------------------------------------------------------------------------------
static BackwardPart part_of(const AttentionProblem& p, int64_t head) {
  const TensorArg &dkey = p.call.out[1], &dvalue = p.call.out[2];
  const int64_t b = head / p.K, k = head % p.K;
  BackwardPart part = {0, p.S, 0, p.rows(), p.call.out[0].data != nullptr, {}, {}};
  if (dkey.data) part.dkey = head_of(dkey, b, k);
  if (dvalue.data) part.dvalue = head_of(dvalue, b, k);
  return part;
}

static void attention_grad_chunk(void* arg, int64_t chunk, int32_t worker) {
  const AttentionJob& job = *(const AttentionJob*)arg;
  const AttentionProblem& p = job.problem;
  Carve carve = {job.context->scratch(job.context, worker)};
  const BackwardScratch scratch = backward_scratch(carve, p.D, p.E);
  for (int64_t number = chunk * job.together; number < smallest(p.heads(), (chunk + 1) * job.together); number++)
    differentiate_head(attention_head(p, number), part_of(p, number), job.dropout, scratch);
}

static void attention_grad_run(const Call& call, Context& context) {
  AttentionJob job = {attention_problem(call), {}, &context, 1, 1, false};
  const AttentionProblem& p = job.problem;
  check_lengths(p, context);
  if (p.heads() == 0) return;
  job.dropout = attention_dropout(p);
  const int64_t ns = attention_cost(p, 5);
  job.together = largest(1, smallest(p.heads() / 2, kAttentionChunk * p.heads() / (ns + 1)));
  context.parallel(&context, divide_up(p.heads(), job.together), ns, attention_grad_chunk, &job);
}

static size_t attention_grad_scratch(const Call& call) {
  Carve carve = {nullptr};
  backward_scratch(carve, call.in[0].dims[3], call.in[2].dims[3]);
  return (size_t)carve.bytes;
}
static size_t attention_grad_shared(const Call&) { return 0; }

}  // namespace anneal::ANNEAL_TARGET
