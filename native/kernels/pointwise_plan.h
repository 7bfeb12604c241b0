// What the interpreter of micro-programs decides once per call: how each operand is reached and where each result
// lives.

constexpr int kMaxSteps = 32, kMaxInputs = 16, kMaxOutputs = 8;
constexpr int kMaxRegisters = kMaxInputs + kMaxSteps;
constexpr int64_t kTile = 1024;  // elements of a run
constexpr int64_t kMaxPeriod = kTile;
constexpr int64_t kPointwiseChunk = 32768;  // elements of one chunk for threads
constexpr int64_t kAheadTile = 1 << 18;     // elements of an operand from which on memory is asked for ahead
constexpr int64_t kStreamed = 1 << 23;      // elements of an output that no cache keeps for those who read it next
constexpr int64_t kSlotBytes =
    kTile * 4 + 64;  // not a multiple of a page, so slots don't contend for the same cache sets

enum class OperandKind : uint8_t {
  dense,     // 4-byte lanes in the order of the output: read in place
  single,    // one value
  periodic,  // a dense run that repeats (a bias): read in place from a copy that is a tile longer than the period
  staged,    // transposed: copied into slots for the whole chunk, so that its rows share the cache lines they are read
             // from
  walked,    // anything else: copied into a slot tile by tile
};

struct Operand {
  OperandKind kind;
  DType dtype;
  const void* data;
  int64_t period;
  Walk walk;
};

struct Step {
  RunOp run;        // null where the next step does it too
  uint8_t a, b, c;  // registers
};

struct PointwisePlan {
  int32_t inputs, count, outputs, slots;
  bool ahead, streams;  // see ask_for_tile and stream_run
  float cost;           // ns per element on one thread
  const TensorArg* out;
  int16_t place[kMaxRegisters];  // a slot; or of a dense operand -1, of a result -1 - o for the memory of output o
  uint8_t result[kMaxOutputs];   // the register of each output
  Step steps[kMaxSteps];
  Operand operands[kMaxInputs];
};

enum PointwiseOp : uint32_t {
#define ANNEAL_POINTWISE(name, ...) pointwise_##name,
#include "../pointwise.def"
#undef ANNEAL_POINTWISE
};

// Rough ns per element, on which only the choice of thread count rests.
ANNEAL_INLINE float cost_of(uint32_t opcode) {
  switch (opcode) {
    case pointwise_pow:
      return 3.0f;
    case pointwise_exp:
    case pointwise_log:
    case pointwise_tanh:
    case pointwise_sigmoid:
    case pointwise_gelu:
    case pointwise_gelu_grad:
    case pointwise_gelu_tanh:
    case pointwise_gelu_tanh_grad:
    case pointwise_erf:
      return 0.5f;
    default:
      return 0.05f;
  }
}
constexpr float kOperandCost = 0.1f;

#include "pointwise_pairs.h"

