// softmax, cross_entropy, gather, gather_rows, scatter_add, copy, fill.
#include "rows.h"

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

KernelCase cross_entropy(int64_t N, int64_t C, double scale, bool loss, bool gradient) {
  KernelCase c = {row_cross_entropy,
                  text_of("cross_entropy", {N, C}),
                  {random_tensor(DType::f32, {N, C}, uint64_t(N * C), scale), indices_below(C, {N}, uint64_t(N))},
                  {Tensor(DType::f32, {N}), Tensor(DType::f32, {N, C})},
                  {}};
  c.out[0].absent = !loss;
  c.out[1].absent = !gradient;
  if (!gradient && N % 2) c.out.pop_back();
  c.tolerance = {1e-6, 1e-6};
  return c;
}

TEST_CASE("cross_entropy: loss and gradient in every combination") {
  for (int64_t C : kWidths)
    for (double scale : {1.0, 50.0, 10000.0})
      for (int which = 1; which < 4; which++) check(cross_entropy(C > 500 ? 3 : 38, C, scale, which & 1, which & 2));
  check(cross_entropy(4, 50257, 10, true, true));
  check(cross_entropy(2000, 10, 10, true, true));
  check(cross_entropy(0, 10, 1, true, true));
  for (bool gradient : {false, true}) check(cross_entropy(611, 300, 10, true, gradient));
}

TEST_CASE("cross_entropy: the gradient of each loss as a factor, of any stride") {
  for (const Dims& dims : std::vector<Dims>{{1, 10}, {7, 3}, {38, 10}, {300, 33}, {300, 700}})
    for (int64_t stride : {0, 1, 3}) {
      KernelCase c = cross_entropy(dims[0], dims[1], 8, stride != 1, true);
      Numbers numbers(5);
      c.in.push_back(Tensor(DType::f32, {dims[0]}, {stride}).fill([&](int64_t) { return double(numbers.uniform()); }));
      check(c);
    }
}

TEST_CASE("cross_entropy: results that go past the caches") { check(cross_entropy(171, 50257, 10, true, true)); }

TEST_CASE("cross_entropy: infinite and huge logits, NaN, in one row of many") {
  for (int64_t C : {1, 3, 10, 40, 256, 257, 3000})
    for (float special : {kInf, -kInf, kNaN, 3e38f, -3e38f, 1e-45f, 200.0f}) {
      KernelCase c = cross_entropy(37, C, 4, true, true);
      c.in[0].set(5 * C + C / 2, special);
      c.in[1].set(5, double(C / 2));
      c.tolerance = {1e-6, 1e-6};
      check(c);
    }
}

TEST_CASE("cross_entropy: a label out of range is reported, and leaves zeros") {
  for (int64_t N : {5, 3000})
    for (double bad : {-1.0, 10.0, 2147483647.0, -2147483648.0}) {
      KernelCase c = cross_entropy(N, 10, 1, true, true);
      c.in[1].set(3, bad);
      c.in[1].set(N - 1, -5);
      check_report(c, 3, int64_t(bad), 10);
    }
}

TEST_CASE("gather") {
  struct Shape {
    Dims data, indices;
    uint32_t axis;
  };
  for (const Shape& s : std::vector<Shape>{{{5}, {3}, 0},
                                           {{7, 3}, {4}, 0},
                                           {{7, 3}, {4}, 1},
                                           {{50, 33}, {2, 9}, 0},
                                           {{4, 6, 5}, {3}, 1},
                                           {{4, 6, 5}, {2, 2}, 2},
                                           {{3, 1}, {}, 0},
                                           {{1000, 64}, {700}, 0},
                                           {{2, 3000, 17}, {600}, 1},
                                           {{5, 4}, {0}, 0},
                                           {{0, 4}, {0}, 0},
                                           {{5, 0}, {3}, 0},
                                           {{1, 8}, {100}, 0}})
    for (DType dtype : {DType::f32, DType::i32, DType::u8, DType::boolean}) {
      Dims out(s.data.begin(), s.data.begin() + s.axis);
      out.insert(out.end(), s.indices.begin(), s.indices.end());
      out.insert(out.end(), s.data.begin() + s.axis + 1, s.data.end());
      KernelCase c = {row_gather,
                      text_of("gather", s.data),
                      {random_tensor(dtype, s.data, 1), indices_below(s.data[s.axis], s.indices, 2)},
                      {Tensor(dtype, out)},
                      {s.axis}};
      check(c);
      if (out.empty() || c.in[1].stored() < 3 || c.out[0].size() == 0) continue;
      c.in[1].set(2, -1);
      check_report(c, 2, -1, s.data[s.axis]);
    }
}

