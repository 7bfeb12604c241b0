// A session: storages that outlive runs, loaded programs, and one queue of runs. One thread owns it (the environment's
// JavaScript thread); runs happen there, or on the session's own thread, which starts with the first run that is
// queued.
#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "execute.h"

namespace anneal {

struct Storage {
  Memory memory;
  uint64_t seen = 0;     // by which binding last, to notice one that is given twice
  uint64_t failure = 0;  // the last failed run that was to write to it, by number
};

// Memory of a JavaScript array. `data` is never null.
struct External {
  char* data;
  size_t bytes;
};

// A run as its caller hands it over.
struct RunRequest {
  uint32_t program;
  const int32_t* storages;
  size_t storage_count;
  const External* externals;
  size_t external_count;
  const char* slots;
  size_t slot_bytes;
  uint32_t repeat;
  // The last failure that whoever asked for this run knew of, by Outcome::failure. At most those that take_finished()
  // has returned count.
  uint64_t reported_failure = UINT64_MAX;
};

// A run in the queue: all that it needs, alive until it is over.
struct Run {
  virtual ~Run() = default;

  std::shared_ptr<Executable> executable;
  std::vector<std::shared_ptr<Storage>> storages;
  std::vector<char*> storage_data, external_data;
  Memory slots;
  uint32_t repeat = 1;
  uint64_t reported_failure = 0;
  bool cancelled = false;
  Outcome outcome;
};

struct SessionStats {
  size_t queued, runs, storage_bytes, temporary_bytes, programs;
};

class Session {
 public:
  // `finished(context)` is called on the session's thread after each run that was queued.
  Session(const KernelTable& target, void (*finished)(void*), void* context);
  ~Session() { dispose(); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // These throw Error.
  uint32_t allocate(size_t bytes, MemoryKind kind = MemoryKind::weights);
  uint32_t load(const uint32_t* words, size_t count);
  Outcome run_here(const RunRequest& request);  // only when idle()
  void enqueue(const RunRequest& request, std::unique_ptr<Run> run);

  // Address of a storage, for those who fill and read it without a program.
  char* storage_data(int32_t id) { return storage(id)->memory.data(); }

  void free(uint32_t storage);
  void unload(uint32_t program);
  bool idle() const { return unfinished_.load(std::memory_order_acquire) == 0; }
  // The runs that ended since the last call, in order. JavaScript is about to be reported_failure of them, so what it
  // asks for from then on may use what a failed one among them has left as it was.
  std::vector<std::unique_ptr<Run>> take_finished();
  void drain();    // waits until nothing is queued
  void cancel();   // refuses what is queued and ends what runs, before it begins to write to storages
  void dispose();  // ends everything at once and gives back all memory; idempotent
  bool disposed() const { return disposed_; }
  SessionStats stats();

 private:
  struct Loaded {
    std::shared_ptr<Executable> executable;
    // The last binding of storages, to skip looking them up again.
    std::vector<int32_t> ids;
    std::vector<char*> data;
    uint64_t version = 0;
    std::vector<uint32_t> external_buffers;  // the buffers in externals
  };

  void require_open() const;
  Loaded& check(const RunRequest& request);
  void bind_storages(Loaded& loaded, const RunRequest& request);
  void check_externals(const Loaded& loaded, const RunRequest& request) const;
  std::shared_ptr<Storage>& storage(int32_t id);
  void work();
  void execute(Run& run);
  static uint64_t failure_before(const std::shared_ptr<Storage>* storages, size_t count, uint64_t reported_failure);
  void note_failure(Run& run);

  Executor executor_;
  const KernelTable& target_;
  void (*finished_callback_)(void*);
  void* callback_context_;

  // State of the owning thread.
  std::unordered_map<uint32_t, std::shared_ptr<Storage>> storages_;
  std::unordered_map<uint32_t, Loaded> programs_;
  uint32_t last_storage_ = 0, last_program_ = 0;
  uint64_t version_ = 1;  // changes when a storage goes: bindings made before may be stale
  uint64_t seen_ = 0;
  size_t storage_bytes_ = 0;
  std::vector<char*> external_data_;
  Arena slots_;
  uint64_t reported_failure_ = 0;  // the last failure that JavaScript knows of
  bool disposed_ = false;

  // State of both threads. A run stays at the front of the queue while it is under way.
  std::mutex mutex_;
  std::condition_variable ready_, drained_;
  std::deque<std::unique_ptr<Run>> queue_;
  std::vector<std::unique_ptr<Run>> finished_;
  bool running_ = false, closing_ = false;
  uint64_t failures_ = 0;
  std::atomic<size_t> unfinished_{0}, runs_{0};
  std::thread thread_;
};

}  // namespace anneal
