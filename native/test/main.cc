// The runner of all native tests. The test files beside this one register themselves.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include "../sanitizers.h"

#ifdef ANNEAL_ASAN
// A test asks for more memory than there is: that must come back as an error, here too.
// Visible, because GCC's runtime is a library of its own that looks for it.
extern "C" __attribute__((visibility("default"))) const char* __asan_default_options();
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }
#endif
