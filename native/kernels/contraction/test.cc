// gemm on every target against its reference in double precision, and every target bit for bit against every other.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>

#include "test/kernel_harness.h"

namespace {
using namespace harness;

constexpr int64_t kGuard = 64;  // floats around every tensor; those around inputs are NaN, so that using one shows
const float kNaN = std::numeric_limits<float>::quiet_NaN();

struct Case {
  int64_t M, N, K;
  bool a_transposed = false, b_transposed = false;
  uint32_t activation = 0;
  bool bias = false, aux = false;
  std::vector<int64_t> batch = {};
  bool a_shared = false, b_shared = false;  // one matrix for the whole batch (stride 0)

  int64_t count() const {
    int64_t n = 1;
    for (int64_t d : batch) n *= d;
    return n;
  }
  std::string text() const {
    return "M " + std::to_string(M) + " N " + std::to_string(N) + " K " + std::to_string(K) +
           (a_transposed ? " T" : " N") + (b_transposed ? "T" : "N") + " activation " + std::to_string(activation) +
           (bias ? " bias" : "") + (aux ? " aux" : "") + " batch " + std::to_string(count());
  }
};

struct Data {
  std::vector<float> a, b, bias, aux;
};

std::vector<float> guarded(int64_t n, Numbers& numbers) {
  std::vector<float> v(size_t(n + 2 * kGuard), kNaN);
  for (int64_t i = 0; i < n; i++) v[size_t(kGuard + i)] = numbers.uniform();
  return v;
}

Data data_for(const Case& c, uint64_t seed) {
  Numbers numbers(seed);
  return {guarded(c.M * c.K * (c.a_shared ? 1 : c.count()), numbers),
          guarded(c.K * c.N * (c.b_shared ? 1 : c.count()), numbers), guarded(c.N, numbers),
          guarded(c.M * c.N * c.count(), numbers)};
}

TensorArg matrix(void* data, DType dtype, int64_t rows, int64_t columns, bool transposed,
                 const std::vector<int64_t>& batch, bool shared) {
  TensorArg t = {data, dtype, int32_t(batch.size()) + 2, {}, {}};
  const int r = int(batch.size());
  t.dims[r] = rows, t.dims[r + 1] = columns;
  t.strides[r] = transposed ? 1 : columns, t.strides[r + 1] = transposed ? rows : 1;
  int64_t stride = rows * columns;
  for (int d = r - 1; d >= 0; d--) {
    t.dims[d] = batch[size_t(d)];
    t.strides[d] = shared ? 0 : stride;
    stride *= batch[size_t(d)];
  }
  return t;
}

template <class T>
TensorArg vector(T* data, DType dtype, int64_t n) {
  return {data, dtype, 1, {n}, {1}};
}

template <class T>
void run_on(const KernelTable& table, const Case& c, T* a, T* b, T* bias, T* aux, T* out, int threads,
            uint32_t flags = 0) {
  const DType dtype = sizeof(T) == 8 ? DType::f64 : DType::f32;
  const TensorArg result = matrix(out, dtype, c.M, c.N, false, c.batch, false);
  const TensorArg inputs[4] = {matrix(a, dtype, c.M, c.K, c.a_transposed, c.batch, c.a_shared),
                               matrix(b, dtype, c.K, c.N, c.b_transposed, c.batch, c.b_shared),
                               vector(c.bias ? bias : nullptr, dtype, c.N),
                               matrix(c.aux ? aux : nullptr, dtype, c.M, c.N, false, c.batch, false)};
  const uint32_t attrs[2] = {c.activation, flags | (c.aux ? gemm_flags::mask : 0)};
  TestContext context(threads);
  context.run(table, row_gemm, {1, 4, 2, &result, inputs, attrs});
}

std::vector<float> run(const KernelTable& table, const Case& c, Data& d, int threads = 1) {
  const int64_t n = c.M * c.N * c.count();
  std::vector<float> out(size_t(n + 2 * kGuard), -123.0f);
  run_on(table, c, d.a.data() + kGuard, d.b.data() + kGuard, d.bias.data() + kGuard, d.aux.data() + kGuard,
         out.data() + kGuard, threads);
  for (int64_t i = 0; i < kGuard; i++)
    if (out[size_t(i)] != -123.0f || out[size_t(kGuard + n + i)] != -123.0f)
      FAIL("wrote outside of C: " << table.name << " " << c.text());
  return {out.begin() + kGuard, out.begin() + kGuard + n};
}

std::vector<double> widened(const std::vector<float>& v, bool absolute) {
  std::vector<double> w;
  for (size_t i = size_t(kGuard); i + size_t(kGuard) < v.size(); i++) w.push_back(absolute ? std::fabs(v[i]) : v[i]);
  w.push_back(0);  // so that data() of an empty operand is not null
  return w;
}

std::vector<double> reference(const Case& c, const Data& d, bool absolute) {
  std::vector<double> out(size_t(c.M * c.N * c.count()) + 1);
  auto a = widened(d.a, absolute), b = widened(d.b, absolute), bias = widened(d.bias, absolute),
       aux = widened(d.aux, false);
  Case plain = c;
  if (absolute) plain.activation = 0, plain.aux = false;
  run_on(reference_table, plain, a.data(), b.data(), bias.data(), aux.data(), out.data(), 1);
  return out;
}

// What a product should be, and |A| |B| + |bias|, which its error is measured by.
struct Reference {
  Reference(const Case& c, const Data& d) : want(reference(c, d, false)), scale(reference(c, d, true)) {}
  std::vector<double> want, scale;
};

// The error bound of a chain of K roundings: (K + 2) 2^-24 (|A| |B| + |bias|). A relu or mask does not add to it; the
// other activations have slopes below 1.13 and functions of their own good to a few units in the last place.
void check_against_reference(const KernelTable& table, const Case& c, const Reference& r,
                             const std::vector<float>& got) {
  const auto& [want, scale] = r;
  for (size_t i = 0; i < got.size(); i++) {
    double bound = double(c.K + 2) * 0x1p-24 * scale[i];
    if (c.activation > 1) bound = 1.13 * bound + 4e-7 * (std::fabs(want[i]) + 0.1);
    if (!(std::fabs(got[i] - want[i]) <= bound))
      FAIL(table.name << " " << c.text() << " at " << i << ": got " << got[i] << ", want " << want[i] << " within "
                      << bound);
  }
}

// All targets against the reference and, with FMA, against each other and other thread counts.
void check(const Case& c, uint64_t seed, bool threads) {
  Data d = data_for(c, seed);
  const Reference expected(c, d);
  std::vector<float> first;
  bool have_first = false;
  SplitWatch split;
  for (const Target& t : targets()) {
    const auto got = run(*t.table, c, d);
    split.ran(*t.table);
    check_against_reference(*t.table, c, expected, got);
    if (t.fma) {
      if (!have_first) first = got, have_first = true;
      if (!got.empty() && std::memcmp(got.data(), first.data(), got.size() * 4) != 0)
        FAIL(t.table->name << " has other bits: " << c.text());
    }
    if (threads && !got.empty()) {
      const auto again = run(*t.table, c, d, 3);
      if (std::memcmp(got.data(), again.data(), got.size() * 4) != 0)
        FAIL(t.table->name << " depends on threads: " << c.text());
    }
  }
  if (split.differs()) FAIL("avx2_w16 goes other ways than avx512: " << c.text());
  note_bits(first.data(), first.size());
}

#define FOR_TRANSPOSES(ta, tb)  \
  for (bool ta : {false, true}) \
    for (bool tb : {false, true})

TEST_CASE("gemm: every small size, every transpose") {
  uint64_t seed = 1;
  FOR_TRANSPOSES(ta, tb)
  for (int64_t M = 0; M <= 27; M++)
    for (int64_t N : {0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 12, 13, 15, 16, 17, 23, 31, 32, 33, 35})
      for (int64_t K : {0, 1, 2, 3, 4, 5, 7, 8, 10, 17, 33}) check({M, N, K, ta, tb}, seed++, false);
}

TEST_CASE("gemm: bias, activations and the relu mask") {
  uint64_t seed = 1000000;
  for (int64_t M : {1, 4, 13, 40})
    for (int64_t N : {1, 10, 16, 37})
      for (int64_t K : {0, 3, 20, 300})
        for (uint32_t activation = 0; activation <= 5; activation++)
          for (bool bias : {false, true}) {
            check({M, N, K, false, true, activation, bias}, seed++, false);
            if (activation == 0) check({M, N, K, true, false, 0, bias, true}, seed++, false);
          }
}

TEST_CASE("gemm: shapes of networks, and around the block sizes") {
  const int64_t shapes[][3] = {{1, 512, 784},   {2, 130, 784},    {3, 65, 500},    {8, 512, 784},   {32, 512, 784},
                               {128, 10, 256},  {512, 10, 128},   {64, 10, 8192},  {8, 8, 5000},    {16, 10, 8192},
                               {130, 260, 257}, {121, 513, 64},   {300, 300, 300}, {1000, 33, 5},   {500, 16, 64},
                               {1, 1, 10000},   {784, 512, 32},   {12, 1030, 30},  {200, 70, 512},  {203, 530, 520},
                               {400, 45, 1024}, {3, 4100, 70},    {70, 7, 9000},   {192, 4100, 66}, {256, 256, 256},
                               {1, 2000, 33},   {205, 270, 1100}, {530, 300, 131}};
  uint64_t seed = 2000000;
  for (const auto& s : shapes) FOR_TRANSPOSES(ta, tb) check({s[0], s[1], s[2], ta, tb, 1, true}, seed++, true);
}

TEST_CASE("gemm: every number of rows that packed panels of A are made of") {
  uint64_t seed = 2500000;
  for (int64_t M = 20; M <= 76; M++)
    for (bool tb : {false, true}) check({M, 258, 66, true, tb}, seed++, false);
}

TEST_CASE("gemm: few rows of an operand too large for caches, and rows that share their sets") {
  const int64_t shapes[][3] = {{1, 1031, 300}, {3, 517, 530},  {8, 1024, 263}, {16, 1536, 190}, {17, 1024, 300},
                               {6, 270, 1000}, {2, 9, 30000},  {5, 8, 33000},  {12, 1040, 260}, {36, 515, 521},
                               {3, 65, 2100},  {32, 37, 2051}, {70, 11, 3000}, {512, 300, 33},  {1024, 520, 60}};
  uint64_t seed = 2700000;
  for (const auto& s : shapes) FOR_TRANSPOSES(ta, tb) {
      check({s[0], s[1], s[2], ta, tb, 1, true}, seed++, true);
      check({s[0], s[1], s[2], ta, tb, 2, true}, seed++, false);
      check({s[0], s[1], s[2], ta, tb, 0, false, true}, seed++, false);
    }
}

TEST_CASE("gemm: random shapes") {
  Numbers numbers(3);
  for (uint64_t i = 0; i < 300; i++) {
    Case c = {1 + numbers.below(150), 1 + numbers.below(150), numbers.below(600)};
    c.a_transposed = numbers.below(2), c.b_transposed = numbers.below(2);
    c.bias = numbers.below(2), c.activation = uint32_t(numbers.below(2));
    check(c, 3000000 + i, i % 10 == 0);
  }
}

TEST_CASE("gemm: batches, with operands that broadcast") {
  uint64_t seed = 4000000;
  for (const auto& batch : std::vector<std::vector<int64_t>>{{0}, {1}, {3}, {2, 3}, {48}, {2, 1, 3}})
    FOR_TRANSPOSES(ta, tb)
  for (int shared = 0; shared < 4; shared++) {
    Case c = {17, 20, 9, ta, tb, 1, true, false, batch, (shared & 1) != 0, (shared & 2) != 0};
    check(c, seed++, true);
    c.M = 70, c.N = 90, c.K = 64;
    check(c, seed++, true);
  }
}

TEST_CASE("gemm: an operand of lower rank serves every matrix of the batch") {
  Case c = {5, 6, 7, false, false, 0, false, false, {4}, false, true};
  Data d = data_for(c, 5);
  for (const Target& t : targets()) {
    const auto want = run(*t.table, c, d);
    std::vector<float> got(want.size());
    const TensorArg out = matrix(got.data(), DType::f32, 5, 6, false, {4}, false);
    const TensorArg inputs[2] = {matrix(d.a.data() + kGuard, DType::f32, 5, 7, false, {4}, false),
                                 matrix(d.b.data() + kGuard, DType::f32, 7, 6, false, {}, false)};
    const uint32_t attrs[2] = {0, 0};
    TestContext context(1);
    context.run(*t.table, row_gemm, {1, 2, 2, &out, inputs, attrs});
    CHECK(got == want);
  }
}

TEST_CASE("gemm: strides along dimensions of size 1 do not matter") {
  for (const Target& t : targets())
    for (int64_t odd : {int64_t(0), int64_t(1), int64_t(1) << 40, int64_t(-7)})
      for (int64_t M : {1, 20})
        for (int64_t N : {1, 30})
          for (int64_t K : {1, 40}) {
            Case c = {M, N, K};
            Data d = data_for(c, uint64_t(M * 100 + N * 10 + K));
            const auto want = run(*t.table, c, d);
            std::vector<float> got(want.size());
            const TensorArg out = matrix(got.data(), DType::f32, M, N, false, {}, false);
            TensorArg inputs[2] = {matrix(d.a.data() + kGuard, DType::f32, M, K, false, {}, false),
                                   matrix(d.b.data() + kGuard, DType::f32, K, N, false, {}, false)};
            for (auto& in : inputs)
              for (int i = 0; i < 2; i++)
                if (in.dims[i] == 1) in.strides[i] = odd;
            const uint32_t attrs[2] = {0, 0};
            TestContext context(1);
            context.run(*t.table, row_gemm, {1, 2, 2, &out, inputs, attrs});
            CHECK(got == want);
          }
}

TEST_CASE("gemm: a wider matrix's columns, rows far apart") {
  for (const Target& t : targets()) FOR_TRANSPOSES(ta, tb) {
      Case c = {37, 45, 70, ta, tb};
      Data d = data_for(c, 77);
      const auto want = run(*t.table, c, d);
      const int64_t a_minor = ta ? c.M : c.K, a_major = ta ? c.K : c.M, b_minor = tb ? c.K : c.N,
                    b_major = tb ? c.N : c.K, far = 256;
      std::vector<float> a(size_t(a_major * far), kNaN), b(size_t(b_major * far), kNaN), got(want.size());
      for (int64_t i = 0; i < a_major; i++)
        std::memcpy(&a[size_t(i * far)], &d.a[size_t(kGuard + i * a_minor)], size_t(a_minor) * 4);
      for (int64_t i = 0; i < b_major; i++)
        std::memcpy(&b[size_t(i * far)], &d.b[size_t(kGuard + i * b_minor)], size_t(b_minor) * 4);
      const TensorArg out = matrix(got.data(), DType::f32, c.M, c.N, false, {}, false);
      TensorArg inputs[2] = {matrix(a.data(), DType::f32, c.M, c.K, ta, {}, false),
                             matrix(b.data(), DType::f32, c.K, c.N, tb, {}, false)};
      inputs[0].strides[ta ? 1 : 0] = far;
      inputs[1].strides[tb ? 1 : 0] = far;
      const uint32_t attrs[2] = {0, 0};
      TestContext context(1);
      context.run(*t.table, row_gemm, {1, 2, 2, &out, inputs, attrs});
      CHECK(std::memcmp(got.data(), want.data(), got.size() * 4) == 0);
    }
}

TEST_CASE("gemm: fused bias, relu and mask have the bits of separate steps") {
  for (const Target& t : targets()) FOR_TRANSPOSES(ta, tb) {
      Case c = {29, 41, 55, ta, tb};
      Data d = data_for(c, 99);
      auto want = run(*t.table, c, d);
      auto masked = want;
      for (size_t i = 0; i < want.size(); i++) {
        const float x = want[i] + d.bias[size_t(kGuard) + i % 41];
        want[i] = 0.0f > x ? 0.0f : x;
        masked[i] = d.aux[size_t(kGuard) + i] > 0 ? masked[i] : 0.0f;
      }
      c.bias = true, c.activation = 1;
      CHECK(run(*t.table, c, d) == want);
      c.bias = false, c.activation = 0, c.aux = true;
      CHECK(run(*t.table, c, d) == masked);
    }
}

// A product whose sums are cut at `cut`: the second instruction goes on from what the first has left.
std::vector<float> in_two(const KernelTable& table, const Case& whole, Data& d, int64_t cut, int threads) {
  std::vector<float> out(size_t(whole.M * whole.N)), unused(size_t(whole.M * whole.N));
  for (int half = 0; half < 2; half++) {
    const int64_t first = half ? cut : 0;
    Case part = whole;
    part.K = half ? whole.K - cut : cut;
    std::vector<float> a;
    const float* from = d.a.data() + kGuard;
    for (int64_t i = 0; i < whole.M * part.K; i++)
      a.push_back(whole.a_transposed ? from[first * whole.M + i] : from[i / part.K * whole.K + first + i % part.K]);
    run_on(table, part, a.data(), d.b.data() + kGuard + first * whole.N, unused.data(), unused.data(), out.data(),
           threads, half ? gemm_flags::accumulate : 0);
  }
  return out;
}

TEST_CASE("gemm: a product that goes on from another has the bits of one over both") {
  const int64_t sizes[][3] = {{1, 1, 2}, {7, 9, 40}, {300, 50, 65}, {50, 300, 600}, {97, 130, 1500}, {640, 33, 300}};
  for (const auto& [M, N, K] : sizes)
    for (bool a_transposed : {false, true})
      for (int64_t cut = 1; cut < K; cut += K / 2) {
        const Case c = {M, N, K, a_transposed};
        Data d = data_for(c, uint64_t(M * N + K));
        for (const Target& t : targets())
          for (int threads : {1, 3})
            if (t.fma && in_two(*t.table, c, d, cut, threads) != run(*t.table, c, d, threads))
              FAIL("bits differ: " << t.table->name << " " << c.text() << " cut at " << cut);
      }
}

TEST_CASE("gemm: NaN and infinity come through, also through relu") {
  for (const Target& t : targets()) FOR_TRANSPOSES(ta, tb)
  for (int64_t M : {1, 5, 30}) {
    Case c = {M, 20, 40, ta, tb, 1};
    Data d = data_for(c, 123);
    d.a[size_t(kGuard)] = kNaN;  // row 0, k 0
    const float infinity = std::numeric_limits<float>::infinity();
    d.b[size_t(kGuard)] = infinity;  // column 0, k 0
    const auto got = run(*t.table, c, d);
    for (int64_t n = 0; n < c.N; n++) CHECK(std::isnan(got[size_t(n)]));
    for (int64_t m = 1; m < M; m++) {
      const float a = d.a[size_t(kGuard + (ta ? m : m * c.K))];
      CHECK(got[size_t(m * c.N)] == (a > 0 ? infinity : 0.0f));
      for (int64_t n = 1; n < c.N; n++) CHECK(std::isfinite(got[size_t(m * c.N + n)]));
    }
  }
}

// The same number on every compiler and machine: see docs/adr/0002-same-bits-under-every-compiler.md.
constexpr uint64_t kHashOfProducts = 12643869840152665739ull;
TEST_CASE("gemm: the hash of eight thousand products") {
  Numbers numbers(17);
  const int64_t Ms[] = {1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 31, 64, 130},
                Ns[] = {1, 2, 7, 8, 9, 10, 16, 17, 31, 33, 64, 130},
                Ks[] = {1, 2, 3, 8, 10, 31, 32, 33, 40, 100, 257, 784, 1500};
  for (const Target& t : targets()) {
    if (!t.fma) continue;
    uint64_t h = 0xCBF29CE484222325ull;
    uint64_t seed = 5000000;
    FOR_TRANSPOSES(ta, tb)
    for (int64_t M : Ms)
      for (int64_t N : Ns)
        for (int64_t K : Ks) {
          if (M * N * K > 3000000) continue;
          const Case c = {M, N, K, ta, tb, uint32_t(seed & 1), (seed & 2) != 0};
          Data d = data_for(c, seed++);
          const auto got = run(*t.table, c, d);
          h = hash_of(got.data(), got.size() * 4, h);
        }
    CHECK(h == kHashOfProducts);
  }
}
}  // namespace
