// The addon: the only file that knows Node-API. Arguments were checked in TypeScript; what could harm is checked again
// here.
#include <napi.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "kernels/pointwise/opcodes.h"
#include "kernels/update/rules_info.h"
#include "permutation.h"
#include "session.h"
#include "thread_pool.h"

#ifdef _WIN32
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace {

using anneal::Code;
using anneal::External;
using anneal::Outcome;
using anneal::Session;

// ---- errors ------------------------------------------------------------------------------------------------------

Napi::Error make_error(Napi::Env env, Code code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, anneal::name_of(code)));
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

// Every entry runs inside: no C++ exception but Napi::Error leaves, and that becomes a JavaScript one.
template <class Body>
auto guarded(Napi::Env env, Body&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const anneal::Error& error) {
    throw make_error(env, error.code, error.what());
  } catch (const std::bad_alloc&) {
    throw make_error(env, Code::out_of_memory, text_of(Code::out_of_memory));
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw make_error(env, Code::internal, error.what());
  }
}

// ---- arguments ---------------------------------------------------------------------------------------------------

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

struct TypedArray {
  void* data;
  size_t length;
};

TypedArray array_argument(const Napi::CallbackInfo& info, size_t index, napi_typedarray_type type, const char* what) {
  napi_typedarray_type given;
  TypedArray array;
  if (napi_get_typedarray_info(info.Env(), info[index], &given, &array.length, &array.data, nullptr, nullptr) !=
          napi_ok ||
      given != type)
    throw Napi::TypeError::New(info.Env(), std::string("[anneal] ") + what);
  return array;
}

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

constexpr size_t kFirstExternal = 6;  // of the arguments of run()

alignas(64) char empty_external[64];  // where an empty array "lies", which may have no address of its own

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

// ---- state of one environment: the main thread's, or a worker's --------------------------------------------------

class SessionObject;

struct PendingRun : anneal::Run {
  explicit PendingRun(Napi::Env env) : promise(env) {}
  Napi::Promise::Deferred promise;
  std::vector<Napi::ObjectReference> externals;  // keep the arrays while native threads use them
};

class Environment {
 public:
  explicit Environment(Napi::Env env) : env_(env) {}

  static Environment& of(Napi::Env env) { return **env.GetInstanceData<std::shared_ptr<Environment>>(); }
  static std::shared_ptr<Environment> shared(Napi::Env env) {
    return *env.GetInstanceData<std::shared_ptr<Environment>>();
  }

  void add(SessionObject* session) { sessions_.push_back(session); }
  void remove(SessionObject* session) { std::erase(sessions_, session); }
  const std::vector<SessionObject*>& sessions() const { return sessions_; }

  // A run was queued: its promise holds the event loop.
  void begin_pending();
  void end_pending();
  // From a session's thread: promises of its runs wait to be resolved.
  static void notify(void* environment);
  void resolve();
  bool closed() const { return closed_; }

 private:
  void open();
  static void close(void* environment);
  static void on_notify(napi_env env, napi_value, void* environment, void*);

  Napi::Env env_;
  std::vector<SessionObject*> sessions_;
  napi_threadsafe_function resolve_ = nullptr;
  size_t pending_ = 0;
  bool closed_ = false;
};

class SessionObject : public Napi::ObjectWrap<SessionObject> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit SessionObject(const Napi::CallbackInfo& info);
  ~SessionObject() override;

  Session& session() { return *session_; }
  void resolve();
  void close();

 private:
  Napi::Value allocate(const Napi::CallbackInfo& info);
  void free(const Napi::CallbackInfo& info);
  Napi::Value load(const Napi::CallbackInfo& info);
  void unload(const Napi::CallbackInfo& info);
  Napi::Value run(const Napi::CallbackInfo& info);
  Napi::Value enqueue(const Napi::CallbackInfo& info, const anneal::RunRequest& request);
  void drain(const Napi::CallbackInfo& info);
  void cancel(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);
  Napi::Value stats(const Napi::CallbackInfo& info);
  void report_memory();

  std::shared_ptr<Environment> environment_;
  std::unique_ptr<Session> session_;
  std::vector<External> externals_;
  size_t reported_bytes_ = 0;
};

// Created at the first queued run. The hook is added after the function, so that it runs before the function goes away:
// then all threads that could call it have been joined.
void Environment::open() {
  if (resolve_) return;
  napi_value name = Napi::String::New(env_, "anneal");
  if (napi_create_threadsafe_function(env_, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this, on_notify,
                                      &resolve_) != napi_ok)
    throw Napi::Error::New(env_);
  napi_unref_threadsafe_function(env_, resolve_);
  napi_add_env_cleanup_hook(env_, close, this);
}

