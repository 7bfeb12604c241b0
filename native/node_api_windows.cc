// Finds the functions of Node-API in the running program when Windows loads the addon. An import library would look for
// them in node.exe by that name: Electron, Bun, Deno and a node.exe that was renamed have them elsewhere.
#include <windows.h>

#include <cstdio>
#include <initializer_list>

namespace anneal {

// A function that the header declares as imported is called through a pointer of the name __imp_<function>, here the
// address.
struct ImportedFunction {
  FARPROC address;
  const char* name;
};

}  // namespace anneal

// Parts of a section lie in the order of their names, so that all functions are an array between first and last. Each
// is a part of its own, which the linker leaves out where nothing calls the function.
extern "C" {
[[gnu::section(".napi$a")]] anneal::ImportedFunction anneal_first_function = {};
[[gnu::section(".napi$c")]] anneal::ImportedFunction anneal_last_function = {};
#define ANNEAL_FUNCTION(name)                                                                                    \
  [[gnu::section(".napi$b"), gnu::selectany]] anneal::ImportedFunction anneal_##name __asm__("__imp_" #name) = { \
      nullptr, #name};
#include "node_api_functions.inc"
#undef ANNEAL_FUNCTION
}

namespace {

FARPROC find(const char* name) {
  for (HMODULE module : {GetModuleHandleW(nullptr), GetModuleHandleW(L"libnode.dll")})
    if (FARPROC address = module ? GetProcAddress(module, name) : nullptr) return address;
  return nullptr;
}

bool find_all() {
  for (anneal::ImportedFunction* f = &anneal_first_function + 1; f < &anneal_last_function; f++) {
    f->address = find(f->name);
    if (!f->address) {
      // Whoever loads this is told only that a routine failed.
      std::fprintf(stderr, "[anneal] this program lacks %s, a function of Node-API that anneal.node needs.\n", f->name);
      return false;
    }
  }
  return true;
}

}  // namespace

extern "C" BOOL WINAPI DllMain(HINSTANCE, DWORD reason, void*) { return reason != DLL_PROCESS_ATTACH || find_all(); }
