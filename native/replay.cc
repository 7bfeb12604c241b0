// replay: runs a program file (program_file.h) without Node.js, for sanitizers, profilers and other machines.
// Prints a line for each target: its name, an FNV-1a-64 hash of all storages after the run, the time of the fastest
// run.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "program_file.h"
#include "session.h"
#include "thread_pool.h"

namespace {

using namespace anneal;

struct Options {
  std::string file, target;
  int threads = 0, repeat = 1;
  bool queued = false;
};

constexpr char kUsage[] =
    "usage: replay <program file> [--target <name>|all] [--threads <n>] [--repeat <n>] [--queued]\n"
    "  --repeat  how often to run the file, one run after another on the same storages\n"
    "  --queued  on the session's own thread instead of this one\n";

int positive(const char* text) { return text ? std::max(0, std::atoi(text)) : 0; }

bool parse(int count, char** values, Options& options) {
  for (int i = 1; i < count; i++) {
    const std::string name = values[i];
    const char* value = i + 1 < count ? values[i + 1] : nullptr;
    if (name == "--queued") {
      options.queued = true;
    } else if (name.rfind("--", 0) != 0 && options.file.empty()) {
      options.file = name;
    } else {
      if (name == "--target" && value)
        options.target = value;
      else if (name == "--threads" && positive(value) > 0)
        options.threads = positive(value);
      else if (name == "--repeat" && positive(value) > 0)
        options.repeat = positive(value);
      else
        return false;
      i++;
    }
  }
  return !options.file.empty();
}

uint64_t hash_of(uint64_t hash, const char* bytes, size_t count) {
  for (size_t i = 0; i < count; i++) hash = (hash ^ static_cast<unsigned char>(bytes[i])) * 0x100000001B3ull;
  return hash;
}

// The memory of a file's externals, at addresses that suit any dtype.
class Externals {
 public:
  explicit Externals(const ProgramFile& file) {
    for (const auto& bytes : file.externals) {
      memory_.emplace_back(bytes.size(), MemoryKind::data);
      if (!bytes.empty()) std::memcpy(memory_.back().data(), bytes.data(), bytes.size());
      externals_.push_back({memory_.back().data(), bytes.size()});
    }
  }
  const std::vector<External>& list() const { return externals_; }

 private:
  std::vector<Memory> memory_;
  std::vector<External> externals_;
};

void run_once(Session& session, const RunRequest& request, bool queued) {
  Outcome outcome;
  if (queued) {
    session.enqueue(request, std::make_unique<Run>());
    session.drain();
    outcome = session.take_finished().front()->outcome;
  } else {
    outcome = session.run_here(request);
  }
  if (outcome.code == Code::none) return;
  throw Error(outcome.code, std::string(name_of(outcome.code)) + " in instruction " +
                                std::to_string(outcome.instruction) + ", iteration " +
                                std::to_string(outcome.iteration) + ": value " + std::to_string(outcome.value) +
                                " at " + std::to_string(outcome.where) + ", limit " + std::to_string(outcome.limit));
}

void replay(const ProgramFile& file, const KernelTable& target, const Options& options) {
  Session session(target, [](void*) {}, nullptr);
  std::vector<int32_t> ids;
  for (const auto& bytes : file.storages) {
    ids.push_back(int32_t(session.allocate(bytes.size())));
    if (!bytes.empty()) std::memcpy(session.storage_data(ids.back()), bytes.data(), bytes.size());
  }
  const Externals externals(file);
  const uint32_t program = session.load(file.words.data(), file.words.size());
  const RunRequest request = {
      program,           ids.data(),        ids.size(), externals.list().data(), externals.list().size(),
      file.slots.data(), file.slots.size(), file.repeat};
  double fastest = 1e300;
  for (int i = 0; i < options.repeat; i++) {
    const auto start = std::chrono::steady_clock::now();
    run_once(session, request, options.queued);
    const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - start;
    fastest = std::min(fastest, time.count());
  }
  uint64_t hash = 0xCBF29CE484222325ull;
  for (size_t i = 0; i < ids.size(); i++) hash = hash_of(hash, session.storage_data(ids[i]), file.storages[i].size());
  std::printf("%s %016llx %.1f us\n", target.name, static_cast<unsigned long long>(hash), fastest);
}

}  // namespace

int main(int count, char** values) {
  Options options;
  if (!parse(count, values, options)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  try {
    if (options.threads > 0) ThreadPool::instance().set_threads(options.threads);
    const ProgramFile file = read_program_file(options.file);
    if (options.target == "all")
      for (const KernelTable* target : available_targets()) replay(file, *target, options);
    else
      replay(file, choose_target(options.target), options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "replay: %s\n", error.what());
    return 1;
  }
  return 0;
}