void Environment::begin_pending() {
  open();
  if (pending_++ == 0) napi_ref_threadsafe_function(env_, resolve_);
}

void Environment::end_pending() {
  if (--pending_ == 0) napi_unref_threadsafe_function(env_, resolve_);
}

void Environment::notify(void* environment) {
  napi_call_threadsafe_function(static_cast<Environment*>(environment)->resolve_, nullptr, napi_tsfn_nonblocking);
}

void Environment::on_notify(napi_env env, napi_value, void* environment, void*) {
  if (env) static_cast<Environment*>(environment)->resolve();
}

void Environment::resolve() {
  const Napi::HandleScope scope(env_);
  const std::vector<SessionObject*> sessions = sessions_;
  for (SessionObject* session : sessions) session->resolve();
}

void Environment::close(void* environment) {
  Environment& self = *static_cast<Environment*>(environment);
  self.closed_ = true;
  for (SessionObject* session : self.sessions_) session->session().dispose();
}

// ---- Session -----------------------------------------------------------------------------------------------------

Napi::Function SessionObject::define(Napi::Env env) {
  return DefineClass(
      env, "Session",
      {InstanceMethod<&SessionObject::allocate>("allocate"), InstanceMethod<&SessionObject::free>("free"),
       InstanceMethod<&SessionObject::load>("load"), InstanceMethod<&SessionObject::unload>("unload"),
       InstanceMethod<&SessionObject::run>("run"), InstanceMethod<&SessionObject::drain>("drain"),
       InstanceMethod<&SessionObject::cancel>("cancel"), InstanceMethod<&SessionObject::dispose>("dispose"),
       InstanceMethod<&SessionObject::stats>("stats")});
}

SessionObject::SessionObject(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<SessionObject>(info), environment_(Environment::shared(info.Env())) {
  guarded(info.Env(), [&] {
    std::string target;
    if (info[0].IsObject()) {
      const Napi::Value option = info[0].As<Napi::Object>().Get("target");
      if (option.IsString())
        target = option.As<Napi::String>().Utf8Value();
      else if (!option.IsUndefined())
        throw Napi::TypeError::New(info.Env(), "[anneal] option target must be a string");
    }
    session_ = std::make_unique<Session>(anneal::choose_target(target), Environment::notify, environment_.get());
    environment_->add(this);
  });
}

SessionObject::~SessionObject() {
  environment_->remove(this);
  if (session_) close();
}

// V8 frees arrays and tensors sooner when it knows what stands behind them.
void SessionObject::report_memory() {
  const size_t bytes = session_->stats().storage_bytes;
  Napi::MemoryManagement::AdjustExternalMemory(Env(), int64_t(bytes) - int64_t(reported_bytes_));
  reported_bytes_ = bytes;
}

void SessionObject::close() {
  session_->dispose();
  if (!environment_->closed()) report_memory();
}

Napi::Value SessionObject::allocate(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const double bytes = integer_argument(info, 0, "a storage's size", 0, 9007199254740991.0);
    const uint32_t id = session_->allocate(size_t(bytes));
    report_memory();
    return Napi::Number::New(info.Env(), id);
  });
}

void SessionObject::free(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    session_->free(id_argument(info, 0, "a storage id"));
    report_memory();
  });
}

Napi::Value SessionObject::load(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const TypedArray words = array_argument(info, 0, napi_uint32_array, "a program must be a Uint32Array");
    return Napi::Number::New(info.Env(), session_->load(static_cast<const uint32_t*>(words.data), words.length));
  });
}

void SessionObject::unload(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] { session_->unload(id_argument(info, 0, "a program id")); });
}

// run(program, storages, slots, repeat, inline, reported failure, ...external buffers)
Napi::Value SessionObject::run(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const TypedArray storages = array_argument(info, 1, napi_int32_array, "storages must be an Int32Array");
    const TypedArray slots = array_argument(info, 2, napi_uint8_array, "slots must be a Uint8Array");
    externals_.clear();
    for (size_t i = kFirstExternal; i < info.Length(); i++) externals_.push_back(external_of(env, info[i]));
    bool here = false;
    if (napi_get_value_bool(env, info[4], &here) != napi_ok)
      throw Napi::TypeError::New(env, "[anneal] inline must be a boolean");
    const anneal::RunRequest request = {
        id_argument(info, 0, "a program id"),
        static_cast<const int32_t*>(storages.data),
        storages.length,
        externals_.data(),
        externals_.size(),
        static_cast<const char*>(slots.data),
        slots.length,
        uint32_t(integer_argument(info, 3, "repeat", 1, 0x7FFFFFFF)),
        uint64_t(integer_argument(info, 5, "the last reported failure", 0, 9007199254740991.0))};
    if (!here || !session_->idle()) return enqueue(info, request);
    const Outcome outcome = session_->run_here(request);
    if (outcome.code != Code::none) throw run_error(env, outcome);
    return env.Undefined();
  });
}

