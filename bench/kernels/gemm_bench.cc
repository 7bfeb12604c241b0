// gemm against OpenBLAS, BLIS and oneDNN (each through dlopen, reported absent when absent), interleaved in one run,
// with the peak of fused multiply-adds measured in the same run as the limit.
//
//   gemm_bench [--threads 1|2|...] [--target avx512] [--only text] [--rounds 7] [--json file] [--shape NT:MxKxN]
//
// Built with the object files of the targets (see native/targets), for example:
//   g++ -std=c++20 -O2 -Inative bench/kernels/gemm_bench.cc <targets>.o -o gemm_bench -ldl -lpthread
// With -DBENCH_CPU times are of the thread's own processor time: for one thread on a machine that is not quiet.
// Times are of warm data. "ratio" is the time of the fastest library over ours: the median over the rounds, each of
// which takes the best of one burst per contender; above 1 ours is faster.
#include <dlfcn.h>
#include <immintrin.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "bench_context.h"
#include "test/kernel_harness.h"

namespace {
using namespace anneal;
using Clock = std::chrono::steady_clock;

double now() {
#ifdef BENCH_CPU
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
#else
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
#endif
}

struct Shape {
  const char* group;
  char a, b;  // N or T
  int M, K, N;
  int batch = 1;
};

const Shape kShapes[] = {
    {"tiny", 'N', 'T', 16, 4, 16},
    {"tiny", 'N', 'N', 16, 4, 16},
    {"tiny", 'N', 'N', 4, 2, 8},
    {"tiny", 'N', 'T', 4, 2, 8},
    {"tiny", 'T', 'N', 2, 4, 8},
    {"tiny", 'N', 'N', 16, 16, 16},
    {"tiny", 'N', 'T', 16, 16, 16},
    {"tiny", 'T', 'N', 16, 16, 16},
    {"tiny", 'N', 'T', 32, 32, 32},
    {"square", 'N', 'N', 64, 64, 64},
    {"square", 'N', 'N', 128, 128, 128},
    {"square", 'N', 'N', 256, 256, 256},
    {"square", 'N', 'T', 256, 256, 256},
    {"square", 'T', 'N', 256, 256, 256},
    {"square", 'N', 'N', 512, 512, 512},
    {"square", 'N', 'T', 512, 512, 512},
    {"square", 'T', 'N', 512, 512, 512},
    {"square", 'N', 'N', 1024, 1024, 1024},
    {"square", 'N', 'T', 1024, 1024, 1024},
    {"square", 'N', 'N', 2048, 2048, 2048},
    {"mlp forward", 'N', 'T', 32, 784, 512},
    {"mlp forward", 'N', 'T', 128, 784, 256},
    {"mlp forward", 'N', 'T', 1024, 784, 512},
    {"mlp out", 'N', 'T', 32, 512, 10},
    {"mlp out", 'N', 'T', 128, 256, 10},
    {"mlp out", 'N', 'N', 128, 256, 10},
    {"mlp dW", 'T', 'N', 512, 32, 784},
    {"mlp dW", 'T', 'N', 256, 128, 784},
    {"mlp dW", 'T', 'N', 784, 1024, 512},
    {"mlp dW out", 'T', 'N', 10, 32, 512},
    {"mlp dW out", 'T', 'N', 10, 128, 256},
    {"mlp dW out", 'T', 'N', 512, 128, 10},
    {"mlp dX", 'N', 'N', 32, 512, 784},
    {"mlp dX", 'N', 'N', 128, 512, 784},
    {"mlp dX out", 'N', 'N', 32, 10, 512},
    {"mlp dX out", 'N', 'N', 128, 10, 256},
    {"small K", 'N', 'T', 32, 10, 512},
    {"small K", 'N', 'T', 128, 10, 256},
    {"transformer", 'N', 'T', 768, 128, 384},
    {"transformer", 'N', 'T', 768, 512, 128},
    {"transformer", 'N', 'N', 768, 384, 128},
    {"transformer", 'N', 'N', 768, 128, 512},
    {"transformer", 'T', 'N', 384, 768, 128},
    {"transformer", 'T', 'N', 128, 768, 512},
    {"attention", 'N', 'T', 128, 32, 128, 48},
    {"attention", 'N', 'N', 128, 128, 32, 48},
    {"attention", 'T', 'N', 128, 128, 32, 48},
    {"few rows", 'N', 'T', 1, 784, 512},
    {"few rows", 'N', 'T', 2, 784, 512},
    {"few rows", 'N', 'T', 4, 784, 512},
    {"few rows", 'N', 'T', 8, 784, 512},
    {"few rows", 'N', 'N', 1, 784, 512},
    {"few rows", 'N', 'N', 2, 784, 512},
    {"few rows", 'N', 'N', 4, 784, 512},
    {"few rows", 'N', 'N', 8, 784, 512},
    {"long K", 'T', 'N', 16, 8192, 10},
    {"long K", 'T', 'N', 64, 8192, 10},
    {"long K", 'T', 'N', 10, 8192, 64},
    {"long K", 'T', 'N', 8, 8192, 8},
    {"skinny", 'N', 'N', 4096, 64, 16},
    {"skinny", 'N', 'N', 4096, 16, 64},
    {"skinny", 'N', 'T', 4096, 64, 16},
    {"skinny", 'N', 'T', 4096, 16, 64},
};

using Cblas = void (*)(int, int, int, int, int, int, float, const float*, int, const float*, int, float, float*, int);
using Dnnl = int (*)(char, char, int64_t, int64_t, int64_t, float, const float*, int64_t, const float*, int64_t, float,
                     float*, int64_t);

struct Libraries {
  Cblas openblas = nullptr, blis = nullptr;
  Dnnl dnnl = nullptr;
};

void* open_first(std::initializer_list<const char*> names) {
  for (const char* n : names)
    if (void* h = dlopen(n, RTLD_NOW | RTLD_LOCAL)) return h;
  return nullptr;
}

Libraries open_libraries(int threads) {
  const std::string n = std::to_string(threads);
  for (const char* v : {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS"}) setenv(v, n.c_str(), 1);
  Libraries l;
  if (void* h = open_first({"libopenblas.so.0", "libopenblas.so"})) l.openblas = (Cblas)dlsym(h, "cblas_sgemm");
  if (void* h = open_first({"libblis.so.4", "libblis.so"})) l.blis = (Cblas)dlsym(h, "cblas_sgemm");
  if (void* h = open_first({"libdnnl.so.3", "libdnnl.so.2", "libdnnl.so"})) l.dnnl = (Dnnl)dlsym(h, "dnnl_sgemm");
  std::printf("OpenBLAS %s, BLIS %s, oneDNN %s\n", l.openblas ? "present" : "absent", l.blis ? "present" : "absent",
              l.dnnl ? "present" : "absent");
  return l;
}

// ---- the limit: independent chains of fused multiply-adds in registers ------------------------------------------
#define ANNEAL_EACH(what)                                      \
  _Pragma("GCC unroll 16") for (int j = 0; j < kChains; j++) { \
    auto& x = c[j];                                            \
    what;                                                      \
  }
__attribute__((target("avx512f"))) float fma_burst_512(long n) {
  constexpr int kChains = 16;
  __m512 c[kChains], a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(0.001f);
  ANNEAL_EACH(x = a)
  for (long i = 0; i < n; i++)
#pragma GCC unroll 16
    for (int j = 0; j < kChains; j++) {
      c[j] = _mm512_fmadd_ps(c[j], a, b);
      asm volatile("" : "+v"(c[j]));
    }
  float s = 0;
  ANNEAL_EACH(s += x[0])
  return s;
}
__attribute__((target("avx2,fma"))) float fma_burst_256(long n) {
  constexpr int kChains = 12;
  __m256 c[kChains], a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(0.001f);
  ANNEAL_EACH(x = a)
  for (long i = 0; i < n; i++)
#pragma GCC unroll 16
    for (int j = 0; j < kChains; j++) {
      c[j] = _mm256_fmadd_ps(c[j], a, b);
      asm volatile("" : "+x"(c[j]));
    }
  float s = 0;
  ANNEAL_EACH(s += x[0])
  return s;
}

double peak_of_one_thread(int lanes) {
  volatile float sink;
  double best = 0;
  for (int i = 0; i < 20; i++) {
    const double t = now();
    sink = lanes == 16 ? fma_burst_512(100000) : fma_burst_256(100000);
    best = std::max(best, (lanes == 16 ? 16 * 16 : 12 * 8) * 2e5 / (now() - t) * 1e-9);
  }
  (void)sink;
  return best;
}

// ---- contenders -------------------------------------------------------------------------------------------------
struct Contender {
  std::string name;
  std::function<void()> call;
  std::vector<double> times;  // best of the burst, one a round
};

TensorArg matrix(float* data, int64_t rows, int64_t columns, bool transposed, int64_t batch) {
  const int64_t row = transposed ? 1 : columns, column = transposed ? rows : 1;
  if (batch == 1) return {data, DType::f32, 2, {rows, columns}, {row, column}};
  return {data, DType::f32, 3, {batch, rows, columns}, {rows * columns, row, column}};
}

// Long enough bursts that the clock's resolution does not count; calls are timed in groups of at least about 20 us.
double best_of_burst(const std::function<void()>& call, double one) {
  const int group = std::max(1, int(2e-5 / one)), groups = std::max(3, int(4e-3 / (one * group)));
  double best = 1e9;
  for (int g = 0; g < groups; g++) {
    const double t = now();
    for (int i = 0; i < group; i++) call();
    best = std::min(best, (now() - t) / group);
  }
  return best;
}

double once(const std::function<void()>& call) {
  for (int i = 0; i < 3; i++) call();
  int n = 1;
  for (;; n *= 4) {
    const double t = now();
    for (int i = 0; i < n; i++) call();
    if (const double d = now() - t; d > 2e-4) return d / n;
  }
}

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

struct Options {
  int threads = 1, rounds = 7;
  std::string target, only, json, shape;
};

Options options_of(int argc, char** argv) {
  Options o;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string k = argv[i], v = argv[i + 1];
    if (k == "--threads")
      o.threads = std::stoi(v);
    else if (k == "--rounds")
      o.rounds = std::stoi(v);
    else if (k == "--target")
      o.target = v;
    else if (k == "--only")
      o.only = v;
    else if (k == "--json")
      o.json = v;
    else if (k == "--shape")
      o.shape = v;
    else
      std::exit((std::fprintf(stderr, "unknown option %s\n", k.c_str()), 2));
  }
  return o;
}

std::string text_of(const Shape& s) {
  std::string t =
      std::string(1, s.a) + s.b + " " + std::to_string(s.M) + "x" + std::to_string(s.K) + "x" + std::to_string(s.N);
  return s.batch > 1 ? t + " x" + std::to_string(s.batch) : t;
}

void verify(const char* name, const std::vector<float>& got, const std::vector<float>& want) {
  for (size_t i = 0; i < got.size(); i++)
    if (!(std::abs(got[i] - want[i]) < 1e-2f)) std::exit((std::printf("MISMATCH with %s\n", name), 1));
}
}  // namespace

int main(int argc, char** argv) {
  const Options o = options_of(argc, argv);
  const KernelTable* table = harness::targets().back().table;
  for (const auto& t : harness::targets())
    if (o.target == t.table->name) table = t.table;
  const Libraries lib = open_libraries(o.threads);
  bench::BenchContext context(o.threads);
  double peak = peak_of_one_thread(table->lanes) * o.threads;
  std::printf("target %s, %d thread(s), peak %.0f GFLOP/s\n", table->name, o.threads, peak);
  std::printf("%-12s %-20s %10s %8s %6s  %-9s %8s  %s\n", "group", "shape MxKxN", "ns", "GFLOP/s", "peak", "best",
              "GFLOP/s", "ratio [of best times]");
  std::FILE* json = o.json.empty() ? nullptr : std::fopen(o.json.c_str(), "w");
  if (json)
    std::fprintf(json,
                 "{\"target\": \"%s\", \"threads\": %d, \"compiler\": \"%s\", \"peak_gflops\": %.1f, \"shapes\": [",
                 table->name, o.threads, __VERSION__, peak);
  bool comma = false;
  std::vector<Shape> shapes(std::begin(kShapes), std::end(kShapes));
  if (!o.shape.empty()) {
    Shape s = {"given", o.shape[0], o.shape[1], 0, 0, 0};
    if (std::sscanf(o.shape.c_str() + 2, ":%dx%dx%d", &s.M, &s.K, &s.N) != 3) return 2;
    shapes = {s};
  }
  for (const Shape& s : shapes) {
    const std::string text = text_of(s);
    if (!o.only.empty() && (std::string(s.group) + " " + text).find(o.only) == std::string::npos) continue;
    const int64_t M = s.M, N = s.N, K = s.K;
    const bool ta = s.a == 'T', tb = s.b == 'T';
    harness::Aligned pa(size_t(M * K * s.batch) * 4), pb(size_t(K * N * s.batch) * 4 + 256),
        pc(size_t(M * N * s.batch) * 4 + 512);
    float *a = (float*)pa.data(), *b = (float*)pb.data() + 16, *c = (float*)pc.data() + 32;
    harness::Numbers numbers(1);
    for (int64_t i = 0; i < M * K * s.batch; i++) a[i] = numbers.uniform();
    for (int64_t i = 0; i < K * N * s.batch; i++) b[i] = numbers.uniform();
    const TensorArg out = matrix(c, M, N, false, s.batch),
                    in[2] = {matrix(a, M, K, ta, s.batch), matrix(b, K, N, tb, s.batch)};
    const uint32_t attrs[2] = {0, 0};
    const Call call = {1, 2, 2, &out, in, attrs};
    const KernelRow& row = table->rows[row_gemm];
    context.reserve(row.scratch ? row.scratch(call) : 0, row.shared_scratch ? row.shared_scratch(call) : 0);

    std::vector<Contender> list;
    list.push_back({"anneal", [&] { row.run(call, context); }, {}});
    const int lda = int(ta ? M : K), ldb = int(tb ? K : N);
    const auto cblas = [&](Cblas f) {
      return [=, &s] {
        for (int i = 0; i < s.batch; i++)
          f(101, ta ? 112 : 111, tb ? 112 : 111, s.M, s.N, s.K, 1.0f, a + i * M * K, lda, b + i * K * N, ldb, 0.0f,
            c + i * M * N, s.N);
      };
    };
    if (lib.openblas) list.push_back({"OpenBLAS", cblas(lib.openblas), {}});
    if (lib.blis) list.push_back({"BLIS", cblas(lib.blis), {}});
    if (lib.dnnl)
      list.push_back({"oneDNN",
                      [=, &s, &lib] {
                        for (int i = 0; i < s.batch; i++)
                          lib.dnnl(ta ? 'T' : 'N', tb ? 'T' : 'N', M, N, K, 1.0f, a + i * M * K, lda, b + i * K * N,
                                   ldb, 0.0f, c + i * M * N, N);
                      },
                      {}});
    std::vector<float> first;
    std::vector<double> single;
    for (auto& k : list) {
      std::memset(c, 0, size_t(M * N * s.batch) * 4);
      k.call();
      std::vector<float> got(c, c + M * N * s.batch);
      if (first.empty()) first = got;
      verify(k.name.c_str(), got, first);
      single.push_back(once(k.call));
    }
    for (int r = 0; r < o.rounds; r++)
      for (size_t k = 0; k < list.size(); k++) list[k].times.push_back(best_of_burst(list[k].call, single[k]));
    std::vector<double> ratios;
    const double flops = 2.0 * double(M) * double(N) * double(K) * s.batch;
    const double ours = *std::min_element(list[0].times.begin(), list[0].times.end());
    double theirs = 1e9;
    std::string best = "none";
    for (size_t k = 1; k < list.size(); k++) {
      const double t = *std::min_element(list[k].times.begin(), list[k].times.end());
      if (t < theirs) theirs = t, best = list[k].name;
    }
    for (int r = 0; r < o.rounds && list.size() > 1; r++) {
      double t = 1e9;
      for (size_t k = 1; k < list.size(); k++) t = std::min(t, list[k].times[size_t(r)]);
      ratios.push_back(t / list[0].times[size_t(r)]);
    }
    const double ratio = ratios.empty() ? 0 : median(ratios);
    std::printf("%-12s %-20s %10.0f %8.1f %5.0f%%  %-9s %8.1f  %.2f [%.2f]\n", s.group, text.c_str(), ours * 1e9,
                flops / ours * 1e-9, 100 * flops / ours * 1e-9 / peak, best.c_str(), flops / theirs * 1e-9, ratio,
                theirs / ours);
    std::fflush(stdout);
    if (json) {
      std::fprintf(json, "%s\n  {\"group\": \"%s\", \"shape\": \"%s\", \"median_ratio\": %.3f, \"median_ns\": {",
                   comma ? "," : "", s.group, text.c_str(), ratio);
      for (size_t k = 0; k < list.size(); k++)
        std::fprintf(json, "%s\"%s\": %.1f", k ? ", " : "", list[k].name.c_str(), median(list[k].times) * 1e9);
      std::fprintf(json, "}, \"min_ns\": {");
      for (size_t k = 0; k < list.size(); k++)
        std::fprintf(json, "%s\"%s\": %.1f", k ? ", " : "", list[k].name.c_str(),
                     *std::min_element(list[k].times.begin(), list[k].times.end()) * 1e9);
      std::fprintf(json, "}}");
      comma = true;
    }
  }
  if (json) std::fprintf(json, "\n]}\n"), std::fclose(json);
}
