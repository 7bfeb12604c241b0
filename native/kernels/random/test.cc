// random against its reference and the published vectors of Philox.
#include "test/kernel_case.h"

namespace {
using namespace harness;

Tensor list(DType dtype, const std::vector<double>& x) {
  return Tensor(dtype, {int64_t(x.size())}).fill([&](int64_t i) { return x[size_t(i)]; });
}

KernelCase random_case(uint32_t distribution, int64_t n, double p0, double p1,
                       const std::vector<double>& key = {12345, -678, 9, 10, 11}) {
  KernelCase c = {row_random,
                  "random " + std::to_string(distribution) + " of " + std::to_string(n),
                  {list(DType::i32, key), list(DType::f32, {p0, p1})},
                  {Tensor(DType::f32, {n})},
                  {distribution}};
  c.reference_in_float = true;
  return c;
}

TEST_CASE("random: uniform and bernoulli exactly, normal closely, at every size") {
  for (int64_t n : {0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 1001, 16384, 16390, 100003}) {
    check(random_case(0, n, 0, 1));
    KernelCase range = random_case(0, n, -0.3, 0.7);
    range.tolerance = {1.2e-7, 6e-8};
    check(range);
    check(random_case(2, n, 0.8, 1.25));
    check(random_case(2, n, 0, 1));
    check(random_case(2, n, 1, 1));
    KernelCase normal = random_case(1, n, 0.5, 2);
    normal.tolerance = {5e-7, 2e-6};
    check(normal);
  }
}

TEST_CASE("random: moments of a million") {
  constexpr int64_t n = 1 << 20;
  for (uint32_t distribution : {0u, 1u}) {
    const Tensor x = random_case(distribution, n, 0, 1).run(*targets()[0].table, 1)[0];
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) sum += x.at(i), squares += x.at(i) * x.at(i);
    const double mean = sum / n, var = squares / n - mean * mean;
    CHECK(std::fabs(mean - (distribution ? 0 : 0.5)) < 0.004);
    CHECK(std::fabs(var - (distribution ? 1 : 1.0 / 12)) < 0.006);
  }
}

// Random123's kat_vectors for philox4x32-10 whose first counter word, here the index of a block, is within reach: 0.
TEST_CASE("random: Philox gives the published words") {
  const uint32_t want[4] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
  std::vector<const KernelTable*> tables = {&reference_table};
  for (const Target& t : targets()) tables.push_back(t.table);
  for (const KernelTable* table : tables) {
    const Tensor x = random_case(0, 4, 0, 1, {0, 0, 0, 0, 0}).run(*table, 1)[0];
    for (int64_t i = 0; i < 4; i++) CHECK(x.at(i) == double(want[i] >> 8) / (1 << 24));
  }
}

}  // namespace
