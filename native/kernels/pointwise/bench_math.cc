// The elementary functions over data in the first cache, against SLEEF (its functions of 1.0 ULP) and the compiler's
// vector library, glibc's libmvec (of 4 ULP), of the target's width. Ours is a whole pointwise instruction, with its
// preparation; the peers are a bare loop.
#include <dlfcn.h>
#include <immintrin.h>

#include <string>

#include "bench.h"

namespace {
using namespace bench;

constexpr int64_t kResident = 4096;  // floats: input and output are 32 KB

enum : uint32_t {
#define ANNEAL_POINTWISE(name, ...) op_##name,
#include "opcodes.def"
#undef ANNEAL_POINTWISE
};

__attribute__((target("avx2"))) void loop_8(void* f, const float* x, float* y) {
  const auto call = reinterpret_cast<__m256 (*)(__m256)>(f);
  for (int64_t i = 0; i < kResident; i += 8) _mm256_storeu_ps(y + i, call(_mm256_loadu_ps(x + i)));
}
__attribute__((target("avx2"))) void loop_8(void* f, const float* x, const float* z, float* y) {
  const auto call = reinterpret_cast<__m256 (*)(__m256, __m256)>(f);
  for (int64_t i = 0; i < kResident; i += 8)
    _mm256_storeu_ps(y + i, call(_mm256_loadu_ps(x + i), _mm256_loadu_ps(z + i)));
}
__attribute__((target("avx512f"))) void loop_16(void* f, const float* x, float* y) {
  const auto call = reinterpret_cast<__m512 (*)(__m512)>(f);
  for (int64_t i = 0; i < kResident; i += 16) _mm512_storeu_ps(y + i, call(_mm512_loadu_ps(x + i)));
}
__attribute__((target("avx512f"))) void loop_16(void* f, const float* x, const float* z, float* y) {
  const auto call = reinterpret_cast<__m512 (*)(__m512, __m512)>(f);
  for (int64_t i = 0; i < kResident; i += 16)
    _mm512_storeu_ps(y + i, call(_mm512_loadu_ps(x + i), _mm512_loadu_ps(z + i)));
}

struct Function {
  const char* name;
  uint32_t opcode;
  float low, high;        // of the arguments
  const char* peer;       // the C name, or null where the libraries have none
  bool two = false;       // arguments
  bool gradient = false;  // takes dy too
};

Closure peer_of(Bench& b, const Function& f, bool sleef, const float* x, const float* z, float* y) {
  if (!f.peer || b.table.lanes < 8) return {};
  const bool wide = b.table.lanes == 16;
  void* library = open_library({sleef ? "libsleef.so.3" : "libmvec.so.1"});
  const std::string name = sleef ? std::string("Sleef_") + f.peer + (wide ? "16_u10avx512f" : "8_u10avx2")
                                 : std::string(wide ? "_ZGVeN16v" : "_ZGVdN8v") + (f.two ? "v_" : "_") + f.peer;
  void* call = library ? dlsym(library, name.c_str()) : nullptr;
  if (!call) return {};
  if (f.two) return wide ? Closure([=] { loop_16(call, x, z, y); }) : Closure([=] { loop_8(call, x, z, y); });
  return wide ? Closure([=] { loop_16(call, x, y); }) : Closure([=] { loop_8(call, x, y); });
}

Subject subject_of(Bench& b, const Function& f) {
  float *x = b.floats(kResident), *z = b.floats(kResident), *y = b.floats(kResident);
  for (int64_t i = 0; i < kResident; i++) {
    x[i] = f.low + (f.high - f.low) * (x[i] + 0.5f);
    z[i] *= 6;
  }
  const bool two = f.two || f.gradient;
  std::vector<TensorArg> inputs = {b.tensor({kResident}, x)};
  if (two) inputs.push_back(b.tensor({kResident}, z));
  Subject s;
  s.ours = b.kernel(row_pointwise, {b.tensor({kResident}, y)}, inputs,
                    {1, f.opcode, 0, two ? 1 : kNone, kNone, two ? 2u : 1u});
  if (f.peer) s.peers = {{"SLEEF", peer_of(b, f, true, x, z, y)}, {"libmvec", peer_of(b, f, false, x, z, y)}};
  s.bytes = 4.0 * (two ? 3 : 2) * kResident;
  s.result = y;
  s.results = kResident;
  s.tolerance = 1e-3f;
  return s;
}

void fill(bench::Family& family) {
  const Function functions[] = {
      {"exp", op_exp, -20, 5, "expf"},
      {"log", op_log, 0.01f, 100, "logf"},
      {"expm1", op_expm1, -5, 5, "expm1f"},
      {"log1p", op_log1p, -0.9f, 20, "log1pf"},
      {"tanh", op_tanh, -5, 5, "tanhf"},
      {"erf", op_erf, -4, 4, "erff"},
      {"pow", op_pow, 0.1f, 10, "powf", true},
      {"sigmoid", op_sigmoid, -10, 10, nullptr},
      {"silu", op_silu, -10, 10, nullptr},
      {"softplus", op_softplus, -10, 10, nullptr},
      {"gelu", op_gelu, -5, 5, nullptr},
      {"gelu_tanh", op_gelu_tanh, -5, 5, nullptr},
      {"gelu_grad", op_gelu_grad, -5, 5, nullptr, false, true},
      {"gelu_tanh_grad", op_gelu_tanh_grad, -5, 5, nullptr, false, true},
  };
  for (const Function& f : functions)
    family.add({.group = f.peer ? "functions" : "functions without a peer",
                .name = f.name,
                .against_peers = f.peer ? 1.0 : 0.0,
                .make = [f](Bench& b) { return subject_of(b, f); }});
}

const bench::Family family("math", fill);
}  // namespace
