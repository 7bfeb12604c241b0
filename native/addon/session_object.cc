#include "session_object.h"

#include "../cpu.h"
#include "arguments.h"

namespace anneal::addon {

namespace {

constexpr size_t kFirstExternal = 6;  // of the arguments of run()

}  // namespace

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
    session_ = std::make_unique<Session>(choose_target(target), Environment::notify, environment_.get());
    environment_->add(this);
  });
}

SessionObject::~SessionObject() {
  environment_->remove(this);
  if (session_) close();
}

// V8 frees arrays and tensors sooner when it knows what stands behind them.
void SessionObject::report_memory() {
  const SessionStats stats = session_->stats();
  // A session that is disposed of has what goes with it.
  const size_t bytes = session_->disposed() ? 0 : stats.storage_bytes + stats.temporary_bytes;
  if (bytes == reported_bytes_) return;
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
    bool saved = false;
    if (napi_get_value_bool(info.Env(), info[1], &saved) != napi_ok)
      throw Napi::TypeError::New(info.Env(), "[anneal] saved must be a boolean");
    const uint32_t id = session_->allocate(size_t(bytes), saved ? MemoryKind::saved : MemoryKind::weights);
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

// run(program, storages, slots, repeat, here, reported failure, ...external buffers): a promise, or undefined for a run
// that was made here and is over. Who asks for that knows that nothing is queued.
Napi::Value SessionObject::run(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const TypedArray storages = array_argument(info, 1, napi_int32_array, "storages must be an Int32Array");
    const TypedArray slots = array_argument(info, 2, napi_uint8_array, "slots must be a Uint8Array");
    externals_.clear();
    for (size_t i = kFirstExternal; i < info.Length(); i++) externals_.push_back(external_of(env, info[i]));
    bool here = false;
    if (napi_get_value_bool(env, info[4], &here) != napi_ok)
      throw Napi::TypeError::New(env, "[anneal] here must be a boolean");
    const RunRequest request = {
        id_argument(info, 0, "a program id"),
        static_cast<const int32_t*>(storages.data),
        storages.length,
        externals_.data(),
        externals_.size(),
        static_cast<const char*>(slots.data),
        slots.length,
        uint32_t(integer_argument(info, 3, "repeat", 1, 0x7FFFFFFF)),
        uint64_t(integer_argument(info, 5, "the last reported failure", 0, 9007199254740991.0))};
    if (!here) return enqueue(info, request);
    if (!session_->idle())
      throw make_error(env, Code::internal, "[anneal] a run was to be made here while others wait.");
    const Outcome outcome = session_->run_here(request);
    report_memory();
    if (outcome.code != Code::none) throw run_error(env, outcome);
    return env.Undefined();
  });
}

Napi::Value SessionObject::enqueue(const Napi::CallbackInfo& info, const RunRequest& request) {
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
  report_memory();
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
    const SessionStats stats = session_->stats();
    Napi::Object object = Napi::Object::New(info.Env());
    object["queued"] = Napi::Number::New(info.Env(), double(stats.queued));
    object["runs"] = Napi::Number::New(info.Env(), double(stats.runs));
    object["storageBytes"] = Napi::Number::New(info.Env(), double(stats.storage_bytes));
    object["temporaryBytes"] = Napi::Number::New(info.Env(), double(stats.temporary_bytes));
    // V8's own figure, which process.memoryUsage() does not have.
    object["toldBytes"] =
        Napi::Number::New(info.Env(), double(Napi::MemoryManagement::AdjustExternalMemory(info.Env(), 0)));
    object["programs"] = Napi::Number::New(info.Env(), double(stats.programs));
    return object;
  });
}

}  // namespace anneal::addon
