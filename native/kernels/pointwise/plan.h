// The decisions of the interpreter of elementwise programs, once per call: the way to each operand and the location of
// each result.
#pragma once
#include "../../codes.h"
#include "../walk.h"
#include "fused_chain.h"
#include "superinstructions.h"

namespace anneal::ANNEAL_TARGET {

constexpr int kMaxSteps = elementwise_limits::opcodes, kMaxInputs = elementwise_limits::inputs,
              kMaxOutputs = elementwise_limits::outputs;
constexpr int kMaxRegisters = kMaxInputs + kMaxSteps;
constexpr int64_t kTile = 1024;  // elements of a run
constexpr int64_t kMaxPeriod = kTile;
constexpr int64_t kPointwiseChunk = 32768;        // elements of one chunk for threads
constexpr int64_t kPrefetchedElements = 1 << 18;  // elements of an operand from which on memory is prefetched
constexpr int64_t kStreamed = 1 << 23;  // elements of an output that no cache keeps for those who read it next
constexpr int64_t kSlotBytes =
    kTile * 4 + 64;  // not a multiple of a page, so slots don't contend for the same cache sets

enum class OperandKind : uint8_t {
  dense,     // 4-byte lanes in the order of the output: read in place
  single,    // one value
  periodic,  // a dense run that repeats (a bias): read in place from a copy that is a tile longer than the period
  staged,    // transposed: copied into slots for the whole chunk, so that its rows share the cache lines they are read
             // from
  walked,    // anything else: copied into a slot tile by tile, but for tiles that lie in one of its long runs
};

struct Operand {
  OperandKind kind;
  bool long_runs;  // the walk's rows are dense and longer than a tile
  DType dtype;
  const void* data;
  int64_t period;
  Walk walk;
};

// A step on its own or part of a fused chain, which its last step runs.
struct Step {
  RunOp run;           // on its own
  uint8_t operand[3];  // registers; in a chain the result before, then the other operand
  ChainOp chain_op;    // as part of a chain
  bool fused;          // into the next step, which runs it too
  bool read;           // by a later step
  uint8_t first;       // step of the chain
};

struct PointwisePlan {
  int32_t inputs, count, outputs, slots;
  bool prefetches, streams;  // see prefetch_tile and stream_run
  float cost;                // ns per element on one thread
  const TensorArg* out;
  int16_t location[kMaxRegisters];  // a slot; or of a dense operand -1, of a result -1 - o for the memory of output o
  uint8_t result[kMaxOutputs];      // the register of each output
  Step steps[kMaxSteps];
  Operand operands[kMaxInputs];
};

// Rough ns per element, on which only the choice of thread count rests.
ANNEAL_INLINE float cost_of(uint32_t opcode) {
  switch (opcode) {
#define ANNEAL_POINTWISE(...)
#define ANNEAL_FUNCTION(name, arity, ns, ...) \
  case pointwise_##name:                      \
    return float(ns);
#include "opcodes.def"
#undef ANNEAL_POINTWISE
    default:
      return 0.05f;
  }
}
constexpr float kOperandCost = 0.1f;

static void plan_operand(Operand& operand, const TensorArg& in) {
  operand.walk = walk_of(in);
  operand.dtype = in.dtype;
  operand.data = in.data;
  operand.period = 1;
  const Walk& w = operand.walk;
  operand.long_runs = w.rank > 0 && w.strides[w.rank - 1] == 1 && w.dims[w.rank - 1] > kTile && size_of(in.dtype) == 4;
  if (is_dense(w) && size_of(in.dtype) == 4)
    operand.kind = OperandKind::dense;
  else if (w.rank == 1 && w.strides[0] == 0)
    operand.kind = OperandKind::single;
  else if (w.rank == 2 && w.strides[0] == 0 && w.strides[1] == 1 && w.dims[1] <= kMaxPeriod) {
    operand.kind = OperandKind::periodic;
    operand.period = w.dims[1];
  } else
    operand.kind = is_transposed(w) && size_of(in.dtype) == 4 ? OperandKind::staged : OperandKind::walked;
}

// Returns whether result k may be written straight into output o. Not where that is the memory of an operand that is
// read later; past the caches fused chains alone can, and only what no step reads again.
static bool writes_directly(const PointwisePlan& plan, int o, int k, const uint8_t* last_use) {
  if (size_of(plan.out[o].dtype) != 4) return false;
  if (plan.streams && (plan.steps[k].chain_op == ChainOp::none || plan.steps[k].read)) return false;
  for (int i = 0; i < plan.inputs; i++)
    if (plan.operands[i].data && plan.operands[i].data == plan.out[o].data && last_use[i] > k) return false;
  return true;
}

// An operand that is itself an output needs a copy where another output takes its memory.
static bool overwritten(const PointwisePlan& plan, int i) {
  for (int o = 0; o < plan.outputs; o++)
    if (plan.operands[i].data && plan.operands[i].data == plan.out[o].data && plan.result[o] != i) return true;
  return false;
}

static bool in_place(const Call& call) {
  for (int o = 0; o < call.outputs; o++)
    for (int i = 0; i < call.inputs; i++)
      if (call.out[o].data == call.in[i].data) return true;
  return false;
}

// A store past the caches wants that, and memory of sessions has it.
static bool are_aligned(const Call& call) {
  for (int o = 0; o < call.outputs; o++)
    if ((uintptr_t)call.out[o].data % sizeof(vf) != 0) return false;
  return true;
}

// Slots that an operand holds for the length of a chunk.
ANNEAL_INLINE int fixed_slots(OperandKind kind) {
  switch (kind) {
    case OperandKind::single:
      return 1;
    case OperandKind::periodic:
      return 2;
    case OperandKind::staged:
      return (int)(kPointwiseChunk / kTile);
    default:
      return 0;
  }
}

constexpr uint8_t kAtTheEnd = 255;  // the last use of what an output copies

// Slots: first those filled once per chunk, then a pool from which the tile's values come and to which they return at
// their last use.
static void allocate_slots(PointwisePlan& plan, const uint8_t* last_use) {
  int fixed = 0, high = 0;
  uint64_t taken = 0;
  const auto take = [&]() {
    const int slot = __builtin_ctzll(~taken);
    taken |= 1ull << slot;
    high = slot >= high ? slot + 1 : high;
    return (int16_t)(fixed + slot);
  };
  for (int i = 0; i < plan.inputs; i++) {
    plan.location[i] = plan.operands[i].kind == OperandKind::dense ? -1 : (int16_t)fixed;
    fixed += fixed_slots(plan.operands[i].kind);
  }
  for (int i = 0; i < plan.inputs; i++)
    if (plan.operands[i].kind == OperandKind::walked) plan.location[i] = take();
  for (int k = 0; k < plan.count; k++) {
    const Step& s = plan.steps[k];
    const int r = plan.inputs + k;
    plan.location[r] = -1;
    if (s.fused) continue;
    for (int j = s.first; j <= k; j++)  // elementwise, so a result may take the slot of an operand
      for (const uint8_t x : plan.steps[j].operand)
        if (last_use[x] == k && plan.location[x] >= fixed) taken &= ~(1ull << (plan.location[x] - fixed));
    int direct = -1;
    for (int o = 0; o < plan.outputs && direct < 0; o++)
      if (plan.result[o] == r && writes_directly(plan, o, k, last_use)) direct = o;
    plan.location[r] = direct >= 0 ? (int16_t)(-1 - direct) : take();
  }
  plan.slots = fixed + high;
}

// Chooses one of an operation's two loops, and the type of its result.
static void plan_step(PointwisePlan& plan, int k, const uint32_t* words, Lane* lanes) {
  const PointwiseRow& row = kPointwiseRows[words[0]];
  Step& s = plan.steps[k];
  for (int i = 0; i < 3; i++) s.operand[i] = (uint8_t)words[i < row.arity ? 1 + i : 1];
  const Lane operand = lanes[s.operand[row.arity == 3]];  // of three, the first is a condition
  s.run = operand == Lane::real && row.real ? row.real : row.integer ? row.integer : row.real;
  s.chain_op = operand == Lane::real ? chain_op(words[0], true) : ChainOp::none;
  s.fused = s.read = false;
  s.first = (uint8_t)k;
  lanes[plan.inputs + k] = row.result == Lane::either ? operand : row.result;
  plan.cost += cost_of(words[0]);
}

// Makes step k part of the chain of the step before it, where that one's result is only this one's operand.
static void extend_chain(PointwisePlan& plan, int k, uint32_t opcode, const uint8_t* last_use) {
  Step &s = plan.steps[k], &before = plan.steps[k - 1];
  const int r = plan.inputs + k - 1;
  const uint8_t a = s.operand[0], b = s.operand[1];
  const bool left = a == r, unary = kPointwiseRows[opcode].arity == 1;
  if (s.chain_op == ChainOp::none || before.chain_op == ChainOp::none || last_use[r] != k) return;
  if (!unary && left == (b == r)) return;
  before.fused = true;
  s.first = before.first;
  s.chain_op = chain_op(opcode, left);
  s.operand[0] = (uint8_t)r;
  s.operand[1] = s.operand[2] = unary ? plan.steps[s.first].operand[0] : left ? b : a;
}

// Makes one loop of a chain of two.
static void use_superinstruction(PointwisePlan& plan, int k, const uint32_t* words) {
  Step &s = plan.steps[k], &before = plan.steps[k - 1];
  const bool left = words[5] == (uint32_t)(plan.inputs + k - 1);
  if (kPointwiseRows[words[4]].arity != 2) return;
  const RunOp both = superinstruction_of(words[0], words[4], left);
  if (!both) return;
  s.run = both;
  s.chain_op = ChainOp::none;
  s.operand[2] = s.operand[1];
  s.operand[0] = before.operand[0];
  s.operand[1] = before.operand[1];
}

// Finds the fused chains, and leaves those to a loop of their own that one serves better.
static void plan_chains(PointwisePlan& plan, const uint32_t* words, uint8_t* last_use) {
  for (int k = 1; k < plan.count; k++) extend_chain(plan, k, words[4 * k], last_use);
  for (int k = plan.count - 1, end = k; k >= 0; k--) {
    Step& s = plan.steps[k];
    if (!s.fused) end = k;
    if (end == k && s.first == k && !plan.streams) s.chain_op = ChainOp::none;  // one operation alone has its own loop
    if (end == k && s.first == k - 1 && !plan.streams) use_superinstruction(plan, k, words + 4 * (k - 1));
    for (const uint8_t x : s.operand)  // what a step reads is read when its chain runs
      if (last_use[x] < end) last_use[x] = (uint8_t)end;
  }
}

static void plan_pointwise(PointwisePlan& plan, const Call& call) {
  plan.inputs = call.inputs;
  plan.outputs = call.outputs;
  plan.out = call.out;
  plan.count = (int32_t)call.attr[0];
  plan.cost = kOperandCost * (float)(call.inputs + call.outputs);
  const int64_t n = elements_of(call.out[0]);
  plan.streams = n >= kStreamed && !in_place(call) && are_aligned(call);
  Lane lanes[kMaxRegisters];
  uint8_t last_use[kMaxRegisters] = {};
  for (int i = 0; i < plan.inputs; i++) {
    plan_operand(plan.operands[i], call.in[i]);
    lanes[i] = call.in[i].dtype == DType::f32 ? Lane::real : Lane::integer;
  }
  for (int k = 0; k < plan.count; k++) {
    plan_step(plan, k, call.attr + 1 + 4 * k, lanes);
    for (const uint8_t x : plan.steps[k].operand) {
      last_use[x] = (uint8_t)k;
      if (x >= plan.inputs) plan.steps[x - plan.inputs].read = true;
    }
  }
  for (int o = 0; o < plan.outputs; o++) {
    plan.result[o] = (uint8_t)call.attr[1 + 4 * plan.count + o];
    last_use[plan.result[o]] = kAtTheEnd;
  }
  plan_chains(plan, call.attr + 1, last_use);
  for (int i = 0; i < plan.inputs; i++)
    if (last_use[i] == kAtTheEnd && overwritten(plan, i)) {
      plan.operands[i].kind = OperandKind::walked;
      plan.operands[i].long_runs = false;
    }
  allocate_slots(plan, last_use);
  plan.prefetches = n >= kPrefetchedElements && plan.slots > 0;  // a single loop over memory needs no help
}

}  // namespace anneal::ANNEAL_TARGET
