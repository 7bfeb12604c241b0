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

// The greatest number of taps that an element of y has.
static int64_t most_taps(const ResampleAxis& a) {
  if (!is_antialias(a)) return taps_of(a);
  const int64_t most = (int64_t)(2 * filter_support(a)) + 2;
  return most < a.n ? most : a.n;
}

// At most.
ANNEAL_INLINE int64_t taps_in_all(const ResampleAxis& a) { return a.m * most_taps(a); }

static size_t table_bytes(const ResampleAxis& a, bool gradient) {
  return (size_t)((gradient ? a.n : a.m) + 1 + 2 * taps_in_all(a)) * 4;
}

static void fill_rows(const ResampleAxis& a, const TapTable& table) {
  int32_t count = 0;
  for (int64_t i = 0; i < a.m; i++) {
    table.start[i] = count;
    each_tap(a, i, [&](int64_t index, float weight) {
      table.index[count] = (int32_t)index;
      table.weight[count++] = weight;
    });
  }
  table.start[a.m] = count;
}

static void fill_transposed(const ResampleAxis& a, const TapTable& table) {
  for (int64_t i = 0; i <= a.n; i++) table.start[i] = 0;
  for (int64_t i = 0; i < a.m; i++) each_tap(a, i, [&](int64_t index, float) { table.start[index + 1]++; });
  for (int64_t i = 0; i < a.n; i++) table.start[i + 1] += table.start[i];
  // Each start moves to the end of its row as that is filled, and back.
  for (int64_t i = 0; i < a.m; i++)
    each_tap(a, i, [&](int64_t index, float weight) {
      const int32_t at = table.start[index]++;
      table.index[at] = (int32_t)i;
      table.weight[at] = weight;
    });
  for (int64_t i = a.n; i > 0; i--) table.start[i] = table.start[i - 1];
  table.start[0] = 0;
}

static TapTable tap_table(const ResampleAxis& a, bool gradient, char* memory) {
  TapTable table = {gradient ? a.m : a.n, gradient ? a.n : a.m, (int32_t*)memory, nullptr, nullptr, 0, false};
  table.index = table.start + table.written + 1;
  table.weight = (float*)(table.index + taps_in_all(a));
  if (gradient)
    fill_transposed(a, table);
  else
    fill_rows(a, table);
  table.taps = table.written > 0 ? table.start[1] : 0;
  for (int64_t i = 0; i < table.written; i++)
    if (table.start[i + 1] - table.start[i] != table.taps) table.taps = 0;
  table.plain = table.taps == 1;
  for (int64_t i = 0; table.plain && i < table.written; i++) table.plain = table.weight[i] == 1;
  return table;
}

}  // namespace anneal::ANNEAL_TARGET
