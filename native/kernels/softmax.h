// softmax, log_softmax and their gradients along the last axis, and cross_entropy with the gradient of its logits in
// the same pass. Sums run over 16 virtual lanes in blocks of kRowBlock, whose results combine pairwise: bits don't
// depend on the target.
#ifdef ANNEAL_REFERENCE
#include "softmax_reference.h"
#else

constexpr int64_t kRowBlock = 1024;
constexpr float kExpCost = 0.5f, kRowCost = 30.0f;  // rough ns per element and per row

// Calls f(vector, lanes) for the vectors of elements [i, i + 16), where those from n on are left out.
template <class F>
ANNEAL_INLINE void each_part(int64_t n, F f) {
  for (int p = 0; p < kParts && p * kLanes < n; p++) f(p, (int)smallest(n - p * kLanes, kLanes));
}

// The sum of f(i, lanes) over [0, n), where f returns the vector of elements [i, i + lanes), the other lanes 0.
template <class F>
ANNEAL_INLINE float sum_of(int64_t n, F f) {
  Pairwise<RealSum> blocks;
  blocks.count = 0;
  float sum = 0;
  for (int64_t first = 0; first < n; first += kRowBlock) {
    const int64_t end = smallest(n, first + kRowBlock);
    Lanes16 acc = splat16(0.0f);
    for (int64_t i = first; i < end; i += 16)
      each_part(end - i, [&](int p, int lanes)
                             __attribute__((always_inline)) { acc.part[p] = acc.part[p] + f(i + p * kLanes, lanes); });
    sum = sum16(acc);
    if (n > kRowBlock) pairwise_push(blocks, sum);
  }
  return n > kRowBlock ? pairwise_result(blocks) : sum;
}

// The largest element. A NaN may or may not be it, and shows in the sum that follows.
ANNEAL_INLINE float row_max(const float* x, int64_t C) {
  const vf lowest = splat(-kInfinity);
  vf acc[4] = {lowest, lowest, lowest, lowest};
  int64_t i = 0;
  for (; i + 4 * kLanes <= C; i += 4 * kLanes)
    for (int u = 0; u < 4; u++) acc[u] = vmax(acc[u], ld(x + i + u * kLanes));
  acc[0] = vmax(vmax(acc[0], acc[1]), vmax(acc[2], acc[3]));
  each_vector(C - i, [&](int64_t j, int lanes) __attribute__((always_inline)) {
    acc[0] = vmax(acc[0], keep_lanes(ld_some(x + i + j, lanes), lanes, lowest));
  });
  Lanes16 t = splat16(-kInfinity);
  t.part[0] = acc[0];
  return fold16(t, [](auto a, auto b) __attribute__((always_inline)) { return vmax(a, b); });
}

// The sum of e^(x - max), whose terms are kept in `terms` unless that is null.
ANNEAL_INLINE float row_exp_sum(const float* x, float max, float* terms, int64_t C) {
  const vf m = splat(max);
  return sum_of(C, [&](int64_t i, int lanes) __attribute__((always_inline)) {
    const vf e = keep_lanes(vexp(ld_some(x + i, lanes) - m), lanes, vf{});
    if (terms) st_some(terms + i, e, lanes);
    return e;
  });
}

ANNEAL_INLINE void scale_row(float* x, float factor, int64_t C) {
  const vf f = splat(factor);
  each_vector(C, [&](int64_t i, int lanes)
                     __attribute__((always_inline)) { st_some(x + i, ld_some(x + i, lanes) * f, lanes); });
}

ANNEAL_INLINE float log_of(float x) { return vlog(splat(x))[0]; }

struct RowsJob {
  const Call* call;
  Context* context;
  int64_t N, C, per_chunk;  // rows, their length, rows of one chunk
};

static RowsJob rows_job(const Call& call, Context& context, const TensorArg& rows) {
  RowsJob job = {&call, &context, 1, rows.dims[rows.rank - 1], 0};
  for (int d = 0; d < rows.rank - 1; d++) job.N *= rows.dims[d];
  job.per_chunk = largest(1, 8192 / (job.C + 16));
  return job;
}

static void run_row_chunks(const RowsJob& job, void (*body)(void*, int64_t, int32_t)) {
  const int64_t chunks = divide_up(job.N, job.per_chunk);
  if (chunks == 0) return;
  if (chunks == 1) return body((void*)&job, 0, 0);
  const int64_t ns = (int64_t)((float)job.N * ((float)job.C * kExpCost + kRowCost));
  job.context->parallel(job.context, chunks, ns, body, (void*)&job);
}

