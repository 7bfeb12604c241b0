// The layout of a call of update, and of update_rows.
#pragma once
#include "../../kernel_table.h"

namespace anneal {

// Operands (hyper, steps, scales, limit, average) and attributes (rule, flags) before those of the first
// parameter, and what the flags hold beside the rule's own.
constexpr int kUpdateHeader = 5, kUpdateAttrs = 2;
constexpr uint32_t kAverages = update_flags::averages, kWritesAverageBack = update_flags::writes_average_back;

// Of update_rows: (hyper, steps, scale, limit, rows) before the table.
constexpr int kRowUpdateHeader = 5;

// The input that an output of a sound call overwrites: the same tensor.
inline int32_t updated_input(uint32_t row, const Call& call, int32_t output) {
  if (row == row_update_rows) return kRowUpdateHeader + output + (output > 0 ? 1 : 0);
  const int32_t parameters = call.attrs - kUpdateAttrs, each = call.outputs / parameters;
  const int32_t t = output / each, k = output % each;
  return kUpdateHeader + t * (each + 1) + (k == 0 ? 0 : k + 1);
}

}  // namespace anneal
