// The rules of updates, clipping and averages against their reference, random against its reference and the published
// vectors of Philox.
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

constexpr int kRuleStates[] = {
#define ANNEAL_UPDATE(name, states, ...) states,
#include "../updates.def"
#undef ANNEAL_UPDATE
};

enum RuleNumber : uint32_t {
#define ANNEAL_UPDATE(name, ...) rule_##name,
#include "../updates.def"
#undef ANNEAL_UPDATE
};

// Optional operands of a call of update: scales (one, or one for each), a limit, the coefficients of averages.
struct Extras {
  std::vector<double> scales = {}, limit = {}, average = {};
  uint32_t flags = 0;

  std::string text() const {
    return (scales.empty() ? "" : " scaled") + std::string(limit.empty() ? "" : " limited") +
           (average.empty() ? "" : " averaged");
  }
};

Tensor optional(DType dtype, const std::vector<double>& x) { return x.empty() ? Tensor() : list(dtype, x); }

// A call that updates parameters of the given sizes, of which parameter i has been updated counts[i] times by now.
KernelCase update_case(uint32_t rule, uint32_t flags, const std::vector<double>& hyper,
                       const std::vector<int64_t>& sizes, const std::vector<int32_t>& counts,
                       const Extras& extras = {}) {
  const int states = kRuleStates[rule], kept = states + (extras.average.empty() ? 0 : 1);
  KernelCase c = {
      row_update,
      "rule " + std::to_string(rule) + " flags " + std::to_string(flags) + extras.text() + " of " +
          std::to_string(sizes.size()) + " from " + std::to_string(sizes[0]) + " on count " + std::to_string(counts[0]),
      {list(DType::f64, hyper), list(DType::i32, std::vector<double>(counts.rbegin(), counts.rend())),
       optional(DType::f32, extras.scales), optional(DType::f64, extras.limit), optional(DType::f64, extras.average)},
      {},
      {rule, flags | extras.flags | (extras.average.empty() ? 0u : uint32_t(kAverages))}};
  for (size_t t = 0; t < sizes.size(); t++) {
    const bool first = counts[t] == 1;
    const int in = int(c.in.size());
    c.in.push_back(values(sizes[t], 1 + 7 * t, 2));
    c.in.push_back(values(sizes[t], 2 + 7 * t, 0.3));
    if (states > 0) c.in.push_back(values(sizes[t], 3 + 7 * t, first ? 0 : 0.1));
    for (int k = 1; k < states; k++)
      c.in.push_back(values(sizes[t], 3 + uint64_t(k) + 7 * t, first ? 0 : 0.01, first ? 0 : 0.006));
    if (kept > states) c.in.push_back(values(sizes[t], 6 + 7 * t, 2));
    for (int k = 0; k <= kept; k++) {
      c.aliases.push_back({int(c.out.size()), k == 0 ? in : in + 1 + k});
      c.out.push_back(Tensor(DType::f32, {sizes[t]}));
    }
    c.attrs.push_back(uint32_t(sizes.size() - 1 - t));
  }
  c.tolerance = {2e-7, 3e-8};
  return c;
}

const std::vector<std::vector<int64_t>> kSizes = {
    {0},    {1},    {3},    {4},      {5},      {8},          {15},          {16},
    {17},   {33},   {1000}, {8191},   {8192},   {8193},       {100003},      {0, 0},
    {5, 0}, {0, 7}, {1, 1}, {16, 17}, {100, 1}, {9000, 9000}, {1, 20000, 3}, {8200, 0, 0, 4099, 1, 77, 50001}};

// If a step may be about as long as the parameter, that is rounded at 2 and what is left of it may be small.
constexpr Tolerance kShortSteps = {2e-7, 3e-8}, kLongSteps = {5e-7, 5e-7};

