// The rules of updates: rules.def as a table.
#pragma once
#include <cstdint>

namespace anneal {

struct UpdateInfo {
  const char* name;
  int states, hypers, flags;  // arrays beside a parameter, hyper-parameters, flag bits: see rules.def
};

constexpr UpdateInfo kUpdateInfo[] = {
#define ANNEAL_UPDATE(name, states, hypers, flags) {#name, states, hypers, flags},
#include "rules.def"
#undef ANNEAL_UPDATE
};
constexpr uint32_t kUpdateRules = sizeof kUpdateInfo / sizeof kUpdateInfo[0];

}  // namespace anneal
