// The rules of updates: rules.def as a table.
#pragma once
#include <cstdint>

namespace anneal {

// Number of names in a list of rules.def.
constexpr int names_in(const char* list) {
  int names = *list ? 1 : 0;
  for (; *list; list++) names += *list == ' ';
  return names;
}

struct UpdateInfo {
  const char *name, *state_names, *hyper_names, *flag_names;  // see rules.def
  int states, hypers, flags;
};

constexpr UpdateInfo kUpdateInfo[] = {
#define ANNEAL_UPDATE(name, states, hypers, flags) \
  {#name, states, hypers, flags, names_in(states), names_in(hypers), names_in(flags)},
#include "rules.def"
#undef ANNEAL_UPDATE
};
constexpr uint32_t kUpdateRules = sizeof kUpdateInfo / sizeof kUpdateInfo[0];

}  // namespace anneal
