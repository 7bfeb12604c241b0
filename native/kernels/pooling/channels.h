// Images whose channels lie side by side: a vector holds one element of each of some channels.
#pragma once
#include "windows.h"

namespace anneal::ANNEAL_TARGET {

static void plan_channels(PoolJob& job) {
  job.slots[0] = job.slots[1] = 1;  // rows are read where they lie
  share_out(job, job.planes * job.written[0] * job.written[1], job.channels);
}

static void channels_chunk(void* arg, int64_t chunk, int32_t worker) {
  const PoolJob& job = *(const PoolJob*)arg;
  const PoolScratch s = scratch_of(job, worker, 0);
  const int64_t n = job.written[2], C = job.channels;
  each_pool_row(job, chunk, [&](const PoolRow& at, int64_t unit) __attribute__((always_inline)) {
    const Span deep = job.sources(0, at.d), high = job.sources(1, at.h);
    for (int64_t w = 0; w < n; w++) {
      const Span wide = job.sources(2, w);
      float* to = job.to + (unit * n + w) * C;
      const vf divisor = splat(job.gradient ? 1 : job.divisor_at(at.d, at.h) * s.width[w]);
      each_vector(C, [&](int64_t c, int lanes) __attribute__((always_inline)) {
        vf sum = {};
        for (int64_t i = deep.first; i < deep.end; i++)
          for (int64_t k = high.first; k < high.end; k++) {
            const float* row = job.from + ((at.stack * job.read[0] + i) * job.read[1] + k) * job.read[2] * C + c;
            if (job.gradient) {
              const float share = job.divisor_at(i, k);
              for (int64_t t = wide.first; t < wide.end; t++)
                sum = sum + ld_some(row + t * C, lanes) / splat(share * s.width[t]);
            } else {
              for (int64_t t = wide.first; t < wide.end; t++) sum = sum + ld_some(row + t * C, lanes);
            }
          }
        st_some(to + c, job.gradient ? sum : sum / divisor, lanes);
      });
    }
  });
}

}  // namespace anneal::ANNEAL_TARGET
