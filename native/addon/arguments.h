// Errors and arguments between JavaScript and the core. Arguments were checked in TypeScript; what could harm is
// checked again here.
#pragma once
#include <napi.h>

#include <string>

#include "../session.h"

namespace anneal::addon {

// A JavaScript error with the code of an error of the core.
Napi::Error make_error(Napi::Env env, Code code, const std::string& message);
const char* text_of(Code code);
// The error of a run that did not end well.
Napi::Error run_error(Napi::Env env, const Outcome& outcome);

// Every entry runs inside: no C++ exception but Napi::Error leaves, and that becomes a JavaScript one.
template <class Body>
auto guarded(Napi::Env env, Body&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const OutOfMemory& error) {
    throw run_error(env, outcome_of(error));
  } catch (const Error& error) {
    throw make_error(env, error.code, error.what());
  } catch (const std::bad_alloc&) {
    throw make_error(env, Code::out_of_memory, text_of(Code::out_of_memory));
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw make_error(env, Code::internal, error.what());
  }
}

double integer_argument(const Napi::CallbackInfo& info, size_t index, const char* what, double least, double most);
uint32_t id_argument(const Napi::CallbackInfo& info, size_t index, const char* what);

struct TypedArray {
  void* data;
  size_t length;
};
TypedArray array_argument(const Napi::CallbackInfo& info, size_t index, napi_typedarray_type type, const char* what);

// The memory of a typed array or a DataView.
External external_of(Napi::Env env, napi_value value);

}  // namespace anneal::addon
