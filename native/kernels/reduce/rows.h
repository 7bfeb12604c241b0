// Reductions along the innermost run of memory: each output's elements, in blocks of kReduceBlock that combine
// pairwise. What is not one dense run of 4-byte lanes is copied into scratch block by block.
#pragma once
#include "arg_rows.h"
#include "job.h"
#include "variance_rows.h"

namespace anneal::ANNEAL_TARGET {

template <class Op, class S>
static S reduce_blocks(const ReduceJob& job, int64_t offset, int64_t first, int64_t last, S m, char* scratch) {
  Pairwise<Op, S> partial;
  partial.count = 0;
  for (int64_t b = first; b < last; b++) {
    const int64_t at = b * kReduceBlock, n = smallest(kReduceBlock, job.R - at);
    const S x = reduce_block<Op>(block_of<S>(job, offset, at, n, scratch), n, m);
    if (last - first == 1) return x;
    pairwise_push(partial, x);
  }
  return pairwise_result(partial);
}

// Policies that make one output from blocks [first, last) of its elements, one per family of kinds.
template <class Op>
struct ByValue {
  static constexpr bool kMeansFirst = false;
  typedef typename Op::S S;
  typedef Op Tree;
  ANNEAL_INLINE S part(const ReduceJob& job, int64_t offset, int64_t first, int64_t last, S m, char* scratch) {
    return reduce_blocks<Op, S>(job, offset, first, last, m, scratch);
  }
  ANNEAL_INLINE void store(const ReduceJob& job, int64_t o, S x) { store_result(job, o, x); }
};

template <class By>
static void reduce_outputs(void* arg, int64_t chunk, int32_t worker) {
  const ReduceJob& job = *(const ReduceJob*)arg;
  char* scratch = job.in_place ? nullptr : job.context->scratch(job.context, worker);
  const int64_t first = chunk * job.outputs_per_chunk, last = smallest(job.outputs, first + job.outputs_per_chunk);
  typename By::S m;
  constant_operand(job, m);
  Cursor at = cursor_at(job.kept, job.kept.rank, first);
  for (int64_t o = first; o < last; o++) {
    By::store(job, o, By::part(job, at.offset, 0, job.blocks, m, scratch));
    advance(job.kept, job.kept.rank, at);
  }
}

// ---- few outputs of many elements: segments of each output are shared out, their results combined here
// ----------------
template <class By>
struct SegmentJob {
  const ReduceJob* job;
  typename By::S* partial;  // [outputs, segments]
};

template <class By>
static void reduce_segment(void* arg, int64_t chunk, int32_t worker) {
  const SegmentJob<By>& s = *(const SegmentJob<By>*)arg;
  const ReduceJob& job = *s.job;
  const int64_t o = chunk / job.segments, first = chunk % job.segments * job.blocks_per_segment;
  const int64_t last = smallest(job.blocks, first + job.blocks_per_segment);
  char* scratch = job.in_place ? nullptr : job.context->scratch(job.context, worker);
  typename By::S m;
  constant_operand(job, m);
  s.partial[chunk] = By::part(job, cursor_at(job.kept, job.kept.rank, o).offset, first, last, m, scratch);
}

// Leaves the result of output o in partial[o * segments].
template <class By>
static __attribute__((noinline)) void reduce_in_segments(const ReduceJob& job, typename By::S* partial) {
  SegmentJob<By> s = {&job, partial};
  const int64_t ns = (int64_t)((float)(job.outputs * job.R) * kReduceCost);
  job.context->parallel(job.context, job.outputs * job.segments, ns, reduce_segment<By>, &s);
  for (int64_t o = 0; o < job.outputs; o++) {
    Pairwise<typename By::Tree, typename By::S> tree;
    tree.count = 0;
    for (int64_t i = 0; i < job.segments; i++) pairwise_push(tree, partial[o * job.segments + i]);
    partial[o * job.segments] = pairwise_result(tree);
  }
}

template <class By>
static void reduce_rows(const ReduceJob& job) {
  if (job.segments > 1) {
    typename By::S* partial = (typename By::S*)job.context->shared_scratch;
    reduce_in_segments<By>(job, partial);
    for (int64_t o = 0; o < job.outputs; o++) By::store(job, o, partial[o * job.segments]);
    return;
  }
  const int64_t ns = (int64_t)((float)(job.outputs * (job.R + 32)) * kReduceCost),
                chunks = divide_up(job.outputs, job.outputs_per_chunk);
  void (*body)(void*, int64_t, int32_t) = reduce_outputs<By>;
  if constexpr (By::kMeansFirst)
    if (job.in_place && job.R > 0 && job.R <= kMomentsBlock) body = variances_of_rows;
  if (chunks == 1) return body((void*)&job, 0, 0);
  job.context->parallel(job.context, chunks, ns, body, (void*)&job);
}

}  // namespace anneal::ANNEAL_TARGET
