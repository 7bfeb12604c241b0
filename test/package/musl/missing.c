// What GNU's C++ library, as Debian has it, expects of glibc and musl does not have.
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

char __libc_single_threaded = 0;

unsigned arc4random(void) {
  unsigned value;
  getrandom(&value, sizeof value, 0);
  return value;
}

// Not found: the unwinder goes on to dl_iterate_phdr().
int _dl_find_object(void* address, void* result) { return -1; }

// Of a newer version of that library.
void _ZSt21__glibcxx_assert_failPKciS0_S0_(const char* file, int line, const char* function, const char* condition) {
  fprintf(stderr, "%s:%d: %s: %s\n", file, line, function, condition);
  abort();
}
