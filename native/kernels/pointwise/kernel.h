// pointwise: interprets a elementwise program (opcodes.def) over runs of the linear output index.
// A run of kTile elements keeps every register in the first-level cache. An operand that is dense is read where it lies
// and a result that is an output is written where it goes; the rest lives in slots of scratch, which later results take
// over.
#pragma once
#include "plan.h"

namespace anneal::ANNEAL_TARGET {

struct PointwiseJob {
  const PointwisePlan* plan;
  Context* context;
  int64_t n;
};

// Copies an operand once for all tiles of a chunk: one value, a short pattern repeated to a tile beyond its period, a
// transpose.
static void fill_fixed(const Operand& in, lane32* slot, int64_t start, int64_t n) {
  if (in.kind == OperandKind::staged) return load_transposed(slot, (const lane32*)in.data, in.walk, start, n);
  const int64_t wanted = in.kind == OperandKind::single ? smallest(n, kTile) : smallest(n, kTile) + in.period;
  if (in.kind == OperandKind::single) return load_elements(slot, in.data, in.dtype, in.walk, 0, wanted);
  load_elements(slot, in.data, in.dtype, in.walk, 0, smallest(in.period, wanted));
  for (int64_t done = in.period; done < wanted; done *= 2)
    __builtin_memcpy(slot + done, slot, (size_t)(smallest(done, wanted - done) * 4));
}

static void narrow(uint8_t* to, const lane32* from, int64_t n) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) st(to + i, ld((const int32_t*)from + i));
  for (; i < n; i++) to[i] = (uint8_t)from[i];
}

static void write_output(const TensorArg& out, const char* run, int64_t start, int64_t n, bool streams) {
  if (size_of(out.dtype) == 1) return narrow((uint8_t*)out.data + start, (const lane32*)run, n);
  char* const to = (char*)out.data + start * 4;
  if (to == run) return;
  if (streams)
    stream_run((float*)to, (const float*)run, n);
  else
    __builtin_memcpy(to, run, (size_t)n * 4);
}

// Prefetches part k of the plan's steps of the `n` elements from `start` on of what is read in place, so that memory
// works while the steps before them do.
static void prefetch_tile(const PointwisePlan& plan, int k, int64_t start, int64_t n) {
  const int64_t first = n * k / plan.count / 16 * 16, last = n * (k + 1) / plan.count / 16 * 16;
  for (int i = 0; i < plan.inputs; i++) {
    if (plan.operands[i].kind != OperandKind::dense) continue;
    const float* run = (const float*)plan.operands[i].data + start;
    for (int64_t j = first; j < last; j += 16) prefetch(run + j);
  }
}

// Returns the address of elements [start, start + n) in one of an operand's long runs, or null.
static const char* run_in_place(const Operand& in, int64_t start, int64_t n) {
  if (!in.long_runs) return nullptr;
  const int inner = in.walk.rank - 1;
  const int64_t length = in.walk.dims[inner], first = start % length;
  if (first + n > length) return nullptr;
  return (const char*)in.data + 4 * (cursor_at(in.walk, inner, start / length).offset + first);
}

// Runs the fused chain that ends with step k.
static void run_chain_to(const PointwisePlan& plan, int k, char* const* at, int64_t n, bool streams) {
  const int first = plan.steps[k].first;
  ChainStep parts[kMaxSteps];
  for (int j = first; j <= k; j++)
    parts[j - first] = {plan.steps[j].chain_op, (const float*)at[plan.steps[j].operand[1]]};
  run_chain((float*)at[plan.inputs + k], (const float*)at[plan.steps[first].operand[0]], parts, k - first + 1, n,
            streams);
}

// Elements [chunk + offset, chunk + offset + n) of every register's run.
static void run_tile(const PointwisePlan& plan, char* scratch, int64_t chunk, int64_t offset, int64_t n) {
  const int64_t start = chunk + offset;
  char* at[kMaxRegisters];
  for (int i = 0; i < plan.inputs; i++) {
    const Operand& in = plan.operands[i];
    if (in.kind == OperandKind::dense) {
      at[i] = (char*)in.data + start * 4;
      continue;
    }
    at[i] = scratch + plan.location[i] * kSlotBytes;
    if (in.kind == OperandKind::periodic) at[i] += start % in.period * 4;
    if (in.kind == OperandKind::staged) at[i] += offset * 4;
    if (in.kind != OperandKind::walked) continue;
    if (const char* run = run_in_place(in, start, n))
      at[i] = (char*)run;
    else
      load_elements((lane32*)at[i], in.data, in.dtype, in.walk, start, n);
  }
  for (int k = 0; k < plan.count; k++) {
    const int r = plan.inputs + k;
    const Step& s = plan.steps[k];
    if (plan.prefetches) prefetch_tile(plan, k, start + n, n);
    if (s.fused) continue;
    const bool direct = plan.location[r] < 0;
    at[r] = direct ? (char*)plan.out[-1 - plan.location[r]].data + start * 4 : scratch + plan.location[r] * kSlotBytes;
    if (s.chain_op == ChainOp::none)
      s.run(at[r], at[s.operand[0]], at[s.operand[1]], at[s.operand[2]], n);
    else
      run_chain_to(plan, k, at, n, direct && plan.streams);
  }
  for (int o = 0; o < plan.outputs; o++) write_output(plan.out[o], at[plan.result[o]], start, n, plan.streams);
}

static void pointwise_chunk(void* arg, int64_t chunk, int32_t worker) {
  const PointwiseJob& job = *(const PointwiseJob*)arg;
  const PointwisePlan& plan = *job.plan;
  const int64_t start = chunk * kPointwiseChunk, n = smallest(kPointwiseChunk, job.n - start);
  char* scratch = plan.slots ? job.context->scratch(job.context, worker) : nullptr;
  for (int i = 0; i < plan.inputs; i++)
    if (fixed_slots(plan.operands[i].kind))
      fill_fixed(plan.operands[i], (lane32*)(scratch + plan.location[i] * kSlotBytes), start, n);
  const int64_t tile = plan.slots ? kTile : n;
  for (int64_t i = 0; i < n; i += tile) run_tile(plan, scratch, start, i, smallest(tile, n - i));
  if (plan.streams) stream_fence();
}

static void pointwise_run(const Call& call, Context& context) {
  const int64_t n = elements_of(call.out[0]);
  if (n == 0) return;
  PointwisePlan plan;
  plan_pointwise(plan, call);
  PointwiseJob job = {&plan, &context, n};
  if (n <= kPointwiseChunk) return pointwise_chunk(&job, 0, 0);
  context.parallel(&context, divide_up(n, kPointwiseChunk), (int64_t)((float)n * plan.cost), pointwise_chunk, &job);
}

static size_t pointwise_scratch(const Call& call) {
  PointwisePlan plan;
  plan_pointwise(plan, call);
  return (size_t)(plan.slots + 2 * call.outputs) *
         kSlotBytes;  // with data, an output over an operand still in use takes slots
}

static size_t pointwise_shared(const Call&) { return 0; }

}  // namespace anneal::ANNEAL_TARGET
