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

constexpr size_t kBlock = 512, kPrograms = 5;
constexpr int kMostCalls = 24;

const std::vector<uint32_t>& words_of(size_t number) {
  static const std::array<std::vector<uint32_t>, kPrograms> programs = {
      copy_through().words(), gather_program().words(), update_program().words(), copy_program().words(), [] {
        ProgramBuilder b;  // with slots, and an output that moves on from iteration to iteration
        b.slots = 2;
        b.add(row_fill, {b.tensor(b.buffer(Space::output, DType::f32, 0, 0, 8, 8), {2})},
              {b.tensor(b.buffer(Space::slots, DType::f32, 0, 4, 4), {})});
        return b.words();
      }()};
  return programs[number];
}

// A session, and the memory of its callers, which queued runs need until they are over.
class Caller {
 public:
  explicit Caller(FuzzedDataProvider& data) : data_(data), session_(choose_target("reference"), ignore, nullptr) {}

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
  // Mostly one of those that there are.
  uint32_t id() {
    return data_.ConsumeBool() ? data_.ConsumeIntegralInRange<uint32_t>(1, 6) : data_.ConsumeIntegral<uint32_t>();
  }
  size_t size() {
    return data_.ConsumeBool() ? data_.ConsumeIntegralInRange<size_t>(0, 64)
                               : data_.ConsumeIntegralInRange<size_t>(0, SIZE_MAX);
  }

  // A part of one of the caller's blocks, which it really has.
  External external() {
    if (blocks_.empty() || data_.ConsumeBool()) blocks_.push_back(std::make_unique<std::array<char, kBlock>>());
    char* block = data_.PickValueInArray({blocks_.front().get(), blocks_.back().get()})->data();
    const size_t start = data_.ConsumeIntegralInRange<size_t>(0, kBlock);
    return {block + start, data_.ConsumeIntegralInRange<size_t>(0, kBlock - start)};
  }

  void load() {
    const std::vector<uint32_t>& words = words_of(data_.ConsumeIntegralInRange<size_t>(0, kPrograms - 1));
    session_.load(words.data(),
                  data_.ConsumeBool() ? words.size() : data_.ConsumeIntegralInRange<size_t>(0, words.size()));
  }

  void run() {
    const uint32_t program = id();
    std::vector<int32_t> storages(data_.ConsumeIntegralInRange<size_t>(0, 3));
    for (int32_t& storage : storages) storage = int32_t(id());
    std::vector<External> externals(data_.ConsumeIntegralInRange<size_t>(0, 3));
    for (External& e : externals) e = external();
    const std::vector<char> slots(data_.ConsumeIntegralInRange<size_t>(0, 64));
    const RunRequest request = {program,
                                storages.data(),
                                storages.size(),
                                externals.data(),
                                externals.size(),
                                slots.data(),
                                slots.size(),
                                data_.ConsumeIntegralInRange<uint32_t>(0, 9),
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
