// Runs verified programs on a target: a tight loop over instructions whose arguments were prepared at load.
#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "arena.h"
#include "error.h"
#include "verify.h"

namespace anneal {

// A program tied to the kernels of a target. Used by one run at a time: binding a run moves its arguments.
class Executable {
 public:
  // Throws Error(Code::internal) when the target has no kernel for a row.
  Executable(std::unique_ptr<Program> program, const KernelTable& target);
  // Its calls point into its own arguments.
  Executable(const Executable&) = delete;
  Executable& operator=(const Executable&) = delete;

  const Program& program() const { return *program_; }

 private:
  friend class Executor;

  struct Step {
    Runner run;
    Call call;
    const TensorArg* predicate;  // null when unconditional
    bool writes_storage;
    uint32_t node;
  };

  void move_buffer(uint32_t buffer, char* address);

  std::unique_ptr<Program> program_;
  std::vector<Step> steps_;
  std::vector<char*> address_;  // where each buffer lies now
  // Buffers: in the arena; in storages; in externals and slots; those of these that move between iterations.
  std::vector<uint32_t> arena_, stored_, external_, strided_;
  char* arena_base_ = nullptr;
  std::vector<char*> storages_;              // where they were in the last run
  size_t scratch_ = 0, shared_scratch_ = 0;  // bytes: the most that any instruction asks for
};

// Memory of a run. Sizes were checked against Program::storage_bytes, externals and slots.
struct Bindings {
  char* const* storages;
  char* const* externals;
  char* slots;  // 8-byte aligned
};

// End of a run. The numbers belong to index_out_of_range, not_finite and overflow; of out_of_memory they are the bytes
// of a block, those in use and the limit.
struct Outcome {
  Code code = Code::none;
  uint32_t instruction = 0, node = 0, iteration = 0;
  int64_t where = 0, value = 0, limit = 0;
  // Set for a run in a queue: its number among the failures of the session, and which of them it was refused for.
  uint64_t failure = 0, cause = 0;
};

// The outcome of a run for whose blocks there is no memory.
inline Outcome outcome_of(const OutOfMemory& error) {
  return {Code::out_of_memory, 0, 0, 0, int64_t(error.bytes), int64_t(error.in_use), int64_t(error.limit)};
}

// A soft stop leaves an iteration whole that has begun to write to storages; a hard one does not.
enum class Stop : uint32_t { none, soft, hard };

// The arena, scratch and threads of one session. Runs one program at a time.
class Executor {
 public:
  Executor();

  Outcome run(Executable& executable, const Bindings& bindings, uint32_t repeat);
  // From any thread: ends the run under way, or the next one, between instructions or chunks of one.
  void stop(Stop how) { stop_.store(uint32_t(how), std::memory_order_relaxed); }
  // The arena and scratch.
  size_t temporary_bytes() const { return temporary_bytes_.load(std::memory_order_relaxed); }

 private:
  struct KernelContext : Context {
    Executor* executor;
  };
  struct Region;

  static void parallel(Context*, int64_t chunks, int64_t ns, void (*body)(void*, int64_t, int32_t), void* arg);
  static char* scratch(Context*, int32_t worker);
  static void fail(Context*, Failure, int64_t where, int64_t value, int64_t limit);
  static void region_unit(void* region, int64_t unit, int32_t worker);

  void prepare(const Executable& executable);
  void bind(Executable& executable, const Bindings& bindings, char* arena);
  void bind_iteration(Executable& executable, const Bindings& bindings, uint32_t iteration);
  bool stopped() const { return stop_.load(std::memory_order_relaxed) > tolerated_stop_; }
  Outcome ended(const Executable& executable, size_t step, uint32_t iteration) const;

  KernelContext context_ = {};
  Arena arena_;
  Memory scratch_;
  size_t worker_scratch_ = 0;
  std::atomic<size_t> temporary_bytes_{0};
  std::atomic<uint32_t> stop_{0};
  uint32_t tolerated_stop_ = 0;  // stops up to this one wait: the iteration has begun to write to storages
  std::mutex failure_mutex_;
  std::atomic<uint32_t> failure_{0};
  int64_t where_ = 0, value_ = 0, limit_ = 0;
};

}  // namespace anneal
