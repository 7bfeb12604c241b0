// clip_scale.
#include "test_parameters.h"

namespace {
using namespace update_test;

KernelCase clip_case(const std::vector<int64_t>& sizes, double limit, bool each, double size = 1) {
  KernelCase c = {row_clip_scale,
                  "clip " + std::to_string(sizes.size()) + " from " + std::to_string(sizes[0]) + " to " +
                      std::to_string(limit) + (each ? " each" : ""),
                  {Tensor(DType::f32, {}).fill([&](int64_t) { return limit; })},
                  {Tensor(DType::f32, {each ? int64_t(sizes.size()) : 1}), Tensor(DType::f32, {})},
                  {each}};
  for (size_t t = 0; t < sizes.size(); t++) c.in.push_back(values(sizes[t], 1 + t, size));
  c.tolerance = {1.2e-7, 0};
  return c;
}

TEST_CASE("clip_scale: norms of all and of each, below and above the limit, of any size") {
  for (const auto& sizes : kSizes)
    for (const bool each : {false, true}) {
      for (double limit : {0.0, 0.5, 3.0, 1e9}) check(clip_case(sizes, limit, each));
      check(clip_case(sizes, 1, each, 1e30));  // squares are beyond float32
      check(clip_case(sizes, 1, each, 1e-30));
    }
  check(clip_case(std::vector<int64_t>(1000, 100), 1, true));
  check(clip_case({300000, 5, 0, 500000, 70000}, 1, true));
}

TEST_CASE("clip_scale: what is not finite goes on") {
  for (const bool each : {false, true})
    for (double odd : {double(INFINITY), double(-INFINITY), double(NAN)}) {
      KernelCase c = clip_case({40, 40000, 3}, 1, each);
      c.in[2].set(30001, odd);
      check(c);
      const auto got = c.run(*targets()[0].table, 1);
      const double scale = got[0].at(each ? 1 : 0), norm = got[1].at(0);
      CHECK((odd != odd ? scale != scale && norm != norm : scale == 0 && norm == double(INFINITY)));
      if (each) CHECK(got[0].at(0) > 0);
      check(clip_case({40}, INFINITY, each));
    }
}

}  // namespace
