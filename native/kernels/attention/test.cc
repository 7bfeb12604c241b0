// Attention and its gradients, around the sizes of tiles and strips; what their verifiers refuse.
#include <bit>

#include "test/refusals.h"
#include "test/rows.h"

namespace {
using namespace harness;

struct Shape {
  int64_t B, H, K, T, S, D, E;

  Dims query() const { return {B, H, T, D}; }
  Dims key() const { return {B, K, S, D}; }
  Dims value() const { return {B, K, S, E}; }
  Dims y() const { return {B, H, T, E}; }
  Dims rows() const { return {B, H, T}; }
};

struct Options {
  bool causal = false;
  float scale = 0.3f;
  float keep = 1;
  Tensor mask = {}, lengths = {};
  bool interleaved = false;  // heads lie side by side at each position
  double size = 1.5;         // of the numbers
};

// Strides of [B, heads, positions, features] with heads behind positions.
Dims heads_inside(const Dims& dims) { return {dims[1] * dims[2] * dims[3], dims[3], dims[1] * dims[3], 1}; }

KernelCase forward_case(const Shape& s, const Options& o) {
  const auto strides = [&](const Dims& dims) { return o.interleaved ? heads_inside(dims) : Dims(); };
  const auto drawn = [&](const Dims& dims, uint64_t seed) {
    return random_tensor(DType::f32, dims, seed, o.size, strides(dims));
  };
  Tensor key;
  if (o.keep < 1) key = indices_below(1 << 30, {5}, 8);
  KernelCase c = {row_attention,
                  text_of("attention", {s.B, s.H, s.K, s.T, s.S, s.D, s.E}) + (o.causal ? " causal" : ""),
                  {drawn(s.query(), 1), drawn(s.key(), 2), drawn(s.value(), 3), o.mask, o.lengths, key},
                  {Tensor(DType::f32, s.y(), strides(s.y())), Tensor(DType::f32, s.rows())},
                  {std::bit_cast<uint32_t>(o.scale), o.causal, std::bit_cast<uint32_t>(o.keep),
                   std::bit_cast<uint32_t>(1 / o.keep)}};
  c.tolerance = {6e-6, 3e-6 * o.size};
  return c;
}

KernelCase gradient_case(const Shape& s, const Options& o, bool of_lse) {
  KernelCase c = forward_case(s, o);
  const std::vector<Tensor> results = c.run(*targets().front().table, 1);
  const auto strides = [&](const Dims& dims) { return o.interleaved ? heads_inside(dims) : Dims(); };
  const auto like = [&](const Dims& dims) { return Tensor(DType::f32, dims, strides(dims)); };
  c.row = row_attention_grad;
  c.text += " gradient";
  c.in.insert(c.in.end(), {results[0], random_tensor(DType::f32, s.y(), 4, 1, strides(s.y())), results[1],
                           of_lse ? random_tensor(DType::f32, s.rows(), 5) : Tensor()});
  c.out = {like(s.query()), like(s.key()), like(s.value())};
  c.tolerance = {1e-5, 2e-5 * o.size};
  return c;
}

void check_attention(const Shape& s, const Options& o = {}) {
  const KernelCase forward = forward_case(s, o);
  check(forward);
  check(gradient_case(s, o, false));
}

TEST_CASE("attention: around the sizes of tiles, causal and not") {
  for (int64_t T : {1, 7, 16, 17, 63, 64, 65, 128, 129, 200})
    for (int64_t heads : {1, 4})
      for (const bool causal : {false, true}) {
        Options o;
        o.causal = causal;
        check_attention({1, heads, heads, T, T, 17, 17}, o);
      }
}

TEST_CASE("attention: more queries than keys, and fewer; features of any number") {
  for (const Shape& s : std::vector<Shape>{{2, 2, 2, 5, 70, 8, 3},
                                           {1, 1, 1, 70, 5, 3, 33},
                                           {1, 2, 2, 130, 66, 64, 64},
                                           {1, 1, 1, 66, 130, 1, 1},
                                           {3, 1, 1, 2, 1, 128, 80}})
    for (const bool causal : {false, true}) {
      Options o;
      o.causal = causal;
      check_attention(s, o);
    }
}

TEST_CASE("attention: nothing") {
  for (const Shape& s : std::vector<Shape>{{0, 2, 2, 3, 3, 4, 4},
                                           {2, 0, 0, 3, 3, 4, 4},
                                           {2, 2, 2, 0, 3, 4, 4},
                                           {2, 2, 2, 3, 0, 4, 4},
                                           {2, 2, 2, 3, 4, 0, 5},
                                           {2, 2, 2, 3, 4, 5, 0}})
    check_attention(s);
}

TEST_CASE("attention: heads that share keys, and heads inside positions") {
  for (const int64_t K : {1, 2, 6})
    for (const int64_t T : {1, 5, 23, 70})
      for (const bool causal : {false, true})
        for (const bool interleaved : {false, true}) {
          Options o;
          o.causal = causal;
          o.interleaved = interleaved;
          check_attention({2, 6, K, T, T, 9, 16}, o);
        }
}

TEST_CASE("attention: masks, of truth values and added, that broadcast") {
  const Shape s = {2, 4, 2, 37, 70, 8, 8};
  for (const Dims& dims : std::vector<Dims>{{1, 1, 37, 70}, {2, 4, 37, 70}, {2, 1, 1, 70}, {1, 4, 37, 1}, {1, 1, 1, 1}})
    for (const DType dtype : {DType::boolean, DType::f32})
      for (const bool causal : {false, true}) {
        Options o;
        o.causal = causal;
        o.mask = random_tensor(dtype, dims, 6, 2);
        check_attention(s, o);
      }
}

TEST_CASE("attention: a mask whose keys do not lie side by side") {
  for (const DType dtype : {DType::boolean, DType::f32}) {
    Options o;
    o.mask = random_tensor(dtype, {2, 1, 9, 19}, 6, 2, {171, 171, 1, 9});
    check_attention({2, 2, 2, 9, 19, 4, 4}, o);
  }
}

TEST_CASE("attention: rows that a mask leaves nothing") {
  const Shape s = {1, 2, 2, 20, 70, 8, 8};
  for (const DType dtype : {DType::boolean, DType::f32}) {
    Options o;
    o.mask = random_tensor(dtype, {1, 1, 20, 70}, 6);
    for (int64_t k = 0; k < 70; k++) o.mask.set(3 * 70 + k, dtype == DType::f32 ? -HUGE_VAL : 0);
    for (int64_t k = 0; k < 64; k++) o.mask.set(5 * 70 + k, dtype == DType::f32 ? -HUGE_VAL : 0);
    check_attention(s, o);
    const std::vector<Tensor> got = forward_case(s, o).run(*targets().front().table, 1);
    for (int64_t e = 0; e < 8; e++) CHECK(got[0].at(3 * 8 + e) == 0);
    CHECK(got[1].at(3) == 0);
  }
}

// The scores of these rows are equal, as a large number rounds what it is added to.
TEST_CASE("attention: rows of which a mask leaves nothing but a large negative number") {
  for (const bool causal : {false, true})
    for (const double large : {-1e9, -1e4, -100.0}) {
      const Shape s = {1, 2, 2, 70, 130, 8, 8};
      Options o;
      o.causal = causal;
      o.mask = Tensor(DType::f32, {1, 1, 70, 130}).fill([&](int64_t i) { return i / 130 % 3 ? 0.0 : large; });
      KernelCase c = gradient_case(s, o, true);
      KernelCase forward = forward_case(s, o);
      for (int64_t i = 0; i < forward.in[0].stored(); i++)
        if (i / 8 % 70 % 3 == 0) forward.in[0].set(i, 0), c.in[0].set(i, 0);
      const std::vector<Tensor> left = forward.run(*targets().front().table, 1);
      c.in[6] = left[0], c.in[8] = left[1];
      check(c);
    }
}

TEST_CASE("attention: lengths of keys") {
  for (const int64_t S : {70, 130})
    for (const int64_t length : {0, 1, 16, 17, 63, 64, 65, 70})
      for (const bool causal : {false, true}) {
        Options o;
        o.causal = causal;
        o.lengths = Tensor(DType::i32, {2}).fill([&](int64_t i) { return double(i ? S : length); });
        check_attention({2, 2, 1, 40, S, 8, 8}, o);
      }
}

TEST_CASE("attention: lengths out of range are reported by the example") {
  for (const int64_t wrong : {-1, 8}) {
    Options o;
    o.lengths = Tensor(DType::i32, {3}).fill([&](int64_t i) { return double(i == 1 ? wrong : 7); });
    const Shape s = {3, 2, 2, 5, 7, 4, 4};
    check_report(forward_case(s, o), 1, wrong, 8);
    check_report(gradient_case(s, o, false), 1, wrong, 8);
  }
}

TEST_CASE("attention: dropout draws alike forward and backward, for each example, head, row and key") {
  for (const Shape& s : std::vector<Shape>{
           {2, 2, 1, 5, 6, 4, 4}, {1, 2, 2, 70, 70, 8, 8}, {2, 2, 2, 3, 131, 8, 8}, {1, 1, 1, 17, 1, 3, 3}})
    for (const bool causal : {false, true}) {
      Options o;
      o.causal = causal;
      o.keep = 0.6f;
      check_attention(s, o);
    }
}

TEST_CASE("attention: the gradient of the log-sum-exp, and single gradients") {
  const Shape s = {2, 4, 2, 21, 70, 5, 6};
  Options o;
  o.causal = true;
  KernelCase all = gradient_case(s, o, true);
  check(all);
  for (int only = 0; only < 3; only++) {
    KernelCase one = all;
    for (int k = 0; k < 3; k++)
      if (k != only) one.out[size_t(k)] = Tensor();
    check(one);
  }
  KernelCase sums = forward_case(s, o);
  sums.out[0] = Tensor();
  check(sums);
  KernelCase values = forward_case(s, o);
  values.out[1] = Tensor();
  check(values);
}

TEST_CASE("attention: scores of thousands, and their differences") {
  for (const double size : {20.0, 200.0}) {
    Options o;
    o.size = size;
    o.causal = true;
    KernelCase c = forward_case({1, 2, 2, 70, 70, 8, 8}, o);
    // A score is rounded, and its exponential with it.
    c.tolerance = {0, 2e-6 * size * size * size};
    check(c);
  }
}

TEST_CASE("attention: what is not finite stays in the rows that look at it") {
  const Shape s = {1, 1, 1, 70, 70, 8, 8};
  for (const float special : {kInf, -kInf, kNaN})
    for (int operand = 0; operand < 3; operand++) {
      Options o;
      o.causal = true;
      KernelCase c = forward_case(s, o);
      c.in[size_t(operand)].set(20 * 8 + 3, double(special));
      check(c);
      for (const Tensor& t : c.run(*targets().front().table, 1))
        for (int64_t i = 0; i < 20 * t.stored() / 70; i++) CHECK(std::isfinite(t.at(i)));
    }
}

TEST_CASE("attention: keys that lengths leave out are not read") {
  Options o;
  o.lengths = Tensor(DType::i32, {1}).fill([](int64_t) { return 21.0; });
  KernelCase forward = forward_case({1, 2, 2, 9, 70, 8, 8}, o),
             backward = gradient_case({1, 2, 2, 9, 70, 8, 8}, o, false);
  for (KernelCase* c : {&forward, &backward}) {
    const std::vector<Tensor> want = c->run(*targets().front().table, 1);
    for (int operand : {1, 2})
      for (int64_t i = 0; i < 2 * 70 * 8; i++)
        if (i / 8 % 70 >= 21) c->in[size_t(operand)].set(i, double(kNaN));
    const std::vector<Tensor> got = c->run(*targets().front().table, 1);
    for (size_t k = 0; k < got.size(); k++) CHECK(got[k].same_bits(want[k]));
    check(*c);
  }
}

TEST_CASE("attention: a thousand positions") {
  Options o;
  o.causal = true;
  check_attention({1, 4, 2, 1000, 1000, 4, 4}, o);
}

// ---- a cache of keys and values ----------------------------------------------------------------------------------
struct Cache {
  int64_t B, H, K, C, D, E;
};

KernelCase cached_case(const Cache& s, const std::vector<int64_t>& offsets, const Tensor& mask = {}) {
  const auto drawn = [](const Dims& dims, uint64_t seed) { return random_tensor(DType::f32, dims, seed, 1.5); };
  KernelCase c = {row_cached_attention,
                  text_of("attention to a cache", {s.B, s.H, s.K, s.C, s.D, s.E, offsets.empty() ? 0 : offsets[0]}),
                  {drawn({s.B, s.H, 1, s.D}, 1), drawn({s.B, s.K, 1, s.D}, 2), drawn({s.B, s.K, 1, s.E}, 3),
                   drawn({s.B, s.K, s.C, s.D}, 4), drawn({s.B, s.K, s.C, s.E}, 5),
                   Tensor(DType::i32, {s.B}).fill([&](int64_t i) { return double(offsets[size_t(i)]); }), mask},
                  {Tensor(DType::f32, {s.B, s.H, 1, s.E})},
                  {std::bit_cast<uint32_t>(0.3f)}};
  c.tolerance = {6e-6, 6e-6};
  return c;
}

TEST_CASE("attention to a cache: around the widths of vectors, heads that share keys, features of any number") {
  for (const int64_t own : {0, 1, 3, 7, 8, 15, 16, 17, 31, 64, 99})
    for (const Cache& s : std::vector<Cache>{{1, 1, 1, 100, 64, 64},
                                             {2, 4, 2, 100, 32, 32},
                                             {2, 5, 1, 100, 17, 19},
                                             {1, 40, 1, 100, 8, 65},
                                             {1, 2, 2, 100, 1, 1}})
      check(cached_case(s, s.B == 1 ? std::vector<int64_t>{own} : std::vector<int64_t>{own, 99 - own}));
}

TEST_CASE("attention to a cache: masks") {
  for (const DType dtype : {DType::boolean, DType::f32})
    for (const Dims& dims : std::vector<Dims>{{1, 1, 1, 100}, {2, 4, 1, 100}, {2, 1, 1, 1}})
      check(cached_case({2, 4, 2, 100, 8, 8}, {80, 5}, random_tensor(dtype, dims, 6, 2)));
  const Tensor nothing = Tensor(DType::boolean, {1, 1, 1, 100}).fill([](int64_t) { return 0.0; });
  const KernelCase c = cached_case({1, 2, 2, 100, 8, 8}, {70}, nothing);
  check(c);
  CHECK(c.run(*targets().front().table, 1)[0].at(3) == 0);
}

TEST_CASE("attention to a cache: what lies behind is not read, and its own position is not in the cache") {
  KernelCase c = cached_case({1, 2, 1, 40, 8, 8}, {21});
  const std::vector<Tensor> want = c.run(*targets().front().table, 1);
  for (int operand : {3, 4})
    for (int64_t i = 21 * 8; i < 40 * 8; i++) c.in[size_t(operand)].set(i, double(kNaN));
  check(c);
  CHECK(c.run(*targets().front().table, 1)[0].same_bits(want[0]));
}

TEST_CASE("attention to a cache: nothing, and offsets out of range, which are reported by the example") {
  check(cached_case({0, 2, 2, 5, 4, 4}, {}));
  check(cached_case({1, 0, 0, 5, 4, 4}, {2}));
  check(cached_case({1, 2, 2, 5, 0, 4}, {2}));
  for (const int64_t wrong : {-1, 5}) check_report(cached_case({3, 2, 2, 5, 4, 4}, {0, wrong, 4}), 1, wrong, 5);
}

KernelCase write_case(const Dims& cache, int64_t T, const std::vector<int64_t>& offsets) {
  KernelCase c = {row_write_positions,
                  text_of("writes to a cache", cache),
                  {random_tensor(DType::f32, {cache[0], cache[1], T, cache[3]}, 2),
                   Tensor(DType::i32, {cache[0]}).fill([&](int64_t i) { return double(offsets[size_t(i)]); })},
                  {random_tensor(DType::f32, cache, 1)},
                  {}};
  return c;
}

TEST_CASE("writes to a cache: rows at their offsets, all else as it was") {
  check(write_case({2, 3, 9, 5}, 1, {0, 8}));
  check(write_case({1, 1, 9, 16}, 4, {5}));
  check(write_case({0, 1, 9, 16}, 1, {}));
  const std::vector<Tensor> got = write_case({1, 1, 3, 2}, 1, {1}).run(*targets().front().table, 1);
  const Tensor before = random_tensor(DType::f32, {1, 1, 3, 2}, 1), rows = random_tensor(DType::f32, {1, 1, 1, 2}, 2);
  for (int64_t i = 0; i < 6; i++) CHECK(got[0].at(i) == (i / 2 == 1 ? rows.at(i - 2) : before.at(i)));
  for (const int64_t wrong : {-1, 6}) check_report(write_case({2, 1, 9, 4}, 4, {5, wrong}), 1, wrong, 6);
}

// ---- what is refused ---------------------------------------------------------------------------------------------
using namespace refusals;

// Operands of [1, 2, 3, 4] beside 5 keys, one of which `spoil` changes.
using Operands = std::vector<std::vector<uint32_t>>;
std::string refused(const std::function<void(Operands&, std::vector<uint32_t>&)>& spoil, bool gradient = false) {
  Operands in = {{1, 2, 3, 4}, {1, 2, 5, 4}, {1, 2, 5, 6}, {1, 2, 3, 5}, {1},
                 {5},          {1, 2, 3, 6}, {1, 2, 3, 6}, {1, 2, 3},    {1, 2, 3}};
  if (!gradient) in.resize(6);
  std::vector<uint32_t> attrs = {0, 0, 0, 0};
  spoil(in, attrs);
  return refusal_of([&](ProgramBuilder& b) {
    std::vector<uint32_t> out, operands;
    for (size_t i = 0; i < in.size(); i++)
      operands.push_back(b.dense(Space::arena, i == 4 || i == 5 ? DType::i32 : DType::f32, 0, in[i]));
    const Operands results =
        gradient ? Operands{{1, 2, 3, 4}, {1, 2, 5, 4}, {1, 2, 5, 6}} : Operands{{1, 2, 3, 6}, {1, 2, 3}};
    for (const auto& dims : results) out.push_back(b.dense(Space::arena, DType::f32, 0, dims));
    b.add(gradient ? row_attention_grad : row_attention, out, operands, attrs);
  });
}

TEST_CASE("attention: operands that do not fit are refused") {
  const auto with = [](size_t operand, std::vector<uint32_t> dims) {
    return [=](Operands& in, std::vector<uint32_t>&) { in[operand] = dims; };
  };
  CHECK(refused([](Operands&, std::vector<uint32_t>&) {}) == "accepted");
  CHECK(refused([](Operands&, std::vector<uint32_t>&) {}, true) == "accepted");
  check_refused(refused(with(0, {1, 2, 3})), "operands are not float [B,H,T,D]");
  check_refused(refused(with(1, {1, 2, 5, 3})), "the key does not fit the query");
  check_refused(refused(with(2, {1, 2, 4, 6})), "the value does not fit the key");
  check_refused(refused([](Operands& in, std::vector<uint32_t>&) { in[1] = {1, 3, 5, 4}, in[2] = {1, 3, 5, 6}; }),
                "do not divide");
  check_refused(refused(with(3, {1, 2, 3, 4})), "the mask does not fit the scores");
  check_refused(refused(with(3, {3, 5})), "the mask has not four dimensions");
  check_refused(refused(with(4, {2})), "lengths are not int32 [B]");
  check_refused(refused(with(5, {4})), "the random key is not int32 [5]");
  check_refused(refused([](Operands&, std::vector<uint32_t>& attrs) { attrs[1] = 2; }), "causal is 0 or 1");
  check_refused(refused(with(6, {1, 2, 3, 5}), true), "y or its gradient");
  check_refused(refused(with(8, {1, 2, 4}), true), "the log-sum-exp is not dense");
  check_refused(refused(with(9, {1, 2}), true), "the log-sum-exp's gradient");
}

std::string refused_cached(const std::function<void(Operands&)>& spoil) {
  Operands in = {{1, 4, 1, 4}, {1, 2, 1, 4}, {1, 2, 1, 6}, {1, 2, 9, 4}, {1, 2, 9, 6}, {1}, {1, 4, 1, 9}};
  spoil(in);
  return refusal_of([&](ProgramBuilder& b) {
    std::vector<uint32_t> operands;
    for (size_t i = 0; i < in.size(); i++)
      operands.push_back(b.dense(Space::arena, i == 5 ? DType::i32 : DType::f32, 0, in[i]));
    b.add(row_cached_attention, {b.dense(Space::arena, DType::f32, 0, {1, 4, 1, 6})}, operands, {0});
  });
}

TEST_CASE("attention to a cache: operands that do not fit are refused") {
  const auto with = [](size_t operand, std::vector<uint32_t> dims) {
    return [=](Operands& in) { in[operand] = dims; };
  };
  CHECK(refused_cached([](Operands&) {}) == "accepted");
  check_refused(refused_cached(with(0, {1, 4, 2, 4})), "the query is not one position");
  check_refused(refused_cached(with(1, {1, 2, 1, 3})), "the key does not fit the query");
  check_refused(refused_cached(with(2, {1, 1, 1, 6})), "the value does not fit the key");
  check_refused(refused_cached(with(3, {1, 2, 9, 3})), "the cache of keys does not fit the key");
  check_refused(refused_cached(with(4, {1, 2, 8, 6})), "the cache of values does not fit the value");
  check_refused(refused_cached(with(5, {2})), "offsets are not int32 [B]");
  check_refused(refused_cached(with(6, {1, 4, 1, 8})), "the mask does not fit the scores");
}

TEST_CASE("writes to a cache: operands that do not fit are refused") {
  const auto refused_write = [](std::vector<uint32_t> rows, std::vector<uint32_t> offsets) {
    return refusal_of([&](ProgramBuilder& b) {
      const uint32_t cache = b.dense(Space::arena, DType::f32, 0, {1, 2, 9, 4});
      const uint32_t from = b.dense(Space::arena, DType::f32, 0, rows);
      b.add(row_write_positions, {cache}, {from, b.dense(Space::arena, DType::i32, 0, offsets)}, {});
    });
  };
  CHECK(refused_write({1, 2, 3, 4}, {1}) == "accepted");
  check_refused(refused_write({1, 2, 10, 4}, {1}), "the rows do not fit the cache");
  check_refused(refused_write({1, 2, 3, 5}, {1}), "the rows do not fit the cache");
  check_refused(refused_write({1, 2, 3, 4}, {2}), "offsets are not int32 [B]");
}

}  // namespace
