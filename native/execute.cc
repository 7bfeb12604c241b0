#include "execute.h"

#include <algorithm>
#include <string>

#include "floating_point.h"
#include "thread_pool.h"

namespace anneal {

namespace {

constexpr size_t round_up(size_t bytes) { return (bytes + kMemoryAlignment - 1) / kMemoryAlignment * kMemoryAlignment; }

}  // namespace

Executable::Executable(std::unique_ptr<Program> program, const KernelTable& target) : program_(std::move(program)) {
  Program& p = *program_;
  steps_.reserve(p.instructions.size());
  for (const Instruction& i : p.instructions) {
    const KernelRow& row = target.rows[i.row];
    if (!row.run)
      throw Error(Code::internal, std::string("verify: target ") + target.name + " has no " + kRowInfo[i.row].name);
    const TensorArg* args = p.args.data() + i.first_arg;
    const Call call = {i.outputs, i.inputs, i.attrs, args, args + i.outputs, p.words.data() + i.attr};
    steps_.push_back({row.run, call, i.predicated ? args + i.outputs + i.inputs : nullptr, i.writes_storage, i.node});
    if (row.scratch) scratch_ = std::max(scratch_, round_up(row.scratch(call)));
    if (row.shared_scratch) shared_scratch_ = std::max(shared_scratch_, round_up(row.shared_scratch(call)));
  }
  address_.assign(p.buffers.size(), nullptr);
  storages_.assign(p.storage_bytes.size(), nullptr);
  for (uint32_t b = 0; b < p.buffers.size(); b++) {
    if (p.first_relocation[b] == p.first_relocation[b + 1]) continue;
    const Space space = p.buffers[b].space;
    (space == Space::arena ? arena_ : space == Space::storage ? stored_ : external_).push_back(b);
    if (p.buffers[b].iteration_stride != 0 || p.buffers[b].space == Space::slots) strided_.push_back(b);
  }
}

void Executable::move_buffer(uint32_t buffer, char* address) {
  if (address_[buffer] == address) return;
  address_[buffer] = address;
  const uint32_t end = program_->first_relocation[buffer + 1];
  for (uint32_t i = program_->first_relocation[buffer]; i < end; i++)
    program_->args[program_->relocations[i].arg].data = address + program_->relocations[i].offset;
}

Executor::Executor() {
  context_.parallel = parallel;
  context_.scratch = scratch;
  context_.fail = fail;
  context_.executor = this;
}

// Memory for the program, and a scratch block for each thread that may work on it. Throws OutOfMemory.
void Executor::prepare(const Executable& executable) {
  arena_.reserve(executable.program_->arena_bytes);
  const int threads = ThreadPool::instance().threads();
  const size_t per_worker = std::max(worker_scratch_, executable.scratch_);
  const size_t bytes = size_t(threads) * per_worker + executable.shared_scratch_;
  if (bytes > scratch_.bytes()) {
    scratch_ = Memory();
    scratch_ = Memory(bytes, MemoryKind::plans);
  }
  temporary_bytes_.store(arena_.bytes() + scratch_.bytes(), std::memory_order_relaxed);
  worker_scratch_ = per_worker;
  context_.threads = threads;
  context_.shared_scratch = scratch_.data() + size_t(threads) * per_worker;
}

void Executor::bind(Executable& executable, const Bindings& bindings, char* arena) {
  const Program& p = *executable.program_;
  if (executable.arena_base_ != arena) {
    executable.arena_base_ = arena;
    for (uint32_t b : executable.arena_) executable.move_buffer(b, arena + p.buffers[b].offset);
  }
  auto& storages = executable.storages_;
  if (!std::equal(storages.begin(), storages.end(), bindings.storages)) {
    storages.assign(bindings.storages, bindings.storages + storages.size());
    for (uint32_t b : executable.stored_) executable.move_buffer(b, storages[p.buffers[b].index] + p.buffers[b].offset);
  }
  for (uint32_t b : executable.external_) {
    const Buffer& buffer = p.buffers[b];
    char* base = buffer.space == Space::slots ? bindings.slots : bindings.externals[buffer.index];
    executable.move_buffer(b, base + buffer.offset);
  }
}

void Executor::bind_iteration(Executable& executable, const Bindings& bindings, uint32_t iteration) {
  const Program& p = *executable.program_;
  for (uint32_t b : executable.strided_) {
    const Buffer& buffer = p.buffers[b];
    char* base = buffer.space == Space::slots
                     ? bindings.slots + size_t{iteration} * p.slots * 4
                     : bindings.externals[buffer.index] + size_t{iteration} * buffer.iteration_stride;
    executable.move_buffer(b, base + buffer.offset);
  }
}

Outcome Executor::ended(const Executable& executable, size_t step, uint32_t iteration) const {
  const Failure failure = Failure(failure_.load(std::memory_order_relaxed));
  const Code code = failure == Failure::index_out_of_range ? Code::index_out_of_range
                    : failure == Failure::not_finite       ? Code::not_finite
                    : failure == Failure::overflow         ? Code::overflow
                                                           : Code::aborted;
  const uint32_t node = step < executable.steps_.size() ? executable.steps_[step].node : 0;
  return {code, uint32_t(step), node, iteration, where_, value_, limit_};
}

Outcome Executor::run(Executable& executable, const Bindings& bindings, uint32_t repeat) {
  const FloatingPointEnvironment environment;
  try {
    prepare(executable);
  } catch (const OutOfMemory& error) {
    return outcome_of(error);
  }
  bind(executable, bindings, arena_.reserve(0));
  failure_.store(uint32_t(Failure::none), std::memory_order_relaxed);
  for (uint32_t iteration = 0; iteration < repeat; iteration++) {
    if (iteration > 0) bind_iteration(executable, bindings, iteration);
    tolerated_stop_ = uint32_t(Stop::none);
    for (size_t i = 0; i < executable.steps_.size(); i++) {
      const Executable::Step& step = executable.steps_[i];
      if (stopped()) return ended(executable, i, iteration);
      if (step.predicate && !*static_cast<const uint8_t*>(step.predicate->data)) continue;
      if (step.writes_storage) tolerated_stop_ = uint32_t(Stop::soft);
      step.run(step.call, context_);
      if (failure_.load(std::memory_order_relaxed) != 0 || stopped()) return ended(executable, i, iteration);
    }
  }
  return {};
}

// ---- what kernels call -------------------------------------------------------------------------------------------

// Chunks travel to threads in units, ranges of neighbours: enough units to even out, few enough that a claim costs
// nothing.
struct Executor::Region {
  Executor* executor;
  void (*body)(void*, int64_t, int32_t);
  void* arg;
  int64_t chunks, units;
};

constexpr int64_t kUnitsPerThread = 8;

void Executor::region_unit(void* opaque, int64_t unit, int32_t worker) {
  const Region& r = *static_cast<const Region*>(opaque);
  const int64_t each = r.chunks / r.units, more = r.chunks % r.units;  // the first `more` units have one chunk more
  const int64_t first = unit * each + std::min(unit, more), end = first + each + (unit < more ? 1 : 0);
  for (int64_t chunk = first; chunk < end && !r.executor->stopped(); chunk++) r.body(r.arg, chunk, worker);
}

void Executor::parallel(Context* context, int64_t chunks, int64_t ns, void (*body)(void*, int64_t, int32_t),
                        void* arg) {
  if (chunks <= 0) return;
  Executor* self = static_cast<KernelContext*>(context)->executor;
  Region region = {self, body, arg, chunks, std::min(chunks, kUnitsPerThread * context->threads)};
  if (context->threads > 1 && chunks > 1)
    ThreadPool::instance().run(int32_t(region.units), context->threads, ns, region_unit, &region);
  else
    for (int64_t unit = 0; unit < region.units; unit++) region_unit(&region, unit, 0);
}

char* Executor::scratch(Context* context, int32_t worker) {
  const Executor& self = *static_cast<KernelContext*>(context)->executor;
  return self.scratch_.data() + size_t(worker) * self.worker_scratch_;
}

void Executor::fail(Context* context, Failure failure, int64_t where, int64_t value, int64_t limit) {
  Executor& self = *static_cast<KernelContext*>(context)->executor;
  const std::lock_guard<std::mutex> lock(self.failure_mutex_);
  if (self.failure_.load(std::memory_order_relaxed) != 0 && self.where_ <= where) return;
  self.failure_.store(uint32_t(failure), std::memory_order_relaxed);
  self.where_ = where, self.value_ = value, self.limit_ = limit;
}

}  // namespace anneal
