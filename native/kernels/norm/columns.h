// Statistics down the rows of a part: features lie side by side, and so do few of them from several rows, which are
// folded into one. Rows are summed in segments, whose results combine by halves; what is left, the folds, the features
// of a group and the rows that fill no fold, in double. So the order of every sum follows from the shape.
#pragma once
#include "../reduce/variance_columns.h"
#include "job.h"

namespace anneal::ANNEAL_TARGET {

// Arrays of a part in scratch, each as long as a folded row.
enum NormArray { kCenter, kScale, kShift, kTilt, kNormArrays };

struct NormColumnsJob {
  NormJob base;
  bool gradient, whole;         // whole: a chunk has whole parts, which stay in a cache
  int64_t fold, F, rows;        // rows folded into one, its length, and how many there are
  int64_t segments, run, runs;  // segments of rows; columns of a chunk, and how many times
  int64_t per_chunk;            // parts of a chunk, or folded rows of one part
  int64_t floats;               // of a part in scratch: two partial results for each segment, and the arrays
  float* affine;                // [A, 2, C]: dweight, dbias
};

constexpr int64_t kFoldedRow = 128;                 // elements of folded rows, at most
constexpr int64_t kNormRun = 2048;                  // columns of a chunk
constexpr int64_t kWholePart = int64_t(256) << 10;  // bytes of a part that stays in a cache
constexpr int64_t kNormLevels = 2 * 3 * kRunBytes;  // of the moments of one segment
static_assert(kSegmentRows / kMomentsRows <= 4);

static NormColumnsJob norm_columns_job(const NormJob& base, bool gradient) {
  NormColumnsJob job = {base, gradient, false, 1, base.C, 0, 0, 0, 0, 0, 0, nullptr};
  while (job.fold * 2 * base.C <= kFoldedRow && job.fold * 2 <= base.R) job.fold *= 2;
  job.F = job.fold * base.C;
  job.rows = base.R / job.fold;
  job.segments = divide_up(job.rows, kSegmentRows);
  job.run = smallest(job.F, kNormRun);
  job.runs = divide_up(job.F, job.run);
  job.whole = base.A > 1 && base.R * base.C * 4 <= kWholePart;
  job.per_chunk = largest(1, kNormChunk / (job.whole ? base.R * base.C : job.F));
  job.floats = (2 * job.segments + kNormArrays) * job.F;
  return job;
}

// A part of x and its place in scratch.
struct NormPart {
  int64_t a;
  float *partial, *arrays;  // [segments, 2, F], [kNormArrays, F]
};

ANNEAL_INLINE NormPart norm_part(const NormColumnsJob& job, int64_t a, float* scratch) {
  return {a, scratch, scratch + 2 * job.segments * job.F};
}
ANNEAL_INLINE float* array_of(const NormColumnsJob& job, const NormPart& part, NormArray i) {
  return part.arrays + i * job.F;
}
ANNEAL_INLINE const float* rows_of(const NormColumnsJob& job, const TensorArg& t, int64_t a) {
  return (const float*)t.data + a * job.base.R * job.base.C;
}
ANNEAL_INLINE int64_t rows_in_segment(const NormColumnsJob& job, int64_t s) {
  return smallest(kSegmentRows, job.rows - s * kSegmentRows);
}

// The moments, or sums, of a run of columns of segment s, into its partial results.
static void segment_norm_moments(const NormColumnsJob& job, const NormPart& part, int64_t s, int64_t run,
                                 char* scratch) {
  const int64_t j = run * job.run, n = smallest(job.run, job.F - j), first = s * kSegmentRows;
  ReduceJob rows;
  rows.reduced = {1, {job.rows}, {job.F}};
  rows.outputs = job.F;
  rows.R = job.rows * job.base.A;
  const float* x = rows_of(job, job.base.call->in[0], part.a) + j;
  const ColumnMoments m = variance_run(rows, x, first, first + rows_in_segment(job, s), n, scratch);
  float* to = part.partial + 2 * s * job.F + j;
  __builtin_memcpy(to, m.mean, (size_t)n * 4);
  __builtin_memcpy(to + job.F, m.squares, (size_t)n * 4);
}

constexpr int kSlopeRows = 8;                         // rows whose elements are added in registers
constexpr int64_t kSlopePrefetch = int64_t(8) << 10;  // elements ahead

// Adds dy and dy (x - mean) of n rows to sums of columns.
template <int n>
ANNEAL_INLINE void add_slopes(const float* dy, const float* x, const float* center, int64_t stride, int64_t width,
                              float* sum, float* along, bool ahead) {
  each_vector(width, [&](int64_t j, int lanes) __attribute__((always_inline)) {
    const vf mean = ld_some(center + j, lanes);
    vf d[n], t[n];
    for (int k = 0; k < n; k++) {
      d[k] = ld_some(dy + k * stride + j, lanes);
      t[k] = d[k] * (ld_some(x + k * stride + j, lanes) - mean);
    }
    if (ahead)
      for (int64_t line = 0; line < n * kLanes; line += 16) {
        prefetch(dy + kSlopePrefetch + n * j + line);
        prefetch(x + kSlopePrefetch + n * j + line);
      }
    st_some(sum + j, ld_some(sum + j, lanes) + sum_by_halves(d), lanes);
    st_some(along + j, ld_some(along + j, lanes) + sum_by_halves(t), lanes);
  });
}

static void segment_slopes(const NormColumnsJob& job, const NormPart& part, int64_t s, int64_t run) {
  const int64_t j = run * job.run, n = smallest(job.run, job.F - j), F = job.F, count = rows_in_segment(job, s);
  const int64_t offset = s * kSegmentRows * F + j;
  const float* dy = rows_of(job, job.base.call->in[0], part.a) + offset;
  const float* x = rows_of(job, job.base.call->in[1], part.a) + offset;
  const float* center = array_of(job, part, kCenter) + j;
  float *sum = part.partial + 2 * s * F + j, *along = sum + F;
  __builtin_memset(sum, 0, (size_t)n * 4);
  __builtin_memset(along, 0, (size_t)n * 4);
  const bool ahead = job.base.A * job.base.R * job.base.C * 4 >= kColumnUncachedBytes;
  int64_t r = 0;
  for (; r + kSlopeRows <= count; r += kSlopeRows)
    add_slopes<kSlopeRows>(dy + r * F, x + r * F, center, F, n, sum, along, ahead);
  for (; r < count; r++) add_slopes<1>(dy + r * F, x + r * F, center, F, n, sum, along, false);
}

static void segment_sums(const NormColumnsJob& job, const NormPart& part, int64_t s, int64_t run, char* scratch) {
  job.gradient ? segment_slopes(job, part, s, run) : segment_norm_moments(job, part, s, run, scratch);
}

// Writes a number for each feature of group g, or one for all, to every fold of an array.
template <class Of>
ANNEAL_INLINE void set_features(const NormColumnsJob& job, float* array, int64_t g, Of of) {
  for (int64_t p = 0; p < job.base.P; p++) {
    const float value = of(p);
    for (int64_t f = 0; f < job.fold; f++) array[f * job.base.C + g * job.base.P + p] = value;
  }
}

// Calls f(element) for the indices of the elements of feature c in rows that fill no fold.
template <class F>
ANNEAL_INLINE void each_left(const NormColumnsJob& job, int64_t c, F f) {
  for (int64_t r = job.rows * job.fold; r < job.base.R; r++) f(r * job.base.C + c);
}

// Statistics of the groups of a part from the moments of its segments, and what its elements are normalised by.
static void finish_moments(const NormColumnsJob& job, const NormPart& part) {
  const NormJob& base = job.base;
  const Call& call = *base.call;
  const auto moments = [&](int64_t s, int64_t step) -> ColumnMoments {
    float* mean = part.partial + 2 * s * job.F;
    return {mean, mean + job.F, (float)smallest(step * kSegmentRows, job.rows - s * kSegmentRows)};
  };
  for (int64_t step = 1; step < job.segments; step *= 2)
    for (int64_t s = 0; s + step < job.segments; s += 2 * step) {
      ColumnMoments into = moments(s, step);
      combine_moments(into, moments(s + step, step), job.F);
    }
  const float *x = rows_of(job, call.in[0], part.a), *means = part.partial, *squares = means + job.F;
  const float *weight = (const float*)call.in[1].data, *bias = (const float*)call.in[2].data;
  const double rows = (double)job.rows, count = (double)(base.R * base.P);
  for (int64_t g = 0; g < base.G; g++) {
    // Means are distances from the elements of row 0, those of the group from its first one.
    const double origin = (double)x[g * base.P];
    const auto distance = [&](int64_t i) { return ((double)x[i] - origin) + (double)means[i]; };
    double sum = 0, spread = 0;
    for (int64_t p = 0; p < base.P; p++) {
      const int64_t c = g * base.P + p;
      for (int64_t f = 0; f < job.fold; f++) sum += rows * distance(f * base.C + c);
      each_left(job, c, [&](int64_t i) { sum += (double)x[i] - origin; });
    }
    const double mean = sum / count;
    for (int64_t p = 0; p < base.P; p++) {
      const int64_t c = g * base.P + p;
      for (int64_t f = 0; f < job.fold; f++) {
        const double apart = distance(f * base.C + c) - mean;
        spread += (double)squares[f * base.C + c] + rows * (apart * apart);
      }
      each_left(job, c, [&](int64_t i) { spread += ((double)x[i] - origin - mean) * ((double)x[i] - origin - mean); });
    }
    const float center = (float)(origin + mean), variance = (float)(spread / count);
    const float inverse = inverse_root(base, variance);
    if (call.out[1].data) ((float*)call.out[1].data)[part.a * base.G + g] = variance;
    if (call.out[2].data) ((float*)call.out[2].data)[part.a * base.G + g] = center;
    set_features(job, array_of(job, part, kCenter), g, [&](int64_t) { return center; });
    set_features(job, array_of(job, part, kScale), g,
                 [&](int64_t p) { return weight ? inverse * weight[g * base.P + p] : inverse; });
    set_features(job, array_of(job, part, kShift), g, [&](int64_t p) { return bias ? bias[g * base.P + p] : 0; });
  }
}

// Means beside the elements of a part, for the sums of its gradient.
static void spread_means(const NormColumnsJob& job, const NormPart& part) {
  const float* means = (const float*)job.base.call->in[3].data + part.a * job.base.G;
  for (int64_t g = 0; g < job.base.G; g++)
    set_features(job, array_of(job, part, kCenter), g, [&](int64_t) { return means[g]; });
}

// dweight and dbias of a part, and of what dx = scale dy + (tilt (x - mean) + shift) is made.
static void finish_slopes(const NormColumnsJob& job, const NormPart& part) {
  const NormJob& base = job.base;
  const Call& call = *base.call;
  add_partials(part.partial, job.segments, 2 * job.F);
  const float *dy = rows_of(job, call.in[0], part.a), *x = rows_of(job, call.in[1], part.a);
  const float* weight = (const float*)call.in[4].data;
  const double count = (double)(base.R * base.P);
  for (int64_t g = 0; g < base.G; g++) {
    const float center = array_of(job, part, kCenter)[g * base.P];
    const float inverse = inverse_root(base, ((const float*)call.in[2].data)[part.a * base.G + g]);
    double mean = 0, along = 0;
    for (int64_t p = 0; p < base.P; p++) {
      const int64_t c = g * base.P + p;
      double of_bias = 0, of_weight = 0;
      for (int64_t f = 0; f < job.fold; f++) {
        of_bias += (double)part.partial[f * base.C + c];
        of_weight += (double)part.partial[job.F + f * base.C + c];
      }
      each_left(job, c, [&](int64_t i) {
        of_bias += (double)dy[i];
        of_weight += (double)dy[i] * (double)(x[i] - center);
      });
      const double scale = weight ? (double)weight[c] : 1;
      mean += scale * of_bias;
      along += scale * of_weight;
      if (!job.affine) continue;
      float* sums = job.affine + part.a * 2 * base.C + c;
      sums[0] = (float)of_weight * inverse;
      sums[base.C] = (float)of_bias;
    }
    const float shift = -(float)(mean / count) * inverse, tilt = -(float)(along / count) * inverse * inverse * inverse;
    set_features(job, array_of(job, part, kScale), g,
                 [&](int64_t p) { return weight ? inverse * weight[g * base.P + p] : inverse; });
    set_features(job, array_of(job, part, kShift), g, [&](int64_t) { return shift; });
    set_features(job, array_of(job, part, kTilt), g, [&](int64_t) { return tilt; });
  }
}

// Results of the folded rows [first, end) of a part; behind the last whole one, of what fills none.
template <bool kStream>
static void write_rows(const NormColumnsJob& job, const NormPart& part, int64_t first, int64_t end) {
  const int64_t F = job.F, all = job.base.R * job.base.C;
  const float *center = array_of(job, part, kCenter), *scale = array_of(job, part, kScale);
  const float *shift = array_of(job, part, kShift), *tilt = array_of(job, part, kTilt);
  float* out = (float*)job.base.call->out[0].data + part.a * all;
  const float* x = rows_of(job, job.base.call->in[job.gradient], part.a);
  const float* dy = rows_of(job, job.base.call->in[0], part.a);
  for (int64_t r = first; r < end; r++) {
    const int64_t i = r * F, n = smallest(F, all - i);
    const auto distance = [&](int64_t j, int lanes) __attribute__((always_inline)) {
      return ld_some(x + i + j, lanes) - ld_some(center + j, lanes);
    };
    if (job.gradient)
      each_vector(n, [&](int64_t j, int lanes) __attribute__((always_inline)) {
        const vf rest = vfma(distance(j, lanes), ld_some(tilt + j, lanes), ld_some(shift + j, lanes));
        put<kStream>(out + i + j, vfma(ld_some(dy + i + j, lanes), ld_some(scale + j, lanes), rest), lanes);
      });
    else
      each_vector(n, [&](int64_t j, int lanes) __attribute__((always_inline)) {
        put<kStream>(out + i + j, vfma(distance(j, lanes), ld_some(scale + j, lanes), ld_some(shift + j, lanes)),
                     lanes);
      });
  }
  if (kStream) stream_fence();
}

static int64_t written_rows(const NormColumnsJob& job) { return divide_up(job.base.R * job.base.C, job.F); }

static void finish_part(const NormColumnsJob& job, const NormPart& part) {
  job.gradient ? finish_slopes(job, part) : finish_moments(job, part);
}

static void whole_parts_chunk(void* arg, int64_t chunk, int32_t worker) {
  const NormColumnsJob& job = *(const NormColumnsJob*)arg;
  char* levels = job.base.context->scratch(job.base.context, worker);
  const int64_t end = smallest(job.base.A, (chunk + 1) * job.per_chunk);
  for (int64_t a = chunk * job.per_chunk; a < end; a++) {
    const NormPart part = norm_part(job, a, (float*)(levels + kNormLevels));
    if (job.gradient) spread_means(job, part);
    for (int64_t s = 0; s < job.segments; s++)
      for (int64_t run = 0; run < job.runs; run++) segment_sums(job, part, s, run, levels);
    finish_part(job, part);
    if (job.base.call->out[0].data) write_rows<false>(job, part, 0, written_rows(job));
  }
}

ANNEAL_INLINE NormPart shared_part(const NormColumnsJob& job, int64_t a) {
  return norm_part(job, a, (float*)job.base.context->shared_scratch + a * job.floats);
}

static void segment_chunk(void* arg, int64_t chunk, int32_t worker) {
  const NormColumnsJob& job = *(const NormColumnsJob*)arg;
  const NormPart part = shared_part(job, chunk / (job.segments * job.runs));
  segment_sums(job, part, chunk / job.runs % job.segments, chunk % job.runs,
               job.base.context->scratch(job.base.context, worker));
}

// From the end, where the sums have left some of x in a cache.
static void written_chunk(void* arg, int64_t chunk, int32_t) {
  const NormColumnsJob& job = *(const NormColumnsJob*)arg;
  const int64_t rows = written_rows(job), chunks = divide_up(rows, job.per_chunk);
  const int64_t at = job.base.A * chunks - 1 - chunk, first = at % chunks * job.per_chunk;
  const int64_t end = smallest(rows, first + job.per_chunk);
  // Rows of whole vectors: then a row that fills no fold is one, too.
  const bool stream = streams_rows(job.base.call->out[0], job.base.C);
  (stream ? write_rows<true> : write_rows<false>)(job, shared_part(job, at / chunks), first, end);
}

static int64_t norm_columns_floats(const NormColumnsJob& job) { return job.whole ? 0 : job.base.A * job.floats; }

static void run_norm_columns(const NormJob& base, bool gradient) {
  NormColumnsJob job = norm_columns_job(base, gradient);
  const Call& call = *base.call;
  const bool affine = gradient && (call.out[1].data || call.out[2].data);
  if (affine) job.affine = (float*)base.context->shared_scratch + norm_columns_floats(job);
  if (job.whole) {
    run_norm_chunks(base, divide_up(base.A, job.per_chunk), whole_parts_chunk, &job);
  } else {
    if (gradient)
      for (int64_t a = 0; a < base.A; a++) spread_means(job, shared_part(job, a));
    run_norm_chunks(base, base.A * job.segments * job.runs, segment_chunk, &job);
    for (int64_t a = 0; a < base.A; a++) finish_part(job, shared_part(job, a));
    if (call.out[0].data)
      run_norm_chunks(base, base.A * divide_up(written_rows(job), job.per_chunk), written_chunk, &job);
  }
  if (!affine) return;
  add_partials(job.affine, base.A, 2 * base.C);
  store_vector(call.out[1], job.affine);
  store_vector(call.out[2], job.affine + base.C);
}

}  // namespace anneal::ANNEAL_TARGET
