// require_finite.
#include "test/rows.h"

namespace {
using namespace harness;

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

}  // namespace
