// resample and resample_grad. An axis is a matrix with few elements in a row (tables.h), the gradient its transpose. A
// row that is written is a weighted sum of rows that are read, along depth and height, vector by vector, of which then
// its elements are weighted sums along the width, in vectors of channels or of planes: two chains of fused
// multiply-adds in the order of the taps, from the first product on, whatever the layout.
#pragma once
#include "../planes_to_lanes.h"
#include "tables.h"

namespace anneal::ANNEAL_TARGET {

struct ResampleJob {
  Context* context;
  const float* from;
  float* to;
  bool planes;  // of one channel each; else images whose channels lie side by side
  int64_t stacks, channels;
  int64_t group;  // stacks that are written together: as many planes as there are lanes, or one
  TapTable table[3];
  int64_t units, per_chunk;  // written rows
};

constexpr int64_t kRowsAtOnce = 16;
// Time of an element that is read or written once, on one thread; elements of one chunk.
constexpr float kResampled = 0.3f;
constexpr int64_t kResampleChunk = 16384;

// rows[0] w[0] + rows[1] w[1] + ..., to which the sum so far is added where they are not the first.
static void add_rows(float* sum, const float* const* rows, const float* weights, int64_t count, bool first, int64_t n) {
  each_vector(n, [&](int64_t i, int lanes) __attribute__((always_inline)) {
    vf s = first ? splat(weights[0]) * ld_some(rows[0] + i, lanes) : ld_some(sum + i, lanes);
    for (int64_t r = first; r < count; r++) s = vfma(splat(weights[r]), ld_some(rows[r] + i, lanes), s);
    st_some(sum + i, s, lanes);
  });
}

// The sum of the rows that row (d, h) of a stack is made of: in `sum`, or where it is one as it is, in its place.
static const float* folded_row(const ResampleJob& job, int64_t stack, int64_t d, int64_t h, float* sum) {
  const TapTable &deep = job.table[0], &high = job.table[1];
  const int64_t length = job.table[2].read * job.channels, first_deep = deep.start[d], end_deep = deep.start[d + 1];
  const int64_t first_high = high.start[h], end_high = high.start[h + 1];
  const float* rows[kRowsAtOnce];
  float weights[kRowsAtOnce];
  int64_t count = 0;
  bool first = true;
  for (int64_t i = first_deep; i < end_deep; i++)
    for (int64_t k = first_high; k < end_high; k++) {
      rows[count] = job.from + ((stack * deep.read + deep.index[i]) * high.read + high.index[k]) * length;
      weights[count++] = deep.weight[i] * high.weight[k];
      if (count < kRowsAtOnce) continue;
      add_rows(sum, rows, weights, count, first, length);
      first = false;
      count = 0;
    }
  if (first && count == 1 && weights[0] == 1) return rows[0];
  if (count > 0)
    add_rows(sum, rows, weights, count, first, length);
  else if (first)
    __builtin_memset(sum, 0, (size_t)length * 4);
  return sum;
}

// Elements of all channels, which lie side by side.
static void write_channels(const TapTable& wide, int64_t C, const float* row, float* to) {
  for (int64_t w = 0; w < wide.written; w++, to += C) {
    const int64_t first = wide.start[w], count = wide.start[w + 1] - first;
    const int32_t* index = wide.index + first;
    const float* weight = wide.weight + first;
    if (count == 0) {
      __builtin_memset(to, 0, (size_t)C * 4);
    } else if (count == 1 && weight[0] == 1) {
      __builtin_memcpy(to, row + index[0] * C, (size_t)C * 4);
    } else {
      each_vector(C, [&](int64_t c, int lanes) __attribute__((always_inline)) {
        vf sum = splat(weight[0]) * ld_some(row + index[0] * C + c, lanes);
        for (int64_t t = 1; t < count; t++) sum = vfma(splat(weight[t]), ld_some(row + index[t] * C + c, lanes), sum);
        st_some(to + c, sum, lanes);
      });
    }
  }
}

// A row of a plane, each of whose elements has so many taps.
template <int count>
static void write_plane(const TapTable& wide, const float* row, float* to) {
  for (int64_t w = 0; w < wide.written; w++) {
    const int32_t* index = wide.index + w * count;
    const float* weight = wide.weight + w * count;
    float sum = weight[0] * row[index[0]];
    for (int t = 1; t < count; t++) sum = vfma(weight[t], row[index[t]], sum);
    to[w] = sum;
  }
}

static void write_plane(const TapTable& wide, const float* row, float* to) {
  if (wide.plain) {
    for (int64_t w = 0; w < wide.written; w++) to[w] = row[wide.index[w]];
    return;
  }
  if (wide.taps == 2) return write_plane<2>(wide, row, to);
  if (wide.taps == 4) return write_plane<4>(wide, row, to);
  for (int64_t w = 0; w < wide.written; w++) {
    const int64_t first = wide.start[w], end = wide.start[w + 1];
    float sum = first < end ? wide.weight[first] * row[wide.index[first]] : 0;
    for (int64_t t = first + 1; t < end; t++) sum = vfma(wide.weight[t], row[wide.index[t]], sum);
    to[w] = sum;
  }
}

// Row (d, h) of as many planes as there are lanes: turned, so that they are channels, and back.
static void write_planes(const ResampleJob& job, int64_t first, int64_t d, int64_t h, float* scratch, float* to) {
  const TapTable &deep = job.table[0], &high = job.table[1], &wide = job.table[2];
  float *lanes = scratch + kPlanes * wide.read, *made = lanes + kPlanes * wide.read;
  const float* rows = folded_row(job, first, d, h, scratch);
  for (int64_t p = 1; p < kPlanes; p++) folded_row(job, first + p, d, h, scratch + p * wide.read);
  const int64_t apart = rows == scratch ? wide.read : deep.read * high.read * wide.read;
  planes_to_lanes(lanes, rows, apart, kPlanes, wide.read);
  write_channels(wide, kPlanes, lanes, made);
  lanes_to_planes(to, made, deep.written * high.written * wide.written, kPlanes, wide.written);
}

static void resample_chunk(void* arg, int64_t chunk, int32_t worker) {
  const ResampleJob& job = *(const ResampleJob*)arg;
  const int64_t end = smallest(job.units, (chunk + 1) * job.per_chunk), height = job.table[1].written;
  const int64_t area = job.table[0].written * height, width = job.table[2].written * job.channels;
  float* scratch = (float*)job.context->scratch(job.context, worker);
  for (int64_t unit = chunk * job.per_chunk; unit < end; unit++) {
    const int64_t first = unit / area * job.group, at = unit % area, d = at / height, h = at % height;
    const int64_t count = smallest(job.group, job.stacks - first);
    float* to = job.to + (first * area + at) * width;
    if (count == kPlanes) {
      write_planes(job, first, d, h, scratch, to);
      continue;
    }
    for (int64_t i = 0; i < count; i++, to += area * width) {
      const float* row = folded_row(job, first + i, d, h, scratch);
      if (job.planes)
        write_plane(job.table[2], row, to);
      else
        write_channels(job.table[2], job.channels, row, to);
    }
  }
}

static void run_resampling(const Call& call, Context& context, bool gradient) {
  const TensorArg &x = gradient ? call.out[0] : call.in[0], &y = gradient ? call.in[0] : call.out[0];
  if (elements_of(call.out[0]) == 0) return;
  ResampleJob job = {};
  job.context = &context;
  job.from = (const float*)call.in[0].data;
  job.to = (float*)call.out[0].data;
  job.stacks = x.dims[0];
  job.planes = x.rank == 4;
  job.channels = job.planes ? 1 : x.dims[4];
  char* memory = context.shared_scratch;
  for (int i = 0; i < 3; i++) {
    const ResampleAxis axis = resample_axis(call, x, y, i);
    job.table[i] = tap_table(axis, gradient, memory);
    memory += table_bytes(axis, gradient);
  }
  job.group = job.planes && job.stacks >= kPlanes && !job.table[2].plain ? kPlanes : 1;
  job.units = divide_up(job.stacks, job.group) * job.table[0].written * job.table[1].written;
  const int64_t row = (job.table[2].written + job.table[2].read) * job.channels * job.group;
  job.per_chunk = largest(1, kResampleChunk / row);
  const int64_t chunks = divide_up(job.units, job.per_chunk);
  if (chunks == 1) return resample_chunk(&job, 0, 0);
  context.parallel(&context, chunks, (int64_t)((float)job.units * (float)row * kResampled), resample_chunk, &job);
}

// A row of what is read; of planes side by side, it, it turned, and what is made of it.
static size_t resampling_scratch(const Call& call) {
  if (elements_of(call.out[0]) == 0) return 0;
  const TensorArg& from = call.in[0];
  const int64_t read = from.dims[3], written = call.out[0].dims[3];
  if (from.rank == 5) return (size_t)(read * from.dims[4]) * 4;
  return (size_t)(from.dims[0] < kPlanes ? read : kPlanes * (2 * read + written)) * 4;
}

static size_t resampling_shared(const Call& call, bool gradient) {
  const TensorArg &x = gradient ? call.out[0] : call.in[0], &y = gradient ? call.in[0] : call.out[0];
  size_t bytes = 0;
  if (elements_of(call.out[0]) == 0) return 0;
  for (int i = 0; i < 3; i++) bytes += table_bytes(resample_axis(call, x, y, i), gradient);
  return bytes;
}

static void resample_run(const Call& call, Context& context) { run_resampling(call, context, false); }
static size_t resample_scratch(const Call& call) { return resampling_scratch(call); }
static size_t resample_shared(const Call& call) { return resampling_shared(call, false); }

static void resample_grad_run(const Call& call, Context& context) { run_resampling(call, context, true); }
static size_t resample_grad_scratch(const Call& call) { return resampling_scratch(call); }
static size_t resample_grad_shared(const Call& call) { return resampling_shared(call, true); }

}  // namespace anneal::ANNEAL_TARGET
