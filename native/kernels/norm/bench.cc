// Normalisations and their gradients beside a plain loop over the bytes that must move: x is read once where the
// elements that share statistics stay in a cache, else twice, and so are dy and x of a gradient.
#include <bit>

#include "bench.h"

namespace {
using namespace bench;

struct Norm {
  std::string name;
  int64_t A, R, G, P;
  bool twice;  // what shares statistics stays in no cache
  bool centered = true;
  bool residual = false;  // x + residual is normalised and kept; to dx, the gradient of that sum is added

  int64_t size() const { return A * R * G * P; }
};

Subject norm(Bench& b, const Norm& n, bool gradient) {
  float *x = b.floats(n.size()), *y = b.floats(n.size()), *dy = b.floats(gradient ? n.size() : 1);
  const auto whole = [&](float* data) { return b.tensor({n.A, n.R, n.G, n.P}, data); };
  const auto statistic = [&] { return b.tensor({n.A, n.G}); };
  const auto features = [&] { return b.tensor({n.G, n.P}); };
  TensorArg spread = statistic(), mean = statistic(), dbias = features();
  for (int64_t i = 0; i < n.A * n.G; i++) static_cast<float*>(spread.data)[i] = 1;
  if (!n.centered) mean.data = dbias.data = nullptr;
  const TensorArg residual = n.residual ? whole(b.floats(n.size())) : TensorArg();
  const TensorArg sum = n.residual && !gradient ? whole(b.floats(n.size())) : TensorArg();
  Subject s;
  const uint32_t eps = std::bit_cast<uint32_t>(1e-5f);
  if (gradient)
    s.ours = b.kernel(row_norm_grad, {whole(y), features(), dbias},
                      {whole(dy), whole(x), spread, mean, features(), residual}, {eps});
  else
    s.ours = b.kernel(row_norm, {whole(y), spread, mean, sum},
                      {whole(x), features(), n.centered ? features() : dbias, residual}, {n.centered, eps});
  // Two passes read as much as one over twice as many arrays.
  std::vector<const float*> read = gradient ? std::vector<const float*>{dy, x} : std::vector<const float*>{x};
  if (n.twice)
    for (size_t i = 0, arrays = read.size(); i < arrays; i++) read.push_back(b.floats(n.size()));
  std::vector<float*> written = {y};
  if (n.residual) read.push_back(static_cast<const float*>(residual.data));
  if (sum.data) written.push_back(static_cast<float*>(sum.data));
  s.limits = {b.stream(read, written, n.size())};
  s.bytes = 4.0 * double(n.size()) * double(read.size() + written.size());
  return s;
}

void fill(bench::Family& family) {
  const Norm cases[] = {
      {"batch norm of 64x64x56x56", 1, 64 * 56 * 56, 64, 1, true},
      {"batch norm of 64x256x28x28", 1, 64 * 28 * 28, 256, 1, true},
      {"batch norm of 128x16x64x64", 1, 128 * 64 * 64, 16, 1, true},
      {"batch norm of 32x1024x14x14", 1, 32 * 14 * 14, 1024, 1, true},
      {"batch norm of 8192x1024", 1, 8192, 1024, 1, true},
      {"group norm of 64x64x56x56 in 32", 64, 56 * 56, 32, 2, true},
      {"group norm of 64x256x14x14 in 32", 64, 14 * 14, 32, 8, false},
      {"instance norm of 16x3x256x256", 16, 256 * 256, 3, 1, true},
      {"layer norm of 16384x768", 16384, 1, 1, 768, false},
      {"layer norm of 131072x64", 131072, 1, 1, 64, false},
      {"layer norm of 2048x8192", 2048, 1, 1, 8192, false},
      {"RMS norm of 16384x768", 16384, 1, 1, 768, false, false},
      {"layer norm of 64x96", 64, 1, 1, 96, false},
      {"layer norm of 768x128", 768, 1, 1, 128, false},
      {"layer norm of 8192x384", 8192, 1, 1, 384, false},
      {"layer norm of 4096x768", 4096, 1, 1, 768, false},
      {"RMS norm of 768x128", 768, 1, 1, 128, false, false},
      {"RMS norm of 4096x768", 4096, 1, 1, 768, false, false},
      {"layer norm of a sum of 768x128", 768, 1, 1, 128, false, true, true},
      {"layer norm of a sum of 8192x384", 8192, 1, 1, 384, false, true, true},
      {"layer norm of a sum of 4096x768", 4096, 1, 1, 768, false, true, true},
      {"batch norm of 64x16x8x8", 1, 64 * 64, 16, 1, false},
  };
  for (const Norm& n : cases)
    for (const bool gradient : {false, true}) {
      const bool large = n.size() > 1 << 20;
      family.add({.group = gradient ? "norms, gradient" : "norms",
                  .name = (gradient ? "gradient of " : "") + n.name,
                  .of_limit = large ? 0.85 : 0,
                  .counted = !large,
                  .make = [=](Bench& b) { return norm(b, n, gradient); }});
    }
}

const bench::Family norms("norm", fill);
}  // namespace
