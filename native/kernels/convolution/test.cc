// Convolutions: odd sizes, borders, strides, dilations, groups; each row against its reference and every target.
#include "test/refusals.h"
#include "test/rows.h"

namespace {
using namespace harness;

// Sizes along the three axes, the last ones of as many as are given.
struct Window {
  Dims in, taps, stride = {1, 1, 1}, padding = {0, 0, 0}, dilation = {1, 1, 1};
};
struct Shape {
  int64_t N, C, O, groups;
  Window w;
  int64_t out(size_t i) const {
    return (w.in[i] + 2 * w.padding[i] - w.dilation[i] * (w.taps[i] - 1) - 1) / w.stride[i] + 1;
  }
  Dims x() const { return {N, w.in[0], w.in[1], w.in[2], C}; }
  Dims y() const { return {N, out(0), out(1), out(2), O}; }
  Dims weights() const { return {O, C / groups, w.taps[0], w.taps[1], w.taps[2]}; }
  std::vector<uint32_t> geometry() const {
    std::vector<uint32_t> words = {uint32_t(groups)};
    for (const Dims* d : {&w.stride, &w.padding, &w.dilation})
      for (int64_t value : *d) words.push_back(uint32_t(value));
    return words;
  }
};

std::vector<uint32_t> with_epilogue(uint32_t activation, uint32_t flags, std::vector<uint32_t> geometry) {
  geometry.insert(geometry.begin(), {activation, flags});
  return geometry;
}

void check_all(const Shape& s, double special = 0) {
  Tensor x = random_tensor(DType::f32, s.x(), 1), w = random_tensor(DType::f32, s.weights(), 2),
         dy = random_tensor(DType::f32, s.y(), 3), bias = random_tensor(DType::f32, {s.O}, 4),
         back = random_tensor(DType::f32, {s.C}, 5), mask = random_tensor(DType::f32, s.x(), 6);
  if (special != 0 && x.stored() > 0)
    x.set(x.stored() / 2, special), w.set(0, special), dy.set(dy.stored() - 1, special);
  const int64_t taps = s.w.taps[0] * s.w.taps[1] * s.w.taps[2];
  const Tolerance forward = {1e-6, 3e-7 * double(taps * s.C / s.groups)},
                  backward = {1e-6, 3e-7 * double(taps * s.O / s.groups)};
  const Tensor none, scale = random_tensor(DType::f32, {s.O}, 7), shift = random_tensor(DType::f32, {s.O}, 8),
                     residual = random_tensor(DType::f32, s.y(), 9), other = random_tensor(DType::f32, s.x(), 10);
  struct {
    const char* name;
    uint32_t activation;
    std::vector<Tensor> more;
  } forwards[] = {{"", activations::none, {none, none}},
                  {" bias relu", activations::relu, {bias, none}},
                  {" scale shift", activations::none, {none, none, scale, shift}},
                  {" bias scale shift residual relu", activations::relu, {bias, none, scale, shift, residual}},
                  {" shift residual tanh", activations::tanh, {none, none, none, shift, residual}}},
    backwards[] = {{"", activations::none, {none, none}},
                   {" bias mask", activations::none, {back, mask}},
                   {" scale residual mask", activations::none, {none, mask, back, none, other}}};
  const auto run = [&](Row row, const char* name, auto& variant, std::vector<Tensor> inputs, const Dims& result,
                       Tolerance tolerance) {
    inputs.insert(inputs.end(), variant.more.begin(), variant.more.end());
    const uint32_t flags = variant.more[1].stored() > 0 ? gemm_flags::mask : 0;
    KernelCase c = {row,
                    text_of((std::string(name) + variant.name).c_str(), s.x()),
                    inputs,
                    {Tensor(DType::f32, result)},
                    with_epilogue(variant.activation, flags, s.geometry())};
    c.tolerance = tolerance;
    check(c);
  };
  for (const auto& variant : forwards) run(row_conv, "conv", variant, {x, w}, s.y(), forward);
  for (const auto& variant : backwards) run(row_conv_transpose, "conv_transpose", variant, {dy, w}, s.x(), backward);
  KernelCase g = {row_conv_weight_grad,
                  text_of("conv_weight_grad", s.x()),
                  {x, dy},
                  {Tensor(DType::f32, s.weights())},
                  s.geometry()};
  g.tolerance = {1e-6, 3e-7 * double(s.N * s.out(0) * s.out(1) * s.out(2))};
  check(g);
}

TEST_CASE("convolution: images") {
  check_all({1, 1, 1, 1, {{1, 1, 1}, {1, 1, 1}}});
  check_all({7, 3, 5, 1, {{1, 6, 5}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}}});
  check_all({2, 17, 33, 1, {{1, 9, 8}, {1, 3, 2}, {1, 2, 1}, {0, 1, 0}}});
  check_all({3, 1, 32, 1, {{1, 28, 28}, {1, 5, 5}, {1, 1, 1}, {0, 2, 2}}});
  check_all({2, 3, 16, 1, {{1, 33, 31}, {1, 7, 7}, {1, 2, 2}, {0, 3, 3}}});
  check_all({1, 2, 4, 1, {{1, 1, 1}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}}});
  check_all({5, 4, 3, 1, {{1, 7, 9}, {1, 2, 2}, {1, 3, 4}}});
}