Napi::Value SessionObject::enqueue(const Napi::CallbackInfo& info, const anneal::RunRequest& request) {
  const Napi::Env env = info.Env();
  if (environment_->closed()) throw make_error(env, Code::disposed, "[anneal] the environment is shutting down.");
  auto run = std::make_unique<PendingRun>(env);
  for (size_t i = kFirstExternal; i < info.Length(); i++)
    run->externals.push_back(Napi::Persistent(info[i].As<Napi::Object>()));
  const Napi::Promise promise = run->promise.Promise();
  environment_->begin_pending();
  try {
    session_->enqueue(request, std::move(run));
  } catch (...) {
    environment_->end_pending();
    throw;
  }
  Ref();  // the object lives while its runs do
  return promise;
}

void SessionObject::resolve() {
  const Napi::Env env = Env();
  for (auto& run : session_->take_finished()) {
    const Napi::HandleScope scope(env);
    auto& pending = static_cast<PendingRun&>(*run);
    try {
      if (pending.outcome.code == Code::none)
        pending.promise.Resolve(env.Undefined());
      else
        pending.promise.Reject(run_error(env, pending.outcome).Value());
      Unref();
    } catch (const Napi::Error&) {
      // A worker_thread that is being terminated runs no JavaScript any more: nobody waits for this promise.
    }
    environment_->end_pending();
  }
}

void SessionObject::drain(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] { session_->drain(); });
}

void SessionObject::cancel(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] { session_->cancel(); });
}

void SessionObject::dispose(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    close();
    resolve();
  });
}

Napi::Value SessionObject::stats(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const anneal::SessionStats stats = session_->stats();
    Napi::Object object = Napi::Object::New(info.Env());
    object["queued"] = Napi::Number::New(info.Env(), double(stats.queued));
    object["runs"] = Napi::Number::New(info.Env(), double(stats.runs));
    object["storageBytes"] = Napi::Number::New(info.Env(), double(stats.storage_bytes));
    object["arenaBytes"] = Napi::Number::New(info.Env(), double(stats.arena_bytes));
    object["programs"] = Napi::Number::New(info.Env(), double(stats.programs));
    return object;
  });
}

// ---- functions of the module -------------------------------------------------------------------------------------

Napi::Value rows(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Array list = Napi::Array::New(env);
  for (uint32_t i = 0; i < anneal::kRows; i++) {
    const anneal::RowInfo& row = anneal::kRowInfo[i];
    Napi::Object entry = Napi::Object::New(env);
    entry["name"] = Napi::String::New(env, row.name);
    entry["outputs"] = Napi::Number::New(env, row.outputs);
    entry["inputs"] = Napi::Number::New(env, row.inputs);
    entry["attrs"] = Napi::Number::New(env, row.attrs);
    entry["flags"] = Napi::Number::New(env, row.flags);
    list[i] = entry;
  }
  return list;
}

Napi::Value pointwise(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Array list = Napi::Array::New(env);
  for (uint32_t i = 0; i < anneal::kPointwiseRows; i++) {
    const anneal::PointwiseInfo& op = anneal::kPointwiseInfo[i];
    Napi::Object entry = Napi::Object::New(env);
    entry["name"] = Napi::String::New(env, op.name);
    entry["arity"] = Napi::Number::New(env, op.arity);
    entry["in"] = Napi::String::New(env, std::string(1, op.in));
    entry["out"] = Napi::String::New(env, std::string(1, op.out));
    list[i] = entry;
  }
  return list;
}

Napi::Value updates(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Array list = Napi::Array::New(env);
  for (uint32_t i = 0; i < anneal::kUpdateRules; i++) {
    const anneal::UpdateInfo& rule = anneal::kUpdateInfo[i];
    Napi::Object entry = Napi::Object::New(env);
    entry["name"] = Napi::String::New(env, rule.name);
    entry["states"] = Napi::Number::New(env, rule.states);
    entry["hypers"] = Napi::Number::New(env, rule.hypers);
    entry["flags"] = Napi::Number::New(env, rule.flags);
    list[i] = entry;
  }
  return list;
}

