#include "arguments.h"

#include <cmath>

namespace anneal::addon {

Napi::Error make_error(Napi::Env env, Code code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, name_of(code)));
  return error;
}

const char* text_of(Code code) {
  switch (code) {
    case Code::index_out_of_range:
      return "[anneal] an index is out of range.";
    case Code::not_finite:
      return "[anneal] a value is not finite.";
    case Code::overflow:
      return "[anneal] a sum does not fit int32.";
    case Code::aborted:
      return "[anneal] the run was cancelled.";
    case Code::session_failed:
      return "[anneal] an earlier run that was to write what this one needs failed; its error says why.";
    case Code::out_of_memory:
      return "[anneal] out of memory. Use a smaller model or batch.";
    default:
      return "[anneal] the run failed.";
  }
}

Napi::Error run_error(Napi::Env env, const Outcome& outcome) {
  Napi::Error error = make_error(env, outcome.code, text_of(outcome.code));
  Napi::Object failure = Napi::Object::New(env);
  failure["instruction"] = Napi::Number::New(env, outcome.instruction);
  failure["node"] = Napi::Number::New(env, outcome.node);
  failure["where"] = Napi::Number::New(env, double(outcome.where));
  failure["value"] = Napi::Number::New(env, double(outcome.value));
  failure["limit"] = Napi::Number::New(env, double(outcome.limit));
  failure["iteration"] = Napi::Number::New(env, outcome.iteration);
  failure["number"] = Napi::Number::New(env, double(outcome.failure));
  failure["cause"] = Napi::Number::New(env, double(outcome.cause));
  error.Set("failure", failure);
  return error;
}

double integer_argument(const Napi::CallbackInfo& info, size_t index, const char* what, double least, double most) {
  double value = NAN;
  if (napi_get_value_double(info.Env(), info[index], &value) != napi_ok || !(value >= least && value <= most) ||
      value != std::floor(value))
    throw Napi::TypeError::New(info.Env(), std::string("[anneal] ") + what + " must be an integer from " +
                                               std::to_string(int64_t(least)) + " to " + std::to_string(int64_t(most)));
  return value;
}

uint32_t id_argument(const Napi::CallbackInfo& info, size_t index, const char* what) {
  return uint32_t(integer_argument(info, index, what, 0, 0x7FFFFFFF));
}

TypedArray array_argument(const Napi::CallbackInfo& info, size_t index, napi_typedarray_type type, const char* what) {
  napi_typedarray_type given;
  TypedArray array;
  if (napi_get_typedarray_info(info.Env(), info[index], &given, &array.length, &array.data, nullptr, nullptr) !=
          napi_ok ||
      given != type)
    throw Napi::TypeError::New(info.Env(), std::string("[anneal] ") + what);
  return array;
}

namespace {

size_t element_size(napi_typedarray_type type) {
  switch (type) {
    case napi_int8_array:
    case napi_uint8_array:
    case napi_uint8_clamped_array:
      return 1;
    case napi_int16_array:
    case napi_uint16_array:
      return 2;
    case napi_int32_array:
    case napi_uint32_array:
    case napi_float32_array:
      return 4;
    default:
      return 8;
  }
}

alignas(64) char empty_external[64];  // where an empty array "lies", which may have no address of its own

}  // namespace

External external_of(Napi::Env env, napi_value value) {
  napi_typedarray_type type;
  size_t length;
  void* data;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) == napi_ok)
    length *= element_size(type);
  else if (napi_get_dataview_info(env, value, &length, &data, nullptr, nullptr) != napi_ok)
    throw Napi::TypeError::New(env, "[anneal] external buffers must be typed arrays or DataViews");
  return {length == 0 || !data ? empty_external : static_cast<char*>(data), data ? length : 0};
}

}  // namespace anneal::addon
