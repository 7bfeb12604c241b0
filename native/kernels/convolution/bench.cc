// Convolutions of the layers of LeNet, ResNets and MobileNet, each pass beside oneDNN's.
#include "onednn.h"

namespace {
using namespace bench;

Subject convolution(Bench& b, Pass pass, const Conv2d& c) {
  const std::vector<int64_t> x = {c.N, 1, c.H, c.W, c.C}, y = {c.N, 1, c.height(), c.width(), c.O},
                             w = {c.O, c.C / c.groups, 1, c.kernel, c.kernel};
  const int64_t results[] = {c.N * c.height() * c.width() * c.O, c.N * c.H * c.W * c.C,
                             c.O * (c.C / c.groups) * c.kernel * c.kernel};
  const ConvMemory m = {b.floats(results[1]), b.floats(results[2]), b.floats(results[0])};
  const TensorArg X = b.tensor(x, m.x), Y = b.tensor(y, m.y), W = b.tensor(w, m.w);
  const auto k = uint32_t(c.stride), p = uint32_t(c.padding), g = uint32_t(c.groups);
  const std::vector<uint32_t> geometry = {g, 1, k, k, 0, p, p, 1, 1, 1},
                              plain = {activations::none, 0, g, 1, k, k, 0, p, p, 1, 1, 1};
  const TensorArg none = {};
  const auto by = [&](const KernelTable& table) {
    switch (pass) {
      case Pass::forward:
        return b.kernel(row_conv, {Y}, {X, W, none, none}, plain, &table);
      case Pass::input_gradient:
        return b.kernel(row_conv_transpose, {X}, {Y, W, none, none}, plain, &table);
      default:
        return b.kernel(row_conv_weight_grad, {W}, {X, Y}, geometry, &table);
    }
  };
  Subject subject;
  subject.ours = by(b.table);
  subject.reference = by(reference_table);
  subject.peers = {onednn_in_own_order(pass, c, m), onednn_channels_last(pass, c, m)};
  subject.flops = c.flops();
  subject.limits = {b.peak(subject.flops)};
  subject.result = pass == Pass::forward ? m.y : pass == Pass::input_gradient ? m.x : m.w;
  subject.results = results[int(pass)];
  subject.tolerance = 1e-6f * float(pass == Pass::weight_gradient ? results[0] / c.O : c.kernel * c.kernel * c.C);
  return subject;
}

std::string name_of(const Conv2d& c) {
  const auto text = [](int64_t n) { return std::to_string(n); };
  return text(c.N) + "x" + text(c.C) + "x" + text(c.H) + "x" + text(c.W) + " to " + text(c.O) + ", " + text(c.kernel) +
         "/" + text(c.stride) + "/" + text(c.padding) + (c.groups > 1 ? " depthwise" : "");
}

void fill(bench::Family& family) {
  const Conv2d shapes[] = {{64, 1, 28, 28, 32, 5, 1, 2, 1, true},  {64, 32, 14, 14, 64, 5, 1, 2},
                           {64, 3, 32, 32, 16, 3, 1, 1, 1, true},  {64, 16, 32, 32, 16, 3, 1, 1},
                           {64, 16, 32, 32, 32, 3, 2, 1},          {64, 64, 8, 8, 64, 3, 1, 1},
                           {8, 3, 224, 224, 64, 7, 2, 3, 1, true}, {8, 128, 28, 28, 128, 3, 1, 1},
                           {8, 256, 14, 14, 1024, 1, 1, 0},        {8, 1024, 14, 14, 512, 1, 2, 0},
                           {16, 128, 56, 56, 128, 3, 1, 1, 128},   {16, 20, 13, 13, 33, 3, 1, 1},
                           {1, 32, 14, 14, 64, 5, 1, 2},           {1, 16, 32, 32, 16, 3, 1, 1},
                           {1, 128, 28, 28, 128, 3, 1, 1}};
  for (const Conv2d& c : shapes) {
    const auto add = [&](const char* group, Pass pass) {
      family.add({.group = group,
                  .name = std::string(group) + " of " + name_of(c),
                  .against_peers = 0.85,
                  .counted = c.N == 1 || c.C == 20,
                  .make = [=](Bench& b) { return convolution(b, pass, c); }});
    };
    if (c.N == 1) {
      add("one image", Pass::forward);
      continue;
    }
    add("forward", Pass::forward);
    if (!c.of_data) add("input gradient", Pass::input_gradient);
    add("weight gradient", Pass::weight_gradient);
  }
}

const bench::Family conv("convolution", fill);
}  // namespace
