// ctc: -ln of the probability that steps which each draw a class of softmax(x) collapse to the labels, where repeats
// count once and blanks not at all (Graves et al., 2006), and its gradient, softmax(x) less the posterior probability
// of each class at each step. The expanded labels have 2 S + 1 states, blank, label, blank, ..., blank, and a lattice
// of these and the steps is summed from both ends, in logarithms of which each row's largest is 0.
#pragma once
#include "../softmax/rows.h"

namespace anneal::ANNEAL_TARGET {

constexpr int64_t kStatePad = 16;  // states that cannot be, before each row of the lattice

struct CtcJob {
  const Call* call;
  Context* context;
  int64_t N, T, C, S;
  int32_t blank;
  bool zero_infinity;
};

// The lattice of one example. Rows have `width` states, whole groups of 16; those from `states` on cannot be.
struct Lattice {
  const float* x;
  int64_t steps, labels, states, width, stride;
  int32_t* classes;
  float* skip;                      // 0 where a state may follow the last but one, else -inf
  float *emission, *beta_emission;  // of a step: ln softmax of each state's class; that plus beta
  float *beta, *posterior;          // ln of the sum over what follows a step, in each state; the posteriors of a step
  float *max, *log_sum;             // of each step's logits
  float* alpha;  // ln of the sum over what leads to a step, in each state, and the step: [steps][stride]
};

static int64_t lattice_width(int64_t S) { return divide_up(2 * S + 1, 16) * 16; }

static CtcJob ctc_job(const Call& call, Context* context) {
  const int64_t* dims = call.in[0].dims;
  return {&call, context, dims[0], dims[1], dims[2], call.in[1].dims[1], (int32_t)call.attr[0], call.attr[1] != 0};
}

static Lattice lattice_of(const CtcJob& job, int64_t n, int32_t worker) {
  const TensorArg& x = job.call->in[0];
  const int64_t width = lattice_width(job.S);
  Lattice g = {};
  g.x = (const float*)x.data + n * x.strides[0];
  g.steps = ((const int32_t*)job.call->in[2].data)[n];
  g.labels = ((const int32_t*)job.call->in[3].data)[n];
  g.states = 2 * g.labels + 1;
  g.width = width;
  g.stride = width + kStatePad;
  float* at = (float*)job.context->scratch(job.context, worker);
  const auto take = [&](int64_t count) __attribute__((always_inline)) { return at += count, at - count; };
  g.classes = (int32_t*)take(width);
  g.emission = take(width);
  g.beta = take(width);
  g.posterior = take(width);
  g.skip = take(g.stride);
  g.beta_emission = take(g.stride);
  g.max = take(job.T);
  g.log_sum = take(job.T);
  g.alpha = take(job.T * g.stride) + kStatePad;
  return g;
}

static size_t ctc_scratch(const Call& call) {
  const CtcJob job = ctc_job(call, nullptr);
  const int64_t width = lattice_width(job.S), stride = width + kStatePad;
  return job.N == 0 ? 0 : (size_t)(4 * width + 2 * stride + job.T * (stride + 2)) * 4;
}
static size_t ctc_shared(const Call&) { return 0; }

static void fill_floats(float* to, float value, int64_t count) {
  for (int64_t i = 0; i < count; i++) to[i] = value;
}

static bool in_range(const CtcJob& job, int64_t n, int64_t value, int64_t limit) {
  if (value >= 0 && value < limit) return true;
  job.context->fail(job.context, Failure::index_out_of_range, n, value, limit);
  return false;
}

// Sets the class of each state; false where a length or a label is out of range.
static bool expand_labels(const CtcJob& job, int64_t n, const Lattice& g) {
  if (!in_range(job, n, g.steps, job.T + 1) || !in_range(job, n, g.labels, job.S + 1)) return false;
  const int32_t* labels = (const int32_t*)job.call->in[1].data + n * job.S;
  fill_floats(g.skip, -kInfinity, g.stride);
  fill_floats(g.emission, -kInfinity, g.width);
  fill_floats(g.beta_emission, -kInfinity, g.stride);
  for (int64_t s = 0; s < g.states; s++) g.classes[s] = s % 2 ? labels[s / 2] : job.blank;
  for (int64_t s = 1; s < g.states; s += 2) {
    if (!in_range(job, n, g.classes[s], job.C)) return false;
    if (s > 1 && g.classes[s] != g.classes[s - 2] && g.classes[s] != job.blank) g.skip[s] = 0;
  }
  return true;
}

ANNEAL_INLINE const float* logits_at(const CtcJob& job, const Lattice& g, int64_t t) {
  return g.x + t * job.call->in[0].strides[1];
}

static void emission_step(const CtcJob& job, const Lattice& g, int64_t t) {
  const float* x = logits_at(job, g, t);
  for (int64_t s = 0; s < g.states; s++) g.emission[s] = x[g.classes[s]] - g.max[t] - g.log_sum[t];
}

ANNEAL_INLINE vf log_add(vf a, vf b, vf c) {
  const vf top = vmax(vmax(a, b), c);
  const vf shift = select(top == splat(-kInfinity), vf{}, top);
  vf e[] = {a - shift, b - shift, c - shift};
  vexp_nonpositive(e);
  return shift + vlog(e[0] + e[1] + e[2]);
}

// Makes the largest state 0, and returns what it was.
static float center(float* row, const Lattice& g) {
  const float top = row_max(row, g.states), shift = top > -kInfinity ? top : 0;
  for (int64_t s = 0; s < g.width; s += kLanes) st(row + s, ld(row + s) - splat(shift));
  return shift;
}

static void normalize_step(const CtcJob& job, const Lattice& g, int64_t t) {
  const float* x = logits_at(job, g, t);
  g.max[t] = row_max(x, job.C);
  const vf max = splat(g.max[t]);
  const float sum = sum_of(job.C, [&](int64_t i, int p, int lanes) __attribute__((always_inline)) {
    return vexp_nonpositive(ld_or(x + i + p * kLanes, lanes, splat(-kInfinity)) - max);
  });
  g.log_sum[t] = vlog(splat(sum))[0];
}

// The loss, from the first step to the last.
static float forward(const CtcJob& job, const Lattice& g) {
  if (g.steps == 0) return g.labels == 0 ? 0 : kInfinity;
  double total = 0;
  for (int64_t t = 0; t < g.steps; t++) {
    normalize_step(job, g, t);
    emission_step(job, g, t);
    float *row = g.alpha + t * g.stride, *before = row - g.stride;
    fill_floats(row - kStatePad, -kInfinity, kStatePad);
    if (t == 0) {
      fill_floats(row, -kInfinity, g.width);
      for (int64_t s = 0; s < smallest(2, g.states); s++) row[s] = g.emission[s];
    } else {
      for (int64_t s = 0; s < g.width; s += kLanes)
        st(row + s,
           log_add(ld(before + s), ld(before + s - 1), ld(before + s - 2) + ld(g.skip + s)) + ld(g.emission + s));
    }
    total += (double)center(row, g);
  }
  const float* last = g.alpha + (g.steps - 1) * g.stride + g.states - 1;
  const vf end = log_add(splat(last[0]), splat(last[-1]), splat(-kInfinity));
  return (float)-(total + (double)end[0]);
}

// beta of step t, from that of step t + 1.
static void beta_step(const CtcJob& job, const Lattice& g, int64_t t) {
  emission_step(job, g, t + 1);
  for (int64_t s = 0; s < g.width; s += kLanes) st(g.beta_emission + s, ld(g.beta + s) + ld(g.emission + s));
  for (int64_t s = 0; s < g.width; s += kLanes)
    st(g.beta + s,
       log_add(ld(g.beta_emission + s), ld(g.beta_emission + s + 1), ld(g.beta_emission + s + 2) + ld(g.skip + s + 2)));
  center(g.beta, g);
}

// The posterior of each state at step t, given the labels; they sum to 1.
static void posterior_step(const Lattice& g, int64_t t) {
  const float* alpha = g.alpha + t * g.stride;
  for (int64_t s = 0; s < g.width; s += kLanes) st(g.posterior + s, ld(alpha + s) + ld(g.beta + s));
  const vf top = splat(row_max(g.posterior, g.states));
  const float sum = sum_of(g.states, [&](int64_t i, int p, int lanes) __attribute__((always_inline)) {
    float* at = g.posterior + i + p * kLanes;
    const vf e = vexp_nonpositive(ld_or(at, lanes, splat(-kInfinity)) - top);
    st_some(at, e, lanes);
    return e;
  });
  for (int64_t s = 0; s < g.width; s += kLanes) st(g.posterior + s, ld(g.posterior + s) / splat(sum));
}

static void write_gradient(const CtcJob& job, const Lattice& g, int64_t t, float* to, float factor) {
  const float* x = logits_at(job, g, t);
  const vf max = splat(g.max[t]), log_sum = splat(g.log_sum[t]), scale = splat(factor);
  each_vector(job.C, [&](int64_t i, int lanes) __attribute__((always_inline)) {
    st_some(to + i, vexp_nonpositive(ld_some(x + i, lanes) - max - log_sum) * scale, lanes);
  });
  float blanks = 0;
  for (int64_t s = 0; s < g.states; s += 2) blanks += g.posterior[s];
  to[job.blank] -= blanks * factor;
  for (int64_t s = 1; s < g.states; s += 2) to[g.classes[s]] -= g.posterior[s] * factor;
}

static void backward(const CtcJob& job, const Lattice& g, float* gradients, float factor) {
  fill_floats(g.beta, -kInfinity, g.width);
  for (int64_t s = largest(0, g.states - 2); s < g.states; s++) g.beta[s] = 0;
  for (int64_t t = g.steps - 1; t >= 0; t--) {
    if (t < g.steps - 1) beta_step(job, g, t);
    posterior_step(g, t);
    write_gradient(job, g, t, gradients + t * job.C, factor);
  }
}

static void ctc_chunk(void* arg, int64_t n, int32_t worker) {
  const CtcJob& job = *(const CtcJob*)arg;
  const TensorArg *out = job.call->out, *factors = job.call->inputs > 4 ? &job.call->in[4] : nullptr;
  float* losses = (float*)out[0].data;
  float* gradients = job.call->outputs > 1 ? (float*)out[1].data : nullptr;
  const Lattice g = lattice_of(job, n, worker);
  const bool fits = expand_labels(job, n, g);
  const float loss = fits ? forward(job, g) : 0;
  const bool infinite = loss == kInfinity;
  if (losses) losses[n] = infinite && job.zero_infinity ? 0 : loss;
  if (!gradients) return;
  gradients += n * job.T * job.C;
  const int64_t used = fits && !(infinite && job.zero_infinity) ? g.steps * job.C : 0;
  fill_floats(gradients + used, 0, job.T * job.C - used);
  const float factor = factors && factors->data ? ((const float*)factors->data)[n * factors->strides[0]] : 1.0f;
  if (infinite)
    fill_floats(gradients, kNaN, used);
  else if (used)
    backward(job, g, gradients, factor);
}

static void ctc_run(const Call& call, Context& context) {
  CtcJob job = ctc_job(call, &context);
  if (job.N == 0) return;
  if (job.N == 1) return ctc_chunk(&job, 0, 0);
  const bool gradients = call.outputs > 1 && call.out[1].data;
  const float ns = (float)job.C * (gradients ? 0.7f : 0.35f) + (float)(2 * job.S + 1) * (gradients ? 8.0f : 3.5f);
  context.parallel(&context, job.N, (int64_t)((float)(job.N * job.T) * ns), ctc_chunk, &job);
}

}  // namespace anneal::ANNEAL_TARGET
