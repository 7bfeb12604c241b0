// The JavaScript class Session, and the state of one environment: the main thread's, or a worker's.
#pragma once
#include <napi.h>

#include <memory>
#include <vector>

#include "../session.h"

namespace anneal::addon {

class SessionObject;

struct PendingRun : Run {
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
  Napi::Value enqueue(const Napi::CallbackInfo& info, const RunRequest& request);
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

}  // namespace anneal::addon
