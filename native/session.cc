#include "session.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>

#include "signals.h"

namespace anneal {

namespace {

[[noreturn]] void refuse(const std::string& text) { throw Error(Code::internal, "run: " + text); }

Outcome refused(uint64_t cause) {
  Outcome outcome = {Code::session_failed};
  outcome.cause = cause;
  return outcome;
}

bool apart(const External& a, const External& b) { return a.data + a.bytes <= b.data || b.data + b.bytes <= a.data; }

}  // namespace

Session::Session(const KernelTable& target, void (*finished)(void*), void* context)
    : target_(target), finished_callback_(finished), callback_context_(context) {}

// ---- storages and programs ---------------------------------------------------------------------------------------

void Session::require_open() const {
  if (disposed_) throw Error(Code::disposed, "[anneal] the session is disposed.");
}

uint32_t Session::allocate(size_t bytes, MemoryKind kind) {
  require_open();
  if (last_storage_ == uint32_t(std::numeric_limits<int32_t>::max())) refuse("no storage ids are left");
  auto storage = std::make_shared<Storage>();
  storage->memory = Memory(bytes, kind);
  storages_.emplace(last_storage_ + 1, std::move(storage));
  storage_bytes_ += bytes;
  return ++last_storage_;
}

void Session::free(uint32_t id) {
  const auto found = storages_.find(id);
  if (found == storages_.end()) return;
  storage_bytes_ -= found->second->memory.bytes();
  storages_.erase(found);
  version_++;
}

uint32_t Session::load(const uint32_t* words, size_t count) {
  require_open();
  const bool doubles = std::strcmp(target_.name, "reference") == 0;
  auto executable = std::make_shared<Executable>(verify(words, count, {doubles}), target_);
  Loaded& loaded = programs_[last_program_ + 1];
  const auto& buffers = executable->program().buffers;
  for (uint32_t b = 0; b < buffers.size(); b++)
    if (buffers[b].space == Space::input || buffers[b].space == Space::output) loaded.external_buffers.push_back(b);
  loaded.executable = std::move(executable);
  return ++last_program_;
}

void Session::unload(uint32_t program) { programs_.erase(program); }

// ---- checking a request ------------------------------------------------------------------------------------------

std::shared_ptr<Storage>& Session::storage(int32_t id) {
  const auto found = storages_.find(uint32_t(id));
  if (found == storages_.end()) refuse("storage " + std::to_string(id) + " does not exist");
  return found->second;
}

void Session::bind_storages(Loaded& loaded, const RunRequest& request) {
  const Program& p = loaded.executable->program();
  const size_t n = p.storage_bytes.size();
  if (request.storage_count != n)
    refuse(std::to_string(request.storage_count) + " storages given, the program has " + std::to_string(n));
  if (loaded.version == version_ && std::equal(loaded.ids.begin(), loaded.ids.end(), request.storages)) return;
  loaded.version = 0;
  loaded.ids.assign(request.storages, request.storages + n);
  loaded.data.resize(n);
  seen_++;
  for (size_t i = 0; i < n; i++) {
    Storage& s = *storage(request.storages[i]);
    if (s.seen == seen_) refuse("storage " + std::to_string(request.storages[i]) + " is given twice");
    s.seen = seen_;
    if (s.memory.bytes() < p.storage_bytes[i])
      refuse("storage " + std::to_string(request.storages[i]) + " has " + std::to_string(s.memory.bytes()) +
             " bytes, the program needs " + std::to_string(p.storage_bytes[i]));
    loaded.data[i] = s.memory.data();
  }
  loaded.version = version_;
}

void Session::check_externals(const Loaded& loaded, const RunRequest& request) const {
  const Program& p = loaded.executable->program();
  if (request.external_count != p.externals.size())
    refuse(std::to_string(request.external_count) + " external buffers given, the program has " +
           std::to_string(p.externals.size()));
  for (uint32_t number : loaded.external_buffers) {
    const Buffer& b = p.buffers[number];
    const External& external = request.externals[b.index];
    // Below 2^46 each (verified), and below 2^32 times 2^32.
    const uint64_t last = b.offset + b.bytes, moved = uint64_t{b.iteration_stride} * (request.repeat - 1);
    if (external.bytes < last || external.bytes - last < moved)
      refuse("external buffer " + std::to_string(b.index) + " has " + std::to_string(external.bytes) +
             " bytes, the program needs " + std::to_string(last) + " and " + std::to_string(moved) +
             " for further iterations");
  }
  for (size_t i = 0; i < p.externals.size(); i++) {
    if (reinterpret_cast<size_t>(request.externals[i].data) % p.externals[i].alignment != 0)
      refuse("external buffer " + std::to_string(i) + " is misaligned");
    for (size_t other = 0; p.externals[i].written && other < p.externals.size(); other++)
      if (other != i && !apart(request.externals[i], request.externals[other]))
        refuse("external buffer " + std::to_string(i) + " is written and shares memory with external buffer " +
               std::to_string(other));
  }
}

Session::Loaded& Session::check(const RunRequest& request) {
  require_open();
  const auto found = programs_.find(request.program);
  if (found == programs_.end()) refuse("program " + std::to_string(request.program) + " does not exist");
  const Program& p = found->second.executable->program();
  if (request.repeat < 1) refuse("repeat is 0");
  if (request.slot_bytes != size_t{request.repeat} * p.slots * 4)
    refuse(std::to_string(request.slot_bytes) + " bytes of slots given, the program needs " +
           std::to_string(request.repeat) + " times " + std::to_string(p.slots * size_t{4}));
  bind_storages(found->second, request);
  check_externals(found->second, request);
  return found->second;
}

// ---- running -----------------------------------------------------------------------------------------------------

Outcome Session::run_here(const RunRequest& request) {
  Loaded& loaded = check(request);
  const uint64_t reported_failure = std::min(request.reported_failure, reported_failure_);
  // Nothing runs, so nobody else looks at these.
  for (size_t i = 0; failures_ > reported_failure && i < request.storage_count; i++)
    if (const uint64_t failure = failure_before(&storage(request.storages[i]), 1, reported_failure))
      return refused(failure);
  external_data_.resize(request.external_count);
  for (size_t i = 0; i < request.external_count; i++) external_data_[i] = request.externals[i].data;
  char* slots = slots_.reserve(request.slot_bytes);
  if (request.slot_bytes > 0) std::memcpy(slots, request.slots, request.slot_bytes);
  executor_.stop(Stop::none);
  runs_.fetch_add(1, std::memory_order_relaxed);
  return executor_.run(*loaded.executable, {loaded.data.data(), external_data_.data(), slots}, request.repeat);
}

void Session::enqueue(const RunRequest& request, std::unique_ptr<Run> run) {
  Loaded& loaded = check(request);
  run->executable = loaded.executable;
  run->storage_data = loaded.data;
  for (size_t i = 0; i < request.storage_count; i++) run->storages.push_back(storage(request.storages[i]));
  for (size_t i = 0; i < request.external_count; i++) run->external_data.push_back(request.externals[i].data);
  run->slots = Memory(request.slot_bytes, MemoryKind::plans);
  if (request.slot_bytes > 0) std::memcpy(run->slots.data(), request.slots, request.slot_bytes);
  run->repeat = request.repeat;
  run->reported_failure = std::min(request.reported_failure, reported_failure_);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!thread_.joinable()) {
      const SignalsBlocked blocked;
      thread_ = std::thread([this] { work(); });
    }
    finished_.reserve(finished_.size() + queue_.size() + 1);  // so that the session's thread need not allocate
    queue_.push_back(std::move(run));
    unfinished_.fetch_add(1, std::memory_order_relaxed);
  }
  ready_.notify_one();
}

