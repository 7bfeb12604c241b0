// The context of a kernel, over the library's own thread pool and with its division into units (see execute.cc).
#pragma once
#include <algorithm>
#include <vector>

#include "test/kernel_harness.h"
#include "thread_pool.h"

namespace bench {
using namespace anneal;

class PoolContext : public Context {
 public:
  explicit PoolContext(int count) {
    ThreadPool::instance().set_threads(count);
    threads = count;
    shared_scratch = nullptr;
    parallel = run_parallel;
    scratch = [](Context* self, int32_t worker) {
      return static_cast<PoolContext*>(self)->scratches_[size_t(worker)].data();
    };
    fail = [](Context*, Failure, int64_t, int64_t, int64_t) {};
    reserve(0, 0);
  }

  // Makes at least that much scratch; what is there may move.
  void reserve(size_t bytes, size_t shared) {
    if (scratches_.empty() || bytes > bytes_) {
      bytes_ = bytes;
      scratches_.assign(size_t(threads), harness::AlignedBytes(bytes));
    }
    if (shared_.empty() || shared > shared_.size()) {
      shared_.assign(std::max<size_t>(shared, 1), 0);
      shared_scratch = shared_.data();
    }
  }

 private:
  struct Region {
    void (*body)(void*, int64_t, int32_t);
    void* arg;
    int64_t chunks, units;
  };

  static void run_parallel(Context* self, int64_t chunks, int64_t ns, void (*body)(void*, int64_t, int32_t),
                           void* arg) {
    if (chunks <= 0) return;
    const auto unit = [](void* opaque, int64_t u, int32_t worker) {
      const Region& r = *static_cast<const Region*>(opaque);
      const int64_t each = r.chunks / r.units, more = r.chunks % r.units;
      const int64_t first = u * each + std::min(u, more), end = first + each + (u < more ? 1 : 0);
      for (int64_t chunk = first; chunk < end; chunk++) r.body(r.arg, chunk, worker);
    };
    Region region = {body, arg, chunks, std::min<int64_t>(chunks, 8 * self->threads)};
    if (self->threads > 1 && chunks > 1)
      ThreadPool::instance().run(int32_t(region.units), self->threads, ns, unit, &region);
    else
      for (int64_t u = 0; u < region.units; u++) unit(&region, u, 0);
  }

  size_t bytes_ = 0;
  std::vector<harness::AlignedBytes> scratches_;
  harness::AlignedBytes shared_;
};
}  // namespace bench
