// Updates of rows of tables against their reference.
#include "rules_info.h"
#include "test/rows.h"
#include "test_parameters.h"

namespace {
using namespace update_test;

enum RuleNumber : uint32_t {
#define ANNEAL_UPDATE(name, ...) rule_##name,
#include "rules.def"
#undef ANNEAL_UPDATE
};

struct Table {
  int64_t V, D;
  std::vector<double> rows;  // of the gradient; empty: all, without their numbers
};

Tensor table(int64_t rows, int64_t D, uint64_t seed, double scale, double shift = 0) {
  Numbers numbers(seed);
  return Tensor(DType::f32, {rows, D}).fill([&](int64_t) { return shift + double(numbers.uniform()) * scale; });
}

// A call that updates rows of a table; the second row of the gradient, and every fifth behind it, is 0.
KernelCase row_case(uint32_t rule, uint32_t flags, const std::vector<double>& hyper, const Table& t, int32_t count,
                    double scale = 0, double limit = 0) {
  const int states = kUpdateInfo[rule].states;
  const int64_t R = t.rows.empty() ? t.V : int64_t(t.rows.size());
  Tensor gradient = table(R, t.D, 2, 0.3);
  for (int64_t r = 1; r < R; r += 5)
    for (int64_t d = 0; d < t.D; d++) gradient.set(r * t.D + d, d % 2 ? -0.0 : 0.0);
  KernelCase c = {row_update_rows,
                  harness::text_of("update_rows, rule, flags, count", {rule, flags, count, t.V, t.D, R}),
                  {list(DType::f64, hyper), list(DType::i32, {7, double(count)}),
                   scale == 0 ? Tensor() : list(DType::f32, {scale}), limit == 0 ? Tensor() : list(DType::f64, {limit}),
                   t.rows.empty() ? Tensor() : list(DType::i32, t.rows), table(t.V, t.D, 1, 2), gradient},
                  {Tensor(DType::f32, {t.V, t.D})},
                  {rule, flags, 1}};
  c.aliases = {{0, 5}};
  for (int k = 0; k < states; k++) {
    c.aliases.push_back({k + 1, 7 + k});
    c.in.push_back(count == 1 ? table(t.V, t.D, 3, 0) : table(t.V, t.D, uint64_t(3 + k), 0.05, k ? 0.06 : 0.1));
    c.out.push_back(Tensor(DType::f32, {t.V, t.D}));
  }
  c.tolerance = {5e-7, 5e-7};
  return c;
}

const std::vector<Table> kTables = {
    {1, 1, {0}}, {5, 3, {1, 4}}, {9, 8, {0, 2, 3, 8}}, {9, 17, {3, -1, -1}}, {9, 4, {-1, -1}},       {30, 33, {}},
    {3, 0, {1}}, {1, 9, {}},     {70, 16, {0, 1, 69}}, {400, 100, {}},       {6, 5000, {0, 1, 2, 5}}};

TEST_CASE("update_rows: every rule, with numbers of rows and without, scaled and limited") {
  for (uint32_t rule = 0; rule < kUpdateRules; rule++)
    for (uint32_t flags = 0; flags < uint32_t(1 << kUpdateInfo[rule].flags); flags++)
      for (const Table& t : kTables)
        for (const int32_t count : {1, 2, 16}) {
          if (rule == rule_lamb || rule == rule_rprop || (t.V > 30 && flags > 0)) continue;
          std::vector<double> hyper(size_t(kUpdateInfo[rule].hypers), 0.5);
          check(row_case(rule, flags, hyper, t, count));
          check(row_case(rule, flags, hyper, t, count, 0.7, 0.1));
        }
}

TEST_CASE("update_rows leaves rows as they are that it has no gradient of") {
  for (const Target& target : targets()) {
    const KernelCase c = row_case(rule_sparse_adam, 0, {0.1, 0.9, 0.99, 1e-8}, {9, 20, {1, 3, 7, -1}}, 3);
    const auto got = c.run(*target.table, 2);
    for (size_t o = 0; o < got.size(); o++)
      for (int64_t row = 0; row < 9; row++) {
        int64_t changed = 0;
        for (int64_t d = 0; d < 20; d++)
          changed += got[o].at(row * 20 + d) != c.in[size_t(c.aliases[o].second)].at(row * 20 + d);
        CHECK(changed == (row == 1 || row == 7 ? 20 : 0));  // the gradient of row 3 is 0
      }
  }
}

TEST_CASE("update_rows changes what update does, where the rule leaves rows without a gradient alone") {
  const KernelCase c = row_case(rule_adagrad, 0, {0.1, 0.01, 0.3, 1e-10, 0}, {40, 33, {}}, 1);
  for (const Target& target : targets()) {
    KernelCase whole = {row_update,
                        "",
                        {c.in[0], c.in[1], Tensor(), Tensor(), Tensor(), c.in[5], c.in[6], c.in[7]},
                        c.out,
                        {rule_adagrad, 0, 1}};
    whole.aliases = {{0, 5}, {1, 7}};
    const auto rows = c.run(*target.table, 2), all = whole.run(*target.table, 2);
    for (size_t o = 0; o < rows.size(); o++) CHECK(rows[o].same_bits(all[o]));
  }
}

TEST_CASE("update_rows writes nothing where the numbers of rows are not ascending, or none of the table's") {
  const std::vector<std::pair<std::vector<double>, int64_t>> wrong = {
      {{0, 9, -1}, 1}, {{0, 3, 3}, 2}, {{4, 2, -1}, 1}, {{-1, 2, -1}, 1}, {{-2, 1, 2}, 0}, {{0, 1, 1e9}, 2}};
  for (const auto& [rows, where] : wrong) {
    const KernelCase c = row_case(rule_sparse_adam, 0, {0.1, 0.9, 0.99, 1e-8}, {9, 20, rows}, 2);
    harness::check_report(c, where, int64_t(rows[size_t(where)]), 9);
    for (const Target& target : targets()) {
      const auto got = c.run(*target.table, 2);
      for (size_t o = 0; o < got.size(); o++) CHECK(got[o].same_bits(c.in[size_t(c.aliases[o].second)]));
    }
  }
}

}  // namespace