TEST_CASE("scatter_add: sums in the order of the indices") {
  struct Shape {
    Dims out, indices;
    uint32_t axis;
  };
  for (const Shape& s : std::vector<Shape>{{{5}, {30}, 0},
                                           {{7, 3}, {40}, 0},
                                           {{7, 3}, {4}, 1},
                                           {{50, 33}, {2, 90}, 0},
                                           {{4, 6, 5}, {30}, 1},
                                           {{3000, 40}, {500}, 0},
                                           {{2, 2000, 20}, {700}, 1},
                                           {{5, 4}, {0}, 0},
                                           {{5, 0}, {3}, 0},
                                           {{10, 1}, {1000}, 0}})
    for (DType dtype : {DType::f32, DType::i32}) {
      Dims updates(s.out.begin(), s.out.begin() + s.axis);
      updates.insert(updates.end(), s.indices.begin(), s.indices.end());
      updates.insert(updates.end(), s.out.begin() + s.axis + 1, s.out.end());
      KernelCase c = {row_scatter_add,
                      text_of("scatter_add", s.out),
                      {indices_below(s.out[s.axis], s.indices, 2), random_tensor(dtype, updates, 1)},
                      {Tensor(dtype, s.out)},
                      {s.axis}};
      c.reference_in_float = true;  // the same sums in the same order
      check(c);
      if (c.in[0].stored() < 4 || c.out[0].size() == 0) continue;
      c.in[0].set(3, 1e9);
      check_report(c, 3, 1000000000, s.out[s.axis]);
    }
}

TEST_CASE("take_along_axis and scatter") {
  for (const Dims& dims : std::vector<Dims>{{1, 1}, {7, 10}, {37, 3}, {4097, 5}, {2, 5000}, {9001, 17}, {0, 3}}) {
    const int64_t N = dims[0], C = dims[1];
    const Tensor labels = indices_below(C, {N}, uint64_t(N + C));
    check(KernelCase{row_take_along_axis,
                     text_of("take_along_axis", dims),
                     {random_tensor(DType::f32, dims, uint64_t(C)), labels},
                     {Tensor(DType::f32, {N})},
                     {}});
    for (const Dims& values : std::vector<Dims>{{N}, {}})
      check(KernelCase{row_scatter,
                       text_of("scatter", dims),
                       {random_tensor(DType::f32, values, uint64_t(N)), labels},
                       {Tensor(DType::f32, dims)},
                       {}});
    if (N > 3)
      for (const Row row : {row_take_along_axis, row_scatter}) {
        KernelCase c = {row,
                        text_of("a label out of range", dims),
                        {random_tensor(DType::f32, row == row_take_along_axis ? dims : Dims{N}, 5), labels},
                        {Tensor(DType::f32, row == row_take_along_axis ? Dims{N} : dims)},
                        {}};
        c.in[1].set(3, double(C));
        c.in[1].set(N - 1, -1);
        check_report(c, 3, C, C);
      }
  }
}

TEST_CASE("gather_rows: casts, subtracts and scales") {
  for (DType from : {DType::u8, DType::f32, DType::i32, DType::boolean})
    for (DType to : {DType::f32, DType::i32})
      for (const Dims& dims : std::vector<Dims>{{20}, {20, 1}, {20, 3, 5}, {300, 784}, {7, 16}, {7, 0}})
        for (int64_t B : {0, 1, 6, 200})
          for (int given = 0; given < (to == DType::f32 ? 2 : 1); given++) {
            Dims out = dims;
            out[0] = B;
            KernelCase c = {
                row_gather_rows,
                text_of("gather_rows", dims),
                {random_tensor(from, dims, 1, 100), indices_below(dims[0], {B}, 2), Tensor(), Tensor(), Tensor()},
                {Tensor(to, out)},
                {}};
            if (given) {
              c.in[2] = Tensor(DType::f32, {}).fill([](int64_t) { return 33.3; });
              c.in[3] = Tensor(DType::f32, {}).fill([](int64_t) { return 7e-7; });
              c.in[4] = Tensor(DType::f32, {}).fill([](int64_t) { return 1.0 / 255; });
            }
            c.reference_in_float = true;
            check(c);
            if (B < 6 || c.out[0].size() == 0) continue;
            c.in[1].set(5, double(dims[0]));
            check_report(c, 5, dims[0], dims[0]);
          }
}

