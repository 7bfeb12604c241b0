// Windows along one axis, and a pooling or its gradient as sums over spans: a window has the elements of one span, an
// element stands in the windows of one span.
#pragma once
#include "../walk.h"

namespace anneal::ANNEAL_TARGET {

struct Span {
  int64_t first, end;
};

struct PoolAxis {
  int64_t n, windows, kernel, stride, padding, dilation = 1;

  int64_t reach() const { return (kernel - 1) * dilation + 1; }  // elements from a window's first to its last
  Span elements_of(int64_t window) const {
    const int64_t start = window * stride - padding;
    return {largest(0, start), smallest(n, start + kernel)};
  }
  // Windows that reach over an element; where there is dilation, those that pass it by among them.
  Span windows_of(int64_t element) const {
    const int64_t at = element + padding, before = at - reach() + 1;
    return {before > 0 ? divide_up(before, stride) : 0, smallest(windows, at / stride + 1)};
  }
  // The places of a window that lie on elements, where its kernel has all of them.
  Span taps_of(int64_t window) const {
    const int64_t start = window * stride - padding;
    const int64_t first = start < 0 ? divide_up(-start, dilation) : 0;
    return {first, largest(first, smallest(kernel, start < n ? divide_up(n - start, dilation) : 0))};
  }
  int64_t element_at(int64_t window, int64_t tap) const { return window * stride - padding + tap * dilation; }
  // The place of an element within a window that reaches over it; -1: none.
  int64_t tap_at(int64_t window, int64_t element) const {
    const int64_t behind = element + padding - window * stride;
    return dilation == 1 ? behind : behind % dilation == 0 ? behind / dilation : -1;
  }
  // Elements that count in a window: padding may, but nothing beyond it.
  int64_t counted(int64_t window, bool padded) const {
    const int64_t start = window * stride - padding;
    const Span inner = elements_of(window);
    return padded ? smallest(start + kernel, n + padding) - start : inner.end - inner.first;
  }
};

// Images as rows: those that are read (x, or of the gradient dy) and those that are written. Either planes, each by
// itself, or images whose channels lie side by side.
struct PoolJob {
  Context* context;
  const float* from;
  float* to;
  bool gradient, padded;
  float divisor;     // 0: the number of elements that count
  int64_t planes;    // or images, where there are
  int64_t channels;  // that lie side by side; 0: planes
  PoolAxis axis[3];
  int64_t read[3], written[3];    // dims of a plane or an image
  int64_t slots[2], slot_floats;  // rows that are kept: along depth and height, the size of one
  int64_t units, units_per_chunk;