TEST_CASE("convolution: one pixel of many channels, strides over them, blocks of K") {
  check_all({2, 130, 65, 1, {{1, 5, 7}, {1, 1, 1}}});
  check_all({2, 64, 31, 1, {{1, 5, 7}, {1, 1, 1}, {1, 2, 2}}});
  check_all({1, 600, 20, 1, {{1, 3, 3}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}}});
  check_all({1, 512, 16, 1, {{1, 2, 2}, {1, 1, 1}}});
}

TEST_CASE("convolution: few output channels over long rows of taps, in several strips and parts") {
  for (int64_t outputs : {2, 7, 8, 13, 16})
    check_all({9, 16, outputs, 1, {{1, 20, 18}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}}});
  check_all({3, 32, 5, 1, {{1, 9, 8}, {1, 2, 1}, {1, 2, 3}}});
  check_all({2, 64, 12, 2, {{1, 9, 8}, {1, 2, 2}, {1, 1, 1}, {0, 1, 0}}});
  check_all({17, 48, 4, 1, {{1, 6, 7}, {1, 1, 5}, {1, 1, 1}, {0, 0, 2}}});
}

TEST_CASE("convolution: one pixel, of which strides leave others out, with borders and without") {
  check_all({3, 64, 9, 1, {{1, 9, 7}, {1, 1, 1}, {1, 3, 2}}});
  check_all({3, 64, 40, 1, {{1, 9, 7}, {1, 1, 1}, {1, 3, 2}, {0, 1, 1}}});
  check_all({2, 64, 9, 1, {{5, 9, 7}, {1, 1, 3}, {2, 3, 2}, {0, 0, 1}}});
  check_all({2, 64, 9, 1, {{1, 9, 7}, {1, 3, 1}, {1, 2, 2}}});
}

TEST_CASE("convolution: dilations, also with strides that share a divisor or none") {
  for (int64_t stride : {1, 2, 3, 4})
    for (int64_t dilation : {2, 3, 4})
      check_all({2, 3, 5, 1, {{1, 17, 13}, {1, 3, 2}, {1, stride, 1}, {0, 2, 3}, {1, dilation, dilation}}});
}

TEST_CASE("convolution: groups, and as many as channels") {
  check_all({2, 6, 9, 3, {{1, 7, 6}, {1, 3, 3}, {1, 1, 2}, {0, 1, 1}}});
  check_all({2, 20, 20, 20, {{1, 9, 11}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}}});
  check_all({3, 33, 33, 33, {{1, 8, 7}, {1, 5, 2}, {1, 2, 3}, {0, 2, 1}, {1, 1, 2}}});
  check_all({2, 4, 8, 4, {{1, 6, 6}, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}}});
}

TEST_CASE("convolution: sequences and volumes") {
  check_all({2, 5, 7, 1, {{1, 1, 40}, {1, 1, 5}, {1, 1, 2}, {0, 0, 4}, {1, 1, 2}}});
  check_all({2, 5, 7, 1, {{1, 40, 1}, {1, 4, 1}, {1, 3, 1}, {0, 3, 0}}});
  check_all({2, 3, 4, 1, {{5, 6, 4}, {3, 2, 3}, {2, 1, 1}, {1, 0, 1}}});
  check_all({1, 4, 6, 2, {{4, 5, 5}, {2, 3, 3}, {1, 2, 2}, {1, 1, 1}, {2, 1, 1}}});
}

