// The addon's functions. The files of this folder are the only ones that know Node-API.
#include <napi.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "../cpu.h"
#include "../kernels/pointwise/opcodes.h"
#include "../kernels/update/rules_info.h"
#include "../permutation.h"
#include "../thread_pool.h"
#include "arguments.h"
#include "session_object.h"

#ifdef _WIN32
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace anneal::addon {

namespace {

Napi::Value rows(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Array list = Napi::Array::New(env);
  for (uint32_t i = 0; i < kRows; i++) {
    Napi::Object entry = Napi::Object::New(env);
    entry["name"] = Napi::String::New(env, kRowInfo[i].name);
    entry["inPlace"] = Napi::Boolean::New(env, (kRowInfo[i].flags & kInplace) != 0);
    list[i] = entry;
  }
  return list;
}

Napi::Value pointwise(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Array list = Napi::Array::New(env);
  for (uint32_t i = 0; i < kPointwiseRows; i++) {
    Napi::Object entry = Napi::Object::New(env);
    entry["name"] = Napi::String::New(env, kPointwiseInfo[i].name);
    list[i] = entry;
  }
  return list;
}

Napi::Value updates(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Array list = Napi::Array::New(env);
  for (uint32_t i = 0; i < kUpdateRules; i++) {
    const UpdateInfo& rule = kUpdateInfo[i];
    Napi::Object entry = Napi::Object::New(env);
    entry["name"] = Napi::String::New(env, rule.name);
    entry["states"] = Napi::String::New(env, rule.state_names);
    entry["hypers"] = Napi::String::New(env, rule.hyper_names);
    entry["flags"] = Napi::String::New(env, rule.flag_names);
    list[i] = entry;
  }
  return list;
}

// codes(): the numbers of codes.def, by table and name.
Napi::Value codes(const Napi::CallbackInfo& info) {
  struct Entry {
    const char *table, *name;
    uint32_t number;
  };
  static constexpr Entry kEntries[] = {
#define ANNEAL_CODE(table, name, number) {#table, #name, number},
#define ANNEAL_DTYPE(id, name, number, bytes) {"dtypes", #name, number},
#include "../codes.def"
#undef ANNEAL_DTYPE
#undef ANNEAL_CODE
  };
  const Napi::Env env = info.Env();
  Napi::Object tables = Napi::Object::New(env);
  for (const Entry& entry : kEntries) {
    if (!tables.Has(entry.table)) tables[entry.table] = Napi::Object::New(env);
    tables.Get(entry.table).As<Napi::Object>()[entry.name] = Napi::Number::New(env, entry.number);
  }
  return tables;
}

Napi::Value info(const Napi::CallbackInfo& call) {
  const Napi::Env env = call.Env();
  return guarded(env, [&] {
    const KernelTable& target = choose_target();
    Napi::Array targets = Napi::Array::New(env);
    for (const KernelTable* t : available_targets()) targets[targets.Length()] = Napi::String::New(env, t->name);
    Napi::Object object = Napi::Object::New(env);
    object["version"] = Napi::String::New(env, ANNEAL_VERSION);
    object["target"] = Napi::String::New(env, target.name);
    object["targets"] = targets;
    object["lanes"] = Napi::Number::New(env, target.lanes);
    object["threads"] = Napi::Number::New(env, ThreadPool::instance().threads());
    object["compiler"] = Napi::String::New(env, __VERSION__);
    object["cpu"] = Napi::String::New(env, cpu_name());
    return object;
  });
}

void set_threads(const Napi::CallbackInfo& info) {
  const double n = integer_argument(info, 0, "the number of threads", 1, 0x7FFFFFFF);
  ThreadPool::instance().set_threads(int(std::min(n, double(kMaxThreads))));
}

// memory(bytes): a buffer of zeros, in huge pages where it is large. Its first use takes a fault for each page, which
// for a data set in small ones is most of what it costs to copy it.
Napi::Value memory(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&] {
    const size_t bytes = size_t(integer_argument(info, 0, "a buffer's size", 0, 9007199254740991.0));
    auto memory = std::make_unique<Memory>(bytes, MemoryKind::data);
    const napi_finalize release = [](napi_env, void*, void* owned) { delete static_cast<Memory*>(owned); };
    napi_value buffer;
    if (napi_create_external_arraybuffer(env, memory->data(), bytes, release, memory.get(), &buffer) == napi_ok)
      memory.release();
    else  // there are runtimes that have all buffers in a heap of their own
      return Napi::Value(Napi::ArrayBuffer::New(env, bytes));
    return Napi::Value(env, buffer);
  });
}

// memoryUse(): bytes by kind, in all, the most there were, and the limit.
Napi::Value memory_use(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&] {
    const MemoryUse use = MemoryBudget::use();
    const uint64_t limit = MemoryBudget::limit();
    Napi::Object object = Napi::Object::New(env);
    for (uint32_t kind = 0; kind < kMemoryKinds; kind++)
      object[kMemoryKindNames[kind]] = Napi::Number::New(env, double(use.by_kind[kind]));
    object["total"] = Napi::Number::New(env, double(use.total));
    object["peak"] = Napi::Number::New(env, double(use.peak));
    object["limit"] = Napi::Number::New(env, limit == kNoLimit ? INFINITY : double(limit));
    return object;
  });
}

// setMemoryLimit(bytes): 0 for what the system leaves.
void set_memory_limit(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    MemoryBudget::set_limit(uint64_t(integer_argument(info, 0, "a limit of memory", 0, 9007199254740991.0)));
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
    permute(static_cast<int32_t*>(rows.data), rows.length, {{words[0], words[1]}, {words[2], words[3]}, words[4]});
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

}  // namespace

static Napi::Object init_module(Napi::Env env, Napi::Object exports) {
  stay_loaded();
  env.SetInstanceData(new std::shared_ptr<Environment>(std::make_shared<Environment>(env)));
  exports["rows"] = Napi::Function::New<rows>(env, "rows");
  exports["pointwise"] = Napi::Function::New<pointwise>(env, "pointwise");
  exports["updates"] = Napi::Function::New<updates>(env, "updates");
  exports["codes"] = Napi::Function::New<codes>(env, "codes");
  exports["info"] = Napi::Function::New<info>(env, "info");
  exports["setThreads"] = Napi::Function::New<set_threads>(env, "setThreads");
  exports["memory"] = Napi::Function::New<memory>(env, "memory");
  exports["memoryUse"] = Napi::Function::New<memory_use>(env, "memoryUse");
  exports["setMemoryLimit"] = Napi::Function::New<set_memory_limit>(env, "setMemoryLimit");
  exports["permutation"] = Napi::Function::New<permutation>(env, "permutation");
  exports["Session"] = SessionObject::define(env);
  return exports;
}

}  // namespace anneal::addon

using anneal::addon::init_module;
NODE_API_MODULE(anneal, init_module)
