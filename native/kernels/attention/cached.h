// Attention of one position to those in a cache of keys and values, and to itself, as text is written token by token;
// and the writes to that cache. There are too few queries for the lanes: scores are dot products over features, and
// lanes are keys in the softmax, features in the sums of values.
#pragma once
#include "../contraction/dot.h"
#include "../math.h"
#include "mask.h"

namespace anneal::ANNEAL_TARGET {

struct CachedAttentionJob {
  const Call& call;
  Context* context;
  int64_t B, H, K, C, D, E, G;  // G heads share a key
  float scale;
  int64_t together;  // heads of keys of a chunk

  const int32_t* offsets() const { return (const int32_t*)call.in[5].data; }
  // Keys of the cache that count.
  int64_t offset(int64_t b) const { return largest(0, smallest(offsets()[b], C - 1)); }
};

static CachedAttentionJob cached_attention_job(const Call& call, Context* context) {
  const TensorArg &query = call.in[0], &key = call.in[1], &keys = call.in[3];
  float scale;
  __builtin_memcpy(&scale, &call.attr[0], 4);
  const int64_t H = query.dims[1], K = key.dims[1];
  return {call, context, query.dims[0], H, K, keys.dims[2], query.dims[3], call.in[2].dims[3], K ? H / K : 1, scale, 1};
}

// Floats of the scores of one query.
ANNEAL_INLINE int64_t score_floats(int64_t C) { return round_up(C, 16); }

// scores[g][s] = query g . key s, for the cached keys and the one behind them.
static void cached_scores(const CachedAttentionJob& job, int64_t b, int64_t k, int64_t count, float* scores) {
  const TensorArg &query = job.call.in[0], &keys = job.call.in[3];
  if (job.D == 0) {  // no product would set them
    for (int64_t i = 0; i < job.G * score_floats(job.C); i++) scores[i] = 0;
    return;
  }
  Problem p = {};
  p.M = job.G, p.N = score_floats(job.C), p.K = job.D;
  p.a = {head_of(query, b, k * job.G).data, query.strides[1], 1};
  p.b = {head_of(keys, b, k).data, 1, keys.strides[2]};
  p.c = scores;
  Problem own = p;
  own.b.data = head_of(job.call.in[1], b, k).data;
  own.c = scores + count;
  for (int64_t g = 0; g < job.G; g += kDotRowsOfC) {
    const Range rows = {g, smallest(job.G, g + kDotRowsOfC)};
    multiply_dot(p, rows, {0, count});
    multiply_dot(own, rows, {0, 1});
  }
}

// `count` scores, behind which there is room for a multiple of 16, become weights. Returns one over their sum; 1 where
// all are 0.
static float cached_weights(const CachedAttentionJob& job, int64_t b, int64_t h, int64_t count, float* scores) {
  const TensorArg& mask = job.call.in[6];
  if (mask.data) {
    int64_t stride[4];
    for (int d = 0; d < 4; d++) stride[d] = mask.dims[d] == 1 ? 0 : mask.strides[d];
    for (int64_t s = 0; s < count; s += kAttentionKeys) {
      const int64_t keys = smallest(count - s, kAttentionKeys);
      float added[kAttentionKeys];
      load_mask_row(mask, b * stride[0] + h * stride[1] + s * stride[3], stride[3], keys, added);
      for (int64_t i = 0; i < keys; i++) {
        const float x = scores[s + i] * job.scale;
        scores[s + i] = mask.dtype == DType::f32 ? x + added[i] : added[i] != 0 ? x : -kInfinity;
      }
    }
  } else {
    each_vector(count, [&](int64_t s, int lanes) __attribute__((always_inline)) {
      st_some(scores + s, ld_some(scores + s, lanes) * splat(job.scale), lanes);
    });
  }
  const int64_t whole = round_up(count, 16);
  for (int64_t s = count; s < whole; s++) scores[s] = -kInfinity;
  Lanes16 most = splat16(-kInfinity), sum = splat16(0);
  for (int64_t s = 0; s < whole; s += 16)
    for (int l = 0; l < kParts; l++) most.part[l] = vmax(ld(scores + s + l * kLanes), most.part[l]);
  const float found = fold16(most, [](auto x, auto y) __attribute__((always_inline)) { return vmax(x, y); });
  const vf shift = splat(found == -kInfinity ? 0.0f : found);
  for (int64_t s = 0; s < whole; s += 16)
    for (int l = 0; l < kParts; l++) {
      vf x[1] = {ld(scores + s + l * kLanes) - shift};
      vexp_nonpositive(x);
      sum.part[l] = sum.part[l] + x[0];
      st(scores + s + l * kLanes, x[0]);
    }
  const float total = sum16(sum);
  return total == 0 ? 1.0f : 1.0f / total;
}

// y = factor times the sum of the cached values and the one behind them, by their weights: a chain over positions.
template <int kVectors>
ANNEAL_INLINE void weighted_values(const Sequence& cached, const float* own, int64_t count, const float* weights,
                                   float factor, int lanes, float* y) {
  const auto load = [=](const float* from)
                        __attribute__((always_inline)) { return kVectors == 1 ? ld_some(from, lanes) : ld(from); };
  vf sum[kVectors] = {};
  const auto add = [&](const float* from, float weight) __attribute__((always_inline)) {
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; v++) {
      sum[v] = vfma(splat(weight), load(from + v * kLanes), sum[v]);
      pin(sum[v]);
    }
  };
  for (int64_t s = 0; s < count; s++) add(cached.at(s), weights[s]);
  add(own, weights[count]);
#pragma GCC unroll 16
  for (int v = 0; v < kVectors; v++) st_some(y + v * kLanes, sum[v] * splat(factor), kVectors == 1 ? lanes : kLanes);
}

