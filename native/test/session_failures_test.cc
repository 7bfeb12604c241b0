// Runs through a session that fail, are refused, cancelled or find no memory.
#include <doctest/doctest.h>

#include <chrono>
#include <thread>

#include "cpu.h"
#include "sanitizers.h"
#include "session.h"
#include "session_programs.h"

using namespace session_test;

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
