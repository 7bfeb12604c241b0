// Scratch that is shared out among those who need some.
#pragma once
#include "walk.h"

namespace anneal::ANNEAL_TARGET {

// A walk through memory that is being shared out: bytes alone where there is none yet.
struct Carve {
  char* base;
  int64_t bytes = 0;
  template <class T>
  T* take(int64_t count) {
    T* at = base ? (T*)(base + bytes) : nullptr;
    bytes += divide_up(count * (int64_t)sizeof(T), 64) * 64;
    return at;
  }
};

}  // namespace anneal::ANNEAL_TARGET
