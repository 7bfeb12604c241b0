// The errors of the core. Inside they are exceptions or outcomes; addon/ turns them into JavaScript errors with these
// codes.
#pragma once
#include <exception>
#include <string>
#include <utility>

namespace anneal {

enum class Code {
  none,
  internal,          // a program or a call that the TypeScript side should never have made
  invalid_argument,  // an option outside what is accepted
  out_of_memory,
  cpu_unsupported,
  index_out_of_range,
  not_finite,
  overflow,  // a sum of integers
  aborted,
  session_failed,  // refused, because a run that was to write what it needs failed, unknown to who asked for it
  disposed,
};

constexpr const char* name_of(Code code) {
  switch (code) {
    case Code::none:
    case Code::internal:
      return "ANNEAL_INTERNAL";
    case Code::invalid_argument:
      return "ANNEAL_INVALID_ARGUMENT";
    case Code::out_of_memory:
      return "ANNEAL_OUT_OF_MEMORY";
    case Code::cpu_unsupported:
      return "ANNEAL_CPU_UNSUPPORTED";
    case Code::index_out_of_range:
      return "ANNEAL_INDEX_OUT_OF_RANGE";
    case Code::not_finite:
      return "ANNEAL_NON_FINITE";
    case Code::overflow:
      return "ANNEAL_OVERFLOW";
    case Code::aborted:
      return "ANNEAL_ABORTED";
    case Code::session_failed:
      return "ANNEAL_SESSION_FAILED";
    case Code::disposed:
      return "ANNEAL_DISPOSED";
  }
  return "ANNEAL_INTERNAL";
}

class Error : public std::exception {
 public:
  Error(Code code, std::string message) : code(code), message_(std::move(message)) {}
  const char* what() const noexcept override { return message_.c_str(); }

  const Code code;

 private:
  std::string message_;
};

}  // namespace anneal
