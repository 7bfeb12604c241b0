// softmax, log_softmax and their gradients.
#include "test/rows.h"

namespace {
using namespace harness;

TEST_CASE("softmax: every width, small and huge logits") {
  for (uint32_t log : {0u, 1u})
    for (int64_t C : kWidths)
      for (double scale : {1.0, 20.0, 2000.0}) {
        const Dims dims = {C > 500 ? 3 : 37, C};
        KernelCase c = {row_softmax,
                        text_of(log ? "log_softmax" : "softmax", dims),
                        {random_tensor(DType::f32, dims, uint64_t(C), scale)},
                        {Tensor(DType::f32, dims)},
                        {log}};
        c.tolerance = {log ? 3e-7 : 1e-6 + 1.2e-7 * scale,
                       log ? 1e-6 : 1e-37};  // x - max is rounded before the exponential
        check(c);
      }
}

TEST_CASE("softmax: wide rows, many rows, none") {
  for (const Dims& dims : std::vector<Dims>{{3, 50257}, {3000, 10}, {0, 5}, {5, 0}, {7}, {2, 3, 4, 20}})
    for (uint32_t log : {0u, 1u}) {
      KernelCase c = {row_softmax,
                      text_of(log ? "log_softmax" : "softmax", dims),
                      {random_tensor(DType::f32, dims, 3, 8)},
                      {Tensor(DType::f32, dims)},
                      {log}};
      c.tolerance = {1e-6, log ? 1e-6 : 1e-37};
      check(c);
    }
}

TEST_CASE("softmax: rows far below their maximum, as masks make them") {
  for (uint32_t log : {0u, 1u})
    for (int64_t C : {10, 64, 300})
      for (float low : {-80.0f, -87.4f, -95.0f, -103.5f, -104.5f, -131.0f, -133.0f, -1e9f, -kInf}) {
        KernelCase c = {row_softmax,
                        text_of("softmax masked", {20, C}),
                        {random_tensor(DType::f32, {20, C}, 4)},
                        {Tensor(DType::f32, {20, C})},
                        {log}};
        for (int64_t i = 0; i < 20 * C; i++)
          if (i % C > i / C % C) c.in[0].set(i, low);
        c.tolerance = {1e-6, log ? 1e-6 : 1e-37};
        check(c);
      }
}

TEST_CASE("softmax: -inf is a probability of 0; NaN, +inf and nothing but -inf give NaN") {
  for (uint32_t log : {0u, 1u})
    for (int64_t C : {3, 10, 16, 40, 3000})
      for (int what = 0; what < 4; what++) {
        KernelCase c = {row_softmax,
                        text_of("softmax special", {4, C}),
                        {random_tensor(DType::f32, {4, C}, 9)},
                        {Tensor(DType::f32, {4, C})},
                        {log}};
        c.in[0].set(C + 1, what == 0 ? -kInf : what == 1 ? kNaN : kInf);
        if (what == 3)
          for (int64_t i = 0; i < C; i++) c.in[0].set(C + i, -kInf);
        c.tolerance = {1e-6, 1e-6};
        check(c);
      }
}

TEST_CASE("softmax_grad") {
  for (uint32_t log : {0u, 1u})
    for (int64_t C : kWidths) {
      const Dims dims = {C > 500 ? 3 : 37, C};
      Tensor y = random_tensor(DType::f32, dims, uint64_t(C));
      y.fill([&, at = y](int64_t i) { return log ? at.at(i) - std::log(double(C)) : (at.at(i) + 0.6) / double(C); });
      KernelCase c = {row_softmax_grad,
                      text_of(log ? "log_softmax_grad" : "softmax_grad", dims),
                      {y, random_tensor(DType::f32, dims, uint64_t(C) + 7)},
                      {Tensor(DType::f32, dims)},
                      {log}};
      c.tolerance = {1e-6, 1e-6};
      check(c);
    }
}

}  // namespace