Napi::Value info(const Napi::CallbackInfo& call) {
  const Napi::Env env = call.Env();
  return guarded(env, [&] {
    const anneal::KernelTable& target = anneal::choose_target();
    double arena = 0, storage = 0;
    for (SessionObject* session : Environment::of(env).sessions()) {
      arena += double(session->session().stats().arena_bytes);
      storage += double(session->session().stats().storage_bytes);
    }
    Napi::Array targets = Napi::Array::New(env);
    for (const anneal::KernelTable* t : anneal::available_targets())
      targets[targets.Length()] = Napi::String::New(env, t->name);
    Napi::Object object = Napi::Object::New(env);
    object["version"] = Napi::String::New(env, ANNEAL_VERSION);
    object["target"] = Napi::String::New(env, target.name);
    object["targets"] = targets;
    object["lanes"] = Napi::Number::New(env, target.lanes);
    object["threads"] = Napi::Number::New(env, anneal::ThreadPool::instance().threads());
    object["compiler"] = Napi::String::New(env, __VERSION__);
    object["cpu"] = Napi::String::New(env, anneal::cpu_name());
    object["arenaBytes"] = Napi::Number::New(env, arena);
    object["storageBytes"] = Napi::Number::New(env, storage);
    return object;
  });
}

void set_threads(const Napi::CallbackInfo& info) {
  const double n = integer_argument(info, 0, "the number of threads", 1, 0x7FFFFFFF);
  anneal::ThreadPool::instance().set_threads(int(std::min(n, double(anneal::kMaxThreads))));
}

// memory(bytes): a buffer of zeros, in huge pages where it is large. Its first use takes a fault for each page, which
// for a data set in small ones is most of what it costs to copy it.
Napi::Value memory(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&] {
    const size_t bytes = size_t(integer_argument(info, 0, "a buffer's size", 0, 9007199254740991.0));
    auto memory = std::make_unique<anneal::Memory>(bytes);
    const napi_finalize release = [](napi_env, void*, void* owned) { delete static_cast<anneal::Memory*>(owned); };
    napi_value buffer;
    if (napi_create_external_arraybuffer(env, memory->data(), bytes, release, memory.get(), &buffer) == napi_ok)
      memory.release();
    else  // there are runtimes that have all buffers in a heap of their own
      return Napi::Value(Napi::ArrayBuffer::New(env, bytes));
    return Napi::Value(env, buffer);
  });
}

// permutation(rows, key): fills an Int32Array. The key is that of random: seed, stream (two words each), counter.
void permutation(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    const TypedArray rows = array_argument(info, 0, napi_int32_array, "rows must be an Int32Array");
    const TypedArray key = array_argument(info, 1, napi_uint32_array, "a key must be a Uint32Array");
    if (key.length != 5 || rows.length > 0x7FFFFFFF)
      throw Napi::TypeError::New(info.Env(), "[anneal] a key has 5 words, and a permutation less than 2^31 rows");
    const auto* words = static_cast<const uint32_t*>(key.data);
    anneal::permute(static_cast<int32_t*>(rows.data), rows.length,
                    {{words[0], words[1]}, {words[2], words[3]}, words[4]});
  });
}

// The pool's threads outlive every environment, so the code that they run must stay: a worker_thread that was the only
// one to load this would unload it at its end.
void stay_loaded() {
#ifdef _WIN32
  HMODULE self;
  GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                     reinterpret_cast<LPCWSTR>(&stay_loaded), &self);
#else
  Dl_info self;
  if (dladdr(reinterpret_cast<void*>(&stay_loaded), &self))
    dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
#endif
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  stay_loaded();
  env.SetInstanceData(new std::shared_ptr<Environment>(std::make_shared<Environment>(env)));
  exports["rows"] = Napi::Function::New<rows>(env, "rows");
  exports["pointwise"] = Napi::Function::New<pointwise>(env, "pointwise");
  exports["updates"] = Napi::Function::New<updates>(env, "updates");
  exports["info"] = Napi::Function::New<info>(env, "info");
  exports["setThreads"] = Napi::Function::New<set_threads>(env, "setThreads");
  exports["memory"] = Napi::Function::New<memory>(env, "memory");
  exports["permutation"] = Napi::Function::New<permutation>(env, "permutation");
  exports["Session"] = SessionObject::define(env);
  return exports;
}

}  // namespace

NODE_API_MODULE(anneal, init)
