// max_pool, its gradient, and the gradient of that. A window's index is the number of the place of its maximum within
// its kernel, in row-major order. The gradient of an element is a sum over the windows that reach over it, in their
// order, of dy where the index names it; what is taken of x is found by the same comparison, so that an index, whatever
// it is, reads nothing beyond a window. A vector holds one element of each of some channels, or of 16 planes, whose
// rows are turned for that.
#pragma once
#include "channels.h"
#include "planes.h"

namespace anneal::ANNEAL_TARGET {

enum class MaxPass { forward, take, gradient };

struct MaxJob : PoolJob {
  bool bytes;              // indices are uint8, not int32
  const void* from_index;  // beside the rows that are read: of the gradient
  void* to_index;          // beside those that are written: what forward finds, and take reads; null: nobody asks
};

static MaxJob max_job(const Call& call, Context* context, MaxPass pass) {
  const bool gradient = pass == MaxPass::gradient;
  const TensorArg& index = pass == MaxPass::forward ? call.out[1] : call.in[1];
  MaxJob job = {windows_job(call, context, gradient, call.attr), index.dtype == DType::u8, nullptr, nullptr};
  for (int i = 0; i < 3; i++) job.axis[i].dilation = call.attr[9 + i];
  if (gradient)
    job.from_index = index.data;
  else
    job.to_index = index.data;
  keep_rows(job);
  if (job.channels > 0) {
    plan_channels(job);
  } else {
    plan_planes(job);
    job.slot_floats *= gradient ? 2 : 1;  // rows of dy, and of its index
  }
  return job;
}

// The written row of planes, and its index.
ANNEAL_INLINE int64_t max_besides(const MaxJob& job) { return job.channels > 0 ? 0 : 2 * job.written[2] * kPlanes; }

static size_t max_scratch(const Call& call, MaxPass pass) {
  const MaxJob job = max_job(call, nullptr, pass);
  return pool_scratch_bytes(job, max_besides(job));
}

constexpr int64_t kMaxRows = 16;

// Rows that are read together, and the number of the first place of each within a kernel.
template <class Index>
struct MaxRows {
  const float* row[kMaxRows];
  const Index* index[kMaxRows];
  int32_t tap[kMaxRows];
  int64_t count;
  bool first;  // none was read before
};

// Calls f(c, vectors, lanes) for the channels [c, ...) of an element: several whole vectors, so that what is found out
// of a window serves them all, or one.
template <int kCount>
struct Vectors {
  static constexpr int count = kCount;
};
template <class F>
ANNEAL_INLINE void each_vectors(int64_t C, F f) {
  int64_t c = 0;
  for (; c + 4 * kLanes <= C; c += 4 * kLanes) f(c, Vectors<4>{}, kLanes);
  for (; c + 2 * kLanes <= C; c += 2 * kLanes) f(c, Vectors<2>{}, kLanes);
  for (; c < C; c += kLanes) f(c, Vectors<1>{}, (int)smallest(C - c, kLanes));
}

// Goes on with the maxima of a row of windows, and with their places.
template <class Index>
static __attribute__((noinline)) void max_of_rows(const PoolAxis& a, const MaxRows<Index>& rows, int64_t C, float* y,
                                                  Index* index) {
  each_vectors(C, [&](int64_t c, auto vectors, int lanes) __attribute__((always_inline)) {
    constexpr int kCount = decltype(vectors)::count;
    for (int64_t w = 0; w < a.windows; w++) {
      const Span taps = a.taps_of(w);
      const int64_t start = a.element_at(w, 0);
      vf best[kCount];
      vi place[kCount];
      for (int u = 0; u < kCount; u++) {
        best[u] = splat(-__builtin_inff());
        place[u] = splat(rows.count > 0 && taps.first < taps.end ? rows.tap[0] + (int32_t)taps.first : 0);
        if (rows.first) continue;
        best[u] = ld_some(y + w * C + c + u * kLanes, lanes);
        if (index) place[u] = ld_some(index + w * C + c + u * kLanes, lanes);
      }
      for (int64_t r = 0; r < rows.count; r++)
        for (int64_t t = taps.first; t < taps.end; t++) {
          const float* x = rows.row[r] + (start + t * a.dilation) * C + c;
          const vi here = splat(rows.tap[r] + (int32_t)t);
          for (int u = 0; u < kCount; u++) {
            const vf v = ld_some(x + u * kLanes, lanes);
            const vi better = (v > best[u]) | (v != v);
            best[u] = select(better, v, best[u]);
            place[u] = select(better, here, place[u]);
          }
        }
      for (int u = 0; u < kCount; u++) {
        st_some(y + w * C + c + u * kLanes, best[u], lanes);
        if (index) st_some(index + w * C + c + u * kLanes, place[u], lanes);
      }
    }
  });
}

// Goes on with the elements that the places of a row of windows name: 0 where that is none.
template <class Index>
static __attribute__((noinline)) void take_of_rows(const PoolAxis& a, const MaxRows<Index>& rows, int64_t C, float* y,
                                                   const Index* index) {
  for (int64_t w = 0; w < a.windows; w++) {
    const Span taps = a.taps_of(w);
    const int64_t start = a.element_at(w, 0);
    each_vector(C, [&](int64_t c, int lanes) __attribute__((always_inline)) {
      const vi place = ld_some(index + w * C + c, lanes);
      vf taken = rows.first ? vf{} : ld_some(y + w * C + c, lanes);
      for (int64_t r = 0; r < rows.count; r++)
        for (int64_t t = taps.first; t < taps.end; t++) {
          const vf x = ld_some(rows.row[r] + (start + t * a.dilation) * C + c, lanes);
          taken = select(place == splat(rows.tap[r] + (int32_t)t), x, taken);
        }
      st_some(y + w * C + c, taken, lanes);
    });
  }
}

// Goes on with the sums of a row of elements: window by window, so that dy and its place are read once for all elements
// of a window. Where no two windows share one, kAlone: the sum is what one window gives.
template <class Index, bool kAlone>
ANNEAL_INLINE void grad_of_row(const PoolAxis& a, const float* dy, const Index* index, int32_t tap, int64_t C,
                               float* dx) {
  each_vectors(C, [&](int64_t c, auto vectors, int lanes) __attribute__((always_inline)) {
    constexpr int kCount = decltype(vectors)::count;
    for (int64_t v = 0; v < a.windows; v++) {
      const Span taps = a.taps_of(v);
      float* to = dx + a.element_at(v, 0) * C;
      vf slope[kCount];
      vi place[kCount];
      for (int u = 0; u < kCount; u++) {
        slope[u] = ld_some(dy + v * C + c + u * kLanes, lanes);
        place[u] = ld_some(index + v * C + c + u * kLanes, lanes);
      }
      for (int64_t t = taps.first; t < taps.end; t++)
        for (int u = 0; u < kCount; u++) {
          float* at = to + t * a.dilation * C + c + u * kLanes;
          const vf part = select(place[u] == splat(tap + (int32_t)t), slope[u], vf{});
          st_some(at, (kAlone ? vf{} : ld_some(at, lanes)) + part, lanes);
        }
    }
  });
}

template <class Index>
static __attribute__((noinline)) void grad_of_rows(const PoolAxis& a, const MaxRows<Index>& rows, int64_t C,
                                                   float* dx) {
  const bool alone = rows.first && rows.count == 1 && a.dilation == 1 && a.kernel <= a.stride;
  const bool covered = alone && a.kernel == a.stride && a.windows * a.stride - a.padding >= a.n;
  if (rows.first && !covered) __builtin_memset(dx, 0, (size_t)(a.n * C) * 4);
  if (alone) return grad_of_row<Index, true>(a, rows.row[0], rows.index[0], rows.tap[0], C, dx);
  for (int64_t r = 0; r < rows.count; r++) grad_of_row<Index, false>(a, rows.row[r], rows.index[r], rows.tap[r], C, dx);
}

// A row of indices of planes as planes_to_lanes has it, and back.
template <class Index>
static void index_to_lanes(Index* to, const Index* from, int64_t stride, int64_t planes, int64_t n) {
  for (int64_t t = 0; t < n; t++)
    for (int64_t p = 0; p < kPlanes; p++) to[t * kPlanes + p] = p < planes ? from[p * stride + t] : 0;
}

template <class Index>
static void lanes_to_index(Index* to, const Index* from, int64_t stride, int64_t planes, int64_t n) {
  for (int64_t p = 0; p < planes; p++)
    for (int64_t t = 0; t < n; t++) to[p * stride + t] = from[t * kPlanes + p];
}

// Calls f(position, tap) for what is read along an axis for a written position.
template <class F>
ANNEAL_INLINE void each_source(const PoolAxis& a, bool gradient, int64_t at, F f) {
  const Span span = gradient ? a.windows_of(at) : a.taps_of(at);
  for (int64_t i = span.first; i < span.end; i++) {
    const int64_t tap = gradient ? a.tap_at(i, at) : i;
    if (tap >= 0) f(gradient ? i : a.element_at(at, i), tap);
  }
}

template <class Index, MaxPass kPass>
static void max_chunk(void* arg, int64_t chunk, int32_t worker) {
  const MaxJob& job = *(const MaxJob*)arg;
  const PoolScratch s = scratch_of(job, worker, max_besides(job));
  const bool turned = job.channels == 0;
  const int64_t n = job.written[2], C = turned ? kPlanes : job.channels;
  const int64_t read = job.read[0] * job.read[1] * job.read[2], written = job.written[0] * job.written[1] * n;
  const int64_t together = turned ? smallest(kMaxRows, slots_of(job)) : kMaxRows;
  each_pool_row(job, chunk, [&](const PoolRow& at, int64_t unit) {
    const int64_t planes = smallest(kPlanes, job.planes - at.stack * kPlanes);
    const int64_t place = at.stack * kPlanes * written + (at.d * job.written[1] + at.h) * n;  // of the first plane
    float* to = turned ? s.besides : job.to + unit * n * C;
    Index* to_index = (Index*)job.to_index;
    if (to_index) to_index = turned ? (Index*)(s.besides + n * kPlanes) : to_index + unit * n * C;
    if (kPass == MaxPass::take && turned)
      index_to_lanes(to_index, (const Index*)job.to_index + place, written, planes, n);
    MaxRows<Index> rows;
    rows.count = 0;
    rows.first = true;
    const auto go_on = [&]() __attribute__((noinline)) {
      if (kPass == MaxPass::forward) max_of_rows(job.axis[2], rows, C, to, to_index);
      if (kPass == MaxPass::take) take_of_rows(job.axis[2], rows, C, to, to_index);
      if (kPass == MaxPass::gradient) grad_of_rows(job.axis[2], rows, C, to);
      rows.count = 0;
      rows.first = false;
    };
    each_source(job.axis[0], job.gradient, at.d, [&](int64_t d, int64_t deep) {
      each_source(job.axis[1], job.gradient, at.h, [&](int64_t h, int64_t high) {
        const int64_t row = (d * job.read[1] + h) * job.read[2];
        const float*& from = rows.row[rows.count];
        const Index*& index = rows.index[rows.count];
        rows.tap[rows.count++] = (int32_t)((deep * job.axis[1].kernel + high) * job.axis[2].kernel);
        if (turned) {
          const int64_t first = at.stack * kPlanes * read + row, size = job.read[2] * kPlanes;
          from = kept_row(job, s, at.stack, d, h, [&](float* kept) {
            planes_to_lanes(kept, job.from + first, read, planes, job.read[2]);
            if (job.gradient)
              index_to_lanes((Index*)(kept + size), (const Index*)job.from_index + first, read, planes, job.read[2]);
          });
          index = (const Index*)(from + size);
        } else {
          const int64_t first = (at.stack * read + row) * C;
          from = job.from + first;
          index = job.from_index ? (const Index*)job.from_index + first : nullptr;
        }
        if (rows.count == together) go_on();
      });
    });
    if (rows.count > 0 || rows.first) go_on();
    if (!turned) return;
    lanes_to_planes(job.to + place, to, written, planes, n);
    if (kPass == MaxPass::forward && to_index)
      lanes_to_index((Index*)job.to_index + place, to_index, written, planes, n);
  });
}

template <class Index>
static void run_max(const MaxJob& job, MaxPass pass) {
  run_pool(job, pass == MaxPass::forward ? max_chunk<Index, MaxPass::forward>
                : pass == MaxPass::take  ? max_chunk<Index, MaxPass::take>
                                         : max_chunk<Index, MaxPass::gradient>);
}

static void run_max(const Call& call, Context& context, MaxPass pass) {
  const MaxJob job = max_job(call, &context, pass);
  if (job.bytes)
    run_max<uint8_t>(job, pass);
  else
    run_max<int32_t>(job, pass);
}

}  // namespace anneal::ANNEAL_TARGET
