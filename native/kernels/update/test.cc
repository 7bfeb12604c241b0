// The rules of updates, limits and averages against their reference.
#include "rules_info.h"
#include "test_parameters.h"

namespace {
using namespace update_test;

enum RuleNumber : uint32_t {
#define ANNEAL_UPDATE(name, ...) rule_##name,
#include "rules.def"
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
  const int states = kUpdateInfo[rule].states, kept = states + (extras.average.empty() ? 0 : 1);
  KernelCase c = {
      row_update,
      "rule " + std::to_string(rule) + " flags " + std::to_string(flags) + extras.text() + " of " +
          std::to_string(sizes.size()) + " from " + std::to_string(sizes[0]) + " on count " + std::to_string(counts[0]),
      {list(DType::f64, hyper), list(DType::i32, std::vector<double>(counts.rbegin(), counts.rend())),
       optional(DType::f32, extras.scales), optional(DType::f64, extras.limit), optional(DType::f64, extras.average)},
      {},
      {rule, flags | extras.flags | (extras.average.empty() ? 0u : kAverages)}};
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
                            kUpdateInfo[rule].states));
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
      for (uint32_t write_back : {0u, kWritesAverageBack}) {
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

TEST_CASE("a thousand small parameters are one update") {
  const std::vector<int64_t> sizes(1000, 100);
  check(update_case(rule_adam, 0, {1e-3, 0.9, 0.999, 1e-8, 0}, sizes, std::vector<int32_t>(1000, 3)));
}

}  // namespace
