// 16 planes side by side: a vector holds one element of each, so that any span goes.
#pragma once
#include "../planes_to_lanes.h"
#include "windows.h"

namespace anneal::ANNEAL_TARGET {

constexpr int64_t kKeptFloats = 32768;  // of rows that are read together, at most

static void plan_planes(PoolJob& job) {
  job.slot_floats = job.read[2] * kPlanes;
  if (slots_of(job) * job.slot_floats > kKeptFloats) job.slots[0] = job.slots[1] = 1;
  share_out(job, divide_up(job.planes, kPlanes) * job.written[0] * job.written[1], kPlanes);
}

// The sums of a row, and its spans.
ANNEAL_INLINE int64_t planes_besides(const PoolJob& job) { return job.written[2] * (kPlanes + 4); }

// Divides the elements of row (d, h) of windows.
static void divide_lanes(const PoolJob& job, const PoolScratch& s, float* row, int64_t d, int64_t h) {
  const float divisor = job.divisor_at(d, h);
  for (int64_t w = 0; w < job.axis[2].windows; w++) {
    const vf by = splat(divisor * s.width[w]);
    for (int64_t p = 0; p < kPlanes; p += kLanes) st(row + w * kPlanes + p, ld(row + w * kPlanes + p) / by);
  }
}

// sums[j] += the spans' elements of the rows, row by row.
static void add_spans(const float* const* rows, int64_t count, const Span* spans, int64_t n, float* sums) {
  for (int64_t j = 0; j < n; j++) {
    Lanes16 sum;
    for (int p = 0; p < kParts; p++) sum.part[p] = ld(sums + j * kPlanes + p * kLanes);
    for (int64_t r = 0; r < count; r++)
      for (int64_t t = spans[j].first; t < spans[j].end; t++)
        for (int p = 0; p < kParts; p++) sum.part[p] = sum.part[p] + ld(rows[r] + t * kPlanes + p * kLanes);
    for (int p = 0; p < kParts; p++) st(sums + j * kPlanes + p * kLanes, sum.part[p]);
  }
}

static void planes_chunk(void* arg, int64_t chunk, int32_t worker) {
  const PoolJob& job = *(const PoolJob*)arg;
  const PoolScratch s = scratch_of(job, worker, planes_besides(job));
  const int64_t n = job.written[2], slots = slots_of(job);
  const int64_t read = job.read[0] * job.read[1] * job.read[2], written = job.written[0] * job.written[1] * n;
  float* sums = s.besides;
  Span* spans = (Span*)(sums + n * kPlanes);
  for (int64_t j = 0; j < n; j++) spans[j] = job.sources(2, j);
  each_pool_row(job, chunk, [&](const PoolRow& at, int64_t) {
    const int64_t stack = at.stack;
    const int64_t planes = smallest(kPlanes, job.planes - stack * kPlanes);
    const Span deep = job.sources(0, at.d), high = job.sources(1, at.h);
    __builtin_memset(sums, 0, (size_t)(n * kPlanes) * 4);
    int64_t count = 0;
    for (int64_t i = deep.first; i < deep.end; i++)
      for (int64_t k = high.first; k < high.end; k++) {
        s.row[count++] = kept_row(job, s, stack, i, k, [&](float* row) {
          const float* from = job.from + stack * kPlanes * read + (i * job.read[1] + k) * job.read[2];
          planes_to_lanes(row, from, read, planes, job.read[2]);
          if (job.gradient) divide_lanes(job, s, row, i, k);
        });
        if (count < slots) continue;
        add_spans(s.row, count, spans, n, sums);
        count = 0;
      }
    add_spans(s.row, count, spans, n, sums);
    if (!job.gradient) divide_lanes(job, s, sums, at.d, at.h);
    lanes_to_planes(job.to + stack * kPlanes * written + (at.d * job.written[1] + at.h) * n, sums, written, planes, n);
  });
}

}  // namespace anneal::ANNEAL_TARGET
