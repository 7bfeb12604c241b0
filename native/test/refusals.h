// Programs that verify() refuses, and why.
#pragma once
#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

#include "../error.h"
#include "../verify.h"
#include "program_builder.h"

namespace refusals {

using namespace anneal;
using Words = std::vector<uint32_t>;

inline std::string refusal(const Words& words, VerifyOptions options = {}) {
  try {
    verify(words.data(), words.size(), options);
  } catch (const Error& error) {
    CHECK(error.code == Code::internal);
    return error.what();
  }
  return "accepted";
}

// The refusal of a program with one instruction over operands that `write` makes.
inline std::string refusal_of(const std::function<void(ProgramBuilder&)>& write, VerifyOptions options = {}) {
  ProgramBuilder b;
  write(b);
  return refusal(b.words(), options);
}

inline void check_refused(const std::string& refusal, const char* why) {
  CHECK_MESSAGE(refusal.find(why) != std::string::npos, refusal);
}

}  // namespace refusals
