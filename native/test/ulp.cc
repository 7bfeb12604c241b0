// The largest errors of the elementary functions, over every float32: each target's kernel against double precision.
//
//   ulp [function ...]      all of them where none is named; a function takes some tens of seconds
//
// Prints JSON: the largest error in units in the last place of the exact result, the argument where it is, and a hash
// of all results, which is the same on every target with fused multiply-add.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "cpu.h"
#include "kernel_harness.h"

namespace {
using namespace anneal;

enum : uint32_t {
#define ANNEAL_POINTWISE(name, ...) op_##name,
#include "kernels/pointwise/opcodes.def"
#undef ANNEAL_POINTWISE
};

struct Function {
  const char* name;
  uint32_t opcode;
  double (*exact)(double);
  double least_unit;  // errors are in units of at least this: for what has zeros, an ULP of 1
};

constexpr double kDenormal = 0x1p-149, kOfOne = 0x1p-24;
constexpr double kPhi = 0.3989422804014326779, kHalfRoot = 0.7071067811865475244, kTanhGelu = 0.7978845608028653559;

double normal(double x) { return 0.5 * std::erfc(-x * kHalfRoot); }
double logistic(double x) { return 1 / (1 + std::exp(-x)); }
double tanh_gelu_argument(double x) { return 2 * kTanhGelu * (x + 0.044715 * x * x * x); }
double gelu_slope(double x) { return std::fabs(x) > 40 ? (x > 0) : normal(x) + x * kPhi * std::exp(-0.5 * x * x); }
double gelu_tanh_slope(double x) {
  if (!(std::fabs(x) < 40)) return x != x ? x : x > 0;
  const double s = logistic(tanh_gelu_argument(x));
  return s + x * s * (1 - s) * 2 * kTanhGelu * (1 + 3 * 0.044715 * x * x);
}

const Function kFunctions[] = {
    {"exp", op_exp, [](double x) { return std::exp(x); }, kDenormal},
    {"log", op_log, [](double x) { return std::log(x); }, kDenormal},
    {"expm1", op_expm1, [](double x) { return std::expm1(x); }, kDenormal},
    {"log1p", op_log1p, [](double x) { return std::log1p(x); }, kDenormal},
    {"softplus", op_softplus, [](double x) { return std::fmax(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); },
     kDenormal},
    {"tanh", op_tanh, [](double x) { return std::tanh(x); }, kDenormal},
    {"sigmoid", op_sigmoid, logistic, kDenormal},
    {"erf", op_erf, [](double x) { return std::erf(x); }, kDenormal},
    {"gelu", op_gelu, [](double x) { return x * normal(x); }, kDenormal},
    {"gelu_tanh", op_gelu_tanh, [](double x) { return x * logistic(tanh_gelu_argument(x)); }, kDenormal},
    {"gelu_grad", op_gelu_grad, gelu_slope, kOfOne},
    {"gelu_tanh_grad", op_gelu_tanh_grad, gelu_tanh_slope, kOfOne},
};

struct Worst {
  double ulp = 0.5;  // what a correctly rounded result may have
  float at = 0;
  uint64_t hash = 0;
};

// The distance of floats around the exact value.
double unit_at(double exact) { return std::ldexp(1.0, std::max(std::ilogb(exact), -126) - 23); }

// The error of a result that is not the correctly rounded one.
double error_of(float got, double exact, double least_unit) {
  const double rounded = float(exact);
  if (got != got || exact != exact || std::isinf(got) || std::isinf(rounded)) return INFINITY;
  return std::fabs(got - exact) / std::max(exact == 0 ? kDenormal : unit_at(exact), least_unit);
}

constexpr int64_t kBlock = 1 << 16;

void measure_block(const KernelTable& table, const Function& f, uint32_t block, Worst& worst) {
  std::vector<float> x(kBlock), one(kBlock, 1.0f), y(kBlock);
  for (int64_t i = 0; i < kBlock; i++) {
    const uint32_t bits = block << 16 | uint32_t(i);
    std::memcpy(&x[size_t(i)], &bits, 4);
  }
  const auto tensor = [](std::vector<float>& v) { return TensorArg{v.data(), DType::f32, 1, {kBlock}, {1}}; };
  const TensorArg in[2] = {tensor(x), tensor(one)}, out = tensor(y);
  const bool slope = std::strstr(f.name, "_grad") != nullptr;
  const uint32_t operands = slope ? 2 : 1;
  const uint32_t attrs[6] = {1, f.opcode, 0, slope ? 1 : kNone, kNone, operands};
  harness::TestContext context(1);
  context.run(table, row_pointwise, {1, int32_t(operands), 6, &out, in, attrs});
  for (int64_t i = 0; i < kBlock; i++) {
    const float got = y[size_t(i)];
    const double exact = f.exact(double(x[size_t(i)]));
    if (got != float(exact) && (got == got || exact == exact)) {
      const double e = error_of(got, exact, f.least_unit);
      if (e > worst.ulp) worst.ulp = e, worst.at = x[size_t(i)];
    }
    if (y[size_t(i)] != y[size_t(i)]) y[size_t(i)] = NAN;  // one NaN is as good as another
  }
  worst.hash += harness::hash_of(y.data(), kBlock * 4, block);
}

Worst measure(const KernelTable& table, const Function& f) {
  std::atomic<uint32_t> next{0};
  std::vector<Worst> parts(std::max(1u, std::thread::hardware_concurrency()));
  std::vector<std::thread> threads;
  for (Worst& part : parts)
    threads.emplace_back([&] {
      for (uint32_t block; (block = next.fetch_add(1)) < 1 << 16;) measure_block(table, f, block, part);
    });
  for (auto& t : threads) t.join();
  Worst all;
  for (const Worst& part : parts) {
    if (part.ulp > all.ulp) all.ulp = part.ulp, all.at = part.at;
    all.hash += part.hash;
  }
  return all;
}
}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> wanted(argv + 1, argv + argc);
  const KernelTable& table = choose_target();
  std::printf("{\"target\": \"%s\", \"compiler\": \"%s\", \"functions\": {", table.name, __VERSION__);
  const char* comma = "";
  for (const Function& f : kFunctions) {
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), f.name) == wanted.end()) continue;
    const Worst w = measure(table, f);
    std::printf("%s\n  \"%s\": {\"ulp\": %.4g, \"at\": %.9g, \"ofOne\": %s, \"hash\": \"%016llx\"}", comma, f.name,
                w.ulp, double(w.at), f.least_unit == kOfOne ? "true" : "false", (unsigned long long)w.hash);
    std::fflush(stdout);
    comma = ",";
  }
  std::printf("\n}}\n");
}
