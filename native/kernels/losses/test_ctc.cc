// ctc.
#include <tuple>

#include "test/rows.h"

namespace {
using namespace harness;

struct Sizes {
  int64_t N, T, C, S;
};

// Examples of all lengths; with `exact` all are of the most.
KernelCase ctc(const Sizes& z, double scale, bool loss, bool gradient, bool exact = false, const Dims& strides = {}) {
  KernelCase c = {row_ctc,
                  text_of("ctc", {z.N, z.T, z.C, z.S}),
                  {random_tensor(DType::f32, {z.N, z.T, z.C}, uint64_t(z.T * z.C), scale, strides),
                   indices_below(z.C - 1, {z.N, z.S}, 3), Tensor(DType::i32, {z.N}), Tensor(DType::i32, {z.N})},
                  {Tensor(DType::f32, {z.N}), Tensor(DType::f32, {z.N, z.T, z.C})},
                  {uint32_t(z.C - 1), 0}};
  c.in[2].fill([&](int64_t n) { return double(exact ? z.T : z.T - n % (z.T + 1)); });
  c.in[3].fill([&](int64_t n) { return double(exact ? z.S : n * 7 % (z.S + 1)); });
  c.out[0].absent = !loss;
  c.out[1].absent = !gradient;
  c.tolerance = {3e-6, 5e-6 + 2e-6 * scale};
  return c;
}

TEST_CASE("ctc: loss and gradient, of every length") {
  for (const Sizes& z : std::vector<Sizes>{{7, 6, 4, 3},
                                           {1, 1, 2, 1},
                                           {5, 40, 30, 8},
                                           {9, 30, 5, 20},
                                           {3, 12, 300, 7},
                                           {4, 9, 3, 0},
                                           {0, 5, 3, 2},
                                           {3, 0, 3, 2}})
    for (double scale : {1.0, 20.0})
      for (int which = 1; which < 4; which++) check(ctc(z, scale, which & 1, which & 2));
}

TEST_CASE("ctc: long sequences") {
  KernelCase c = ctc({2, 700, 40, 150}, 3, true, true, true);
  c.tolerance = {3e-6, 3e-5};
  check(c);
}

TEST_CASE("ctc: factors, and logits with the steps in front") {
  const Sizes z = {5, 17, 9, 4};
  for (const Dims& strides : std::vector<Dims>{{}, {z.C, z.N * z.C, 1}})
    for (int64_t stride : {0, 1}) {
      KernelCase c = ctc(z, 2, true, true, true, strides);
      c.in.push_back(Tensor(DType::f32, {z.N}, {stride}).fill([](int64_t n) { return double(n) - 1.5; }));
      check(c);
    }
}

// Collapses a path: repeats count once, blanks not at all.
std::vector<int64_t> collapsed(const std::vector<int64_t>& path, int64_t blank) {
  std::vector<int64_t> labels;
  for (size_t t = 0; t < path.size(); t++)
    if (path[t] != blank && (t == 0 || path[t] != path[t - 1])) labels.push_back(path[t]);
  return labels;
}

struct Enumerated {
  double probability = 0;
  std::vector<double> visits;  // [T][C], of the paths that collapse to the labels
};

// Goes through every path of the softmax of x [T][C].
Enumerated enumerate_paths(const Tensor& x, int64_t T, int64_t C, const std::vector<int64_t>& labels, int64_t blank) {
  std::vector<double> y(size_t(T * C));
  for (int64_t t = 0; t < T; t++) {
    double sum = 0;
    for (int64_t c = 0; c < C; c++) sum += std::exp(x.at(t * C + c));
    for (int64_t c = 0; c < C; c++) y[size_t(t * C + c)] = std::exp(x.at(t * C + c)) / sum;
  }
  Enumerated found = {0, std::vector<double>(size_t(T * C))};
  std::vector<int64_t> path(size_t(T), 0);
  const int64_t ways = int64_t(std::llround(std::pow(double(C), double(T))));
  for (int64_t way = 0; way < ways; way++) {
    double p = 1;
    for (int64_t t = 0, rest = way; t < T; t++, rest /= C) p *= y[size_t(t * C + (path[size_t(t)] = rest % C))];
    if (collapsed(path, blank) != labels) continue;
    found.probability += p;
    for (int64_t t = 0; t < T; t++) found.visits[size_t(t * C + path[size_t(t)])] += p;
  }
  for (int64_t i = 0; i < T * C; i++)
    found.visits[size_t(i)] = y[size_t(i)] - found.visits[size_t(i)] / found.probability;
  return found;
}

TEST_CASE("ctc: every path of small cases") {
  const std::vector<std::vector<int64_t>> targets_of = {{}, {0}, {0, 1}, {1, 1}, {0, 1, 0}, {1, 1, 0}};
  for (int64_t T : {3, 5})
    for (const auto& labels : targets_of) {
      const int64_t C = 3, S = int64_t(labels.size());
      KernelCase c = ctc({1, T, C, S}, 2, true, true, true);
      for (int64_t s = 0; s < S; s++) c.in[1].set(s, double(labels[size_t(s)]));
      check(c);
      const Enumerated want = enumerate_paths(c.in[0], T, C, labels, C - 1);
      for (const Target& t : targets()) {
        const auto got = c.run(*t.table, 1);
        INFO(t.table->name << " T " << T << " S " << S);
        if (want.probability == 0) {
          CHECK(got[0].at(0) == kInf);
          CHECK(std::isnan(got[1].at(0)));
          continue;
        }
        CHECK(got[0].at(0) == doctest::Approx(-std::log(want.probability)).epsilon(2e-6));
        for (int64_t i = 0; i < T * C; i++) CHECK(std::fabs(got[1].at(i) - want.visits[size_t(i)]) < 2e-6);
      }
    }
}

TEST_CASE("ctc: labels that no path collapses to are infinite, or zero") {
  for (uint32_t zero : {0u, 1u}) {
    KernelCase c = ctc({3, 4, 5, 3}, 1, true, true, true);
    c.attrs[1] = zero;
    for (int64_t s = 0; s < 3; s++) c.in[1].set(3 + s, 2);  // three of one label need five steps
    c.in[2].set(2, 0);
    check(c);
    for (const Target& t : targets()) CHECK(c.run(*t.table, 1)[0].at(1) == (zero ? 0 : kInf));
  }
}

TEST_CASE("ctc: infinite and huge logits, NaN") {
  for (float special : {kInf, -kInf, kNaN, 1e4f, -1e4f, -3e38f})
    for (int64_t at : {0, 7, 30}) {
      KernelCase c = ctc({3, 20, 6, 5}, 1, true, true, true);
      c.in[0].set(20 * 6 + at, special);
      c.tolerance = {3e-6, std::fabs(special) == 1e4f ? 1e-3 : 2e-5};  // of sums around 1e4
      check(c);
    }
  KernelCase c = ctc({3, 20, 6, 5}, 1e4, true, true, true);
  c.tolerance = {1e-6, 1e-2};
  check(c);
}

TEST_CASE("ctc: a length or a label out of range is reported, and leaves zeros") {
  const Sizes z = {6, 10, 5, 4};
  for (const auto& [operand, bad, limit] : std::vector<std::tuple<size_t, int64_t, int64_t>>{
           {1, 5, 5}, {1, -1, 5}, {2, 11, 11}, {2, -3, 11}, {3, 5, 5}, {3, -1, 5}}) {
    KernelCase c = ctc(z, 1, true, true, true);
    c.in[operand].set(operand == 1 ? 3 * z.S + 2 : 3, double(bad));
    c.in[operand].set(operand == 1 ? 5 * z.S : 5, -7);
    check_report(c, 3, bad, limit);
  }
}

}  // namespace
