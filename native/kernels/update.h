// update: one pass of a rule over all parameters of an optimizer. Operands (ops.def): hyper, steps, then of each
// parameter p, g and its state. Their elements are one line, in order, that is cut into chunks of nearly equal size
// across tensors.
#ifdef ANNEAL_REFERENCE
#include "update_reference.h"
#else
template <class V>
ANNEAL_INLINE V all(double x) {
  return splat((float)x);
}
ANNEAL_INLINE vf sign_of(vf x) { return to_float((x < vf{}) - (x > vf{})); }
#include "update_rules.h"

constexpr int kUpdateHeader = 2;        // operands, and attributes, before those of the first parameter
constexpr int64_t kUpdateChunk = 4096;  // elements, about
constexpr int64_t kMostUpdateChunks = 256;
constexpr int64_t kUpdateGrain = 16;  // a chunk starts at a multiple of this many elements of a tensor: a cache line

struct UpdateStart {
  int64_t tensor, element;
};

template <class Rule>
struct UpdateJob {
  const Call* call;
  const UpdateStart* starts;  // of each chunk, and the end
  int32_t count;              // of updates of the first parameter, for which `rule` is made
  Rule rule;
};

// How many elements a call updates, and into how many chunks they are cut.
struct UpdateSize {
  int64_t tensors, states, elements, chunks;
};
ANNEAL_INLINE const TensorArg& parameter_of(const Call& call, const UpdateSize& size, int64_t t) {
  return call.in[kUpdateHeader + t * (2 + size.states)];
}

static UpdateSize update_size(const Call& call) {
  UpdateSize size;
  size.tensors = call.attrs - kUpdateHeader;
  size.states = size.tensors ? (call.outputs / size.tensors) - 1 : 0;
  size.elements = 0;
  for (int64_t t = 0; t < size.tensors; t++) size.elements += elements_of(parameter_of(call, size, t));
  size.chunks = smallest(kMostUpdateChunks, largest(1, size.elements / kUpdateChunk));
  return size;
}

static void find_starts(const Call& call, const UpdateSize& size, UpdateStart* starts) {
  int64_t before = 0, t = 0;  // elements of the tensors before t
  for (int64_t c = 0; c < size.chunks; c++) {
    const int64_t wanted = size.elements * c / size.chunks;
    int64_t n;
    while (n = elements_of(parameter_of(call, size, t)), before + n <= wanted && t + 1 < size.tensors) before += n, t++;
    starts[c] = {t, (wanted - before) / kUpdateGrain * kUpdateGrain};
  }
  starts[size.chunks] = {size.tensors, 0};
}

// Elements [first, last) of one parameter.
template <class Rule, int kStates>
static void update_tensor(const Rule& shared, const TensorArg* in, int64_t first, int64_t last) {
  const Rule rule = shared;  // a copy that stores cannot reach stays in registers
  float* p = (float*)in[0].data;
  const float* g = (const float*)in[1].data;
  float* state[kStates + 1];
  for (int k = 0; k < kStates; k++) state[k] = (float*)in[2 + k].data;
  const auto step = [&](int64_t i, int lanes) __attribute__((always_inline)) {
    vf x = ld_some(p + i, lanes), s[kStates + 1];
    for (int k = 0; k < kStates; k++) s[k] = ld_some(state[k] + i, lanes);
    Rule::apply(rule, x, ld_some(g + i, lanes), s);
    for (int k = 0; k < kStates; k++) st_some(state[k] + i, s[k], lanes);
    st_some(p + i, x, lanes);
  };
  int64_t i = first;
  for (; i + kLanes <= last; i += kLanes) step(i, kLanes);
  if (i < last) step(i, (int)(last - i));
}

template <class Rule, int kStates>
static void update_chunk(void* arg, int64_t chunk, int32_t) {
  const UpdateJob<Rule>& job = *(const UpdateJob<Rule>*)arg;
  const Call& call = *job.call;
  const UpdateStart start = job.starts[chunk], end = job.starts[chunk + 1];
  const int32_t* counts = (const int32_t*)call.in[1].data;
  int32_t count = job.count;
  Rule rule = job.rule;
  for (int64_t t = start.tensor; t <= end.tensor; t++) {
    if (t == end.tensor && end.element == 0) return;
    const TensorArg* in = call.in + kUpdateHeader + t * (2 + kStates);
    const int64_t first = t == start.tensor ? start.element : 0;
    const int64_t last = t == end.tensor ? end.element : elements_of(in[0]);
    if (const int32_t own = counts[call.attr[kUpdateHeader + t]]; own != count) {
      count = own;
      rule = Rule::of((const double*)call.in[0].data, count, call.attr[1]);
    }
    update_tensor<Rule, kStates>(rule, in, first, last);
  }
}

constexpr float kUpdateCost = 0.01f;  // rough ns per byte moved

template <class Rule, int kStates>
static void run_rule(const Call& call, Context& context) {
  const UpdateSize size = update_size(call);
  if (size.elements == 0) return;
  UpdateStart whole[2];
  UpdateStart* starts = size.chunks == 1 ? whole : (UpdateStart*)context.shared_scratch;
  find_starts(call, size, starts);
  const int32_t count = ((const int32_t*)call.in[1].data)[call.attr[kUpdateHeader]];
  UpdateJob<Rule> job = {&call, starts, count, Rule::of((const double*)call.in[0].data, count, call.attr[1])};
  if (size.chunks == 1) return update_chunk<Rule, kStates>(&job, 0, 0);
  const float ns = (float)size.elements * (float)(4 * (3 + 2 * kStates)) * kUpdateCost;
  context.parallel(&context, size.chunks, (int64_t)ns, update_chunk<Rule, kStates>, &job);
}

constexpr Runner kUpdateRules[] = {
#define ANNEAL_UPDATE(name, states, ...) run_rule<Rule_##name<vf>, states>,
#include "../updates.def"
#undef ANNEAL_UPDATE
};

static void update_run(const Call& call, Context& context) { kUpdateRules[call.attr[0]](call, context); }

static size_t update_scratch(const Call&) { return 0; }
static size_t update_shared(const Call& call) {
  const UpdateSize size = update_size(call);
  return size.chunks == 1 ? 0 : (size_t)(size.chunks + 1) * sizeof(UpdateStart);
}
#endif