TEST_CASE("copy: every layout to every layout") {
  const auto transposed = [](const Dims& dims) {
    Dims strides(dims.size());
    int64_t s = 1;
    for (size_t d = 0; d < dims.size(); s *= dims[d++]) strides[d] = s;
    return strides;
  };
  const auto layout = [&](const Dims& dims, int way) {
    Dims s = way == 1 ? transposed(dims) : Tensor::dense(dims);
    if (way == 2)
      for (auto& x : s) x *= 3;
    if (way == 3 && !s.empty()) s[0] += 5;
    return s;
  };
  for (const Dims& dims : std::vector<Dims>{{},
                                            {1},
                                            {9},
                                            {70000},
                                            {6, 7},
                                            {33, 65},
                                            {300, 200},
                                            {3, 4, 5},
                                            {2, 50, 1, 40},
                                            {2, 3, 4, 5, 6},
                                            {0, 4},
                                            {4, 0},
                                            {3, 100000}})
    for (int from = 0; from < 5; from++)
      for (int to = 0; to < 4; to++)
        for (DType dtype : {DType::f32, DType::i32, DType::u8}) {
          Dims in = layout(dims, from);
          if (from == 4)
            for (size_t d = 0; d < in.size(); d += 2) in[d] = 0;
          check({row_copy,
                 text_of("copy", dims) + " from " + std::to_string(from) + " to " + std::to_string(to),
                 {random_tensor(dtype, dims, 1, 1, in)},
                 {Tensor(dtype, dims, layout(dims, to))},
                 {}});
          if (from == 0)
            check({row_fill,
                   text_of("fill", dims),
                   {random_tensor(dtype, {}, 4)},
                   {Tensor(dtype, dims, layout(dims, to))},
                   {}});
        }
}

TEST_CASE("require_finite: the first element that is not is reported, with its operand and what it is") {
  const double odd[] = {double(NAN), double(INFINITY), double(-INFINITY)};
  for (const std::vector<int64_t>& sizes : std::vector<std::vector<int64_t>>{{1}, {1, 17, 0, 33}, {5, 200000, 3}}) {
    KernelCase c = {row_require_finite, "require_finite", {}, {}, {}};
    int64_t before = 0;
    for (size_t t = 0; t < sizes.size(); t++) c.in.push_back(random_tensor(DType::f32, {sizes[t]}, 1 + t, 1e30));
    check(c);
    std::vector<Tensor> out;
    for (const Target& target : targets()) CHECK((report(c, *target.table, 2, out).failure == Failure::none));
    for (size_t t = 0; t < sizes.size(); before += sizes[t++])
      for (int64_t at : {int64_t(0), sizes[t] / 2, sizes[t] - 1})
        for (int kind = 0; kind < 3 && at >= 0 && at < sizes[t]; kind++) {
          KernelCase bad = c;
          bad.in[t].set(at, odd[kind]);
          bad.in.back().set(sizes.back() - 1, odd[at == sizes[t] - 1 && t + 1 == sizes.size() ? kind : 0]);
          check_report(bad, before + at, int64_t(t), kind, Failure::not_finite);
        }
  }
}

TEST_CASE("gather_rows: an index out of range is reported from any chunk") {
  constexpr int64_t N = 20, I = 4096, B = 40;  // rows of 16 KiB: a few to a chunk
  for (int64_t at : {int64_t(0), int64_t(7), B - 1}) {
    KernelCase c = {row_gather_rows,
                    "gather_rows of many chunks",
                    {random_tensor(DType::f32, {N, I}, 1), indices_below(N, {B}, 2), Tensor(), Tensor(), Tensor()},
                    {Tensor(DType::f32, {B, I})},
                    {}};
    c.reference_in_float = true;
    c.in[1].set(at, -3);
    check_report(c, at, -3, N);
  }
}

TEST_CASE("scatter_add: a sum that leaves int32 is reported, with the update that made it do so") {
  for (int64_t I : {1, 5, 70})
    for (int64_t O : {1, 3}) {
      Dims out = {O, 4, I}, updates = {O, 6, I};
      KernelCase c = {
          row_scatter_add,
          text_of("scatter_add of large integers", out),
          {Tensor(DType::i32, {6}).fill([](int64_t k) { return double(k % 2); }), Tensor(DType::i32, updates)},
          {Tensor(DType::i32, out)},
          {1}};
      c.in[1].fill([](int64_t) { return 1.0; });
      const int64_t last = (O - 1) * 6;  // updates 1, 3 and 5 go to row 1
      c.in[1].set((last + 1) * I + I - 1, -2147483647.0);
      c.in[1].set((last + 5) * I + I - 1, -3.0);
      check_report(c, last + 5, -2147483649, 0, Failure::overflow);
      c.in[1].set((last + 3) * I + I - 1, 2.0);
      for (const Target& target : targets()) {
        std::vector<Tensor> made;
        CHECK((report(c, *target.table, 2, made).failure == Failure::none));
      }
    }
}

}  // namespace