static void softmax_chunk(void* arg, int64_t chunk, int32_t) {
  const RowsJob& job = *(const RowsJob*)arg;
  const int64_t C = job.C, end = smallest(job.N, (chunk + 1) * job.per_chunk);
  const bool log = job.call->attr[0] != 0;
  for (int64_t n = chunk * job.per_chunk; n < end; n++) {
    const float* x = (const float*)job.call->in[0].data + n * C;
    float* y = (float*)job.call->out[0].data + n * C;
    const float max = row_max(x, C), sum = row_exp_sum(x, max, log ? nullptr : y, C);
    if (!log) {
      scale_row(y, 1.0f / sum, C);
      continue;
    }
    const vf m = splat(max), l = vlog(splat(sum));
    each_vector(C, [&](int64_t i, int lanes)
                       __attribute__((always_inline)) { st_some(y + i, ld_some(x + i, lanes) - m - l, lanes); });
  }
}

static void softmax_run(const Call& call, Context& context) {
  const RowsJob job = rows_job(call, context, call.out[0]);
  if (job.C > 0) run_row_chunks(job, softmax_chunk);
}

// dx = y (dy - sum(y dy)), and for the logarithm dx = dy - e^y sum(dy).
static void softmax_grad_chunk(void* arg, int64_t chunk, int32_t) {
  const RowsJob& job = *(const RowsJob*)arg;
  const int64_t C = job.C, end = smallest(job.N, (chunk + 1) * job.per_chunk);
  const bool log = job.call->attr[0] != 0;
  for (int64_t n = chunk * job.per_chunk; n < end; n++) {
    const float* y = (const float*)job.call->in[0].data + n * C;
    const float* dy = (const float*)job.call->in[1].data + n * C;
    float* dx = (float*)job.call->out[0].data + n * C;
    if (log) {
      const vf s =
          splat(sum_of(C, [&](int64_t i, int lanes) __attribute__((always_inline)) { return ld_some(dy + i, lanes); }));
      each_vector(C, [&](int64_t i, int lanes) __attribute__((always_inline)) {
        st_some(dx + i, vfma(-vexp(ld_some(y + i, lanes)), s, ld_some(dy + i, lanes)), lanes);
      });
    } else {
      const vf s = splat(sum_of(C, [&](int64_t i, int lanes) __attribute__((always_inline)) {
        return ld_some(y + i, lanes) * ld_some(dy + i, lanes);
      }));
      each_vector(C, [&](int64_t i, int lanes) __attribute__((always_inline)) {
        st_some(dx + i, ld_some(y + i, lanes) * (ld_some(dy + i, lanes) - s), lanes);
      });
    }
  }
}

static void softmax_grad_run(const Call& call, Context& context) {
  run_row_chunks(rows_job(call, context, call.out[0]), softmax_grad_chunk);
}

// loss = ln sum e^(x - max) - (x[label] - max); dlogits = softmax(x) - onehot(label). A label out of range gives zeros.
static void cross_entropy_chunk(void* arg, int64_t chunk, int32_t) {
  const RowsJob& job = *(const RowsJob*)arg;
  const Call& call = *job.call;
  const int64_t C = job.C, end = smallest(job.N, (chunk + 1) * job.per_chunk);
  float* losses = (float*)call.out[0].data;
  float* gradients = call.outputs > 1 ? (float*)call.out[1].data : nullptr;
  for (int64_t n = chunk * job.per_chunk; n < end; n++) {
    const float* x = (const float*)call.in[0].data + n * C;
    const int32_t label = ((const int32_t*)call.in[1].data)[n];
    float* dx = gradients ? gradients + n * C : nullptr;
    if (label < 0 || label >= C) {
      job.context->fail(job.context, Failure::index_out_of_range, n, label, C);
      if (losses) losses[n] = 0;
      if (dx) __builtin_memset(dx, 0, (size_t)C * 4);
      continue;
    }
    const float max = row_max(x, C), sum = row_exp_sum(x, max, dx, C);
    if (losses) losses[n] = log_of(sum) - (x[label] - max);
    if (!dx) continue;
    scale_row(dx, 1.0f / sum, C);
    dx[label] -= 1.0f;
  }
}

static void cross_entropy_run(const Call& call, Context& context) {
  run_row_chunks(rows_job(call, context, call.in[0]), cross_entropy_chunk);
}

ANNEAL_NO_SCRATCH(softmax)
ANNEAL_NO_SCRATCH(softmax_grad)
ANNEAL_NO_SCRATCH(cross_entropy)
#endif
