// Runs through a session: values, repeats, predicates, the queue, the same bits for any thread count.
#include "session.h"

#include <doctest/doctest.h>

#include <cstring>

#include "cpu.h"
#include "program_file.h"
#include "session_programs.h"
#include "thread_pool.h"

using namespace session_test;

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