// The same counts for all parameters, and others for some.
void check_updates(uint32_t rule, uint32_t flags, const std::vector<double>& hyper,
                   std::initializer_list<int32_t> counts, Tolerance tolerance = kShortSteps) {
  const auto check_one = [&](const std::vector<int64_t>& sizes, const std::vector<int32_t>& each) {
    KernelCase c = update_case(rule, flags, hyper, sizes, each);
    c.tolerance = tolerance;
    check(c);
  };
  for (const auto& sizes : kSizes)
    for (int32_t count : counts) {
      std::vector<int32_t> all(sizes.size(), count);
      check_one(sizes, all);
      if (sizes.size() == 1) continue;
      for (size_t t = 1; t < all.size(); t += 2) all[t] = count + 1;
      check_one(sizes, all);
    }
}

TEST_CASE("sgd: weight decay, maximize") {
  for (uint32_t flags : {0u, 1u})
    for (double decay : {0.0, 0.01}) check_updates(rule_sgd, flags, {0.1, decay}, {1});
}

TEST_CASE("sgd with momentum: nesterov, dampening, weight decay, maximize") {
  check_updates(rule_sgd_momentum, 0, {0.05, 0.9, 0, 0}, {1, 2});
  check_updates(rule_sgd_momentum, 0, {0.05, 0.9, 0.3, 0.001}, {1, 2});
  check_updates(rule_sgd_momentum, 1, {0.05, 0.9, 0, 0.001}, {1, 2});
  check_updates(rule_sgd_momentum, 3, {0.05, 0.9, 0, 0}, {1, 2});
}

TEST_CASE("adam: plain, weight decay both ways, maximize, early and late steps") {
  for (uint32_t flags : {0u, 1u, 2u, 3u})
    for (double decay : {0.0, 0.05})
      check_updates(rule_adam, flags, {1e-3, 0.9, 0.999, 1e-8, decay}, {1, 2, 100, 100000});
}

TEST_CASE("other rules that keep averages: plain, weight decay, maximize") {
  for (uint32_t flags : {0u, 1u})
    for (double decay : {0.0, 0.05}) {
      check_updates(rule_adam_amsgrad, flags, {1e-3, 0.9, 0.999, 1e-8, decay}, {1, 2, 100}, kLongSteps);
      check_updates(rule_adamax, flags, {2e-3, 0.9, 0.999, 1e-8, decay}, {1, 2, 100}, kLongSteps);
      check_updates(rule_lion, flags, {1e-4, 0.9, 0.99, decay}, {1, 2}, kLongSteps);
      check_updates(rule_asgd, flags, {0.01, 0.009, 0.25, 1e-2, decay}, {2}, kLongSteps);
      check_updates(rule_asgd, flags, {0.01, 0.01, 1, 1e-2, decay}, {1}, kLongSteps);
    }
}

TEST_CASE("nadam, radam: plain, weight decay both ways, maximize") {
  for (uint32_t flags : {0u, 1u, 2u, 3u})
    for (double decay : {0.0, 0.05}) {
      check_updates(rule_nadam, flags, {2e-3, 0.9, 0.999, 1e-8, decay, 0.99983672}, {1, 2, 100, 5000}, kLongSteps);
      check_updates(rule_radam, flags, {1e-3, 0.9, 0.999, 1e-8, decay}, {1, 2, 5, 6, 100}, kLongSteps);
    }
}

TEST_CASE("rprop: steps of which some are held in their range, gradients of either sign, maximize") {
  for (uint32_t flags : {0u, 1u}) check_updates(rule_rprop, flags, {1e-2, 0.5, 1.2, 5e-3, 1.5e-2}, {1, 2});
}

TEST_CASE("arrays that are larger than caches are prefetched") {
  check(update_case(rule_adam, 0, {1e-3, 0.9, 0.999, 1e-8, 0}, {2'100'003}, {2}));
  check(update_case(rule_sgd_momentum, 0, {0.05, 0.9, 0, 0}, {2'900'003, 17}, {2, 3}));
}

