// The numbers of codes.def as constants: anneal::<table>::<name>.
#pragma once
#include <cstdint>

namespace anneal {

#define ANNEAL_CODE(table, name, number) \
  namespace table {                      \
  constexpr uint32_t name = number;      \
  }
#define ANNEAL_DTYPE(...)
#include "codes.def"
#undef ANNEAL_DTYPE
#undef ANNEAL_CODE

}  // namespace anneal
