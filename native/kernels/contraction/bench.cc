// Products of the shapes that training makes, against OpenBLAS, BLIS and oneDNN. Weights are [out, in], so a layer's
// forward is NT (x w^T), its input's gradient NN (dy w) and its weight's gradient TN (dy^T x).
#include <dlfcn.h>

#include <set>

#include "bench.h"

namespace {
using namespace bench;

using Cblas = void (*)(int, int, int, int, int, int, float, const float*, int, const float*, int, float, float*, int);
using Dnnl = int (*)(char, char, int64_t, int64_t, int64_t, float, const float*, int64_t, const float*, int64_t, float,
                     float*, int64_t);

template <class F>
F function_of(std::initializer_list<const char*> libraries, const char* name) {
  void* library = open_library(libraries);
  return library ? reinterpret_cast<F>(dlsym(library, name)) : nullptr;
}

struct Shape {
  char a, b;  // N or T
  int M, K, N;
  int batch = 1;

  std::string name() const {
    const std::string text =
        std::string{a, b, ' '} + std::to_string(M) + "x" + std::to_string(K) + "x" + std::to_string(N);
    return batch > 1 ? text + " x" + std::to_string(batch) : text;
  }
};

TensorArg matrix(float* data, int64_t rows, int64_t columns, bool transposed, int64_t batch) {
  const int64_t row = transposed ? 1 : columns, column = transposed ? rows : 1;
  if (batch == 1) return {data, DType::f32, 2, {rows, columns}, {row, column}};
  return {data, DType::f32, 3, {batch, rows, columns}, {rows * columns, row, column}};
}

Subject product(Bench& b, const Shape& s) {
  const bool ta = s.a == 'T', tb = s.b == 'T';
  const int64_t M = s.M, N = s.N, K = s.K;
  float *x = b.floats(M * K * s.batch), *y = b.floats(K * N * s.batch), *z = b.floats(M * N * s.batch);
  const int lda = int(ta ? M : K), ldb = int(tb ? K : N);
  const auto cblas = [=](const char* library, const char* other) -> Closure {
    const auto sgemm = function_of<Cblas>({library, other}, "cblas_sgemm");
    if (!sgemm) return {};
    return [=] {
      for (int i = 0; i < s.batch; i++)
        sgemm(101, ta ? 112 : 111, tb ? 112 : 111, s.M, s.N, s.K, 1, x + i * M * K, lda, y + i * K * N, ldb, 0,
              z + i * M * N, s.N);
    };
  };
  const auto dnnl = [=]() -> Closure {
    const auto sgemm = function_of<Dnnl>({"libdnnl.so.3", "libdnnl.so.2", "libdnnl.so"}, "dnnl_sgemm");
    if (!sgemm) return {};
    return [=] {
      for (int i = 0; i < s.batch; i++)
        sgemm(s.a, s.b, M, N, K, 1, x + i * M * K, lda, y + i * K * N, ldb, 0, z + i * M * N, N);
    };
  };
  Subject subject;
  subject.ours = b.kernel(row_gemm, {matrix(z, M, N, false, s.batch)},
                          {matrix(x, M, K, ta, s.batch), matrix(y, K, N, tb, s.batch)}, {0, 0});
  subject.peers = {{"OpenBLAS", cblas("libopenblas.so.0", "libopenblas.so")},
                   {"BLIS", cblas("libblis.so.4", "libblis.so")},
                   {"oneDNN", dnnl()}};
  subject.flops = 2.0 * double(M) * double(N) * double(K) * s.batch;
  subject.limits = {b.peak(subject.flops)};
  subject.result = z;
  subject.results = M * N * s.batch;
  return subject;
}

// A case of every path through the kernels.
const std::set<std::string> kCounted = {"NN 64x64x64",     "NT 64x64x64",  "TN 64x64x64",  "NT 1x784x512",
                                        "NT 4x784x512",    "NN 1x784x512", "TN 512x1x784", "NT 32x512x10",
                                        "NN 32x10x512",    "TN 10x32x512", "TN 8x8192x8",  "NT 4096x16x64",
                                        "NN 64x64x32 x48", "NT 16x16x16",  "NN 4x2x8"};

void add(bench::Family& family, const char* group, double against_peers, double of_peak, std::vector<Shape> shapes) {
  for (const Shape& s : shapes)
    family.add({.group = group,
                .name = s.name(),
                .against_peers = against_peers,
                .of_limit = of_peak,
                .counted = kCounted.contains(s.name()),
                .make = [s](Bench& b) { return product(b, s); }});
}

// Every orientation of a square.
std::vector<Shape> squares(std::vector<int> sizes) {
  std::vector<Shape> all;
  for (int n : sizes)
    for (const char* t : {"NN", "NT", "TN", "TT"}) all.push_back({t[0], t[1], n, n, n});
  return all;
}

void fill(bench::Family& family) {
  add(family, "large squares", 1, 0, squares({256, 512}));
  add(family, "1024 squares", 1, 0.92, squares({1024}));
  add(family, "small squares", 0.95, 0,
      {{'N', 'T', 16, 16, 16},
       {'N', 'N', 16, 16, 16},
       {'T', 'N', 16, 16, 16},
       {'N', 'T', 32, 32, 32},
       {'N', 'T', 64, 64, 64},
       {'N', 'N', 64, 64, 64},
       {'T', 'N', 64, 64, 64},
       {'N', 'T', 128, 128, 128},
       {'N', 'N', 128, 128, 128},
       {'T', 'N', 128, 128, 128},
       {'N', 'N', 2048, 2048, 2048}});
  add(family, "MLP forward", 0.95, 0,
      {{'N', 'T', 32, 784, 512},
       {'N', 'T', 128, 784, 512},
       {'N', 'T', 1024, 784, 512},
       {'N', 'T', 128, 784, 256},
       {'N', 'T', 128, 512, 256},
       {'N', 'T', 32, 512, 10},
       {'N', 'T', 128, 256, 10}});
  add(family, "MLP input gradient", 0.95, 0,
      {{'N', 'N', 32, 512, 784},
       {'N', 'N', 128, 512, 784},
       {'N', 'N', 1024, 512, 784},
       {'N', 'N', 128, 256, 512},
       {'N', 'N', 32, 10, 512},
       {'N', 'N', 128, 10, 256}});
  add(family, "MLP weight gradient", 0.95, 0,
      {{'T', 'N', 512, 32, 784},
       {'T', 'N', 512, 128, 784},
       {'T', 'N', 512, 1024, 784},
       {'T', 'N', 256, 128, 512},
       {'T', 'N', 10, 32, 512},
       {'T', 'N', 10, 128, 256},
       {'T', 'N', 512, 32, 10},
       {'T', 'N', 512, 128, 10}});
  add(family, "transformer", 0.95, 0,
      {{'N', 'T', 768, 128, 384},
       {'N', 'T', 768, 128, 512},
       {'N', 'T', 768, 512, 128},
       {'N', 'N', 768, 384, 128},
       {'N', 'N', 768, 512, 128},
       {'N', 'N', 768, 128, 512},
       {'T', 'N', 384, 768, 128},
       {'T', 'N', 512, 768, 128},
       {'T', 'N', 128, 768, 512}});
  // 12 sequences of 64, 4 heads of 32: q k^T and do v^T; p v and ds k; p^T do and ds^T q.
  add(family, "attention", 0.95, 0,
      {{'N', 'T', 64, 32, 64, 48},
       {'N', 'N', 64, 64, 32, 48},
       {'T', 'N', 64, 64, 32, 48},
       {'N', 'T', 128, 32, 128, 48},
       {'N', 'N', 128, 128, 32, 48},
       {'T', 'N', 128, 128, 32, 48}});
  add(family, "wide layers, small batches", 0.95, 0,
      {{'N', 'T', 1, 2048, 2048},
       {'N', 'T', 8, 2048, 2048},
       {'N', 'T', 32, 2048, 2048},
       {'N', 'T', 32, 1024, 1024},
       {'N', 'N', 1, 2048, 2048},
       {'N', 'N', 8, 2048, 2048},
       {'N', 'N', 32, 2048, 2048},
       {'N', 'N', 32, 1024, 1024},
       {'T', 'N', 2048, 8, 2048},
       {'T', 'N', 2048, 32, 2048},
       {'T', 'N', 1024, 32, 1024}});
  std::vector<Shape> few;
  for (int M = 1; M <= 8; M++) few.push_back({'N', 'T', M, 784, 512});
  for (int M : {1, 2, 4, 8}) few.push_back({'N', 'N', M, 784, 512});
  for (int K : {1, 2, 4, 8}) few.push_back({'T', 'N', 512, K, 784});
  add(family, "few rows", 0.95, 0, few);
  add(family, "small K", 0.95, 0, {{'N', 'T', 32, 10, 512}, {'N', 'T', 128, 10, 256}});
  add(family, "long K", 0.95, 0,
      {{'T', 'N', 10, 8192, 16},
       {'T', 'N', 10, 8192, 64},
       {'T', 'N', 16, 8192, 10},
       {'T', 'N', 64, 8192, 10},
       {'T', 'N', 8, 8192, 8}});
  add(family, "tall and thin", 0.95, 0,
      {{'N', 'T', 4096, 64, 16},
       {'N', 'T', 4096, 16, 64},
       {'N', 'N', 4096, 64, 16},
       {'N', 'N', 4096, 16, 64},
       {'T', 'N', 16, 4096, 64}});
  add(family, "tiny", 0.95, 0,
      {{'N', 'T', 16, 4, 16},
       {'N', 'N', 16, 16, 4},
       {'T', 'N', 16, 16, 4},
       {'N', 'T', 4, 2, 8},
       {'N', 'N', 4, 2, 8},
       {'T', 'N', 8, 4, 2}});
}

const bench::Family gemm("gemm", fill, 1.10);
}  // namespace