// Squares stand first among the states of these, where the test's own first state has both signs.
KernelCase squares_first(KernelCase c, int states) {
  for (size_t i = kUpdateHeader + 2; i < c.in.size(); i += size_t(2 + states))
    for (int64_t k = 0; k < c.in[i].stored(); k++) c.in[i].set(k, 0.01 + std::fabs(c.in[i].at(k)));
  c.tolerance = kLongSteps;
  return c;
}

TEST_CASE("rules that divide by the size of gradients so far: plain, weight decay, maximize") {
  const auto check_squares = [](uint32_t rule, uint32_t flags, const std::vector<double>& hyper) {
    for (const auto& sizes : kSizes)
      for (int32_t count : {1, 7})
        check(squares_first(update_case(rule, flags, hyper, sizes, std::vector<int32_t>(sizes.size(), count)),
                            kRuleStates[rule]));
  };
  for (uint32_t flags : {0u, 1u})
    for (double decay : {0.0, 0.05}) {
      check_squares(rule_rmsprop, flags, {1e-2, 0.99, 1e-8, decay});
      check_squares(rule_rmsprop_momentum, flags, {1e-2, 0.99, 1e-8, decay, 0.9});
      check_squares(rule_rmsprop_centered, flags, {1e-2, 0.99, 1e-8, decay});
      check_squares(rule_rmsprop_centered_momentum, flags, {1e-2, 0.99, 1e-8, decay, 0.9});
      check_squares(rule_adagrad, flags, {1e-2, 0.01, 0.1, 1e-10, decay});
      check_squares(rule_adadelta, flags, {1, 0.9, 1e-6, decay});
    }
}

TEST_CASE("lamb: with and without trust ratios, weight decay, maximize") {
  for (uint32_t flags : {0u, 1u, 3u})
    for (double decay : {0.0, 0.05})
      check_updates(rule_lamb, flags, {1e-2, 0.9, 0.999, 1e-6, decay}, {1, 2, 100}, kLongSteps);
  check_updates(rule_lamb, 1, {1e-2, 0.9, 0.999, 0, 0.05}, {2}, kLongSteps);  // nothing keeps 0 / 0 from lanes not used
  const std::vector<int64_t> sizes = {9, 33};
  KernelCase zeros = update_case(rule_lamb, 1, {1e-2, 0.9, 0.999, 1e-6, 0}, sizes, {1, 1});
  zeros.in[kUpdateHeader].fill([](int64_t) { return 0; });          // a parameter without norm
  zeros.in[kUpdateHeader + 4 + 1].fill([](int64_t) { return 0; });  // and one without a direction
  zeros.tolerance = kLongSteps;
  check(zeros);
}

TEST_CASE("gradients are scaled together or each on its own, and limited, as they are read") {
  for (const auto& sizes : kSizes) {
    std::vector<double> each(sizes.size());
    for (size_t t = 0; t < each.size(); t++) each[t] = 1 / double(1 + t);
    const std::vector<int32_t> counts(sizes.size(), 3);
    for (const Extras& extras : {Extras{{0.25}}, Extras{each}, Extras{{}, {0.05}}, Extras{{0.5}, {0.05}}}) {
      check(update_case(rule_sgd, 0, {0.1, 0.01}, sizes, counts, extras));
      check(update_case(rule_adam, 0, {1e-3, 0.9, 0.999, 1e-8, 0}, sizes, counts, extras));
    }
  }
}

TEST_CASE("averages follow before and after the step, and are written back to their parameters") {
  for (const auto& sizes : kSizes) {
    const std::vector<int32_t> counts(sizes.size(), 3);
    for (const std::vector<double>& average : {std::vector<double>{0, 0}, {0, 0.125}, {1, 0}, {1, 0.5}, {0, 1}})
      for (uint32_t write_back : {0u, uint32_t(kWritesAverageBack)}) {
        const Extras extras = {{}, {}, average, write_back};
        check(update_case(rule_sgd, 0, {0.1, 0.01}, sizes, counts, extras));
        KernelCase lamb = update_case(rule_lamb, 1, {1e-2, 0.9, 0.999, 1e-6, 0.05}, sizes, counts, extras);
        lamb.tolerance = kLongSteps;
        check(lamb);
      }
  }
}

