// libFuzzer: whatever a caller asks of a session, in whatever order: storages and programs that are not there, given
// twice or of other sizes, memory that overlaps or is misaligned, any number of slots and iterations, here and queued.
// What is refused is refused with an Error; what runs stays within the memory that it was given.
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "../cpu.h"
#include "../error.h"
#include "../session.h"
#include "../test/session_programs.h"

namespace {

using namespace session_test;

constexpr size_t kBlock = 512, kPrograms = 5, kStorages = 4;
constexpr int kMostCalls = 24;

// A program, and what a right run of it hands over: bytes of storages, of externals and of slots.
struct Known {
  std::vector<uint32_t> words;
  std::vector<size_t> storages, externals;
  size_t slots;
};

const Known& known(size_t number) {
  static const std::array<Known, kPrograms> programs = {{
      {copy_through().words(), {16}, {16, 16}, 0},
      {gather_program().words(), {40}, {12, 24}, 0},
      {update_program().words(), {24}, {40, 12}, 0},
      {copy_program().words(), {24, 24}, {}, 0},
      {[] {
         ProgramBuilder b;  // with slots, and an output that moves on from iteration to iteration
         b.slots = 2;
         b.add(row_fill, {b.tensor(b.buffer(Space::output, DType::f32, 0, 0, 8, 8), {2})},
               {b.tensor(b.buffer(Space::slots, DType::f32, 0, 4, 4), {})});
         return b.words();
       }(),
       {},
       {8},
       8},
  }};
  return programs[number];
}

// A session, and the memory of its callers, which queued runs need until they are over.
class Caller {
 public:
  explicit Caller(FuzzedDataProvider& data) : data_(data), session_(choose_target("reference"), ignore, nullptr) {
    for (size_t i = 0; i < kPrograms; i++) session_.load(known(i).words.data(), known(i).words.size());
    for (size_t i = 0; i < kStorages; i++) session_.allocate(40);
  }

  void act() {
    switch (data_.ConsumeIntegralInRange(0, 9)) {
      case 0:
        return void(session_.allocate(size()));
      case 1:
        return session_.free(id());
      case 2:
        return load();
      case 3:
        return session_.unload(id());
      case 4:
        return session_.cancel();
      case 5:
        session_.drain();
        return void(session_.take_finished());
      default:
        return run();
    }
  }

 private:
  // Whether something is to be wrong, which it is seldom: else little would run.
  bool wrong() { return data_.ConsumeIntegralInRange(0, 15) == 0; }

  uint32_t id() { return wrong() ? data_.ConsumeIntegral<uint32_t>() : data_.ConsumeIntegralInRange<uint32_t>(1, 9); }
  size_t size() {
    return wrong() ? data_.ConsumeIntegralInRange<size_t>(0, SIZE_MAX) : data_.ConsumeIntegralInRange<size_t>(0, 64);
  }
  size_t count(size_t right) { return wrong() ? data_.ConsumeIntegralInRange<size_t>(0, 3) : right; }

  // A part of one of the caller's blocks, which it really has: of a new one, up to its end.
  External external(size_t right) {
    const bool own = !blocks_.empty() && wrong();
    if (!own) blocks_.push_back(std::make_unique<std::array<char, kBlock>>());
    char* block = data_.PickValueInArray({blocks_.front().get(), blocks_.back().get()})->data();
    if (!own) block = blocks_.back()->data(), fill(block);
    const size_t bytes = wrong() ? data_.ConsumeIntegralInRange<size_t>(0, kBlock) : right;
    const size_t from_end = wrong() ? data_.ConsumeIntegralInRange<size_t>(0, kBlock - bytes) : 0;
    return {block + kBlock - bytes - from_end, bytes};
  }

  // Indices within what they index, mostly.
  void fill(char* block) {
    for (size_t i = 0; i < kBlock; i++) block[i] = 0;
    if (wrong())
      for (size_t i = kBlock - 16; i < kBlock; i++) block[i] = char(data_.ConsumeIntegral<uint8_t>());
  }

  void load() {
    const std::vector<uint32_t>& words = known(data_.ConsumeIntegralInRange<size_t>(0, kPrograms - 1)).words;
    session_.load(words.data(), wrong() ? data_.ConsumeIntegralInRange<size_t>(0, words.size()) : words.size());
  }

  void run() {
    const size_t number = data_.ConsumeIntegralInRange<size_t>(0, kPrograms - 1);
    const Known& program = known(number);
    const uint32_t repeat = wrong() ? data_.ConsumeIntegralInRange<uint32_t>(0, 9) : 1;
    std::vector<int32_t> storages(count(program.storages.size()));
    for (size_t i = 0; i < storages.size(); i++) storages[i] = wrong() ? int32_t(id()) : int32_t(i + 1);
    std::vector<External> externals(count(program.externals.size()));
    for (size_t i = 0; i < externals.size(); i++)
      externals[i] = external(i < program.externals.size() ? program.externals[i] * (repeat ? repeat : 1) : 8);
    const std::vector<char> slots(wrong() ? data_.ConsumeIntegralInRange<size_t>(0, 64) : program.slots * repeat);
    const RunRequest request = {wrong() ? id() : uint32_t(number + 1),
                                storages.data(),
                                storages.size(),
                                externals.data(),
                                externals.size(),
                                slots.data(),
                                slots.size(),
                                repeat,
                                data_.ConsumeIntegralInRange<uint64_t>(0, 3)};
    if (data_.ConsumeIntegralInRange(0, 3) == 0)
      session_.enqueue(request, std::make_unique<Run>());
    else if (session_.idle())
      session_.run_here(request);
  }

  FuzzedDataProvider& data_;
  std::vector<std::unique_ptr<std::array<char, kBlock>>> blocks_;  // outlives the session's thread
  Session session_;
};

}  // namespace

// Storages of any size are asked for.
extern "C" int LLVMFuzzerInitialize(int*, char***) {
  MemoryBudget::set_limit(uint64_t{16} << 20);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  FuzzedDataProvider data(bytes, size);
  Caller caller(data);
  for (int i = 0; i < kMostCalls && data.remaining_bytes() > 0; i++) {
    try {
      caller.act();
    } catch (const Error&) {
    }
  }
  return 0;
}