  Span sources(int i, int64_t at) const { return gradient ? axis[i].windows_of(at) : axis[i].elements_of(at); }
  // The divisor of windows at (d, h), without the share of the last axis.
  float divisor_at(int64_t d, int64_t h) const {
    return divisor != 0 ? divisor : (float)(axis[0].counted(d, padded) * axis[1].counted(h, padded));
  }
  float width_at(int64_t w) const { return divisor != 0 ? 1 : (float)axis[2].counted(w, padded); }
};

// `windows`: kernel, stride and padding of three axes each.
static PoolJob windows_job(const Call& call, Context* context, bool gradient, const uint32_t* windows) {
  const TensorArg &x = gradient ? call.out[0] : call.in[0], &y = gradient ? call.in[0] : call.out[0];
  PoolJob job = {};
  job.context = context;
  job.from = (const float*)call.in[0].data;
  job.to = (float*)call.out[0].data;
  job.gradient = gradient;
  job.divisor = 1;
  job.channels = x.rank == 5 ? x.dims[4] : 0;
  job.planes = x.rank == 5 && job.channels == 0 ? 0 : x.dims[0];
  for (int i = 0; i < 3; i++) {
    job.axis[i] = {x.dims[1 + i], y.dims[1 + i], windows[i], windows[3 + i], windows[6 + i]};
    job.read[i] = call.in[0].dims[1 + i];
    job.written[i] = call.out[0].dims[1 + i];
  }
  return job;
}

static void keep_rows(PoolJob& job) {
  // At most so many rows go into one; a power of two, so that masks find them.
  for (int i = 0; i < 2; i++) {
    const PoolAxis& a = job.axis[i];
    const int64_t rows = smallest(job.read[i], job.gradient ? divide_up(a.reach(), a.stride) : a.reach());
    for (job.slots[i] = 1; job.slots[i] < rows;) job.slots[i] *= 2;
  }
}

static PoolJob pool_job(const Call& call, Context* context, bool gradient) {
  PoolJob job = windows_job(call, context, gradient, call.attr + 1);
  job.padded = call.attr[10] != 0;
  __builtin_memcpy(&job.divisor, call.attr + 11, 4);
  keep_rows(job);
  return job;
}

// Time of an element that is read and of one that is added, on one thread; elements added in one chunk.
constexpr float kPoolRead = 0.15f, kPoolAdd = 0.03f;
constexpr float kPoolChunk = 65536;

// Cuts `rows` written rows, each of `lanes` planes, into chunks.
static void share_out(PoolJob& job, int64_t rows, int64_t lanes) {
  float adds = (float)(job.written[2] * lanes);
  for (const PoolAxis& a : job.axis)
    adds *= (float)largest(1, job.gradient ? a.kernel / a.stride : smallest(a.kernel, a.n));
  job.units = rows;
  job.units_per_chunk = largest(1, (int64_t)(kPoolChunk / (adds + 64)));
}

static void run_pool(const PoolJob& job, void (*body)(void*, int64_t, int32_t)) {
  const int64_t chunks = divide_up(job.units, job.units_per_chunk);
  if (chunks == 0) return;
  if (chunks == 1) return body((void*)&job, 0, 0);
  float read = (float)(job.planes * largest(1, job.channels)), adds = read;
  for (const PoolAxis& a : job.axis) {
    read *= (float)a.n;
    adds *= (float)a.windows * (float)smallest(a.kernel, a.n);
  }
  job.context->parallel(job.context, chunks, (int64_t)(read * kPoolRead + adds * kPoolAdd), body, (void*)&job);
}

// Scratch of a worker: tags and addresses of kept rows, the divisors' shares of the last axis, then what a way needs
// besides, and the rows.
struct PoolScratch {
  int64_t* tag;
  const float** row;
  float *width, *besides, *rows;
};

ANNEAL_INLINE int64_t slots_of(const PoolJob& job) { return job.slots[0] * job.slots[1]; }
ANNEAL_INLINE int64_t padded_floats(int64_t n) { return divide_up(n, 16) * 16; }

static size_t pool_scratch_bytes(const PoolJob& job, int64_t besides) {
  const int64_t slots = slots_of(job);
  return (size_t)(padded_floats(slots * 4) + padded_floats(job.axis[2].windows) + padded_floats(besides) +
                  slots * job.slot_floats) *
         4;
}

static PoolScratch scratch_of(const PoolJob& job, int32_t worker, int64_t besides) {
  const int64_t slots = slots_of(job);
  PoolScratch s;
  s.tag = (int64_t*)job.context->scratch(job.context, worker);
  s.row = (const float**)(s.tag + slots);
  s.width = (float*)s.tag + padded_floats(slots * 4);
  s.besides = s.width + padded_floats(job.axis[2].windows);
  s.rows = s.besides + padded_floats(besides);
  for (int64_t i = 0; i < slots; i++) s.tag[i] = -1;
  for (int64_t w = 0; w < job.axis[2].windows; w++) s.width[w] = job.width_at(w);
  return s;
}

// A row that is written: its planes or its image, and where it lies in them.
struct PoolRow {
  int64_t stack, d, h;
};

// Calls f(row, unit) for the written rows of a chunk.
template <class F>
ANNEAL_INLINE void each_pool_row(const PoolJob& job, int64_t chunk, F f) {
  const int64_t first = chunk * job.units_per_chunk, end = smallest(job.units, first + job.units_per_chunk);
  PoolRow row = {first / job.written[1] / job.written[0], first / job.written[1] % job.written[0],
                 first % job.written[1]};
  for (int64_t unit = first; unit < end; unit++) {
    f(row, unit);
    if (++row.h < job.written[1]) continue;
    row.h = 0;
    if (++row.d < job.written[0]) continue;
    row.d = 0;
    row.stack++;
  }
}

// Row (d, h) of a stack of planes, kept under a number that no other has; made by fill(row) where it is not there.
template <class Fill>
ANNEAL_INLINE const float* kept_row(const PoolJob& job, const PoolScratch& s, int64_t stack, int64_t d, int64_t h,
                                    Fill fill) {
  const int64_t slot = (d & (job.slots[0] - 1)) * job.slots[1] + (h & (job.slots[1] - 1));
  const int64_t number = (stack * job.read[0] + d) * job.read[1] + h;
  float* row = s.rows + slot * job.slot_floats;
  if (s.tag[slot] != number) {
    s.tag[slot] = number;
    fill(row);
  }
  return row;
}

}  // namespace anneal::ANNEAL_TARGET
