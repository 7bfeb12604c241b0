// The taps of an axis as a table, by rows of what is written: forward a row for each element of y, of the gradient the
// transpose, a row for each element of x with the elements of y that read it, in their order.
#pragma once
#include "../walk.h"
#include "taps.h"

namespace anneal::ANNEAL_TARGET {

struct TapTable {
  int64_t read, written;
  int32_t *start, *index;  // taps of row i: [start[i], start[i + 1])
  float* weight;
  int taps;    // of each row; 0: of some more than of others
  bool plain;  // each row is one element as it is
};

ANNEAL_INLINE int64_t taps_in_all(const ResampleAxis& a) { return a.m * taps_of(a); }

static size_t table_bytes(const ResampleAxis& a, bool gradient) {
  return (size_t)((gradient ? a.n : a.m) + 1 + 2 * taps_in_all(a)) * 4;
}

static void fill_rows(const ResampleAxis& a, const TapTable& table) {
  const int count = taps_of(a);
  for (int64_t i = 0; i < a.m; i++) {
    const ResampleTaps taps = taps_at(a, i);
    table.start[i] = (int32_t)(i * count);
    for (int t = 0; t < count; t++) {
      table.index[i * count + t] = (int32_t)taps.index[t];
      table.weight[i * count + t] = taps.weight[t];
    }
  }
  table.start[a.m] = (int32_t)(a.m * count);
}

static void fill_transposed(const ResampleAxis& a, const TapTable& table) {
  const int count = taps_of(a);
  for (int64_t i = 0; i <= a.n; i++) table.start[i] = 0;
  for (int64_t i = 0; i < a.m; i++) {
    const ResampleTaps taps = taps_at(a, i);
    for (int t = 0; t < count; t++) table.start[taps.index[t]]++;
  }
  int32_t sum = 0;
  for (int64_t i = 0; i <= a.n; i++) table.start[i] = sum += table.start[i];
  // Each start is the end of its row so far, and moves to the front as the row is filled from its end.
  for (int64_t i = a.m - 1; i >= 0; i--) {
    const ResampleTaps taps = taps_at(a, i);
    for (int t = count - 1; t >= 0; t--) {
      const int32_t at = --table.start[taps.index[t]];
      table.index[at] = (int32_t)i;
      table.weight[at] = taps.weight[t];
    }
  }
}

static TapTable tap_table(const ResampleAxis& a, bool gradient, char* memory) {
  TapTable table = {gradient ? a.m : a.n, gradient ? a.n : a.m, (int32_t*)memory, nullptr, nullptr, 0, false};
  table.index = table.start + table.written + 1;
  table.weight = (float*)(table.index + taps_in_all(a));
  if (gradient)
    fill_transposed(a, table);
  else
    fill_rows(a, table);
  table.taps = taps_of(a);
  for (int64_t i = 0; i < table.written; i++)
    if (table.start[i + 1] - table.start[i] != table.taps) table.taps = 0;
  table.plain = table.taps == 1;
  for (int64_t i = 0; table.plain && i < table.written; i++) table.plain = table.weight[i] == 1;
  return table;
}

}  // namespace anneal::ANNEAL_TARGET
