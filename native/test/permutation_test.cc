// The order of an epoch: the same numbers as test/data/order.test.ts, under every compiler.
#include "permutation.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

using namespace anneal;

constexpr RandomStream kFirstEpoch = {{1, 0}, {0x6c6f6164, 0x73687566}, 0};

TEST_CASE("a permutation is fixed by its stream") {
  std::vector<int32_t> rows(10);
  permute(rows.data(), rows.size(), kFirstEpoch);
  CHECK(rows == std::vector<int32_t>{7, 6, 2, 5, 0, 1, 8, 9, 3, 4});
}

TEST_CASE("a permutation has every row once") {
  for (size_t size : {size_t{0}, size_t{1}, size_t{2}, size_t{1000}}) {
    std::vector<int32_t> rows(size, -1);
    permute(rows.data(), size, kFirstEpoch);
    std::sort(rows.begin(), rows.end());
    for (size_t i = 0; i < size; i++) CHECK(rows[i] == int32_t(i));
  }
}
