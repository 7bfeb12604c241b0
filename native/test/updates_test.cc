// sgd and adam against their references, random against its reference and the published vectors of Philox.
#include "kernel_case.h"

namespace {
using namespace harness;
using Dims = std::vector<int64_t>;

Tensor values(int64_t n, uint64_t seed, double scale, double shift = 0) {
  Numbers numbers(seed);
  return Tensor(DType::f32, {n}).fill([&](int64_t) { return shift + double(numbers.uniform()) * scale; });
}

Tensor list(DType dtype, const std::vector<double>& x) {
  return Tensor(dtype, {int64_t(x.size())}).fill([&](int64_t i) { return x[size_t(i)]; });
}

Tensor step_of(int32_t step) {
  return Tensor(DType::i32, {}).fill([&](int64_t) { return double(step); });
}

const int64_t kSizes[] = {0, 1, 3, 4, 5, 8, 15, 16, 17, 33, 1000, 16384, 16385, 100003};

TEST_CASE("sgd: plain, momentum, nesterov, dampening, weight decay, maximize") {
  struct Hyper {
    double lr, momentum, dampening, decay;
    uint32_t flags;
    bool buffer;
  };
  for (const Hyper& h : std::vector<Hyper>{{0.1, 0, 0, 0, 0, false},
                                           {0.1, 0, 0, 0.01, 2, false},
                                           {0.05, 0.9, 0, 0, 0, true},
                                           {0.05, 0.9, 0.3, 0.001, 0, true},
                                           {0.05, 0.9, 0, 0.001, 1, true},
                                           {0.05, 0.9, 0, 0, 3, true}})
    for (int64_t n : kSizes)
      for (int32_t step : {1, 2}) {
        KernelCase c = {row_sgd,
                        "sgd of " + std::to_string(n),
                        {values(n, 1, 2), values(n, 2, 0.3), values(n, 3, 0.1),
                         list(DType::f64, {h.lr, h.momentum, h.dampening, h.decay}), step_of(step)},
                        {Tensor(DType::f32, {n}), Tensor(DType::f32, {n})},
                        {h.flags},
                        {{0, 0}, {1, 2}}};
        if (!h.buffer) c.in[2] = Tensor(), c.out.pop_back(), c.aliases.pop_back();
        c.tolerance = {1.2e-7, 3e-8};
        check(c);
      }
}

TEST_CASE("adam: plain, weight decay both ways, maximize, early and late steps") {
  for (uint32_t flags : {0u, 1u, 2u, 3u})
    for (double decay : {0.0, 0.05})
      for (int64_t n : kSizes)
        for (int32_t step : {1, 2, 100, 100000}) {
          KernelCase c = {row_adam,
                          "adam of " + std::to_string(n) + " step " + std::to_string(step),
                          {values(n, 1, 2), values(n, 2, 0.3), values(n, 3, 0.1), values(n, 4, 0.01, 0.006),
                           list(DType::f64, {1e-3, 0.9, 0.999, 1e-8, decay}), step_of(step)},
                          {Tensor(DType::f32, {n}), Tensor(DType::f32, {n}), Tensor(DType::f32, {n})},
                          {flags},
                          {{0, 0}, {1, 2}, {2, 3}}};
          if (step == 1) c.in[2].fill([](int64_t) { return 0.0; }), c.in[3].fill([](int64_t) { return 0.0; });
          c.tolerance = {2e-7, 1e-8};
          check(c);
        }
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
