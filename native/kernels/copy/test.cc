// copy, fill.
#include "test/rows.h"

namespace {
using namespace harness;

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

}  // namespace
