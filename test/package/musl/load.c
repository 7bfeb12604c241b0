// Loads an addon as Node.js does, all symbols at once, and looks for its entry. generated.h has a stub for each function of Node-API.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "generated.h"

int main(int count, char** arguments) {
  void* addon = dlopen(arguments[1], RTLD_NOW);
  if (!addon || !dlsym(addon, "napi_register_module_v1")) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  puts("loaded");
  return 0;
}