TEST_CASE("denormals of a rule's state are flushed after one update in so many") {
  constexpr double kSubnormal = 0x1p-130, kNormal = 0x1p-120;
  for (const int32_t count : {15, 16}) {
    KernelCase c = update_case(rule_adam, 0, {1e-3, 0.5, 0.5, 1e-8, 0}, {3, 21}, {count, count});
    for (size_t t = 0; t < 2; t++) {
      const size_t p = kUpdateHeader + 4 * t;
      c.in[p + 1].fill([](int64_t) { return 0; });
      c.in[p + 2].fill([](int64_t i) { return i % 2 ? -2 * kNormal : -2 * kSubnormal; });
      c.in[p + 3].fill([](int64_t i) { return i == 1 ? double(NAN) : i % 2 ? 2 * kNormal : 2 * kSubnormal; });
    }
    check(c);
    for (const Target& target : targets()) {
      const auto got = c.run(*target.table, 1);
      for (size_t t = 0; t < 2; t++) {
        const Tensor &m = got[3 * t + 1], &v = got[3 * t + 2];
        CHECK(m.at(0) == (count == 16 ? 0 : -kSubnormal));
        CHECK(v.at(2) == (count == 16 ? 0 : kSubnormal));
        CHECK(m.at(1) == -kNormal);
        CHECK(v.at(1) != v.at(1));
      }
    }
  }
}

KernelCase clip_case(const std::vector<int64_t>& sizes, double limit, bool each, double size = 1) {
  KernelCase c = {row_clip_scale,
                  "clip " + std::to_string(sizes.size()) + " from " + std::to_string(sizes[0]) + " to " +
                      std::to_string(limit) + (each ? " each" : ""),
                  {Tensor(DType::f32, {}).fill([&](int64_t) { return limit; })},
                  {Tensor(DType::f32, {each ? int64_t(sizes.size()) : 1}), Tensor(DType::f32, {})},
                  {each}};
  for (size_t t = 0; t < sizes.size(); t++) c.in.push_back(values(sizes[t], 1 + t, size));
  c.tolerance = {1.2e-7, 0};
  return c;
}

TEST_CASE("clip_scale: norms of all and of each, below and above the limit, of any size") {
  for (const auto& sizes : kSizes)
    for (const bool each : {false, true}) {
      for (double limit : {0.0, 0.5, 3.0, 1e9}) check(clip_case(sizes, limit, each));
      check(clip_case(sizes, 1, each, 1e30));  // squares are beyond float32
      check(clip_case(sizes, 1, each, 1e-30));
    }
  check(clip_case(std::vector<int64_t>(1000, 100), 1, true));
  check(clip_case({300000, 5, 0, 500000, 70000}, 1, true));
}

TEST_CASE("clip_scale: what is not finite goes on") {
  for (const bool each : {false, true})
    for (double odd : {double(INFINITY), double(-INFINITY), double(NAN)}) {
      KernelCase c = clip_case({40, 40000, 3}, 1, each);
      c.in[2].set(30001, odd);
      check(c);
      const auto got = c.run(*targets()[0].table, 1);
      const double scale = got[0].at(each ? 1 : 0), norm = got[1].at(0);
      CHECK((odd != odd ? scale != scale && norm != norm : scale == 0 && norm == double(INFINITY)));
      if (each) CHECK(got[0].at(0) > 0);
      check(clip_case({40}, INFINITY, each));
    }
}

TEST_CASE("a thousand small parameters are one update") {
  const std::vector<int64_t> sizes(1000, 100);
  check(update_case(rule_adam, 0, {1e-3, 0.9, 0.999, 1e-8, 0}, sizes, std::vector<int32_t>(1000, 3)));
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
