// Runs through a session: values, repeats, predicates, the queue, failures, cancelling, the same bits for any thread
// count.
#include "session.h"

#include <doctest/doctest.h>

#include <chrono>
#include <cstring>
#include <string>

#include "cpu.h"
#include "program_builder.h"
#include "program_file.h"
#include "sanitizers.h"
#include "thread_pool.h"

namespace {

using namespace anneal;

void ignore(void*) {}

External external_of(std::vector<float>& values) { return {reinterpret_cast<char*>(values.data()), values.size() * 4}; }
External external_of(std::vector<int32_t>& values) {
  return {reinterpret_cast<char*>(values.data()), values.size() * 4};
}

struct Handover {
  uint32_t program;
  std::vector<int32_t> storages;
  std::vector<External> externals;
  std::vector<uint32_t> slots = {};
  uint32_t repeat = 1;

  RunRequest request() const {
    return {program,          storages.data(),
            storages.size(),  externals.data(),
            externals.size(), reinterpret_cast<const char*>(slots.data()),
            slots.size() * 4, repeat};
  }
};

uint32_t load(Session& session, const ProgramBuilder& b) {
  const auto words = b.words();
  return session.load(words.data(), words.size());
}

std::string refusal(Session& session, const Handover& call) {
  try {
    session.run_here(call.request());
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

// out[4] = storage[4] <- in[4]: copies an input into a storage and on into an output.
ProgramBuilder copy_through() {
  ProgramBuilder b;
  const uint32_t in = b.dense(Space::input, DType::f32, 0, {4}), kept = b.dense(Space::storage, DType::f32, 0, {4});
  const uint32_t out = b.dense(Space::output, DType::f32, 1, {4});
  b.add(row_copy, {kept}, {in});
  b.add(row_copy, {out}, {kept});
  return b;
}

// A product that takes a while: [n,n] x [n,n], `times` times.
ProgramBuilder long_program(uint32_t n, uint32_t times) {
  ProgramBuilder b;
  const uint32_t x = b.dense(Space::storage, DType::f32, 0, {n, n}), y = b.dense(Space::storage, DType::f32, 1, {n, n});
  for (uint32_t i = 0; i < times; i++) b.add(row_gemm, {y}, {x, x}, {0, 0});
  return b;
}

ProgramBuilder gather_program() {
  ProgramBuilder b;
  const uint32_t data = b.dense(Space::storage, DType::f32, 0, {5, 2});
  const uint32_t indices = b.dense(Space::input, DType::i32, 0, {3});
  const uint32_t out = b.dense(Space::output, DType::f32, 1, {3, 2});
  b.add(row_copy, {b.dense(Space::arena, DType::f32, 0, {5, 2})}, {data});
  b.add(row_gather, {out}, {data, indices}, {0});
  return b;
}

// storage[3,2] <- rows of an input.
ProgramBuilder update_program() {
  ProgramBuilder b;
  const uint32_t data = b.dense(Space::input, DType::f32, 0, {5, 2});
  const uint32_t indices = b.dense(Space::input, DType::i32, 1, {3});
  b.add(row_gather, {b.dense(Space::storage, DType::f32, 0, {3, 2})}, {data, indices}, {0});
  return b;
}

// storage 1 <- storage 0.
ProgramBuilder copy_program() {
  ProgramBuilder b;
  const uint32_t from = b.dense(Space::storage, DType::f32, 0, {6});
  b.add(row_copy, {b.dense(Space::storage, DType::f32, 1, {6})}, {from});
  return b;
}

}  // namespace

TEST_CASE("a session runs programs here and in its queue") {
  Session session(choose_target(), ignore, nullptr);
  const uint32_t program = load(session, copy_through());
  const int32_t id = int32_t(session.allocate(16));
  std::vector<float> in = {1, 2, 3, 4}, out(4);
  const Handover call = {program, {id}, {external_of(in), external_of(out)}};
  CHECK(session.run_here(call.request()).code == Code::none);
  CHECK(out == in);
  in = {5, 6, 7, 8};
  session.enqueue(call.request(), std::make_unique<Run>());
  session.free(uint32_t(id));  // the queued run keeps it
  session.unload(program);
  session.drain();
  CHECK(out == in);
  CHECK(session.take_finished().size() == 1);
  CHECK(session.stats().storage_bytes == 0);
  CHECK(session.stats().runs == 2);
}

TEST_CASE("a session checks what a run hands over") {
  Session session(choose_target(), ignore, nullptr);
  ProgramBuilder two;
  two.add(row_copy, {two.dense(Space::storage, DType::f32, 0, {4})}, {two.dense(Space::storage, DType::f32, 1, {4})});
  const uint32_t program = load(session, copy_through()), second = load(session, two);
  const int32_t id = int32_t(session.allocate(16)), small = int32_t(session.allocate(12));
  std::vector<float> in(4), out(5);
  const External a = external_of(in), b = {external_of(out).data, 16};
  const auto refused = [&](const Handover& call, const char* why) {
    const std::string text = refusal(session, call);
    CHECK_MESSAGE(text.find(why) != std::string::npos, text);
  };
  refused({program, {id}, {a, b}}, "accepted");
  refused({99, {id}, {a, b}}, "program 99 does not exist");
  refused({program, {}, {a, b}}, "0 storages given");
  refused({program, {77}, {a, b}}, "storage 77 does not exist");
  refused({program, {-1}, {a, b}}, "storage -1 does not exist");
  refused({program, {small}, {a, b}}, "has 12 bytes, the program needs 16");
  refused({second, {id, id}, {}}, "given twice");
  refused({program, {id}, {a}}, "1 external buffers given");
  refused({program, {id}, {a, {b.data, 12}}}, "external buffer 1 has 12 bytes");
  refused({program, {id}, {a, {b.data + 2, 16}}}, "misaligned");
  refused({program, {id}, {b, {b.data + 4, 16}}}, "shares memory");
  refused({program, {id}, {a, b}, {1}}, "4 bytes of slots");
  refused({program, {id}, {a, b}, {}, 0}, "repeat is 0");
  session.free(uint32_t(id));
  refused({program, {id}, {a, b}}, "does not exist");
}

TEST_CASE("repeats stride over external buffers and slots, and no repeat runs past an end") {
  Session session(choose_target(), ignore, nullptr);
  ProgramBuilder b;
  b.slots = 2;
  const uint32_t value = b.tensor(b.buffer(Space::slots, DType::f32, 0, 4, 4), {});
  const uint32_t in = b.tensor(b.buffer(Space::input, DType::f32, 0, 0, 8, 8), {2});
  const uint32_t out = b.tensor(b.buffer(Space::output, DType::f32, 1, 0, 8, 8), {2});
  const uint32_t last = b.tensor(b.buffer(Space::output, DType::f32, 2, 0, 4), {});
  b.add(row_copy, {out}, {in});
  b.add(row_fill, {last}, {value});
  const uint32_t program = load(session, b);
  std::vector<float> from = {1, 2, 3, 4, 5, 6}, to(6), fill(1), slots = {0, 10, 0, 20, 0, 30};
  Handover call = {program, {}, {external_of(from), external_of(to), external_of(fill)}, std::vector<uint32_t>(6), 3};
  std::memcpy(call.slots.data(), slots.data(), 24);
  CHECK(session.run_here(call.request()).code == Code::none);
  CHECK(to == from);
  CHECK(fill[0] == 30);
  call.repeat = 4;
  call.slots.resize(8);
  CHECK(refusal(session, call).find("the program needs 8 and 24 for further iterations") != std::string::npos);
}

TEST_CASE("buffers of one stride share an external buffer") {
  Session session(choose_target(), ignore, nullptr);
  ProgramBuilder b;
  b.slots = 2;
  const uint32_t value = b.tensor(b.buffer(Space::slots, DType::f32, 0, 4, 4), {});
  const uint32_t first = b.tensor(b.buffer(Space::output, DType::f32, 0, 0, 4, 8), {});
  const uint32_t second = b.tensor(b.buffer(Space::output, DType::f32, 0, 4, 4, 8), {});
  b.add(row_fill, {first}, {value});
  b.add(row_pointwise, {second}, {first}, {1, 7, 0, kNone, kNone, 1});
  const uint32_t program = load(session, b);
  std::vector<float> to(6), slots = {0, 10, 0, 20, 0, 30};
  Handover call = {program, {}, {external_of(to)}, std::vector<uint32_t>(6), 3};
  std::memcpy(call.slots.data(), slots.data(), 24);
  CHECK(session.run_here(call.request()).code == Code::none);
  CHECK(to == std::vector<float>{10, -10, 20, -20, 30, -30});
}

TEST_CASE("a predicate skips its instruction") {
  Session session(choose_target(), ignore, nullptr);
  ProgramBuilder b;
  const uint32_t in = b.dense(Space::input, DType::f32, 0, {1}), out = b.dense(Space::output, DType::f32, 1, {1});
  b.add(row_copy, {out}, {in}, {}, b.dense(Space::input, DType::boolean, 2, {}));
  const uint32_t program = load(session, b);
  std::vector<float> from = {1}, to = {0};
  char yes = 0;
  const Handover call = {program, {}, {external_of(from), external_of(to), {&yes, 1}}};
  session.run_here(call.request());
  CHECK(to[0] == 0);
  yes = 1;
  session.run_here(call.request());
  CHECK(to[0] == 1);
}

TEST_CASE("a failed run says what and where, and harms no run that does not need what it was to write") {
  Session session(choose_target(), ignore, nullptr);
  const uint32_t program = load(session, gather_program());
  const int32_t id = int32_t(session.allocate(40));
  std::vector<int32_t> good = {0, 4, 2}, bad = {0, 7, -1};
  std::vector<float> out(6);
  const Handover fails = {program, {id}, {external_of(bad), external_of(out)}},
                 works = {program, {id}, {external_of(good), external_of(out)}};
  const Outcome here = session.run_here(fails.request());
  CHECK(here.code == Code::index_out_of_range);
  CHECK(here.instruction == 1);
  CHECK(here.node == 101);
  CHECK(here.where == 1);
  CHECK(here.value == 7);
  CHECK(here.limit == 5);

  // It only reads its storage, so who reads it, too, is not concerned.
  session.enqueue(fails.request(), std::make_unique<Run>());
  session.enqueue(works.request(), std::make_unique<Run>());
  session.drain();
  const auto finished = session.take_finished();
  REQUIRE(finished.size() == 2);
  CHECK(finished[0]->outcome.code == Code::index_out_of_range);
  CHECK(finished[1]->outcome.code == Code::none);
}

TEST_CASE("what needs what a failed run was to write is refused, and what needs that, until its failure was reported") {
  Session session(choose_target(), ignore, nullptr);
  const uint32_t update = load(session, update_program()), copy = load(session, copy_program());
  const auto allocate = [&] { return int32_t(session.allocate(24)); };
  const int32_t a = allocate(), b = allocate(), c = allocate(), other = allocate();
  std::vector<float> data(10);
  std::vector<int32_t> good = {0, 4, 2}, bad = {0, 7, -1};
  const Handover fails = {update, {a}, {external_of(data), external_of(bad)}},
                 works = {update, {other}, {external_of(data), external_of(good)}};
  const Handover dependent = {copy, {a, b}, {}}, transitive = {copy, {b, c}, {}}, apart = {copy, {other, c}, {}};
  const auto codes = [&] {
    session.drain();
    std::vector<Code> codes;
    for (const auto& run : session.take_finished()) codes.push_back(run->outcome.code);
    return codes;
  };
  const auto enqueue = [&](const Handover& call, uint64_t reported = UINT64_MAX) {
    RunRequest request = call.request();
    request.reported_failure = reported;
    session.enqueue(request, std::make_unique<Run>());
  };

  for (const Handover& call : {works, fails, dependent, transitive, works, apart}) enqueue(call);
  session.drain();
  CHECK(session.run_here(dependent.request()).code == Code::session_failed);
  CHECK(session.run_here(works.request()).code == Code::none);
  CHECK(codes() == std::vector<Code>{Code::none, Code::index_out_of_range, Code::session_failed, Code::session_failed,
                                     Code::none, Code::session_failed});

  // JavaScript knows, but this one was asked for before it did.
  enqueue(dependent, 0);
  session.drain();
  const auto late = session.take_finished();
  CHECK(late.front()->outcome.code == Code::session_failed);
  CHECK(late.front()->outcome.cause == 1);
  for (const Handover& call : {dependent, transitive, apart}) enqueue(call);
  CHECK(codes() == std::vector<Code>{Code::none, Code::none, Code::none});
}

TEST_CASE("cancel ends what runs and refuses what waits; dispose joins soon") {
  using Clock = std::chrono::steady_clock;
  for (const bool dispose : {false, true}) {
    Session session(choose_target(), ignore, nullptr);
    const uint32_t program = load(session, long_program(1024, 1000));
    const int32_t x = int32_t(session.allocate(4 << 20)), y = int32_t(session.allocate(4 << 20));
    const Handover call = {program, {x, y}, {}};
    session.enqueue(call.request(), std::make_unique<Run>());
    session.enqueue(call.request(), std::make_unique<Run>());
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (dispose) {
      const auto start = Clock::now();
      session.dispose();
      // A chunk of work ends first; a sanitizer makes it many times as long.
      const bool slow = kAddressSanitizer || kThreadSanitizer;
      CHECK(Clock::now() - start < std::chrono::milliseconds(slow ? 2000 : 100));
    } else {
      // A soft stop waits for an iteration that has written to a storage: here it would take all 1000 products.
      session.cancel();
      CHECK_FALSE(session.idle());
      session.dispose();
    }
    const auto finished = session.take_finished();
    REQUIRE(finished.size() == 2);
    for (const auto& run : finished) CHECK(run->outcome.code == Code::aborted);
    CHECK_THROWS_AS(session.run_here(call.request()), Error);
  }
}

TEST_CASE("the session goes on after a cancel") {
  Session session(choose_target(), ignore, nullptr);
  ProgramBuilder b;  // writes to the arena only, so that a soft stop ends it
  const uint32_t x = b.dense(Space::storage, DType::f32, 0, {1024, 1024});
  const uint32_t y = b.dense(Space::arena, DType::f32, 0, {1024, 1024});
  for (int i = 0; i < 1000; i++) b.add(row_gemm, {y}, {x, x}, {0, 0});
  const uint32_t program = load(session, b), copy = load(session, copy_through());
  const int32_t id = int32_t(session.allocate(4 << 20));
  session.enqueue(Handover{program, {id}, {}}.request(), std::make_unique<Run>());
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  session.cancel();
  session.drain();
  std::vector<float> in = {1, 2, 3, 4}, out(4);
  CHECK(session.run_here(Handover{copy, {id}, {external_of(in), external_of(out)}}.request()).code == Code::none);
  CHECK(out == in);
  CHECK(session.take_finished().front()->outcome.code == Code::aborted);
}

TEST_CASE("memory that cannot be had is an error, not an end") {
  Session session(choose_target(), ignore, nullptr);
  try {
    session.allocate(size_t{1} << 52);
    FAIL("allocated");
  } catch (const Error& error) {
    CHECK(error.code == Code::out_of_memory);
  }
  ProgramBuilder b;
  b.arena_bytes = uint64_t{1} << 46;
  b.add(row_fill, {b.tensor(b.buffer(Space::arena, DType::f32, 0, 0, 4), {})},
        {b.dense(Space::input, DType::f32, 0, {})});
  const uint32_t program = load(session, b);
  std::vector<float> one(1);
  const Handover call = {program, {}, {external_of(one)}};
  session.enqueue(call.request(), std::make_unique<Run>());
  session.drain();
  CHECK(session.take_finished().front()->outcome.code == Code::out_of_memory);
}

TEST_CASE("the thread count never shows in the bits") {
  const int before = ThreadPool::instance().threads();
  std::vector<float> first;
  for (const int threads : {1, 2, 4}) {
    ThreadPool::instance().set_threads(threads);
    Session session(choose_target(), ignore, nullptr);
    const uint32_t program = load(session, long_program(257, 2));
    const int32_t x = int32_t(session.allocate(257 * 257 * 4)), y = int32_t(session.allocate(257 * 257 * 4));
    float* values = reinterpret_cast<float*>(session.storage_data(x));
    for (int i = 0; i < 257 * 257; i++) values[i] = float(i % 1013) * 0.37f - 150.0f;
    session.enqueue(Handover{program, {x, y}, {}}.request(), std::make_unique<Run>());
    session.drain();
    const float* result = reinterpret_cast<const float*>(session.storage_data(y));
    const std::vector<float> all(result, result + 257 * 257);
    if (first.empty()) first = all;
    CHECK(std::memcmp(first.data(), all.data(), all.size() * 4) == 0);
  }
  ThreadPool::instance().set_threads(before);
}

TEST_CASE("a program file reads back as it was written, and no truncation is accepted") {
  ProgramFile file;
  file.words = copy_through().words();
  file.storages = {std::vector<char>(13, 'a'), {}};
  file.externals = {std::vector<char>(16, 'b')};
  file.slots = {1, 2, 3, 4};
  file.repeat = 3;
  const std::vector<char> bytes = serialize(file);
  const ProgramFile again = parse_program_file(bytes.data(), bytes.size());
  CHECK(again.words == file.words);
  CHECK(again.storages == file.storages);
  CHECK(again.externals == file.externals);
  CHECK(again.slots == file.slots);
  CHECK(again.repeat == 3);
  for (size_t n = 0; n < bytes.size(); n++) CHECK_THROWS_AS(parse_program_file(bytes.data(), n), Error);
}