TEST_CASE("convolution: parts of the batch, strips of rows") {
  check_all({16, 8, 16, 1, {{1, 24, 24}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}}});
  check_all({2, 64, 24, 1, {{1, 40, 40}, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}}});
  check_all({9, 32, 32, 32, {{1, 30, 28}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}}});
}

TEST_CASE("convolution: NaN and infinity, also of a weight that meets padding; no images") {
  for (double special : {double(kNaN), double(kInf)})
    check_all({2, 3, 5, 1, {{1, 6, 5}, {1, 3, 3}, {1, 2, 1}, {0, 1, 1}}}, special);
  check_all({0, 3, 5, 1, {{1, 6, 5}, {1, 3, 3}}});
}

TEST_CASE("verify checks what a convolution is given") {
  using namespace refusals;
  const auto words = [](const Dims& d) { return std::vector<uint32_t>(d.begin(), d.end()); };
  // Images [2, 5, 5, 4] to 6 channels of the same size, with what is wrong in one of the places.
  const auto of = [&](std::vector<uint32_t> geometry, std::vector<Dims> more = {}, uint32_t activation = 0,
                      uint32_t flags = 0, Dims y = {2, 1, 5, 5, 6}, Dims w = {6, 4, 1, 3, 3}) {
    return refusal_of([&](ProgramBuilder& b) {
      std::vector<uint32_t> inputs = {b.dense(Space::input, DType::f32, 0, {2, 1, 5, 5, 4}),
                                      b.dense(Space::arena, DType::f32, 8192, words(w))};
      for (const Dims& d : more)
        inputs.push_back(d.empty() ? kNone : b.dense(Space::arena, DType::f32, 16384, words(d)));
      b.add(row_conv, {b.dense(Space::arena, DType::f32, 0, words(y))}, inputs,
            with_epilogue(activation, flags, geometry));
    });
  };
  const std::vector<uint32_t> same = {1, 1, 1, 1, 0, 1, 1, 1, 1, 1};
  const Dims image = {2, 1, 5, 5, 6};
  CHECK(of(same) == "accepted");
  CHECK(of(same, {{6}, {}, {6}, {6}, image}) == "accepted");
  CHECK(of(same, {{}, image}, activations::none, gemm_flags::mask) == "accepted");
  for (size_t i : {0, 2, 3}) {
    std::vector<Dims> more(i + 1);
    more[i] = {5};
    check_refused(of(same, more), "numbers of channels do not fit");
  }
  check_refused(of(same, {{}, {}, {}, {}, {2, 1, 5, 5, 5}}), "residual is not like the result");
  check_refused(of(same, {{}, {2, 1, 5, 4, 6}}, activations::none, gemm_flags::mask), "mask is not like the result");
  check_refused(of(same, {{}, image}), "flags do not fit mask");
  check_refused(of(same, {}, activations::sigmoid + 1), "unknown activation");
  check_refused(of(same, {}, 0, 0, image, {6, 3, 1, 3, 3}), "channels do not agree");
  check_refused(of({1, 1, 1, 0, 0, 1, 1, 1, 1, 1}), "windows do not fit");
  check_refused(of({4, 1, 1, 1, 0, 1, 1, 1, 1, 1}), "outputs do not divide into groups");
}

TEST_CASE("verify checks how many phases a transposed convolution has") {
  using namespace refusals;
  const auto of = [&](uint32_t d, uint32_t h, uint32_t w) {
    return refusal_of([&](ProgramBuilder& b) {
      const uint32_t x = b.dense(Space::arena, DType::f32, 0, {1, 1, 1, 1, 1}),
                     y = b.dense(Space::input, DType::f32, 0, {1, 1, 1, 1, 1}),
                     weight = b.dense(Space::input, DType::f32, 1, {1, 1, 1, 1, 1});
      b.add(row_conv_transpose, {x}, {y, weight}, with_epilogue(0, 0, {1, d, h, w, 0, 0, 0, 1, 1, 1}));
    });
  };
  CHECK(of(1, 1024, 1024) == "accepted");
  CHECK(of(1, 1, 1 << 20) == "accepted");
  check_refused(of(1, 1024, 1025), "strides are too large together");
  check_refused(of(2, 1, 1 << 20), "strides are too large together");
  check_refused(of(1 << 30, 1 << 30, 1 << 30), "strides are too large together");
}

}  // namespace
