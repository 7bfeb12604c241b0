// Small programs, and runs of them, for the tests of sessions.
#pragma once
#include <string>
#include <vector>

#include "../session.h"
#include "program_builder.h"

namespace session_test {

using namespace anneal;

inline void ignore(void*) {}

inline External external_of(std::vector<float>& values) {
  return {reinterpret_cast<char*>(values.data()), values.size() * 4};
}
inline External external_of(std::vector<int32_t>& values) {
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

inline uint32_t load(Session& session, const ProgramBuilder& b) {
  const auto words = b.words();
  return session.load(words.data(), words.size());
}

inline std::string refusal(Session& session, const Handover& call) {
  try {
    session.run_here(call.request());
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

// out[4] = storage[4] <- in[4]: copies an input into a storage and on into an output.
inline ProgramBuilder copy_through() {
  ProgramBuilder b;
  const uint32_t in = b.dense(Space::input, DType::f32, 0, {4}), kept = b.dense(Space::storage, DType::f32, 0, {4});
  const uint32_t out = b.dense(Space::output, DType::f32, 1, {4});
  b.add(row_copy, {kept}, {in});
  b.add(row_copy, {out}, {kept});
  return b;
}

// A product that takes a while: [n,n] x [n,n], `times` times.
inline ProgramBuilder long_program(uint32_t n, uint32_t times) {
  ProgramBuilder b;
  const uint32_t x = b.dense(Space::storage, DType::f32, 0, {n, n}), y = b.dense(Space::storage, DType::f32, 1, {n, n});
  for (uint32_t i = 0; i < times; i++) b.add(row_gemm, {y}, {x, x}, {0, 0});
  return b;
}

inline ProgramBuilder gather_program() {
  ProgramBuilder b;
  const uint32_t data = b.dense(Space::storage, DType::f32, 0, {5, 2});
  const uint32_t indices = b.dense(Space::input, DType::i32, 0, {3});
  const uint32_t out = b.dense(Space::output, DType::f32, 1, {3, 2});
  b.add(row_copy, {b.dense(Space::arena, DType::f32, 0, {5, 2})}, {data});
  b.add(row_gather, {out}, {data, indices}, {0});
  return b;
}

// storage[3,2] <- rows of an input.
inline ProgramBuilder update_program() {
  ProgramBuilder b;
  const uint32_t data = b.dense(Space::input, DType::f32, 0, {5, 2});
  const uint32_t indices = b.dense(Space::input, DType::i32, 1, {3});
  b.add(row_gather, {b.dense(Space::storage, DType::f32, 0, {3, 2})}, {data, indices}, {0});
  return b;
}

// storage 1 <- storage 0.
inline ProgramBuilder copy_program() {
  ProgramBuilder b;
  const uint32_t from = b.dense(Space::storage, DType::f32, 0, {6});
  b.add(row_copy, {b.dense(Space::storage, DType::f32, 1, {6})}, {from});
  return b;
}

}  // namespace session_test
