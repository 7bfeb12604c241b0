// The positions of indices in the order of the rows that they name, equal ones in their own: a radix sort, from the
// lowest digit, of stable counting sorts. Whoever sums by it sums in the order of the indices.
#pragma once
#include "../carve.h"

namespace anneal::ANNEAL_TARGET {

constexpr int kDigitBits = 8;

struct SortedRows {
  const int32_t *rows, *positions;  // [count]
  int64_t count;
};

// Scratch of a sort of K indices.
struct SortScratch {
  int32_t *rows[2], *positions[2];
  int32_t* ends;  // of each digit's run

  SortScratch(Carve& carve, int64_t K) {
    for (int i = 0; i < 2; i++) rows[i] = carve.take<int32_t>(K), positions[i] = carve.take<int32_t>(K);
    ends = carve.take<int32_t>(1 << kDigitBits);
  }
};

// One pass of n rows with their positions from a to b.
static void sort_by_digit(const SortScratch& s, int a, int b, int shift, int64_t n) {
  constexpr uint32_t kMask = (1u << kDigitBits) - 1;
  __builtin_memset(s.ends, 0, sizeof(int32_t) << kDigitBits);
  for (int64_t k = 0; k < n; k++) s.ends[(uint32_t)s.rows[a][k] >> shift & kMask]++;
  int32_t before = 0;
  for (uint32_t digit = 0; digit <= kMask; digit++) {
    const int32_t own = s.ends[digit];
    s.ends[digit] = before;
    before += own;
  }
  for (int64_t k = 0; k < n; k++) {
    const int32_t to = s.ends[(uint32_t)s.rows[a][k] >> shift & kMask]++;
    s.rows[b][to] = s.rows[a][k];
    s.positions[b][to] = s.positions[a][k];
  }
}

// Sorts those of K indices of a table of `size` rows that `keeps` says yes to.
template <class Keeps>
static SortedRows sort_rows(const SortScratch& s, const int32_t* indices, int64_t K, int64_t size, Keeps keeps) {
  int64_t n = 0;
  bool sorted = true;
  for (int64_t k = 0; k < K; k++) {
    if (!keeps(k)) continue;
    sorted &= n == 0 || s.rows[0][n - 1] <= indices[k];
    s.rows[0][n] = indices[k];
    s.positions[0][n++] = (int32_t)k;
  }
  int at = 0;
  for (int shift = 0; !sorted && shift < 31 && (size - 1) >> shift > 0; shift += kDigitBits, at = 1 - at)
    sort_by_digit(s, at, 1 - at, shift, n);
  return {s.rows[at], s.positions[at], n};
}

// The first of the sorted rows that is not below `row`.
static int64_t first_of(const SortedRows& sorted, int64_t row) {
  int64_t low = 0, high = sorted.count;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (sorted.rows[middle] < row)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

}  // namespace anneal::ANNEAL_TARGET