void Session::execute(Run& run) {
  try {
    run.outcome = executor_.run(*run.executable, {run.storage_data.data(), run.external_data.data(), run.slots.data()},
                                run.repeat);
  } catch (const std::bad_alloc&) {
    run.outcome = {Code::out_of_memory};
  }
}

// The first failed run that was to write to one of these and is unknown to who asked for them; 0 where there is none.
uint64_t Session::failure_before(const std::shared_ptr<Storage>* storages, size_t count, uint64_t reported_failure) {
  for (size_t i = 0; i < count; i++)
    if (storages[i]->failure > reported_failure) return storages[i]->failure;
  return 0;
}

// Marks what a failed run was to write, which stays as it was or was never written, so that dependent runs are refused.
void Session::note_failure(Run& run) {
  run.outcome.failure = ++failures_;
  const std::vector<uint8_t>& written = run.executable->program().storage_written;
  for (size_t i = 0; i < run.storages.size(); i++)
    if (written[i]) run.storages[i]->failure = failures_;
}

void Session::work() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    ready_.wait(lock, [this] { return closing_ || !queue_.empty(); });
    if (closing_) return;
    Run& run = *queue_.front();
    if (run.cancelled) {
      run.outcome = {Code::aborted};
    } else if (const uint64_t failure =
                   failure_before(run.storages.data(), run.storages.size(), run.reported_failure)) {
      run.outcome = refused(failure);
    } else {
      executor_.stop(Stop::none);
      running_ = true;
      lock.unlock();
      execute(run);
      lock.lock();
      running_ = false;
      runs_.fetch_add(1, std::memory_order_relaxed);
    }
    if (run.outcome.code != Code::none) note_failure(run);
    finished_.push_back(std::move(queue_.front()));
    queue_.pop_front();
    unfinished_.fetch_sub(1, std::memory_order_release);
    if (queue_.empty()) drained_.notify_all();
    lock.unlock();
    finished_callback_(callback_context_);
    lock.lock();
  }
}

std::vector<std::unique_ptr<Run>> Session::take_finished() {
  std::vector<std::unique_ptr<Run>> taken;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    taken.swap(finished_);
    finished_.reserve(queue_.size());
  }
  for (const auto& run : taken) reported_failure_ = std::max(reported_failure_, run->outcome.failure);
  return taken;
}

void Session::drain() {
  std::unique_lock<std::mutex> lock(mutex_);
  drained_.wait(lock, [this] { return queue_.empty(); });
}

void Session::cancel() {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (size_t i = running_ ? 1 : 0; i < queue_.size(); i++) queue_[i]->cancelled = true;
  if (running_) executor_.stop(Stop::soft);
}

void Session::dispose() {
  if (disposed_) return;
  disposed_ = true;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    closing_ = true;
    if (running_) executor_.stop(Stop::hard);
  }
  ready_.notify_one();
  if (thread_.joinable()) thread_.join();
  for (auto& run : queue_) {
    run->outcome = {Code::aborted};
    finished_.push_back(std::move(run));
  }
  queue_.clear();
  unfinished_.store(0, std::memory_order_relaxed);
  programs_.clear();
  storages_.clear();
  storage_bytes_ = 0;
}

SessionStats Session::stats() {
  return {unfinished_.load(std::memory_order_relaxed), runs_.load(std::memory_order_relaxed), storage_bytes_,
          executor_.temporary_bytes(), programs_.size()};
}

}  // namespace anneal