static void plan_operand(Operand& operand, const TensorArg& in) {
  operand.walk = walk_of(in);
  operand.dtype = in.dtype;
  operand.data = in.data;
  operand.period = 1;
  const Walk& w = operand.walk;
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

// May result k be written straight into output o? Not where that is the memory of an operand that is read later.
static bool writes_directly(const PointwisePlan& plan, int o, int k, const uint8_t* last_use) {
  if (size_of(plan.out[o].dtype) != 4 || plan.streams) return false;
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
static void plan_places(PointwisePlan& plan, const uint8_t* last_use) {
  int fixed = 0, high = 0;
  uint64_t taken = 0;
  const auto take = [&]() {
    const int slot = __builtin_ctzll(~taken);
    taken |= 1ull << slot;
    high = slot >= high ? slot + 1 : high;
    return (int16_t)(fixed + slot);
  };
  for (int i = 0; i < plan.inputs; i++) {
    plan.place[i] = plan.operands[i].kind == OperandKind::dense ? -1 : (int16_t)fixed;
    fixed += fixed_slots(plan.operands[i].kind);
  }
  for (int i = 0; i < plan.inputs; i++)
    if (plan.operands[i].kind == OperandKind::walked) plan.place[i] = take();
  for (int k = 0; k < plan.count; k++) {
    const Step& s = plan.steps[k];
    const int r = plan.inputs + k;
    if (!s.run) continue;
    const uint8_t operands[3] = {s.a, s.b, s.c};
    for (const uint8_t x : operands)  // elementwise, so a result may take the slot of an operand
      if (last_use[x] == k && plan.place[x] >= fixed) taken &= ~(1ull << (plan.place[x] - fixed));
    int direct = -1;
    for (int o = 0; o < plan.outputs && direct < 0; o++)
      if (plan.result[o] == r && writes_directly(plan, o, k, last_use)) direct = o;
    plan.place[r] = direct >= 0 ? (int16_t)(-1 - direct) : take();
  }
  plan.slots = fixed + high;
}

// Which of an operation's two loops to run, and the type of its result.
static void plan_step(PointwisePlan& plan, int k, const uint32_t* words, Lane* lanes) {
  const PointwiseRow& row = kPointwiseRows[words[0]];
  Step& s = plan.steps[k];
  s.a = (uint8_t)words[1];
  s.b = row.arity > 1 ? (uint8_t)words[2] : s.a;
  s.c = row.arity > 2 ? (uint8_t)words[3] : s.a;
  const Lane operand = lanes[row.arity == 3 ? s.b : s.a];  // of three, the first is a condition
  s.run = operand == Lane::real && row.real ? row.real : row.integer ? row.integer : row.real;
  lanes[plan.inputs + k] = row.result == Lane::either ? operand : row.result;
  plan.cost += cost_of(words[0]);
}

// Makes one loop of step k and the one before it, where that one's result is only this one's operand.
static void pair_steps(PointwisePlan& plan, int k, const uint32_t* words, const Lane* lanes, uint8_t* last_use) {
  Step &s = plan.steps[k], &before = plan.steps[k - 1];
  const int r = plan.inputs + k - 1;
  const bool left = s.a == r;
  if (k > 1 && !plan.steps[k - 2].run) return;  // two already
  if (last_use[r] != k || left == (s.b == r)) return;
  if (lanes[r] != Lane::real || kPointwiseRows[words[4]].arity != 2) return;
  const RunOp both = pair_of(words[0], words[4], left);
  if (!both) return;
  s = {both, before.a, before.b, left ? s.b : s.a};
  before.run = nullptr;
  if (last_use[s.a] < k) last_use[s.a] = (uint8_t)k;
  if (last_use[s.b] < k) last_use[s.b] = (uint8_t)k;
}

static void plan_pointwise(PointwisePlan& plan, const Call& call) {
  plan.inputs = call.inputs;
  plan.outputs = call.outputs;
  plan.out = call.out;
  plan.count = (int32_t)call.attr[0];
  plan.cost = kOperandCost * (float)(call.inputs + call.outputs);
  const int64_t n = elements_of(call.out[0]);
  plan.streams = n >= kStreamed && !in_place(call);
  Lane lanes[kMaxRegisters];
  uint8_t last_use[kMaxRegisters] = {};
  for (int i = 0; i < plan.inputs; i++) {
    plan_operand(plan.operands[i], call.in[i]);
    lanes[i] = call.in[i].dtype == DType::f32 ? Lane::real : Lane::integer;
  }
  for (int k = 0; k < plan.count; k++) {
    plan_step(plan, k, call.attr + 1 + 4 * k, lanes);
    last_use[plan.steps[k].a] = last_use[plan.steps[k].b] = last_use[plan.steps[k].c] = (uint8_t)k;
  }
  for (int o = 0; o < plan.outputs; o++) {
    plan.result[o] = (uint8_t)call.attr[1 + 4 * plan.count + o];
    last_use[plan.result[o]] = kAtTheEnd;
  }
  for (int k = 1; k < plan.count; k++) pair_steps(plan, k, call.attr + 1 + 4 * (k - 1), lanes, last_use);
  for (int i = 0; i < plan.inputs; i++)
    if (last_use[i] == kAtTheEnd && overwritten(plan, i)) plan.operands[i].kind = OperandKind::walked;
  plan_places(plan, last_use);
  plan.ahead = n >= kAheadTile && plan.slots > 0;  // a single loop over memory needs no help
}