constexpr int kValueVectors = 64 / kLanes < 8 ? 64 / kLanes : 8;  // of values at a time

static void cached_values(const CachedAttentionJob& job, int64_t b, int64_t h, int64_t count, const float* weights,
                          float factor) {
  const Sequence cached = head_of(job.call.in[4], b, h / job.G), own = head_of(job.call.in[2], b, h / job.G);
  float* const y = head_of(job.call.out[0], b, h).data;
  for (int64_t e = 0; e < job.E;) {
    const Sequence from = {cached.data + e, cached.stride};
    if (job.E - e >= kValueVectors * kLanes) {
      weighted_values<kValueVectors>(from, own.data + e, count, weights, factor, kLanes, y + e);
      e += kValueVectors * kLanes;
    } else {
      const int lanes = (int)smallest(kLanes, job.E - e);
      weighted_values<1>(from, own.data + e, count, weights, factor, lanes, y + e);
      e += lanes;
    }
  }
}

static void cached_attention_chunk(void* arg, int64_t chunk, int32_t worker) {
  const CachedAttentionJob& job = *(const CachedAttentionJob*)arg;
  float* const scores = (float*)job.context->scratch(job.context, worker);
  const int64_t end = smallest(job.B * job.K, (chunk + 1) * job.together);
  for (int64_t number = chunk * job.together; number < end; number++) {
    const int64_t b = number / job.K, k = number % job.K, count = job.offset(b);
    cached_scores(job, b, k, count, scores);
    for (int64_t g = 0; g < job.G; g++) {
      float* const own = scores + g * score_floats(job.C);
      const float factor = cached_weights(job, b, k * job.G + g, count + 1, own);
      cached_values(job, b, k * job.G + g, count, own, factor);
    }
  }
}

constexpr int64_t kCachedChunk = 5000;  // ns worth a chunk

static void cached_attention_run(const Call& call, Context& context) {
  CachedAttentionJob job = cached_attention_job(call, &context);
  const int64_t heads = job.B * job.K;
  if (heads == 0 || job.H == 0) return;
  int64_t keys = 0;
  for (int64_t b = 0; b < job.B; b++) {
    const int32_t offset = job.offsets()[b];
    if (offset < 0 || offset >= job.C) context.fail(&context, Failure::index_out_of_range, b, offset, job.C);
    if (job.C > 0) keys += job.offset(b) + 1;
  }
  if (job.C == 0) return;
  // Keys and values come from beyond the nearest cache.
  const int64_t ns = heads * 50 + keys * job.K * (job.D + job.E) / 8 + keys * job.H;
  job.together = largest(1, smallest(divide_up(heads, 2), kCachedChunk * heads / (ns + 1)));
  context.parallel(&context, divide_up(heads, job.together), ns, cached_attention_chunk, &job);
}

static size_t cached_attention_scratch(const Call& call) {
  const int64_t K = call.in[1].dims[1];
  return (size_t)((K ? call.in[0].dims[1] / K : 1) * score_floats(call.in[3].dims[2]) * 4);
}
static size_t cached_attention_shared(const Call&) { return 0; }

// ---- the writes --------------------------------------------------------------------------------------------------
struct WritePositionsJob {
  const Call& call;
  Context* context;
};

static void write_positions_chunk(void* arg, int64_t b, int32_t) {
  const WritePositionsJob& job = *(const WritePositionsJob*)arg;
  const TensorArg &cache = job.call.out[0], &rows = job.call.in[0];
  const int64_t offset = ((const int32_t*)job.call.in[1].data)[b], T = rows.dims[2], limit = cache.dims[2] - T + 1;
  if (offset < 0 || offset >= limit)
    return job.context->fail(job.context, Failure::index_out_of_range, b, offset, limit);
  for (int64_t k = 0; k < rows.dims[1]; k++) {
    const Sequence to = head_of(cache, b, k), from = head_of(rows, b, k);
    for (int64_t t = 0; t < T; t++)
      __builtin_memcpy(to.at(offset + t), from.at(t), (size_t)(rows.dims[3] * size_of(rows.dtype)));
  }
}

static void write_positions_run(const Call& call, Context& context) {
  WritePositionsJob job = {call, &context};
  const int64_t B = call.in[0].dims[0];
  if (B == 0) return;
  context.parallel(&context, B, elements_of(call.in[0]) / 8, write_positions_chunk, &job);
}

static size_t write_positions_scratch(const Call&) { return 0; }
static size_t write_positions_shared(const Call&) { return 0; }

}  // namespace anneal::ANNEAL_TARGET
