// gather, gather_rows, scatter_add, coalesce, take_along_axis, scatter.
#include "test/rows.h"

namespace {
using namespace harness;

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
                                           {{40, 130}, {3, 50}, 0},
                                           {{40, 700}, {3, 50}, 0},
                                           {{70000, 1}, {3000}, 0},
                                           {{2, 300, 257}, {40}, 1},
                                           {{100000, 3}, {1}, 0},
                                           {{100000, 3}, {0}, 0},
                                           {{9001, 1000}, {40}, 0},
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

// Tokens [..] below `size`, some of them often, with an update of D elements each.
KernelCase coalesce_case(const Dims& tokens, int64_t size, int64_t D, bool padded) {
  Tensor indices = indices_below(size, tokens, 3);
  const int64_t K = indices.size(), R = std::min(K, size);
  for (int64_t k = 0; k < K; k++)
    if (k % 5 < 2)
      indices.set(k, double(k % 3 % size));
    else if (padded && k % 5 == 2)
      indices.set(k, -1);
  Dims updates = tokens;
  updates.push_back(D);
  KernelCase c = {row_coalesce,
                  text_of(padded ? "coalesce, padded" : "coalesce", {K, size, D}),
                  {indices, random_tensor(DType::f32, updates, 1)},
                  {Tensor(DType::f32, {R, D}), Tensor(DType::i32, {R})},
                  {uint32_t(size), padded}};
  c.reference_in_float = true;  // the same sums in the same order
  return c;
}

TEST_CASE("coalesce: each row that is named once, sums in the order of the indices") {
  for (const bool padded : {false, true}) {
    for (const Dims& tokens : std::vector<Dims>{{1}, {7}, {4, 5}, {300}, {2, 3, 2}, {0}, {}})
      for (const int64_t size : {1, 3, 255, 256, 257, 70000})
        for (const int64_t D : {0, 1, 7, 16, 33}) check(coalesce_case(tokens, size, D, padded));
    check(coalesce_case({900}, 2000, 100, padded));
  }
}

TEST_CASE("coalesce: an index out of range is reported by its position") {
  for (const double wrong : {-2.0, -1.0, 257.0, 1e9})
    for (const bool padded : {false, true}) {
      if (padded && wrong == -1) continue;
      KernelCase c = coalesce_case({4, 30}, 257, 7, padded);
      c.in[0].set(101, wrong);
      c.in[0].set(110, wrong);
      check_report(c, 101, int64_t(wrong), 257);
    }
}

TEST_CASE("coalesce makes what scatter_add does, without the rows that stay 0") {
  for (const Target& t : targets()) {
    const KernelCase c = coalesce_case({500}, 3000, 40, false);
    const KernelCase whole = {row_scatter_add, "", {c.in[0], c.in[1]}, {Tensor(DType::f32, {3000, 40})}, {0}};
    const auto few = c.run(*t.table, 2), all = whole.run(*t.table, 2);
    int64_t r = 0;
    for (int64_t row = 0; row < 3000; row++) {
      const bool named = r < few[1].size() && few[1].at(r) == double(row);
      for (int64_t i = 0; i < 40; i++) CHECK(all[0].at(row * 40 + i) == (named ? few[0].at(r * 40 + i) : 0));
      r += named;
    }
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

TEST_CASE("take_along_axis and scatter: several labels a row, equal ones among them") {
  for (const Dims& dims : std::vector<Dims>{
           {1, 1, 1}, {7, 10, 4}, {37, 3, 9}, {3, 5, 9000}, {2, 5000, 700}, {4, 3, 0}, {0, 3, 2}, {3, 0, 0}}) {
    const int64_t N = dims[0], C = dims[1], K = dims[2];
    const Tensor labels = indices_below(C, {N, K}, uint64_t(N + C));
    check(KernelCase{row_take_along_axis,
                     text_of("take_along_axis", dims),
                     {random_tensor(DType::f32, {N, C}, 1), labels},
                     {Tensor(DType::f32, {N, K})},
                     {}});
    for (const Dims& values : std::vector<Dims>{{N, K}, {}}) {
      KernelCase c = {row_scatter,
                      text_of("scatter", dims),
                      {random_tensor(DType::f32, values, 2), labels},
                      {Tensor(DType::f32, {N, C})},
                      {}};
      check(c);
      if (N * K < 9) continue;
      c.in[1].set(N * K - 2, double(C));
      check_report(c, N * K - 2, C, C);
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
