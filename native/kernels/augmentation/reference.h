// References of random augmentation: one element at a time, by its place in the image. What is drawn comes of the same
// functions as in the kernels.
#pragma once
#include "../reference_access.h"
#include "color.h"
#include "parameters.h"

namespace anneal::ANNEAL_TARGET {

// Elements of image b of the first input, and of the result.
struct ReferenceImage {
  const Call& call;
  int64_t b;
  Draws draws = Draws(call.in[call.inputs - 1], call.in[call.inputs - 2], b);

  static int64_t offset(const TensorArg& t, int64_t b, int64_t c, int64_t y, int64_t x) {
    return ((b * t.dims[1] + c) * t.dims[2] + y) * t.dims[3] + x;
  }
  double load(int64_t c, int64_t y, int64_t x, int input = 0) const {
    const ReferenceLane lane = reference_load(call.in[input], offset(call.in[input], b, c, y, x));
    return lane.is_real ? lane.real : lane.integer;
  }
  void store(int64_t c, int64_t y, int64_t x, double value) const {
    // A float may be NaN, which no integer is.
    const int32_t byte = bytes() ? (int32_t)value : 0;
    reference_store(call.out[0], offset(call.out[0], b, c, y, x), {value, byte, true});
  }
  bool bytes() const { return call.in[0].dtype == DType::u8; }
};

// Sets every element of the result to what `element` gives for it.
template <class F>
static void reference_elements_of(const ReferenceImage& image, F element) {
  const TensorArg& out = image.call.out[0];
  for (int64_t c = 0; c < out.dims[1]; c++)
    for (int64_t y = 0; y < out.dims[2]; y++)
      for (int64_t x = 0; x < out.dims[3]; x++) image.store(c, y, x, element(c, y, x));
}

template <class F>
static void reference_images(const Call& call, F each) {
  for (int64_t b = 0; b < call.in[0].dims[0]; b++) {
    ReferenceImage image = {call, b};
    each(image);
  }
}

template <class T>
static void reference_random_flip(const Call& call, Context&) {
  const int64_t H = call.in[0].dims[2], W = call.in[0].dims[3];
  reference_images(call, [&](ReferenceImage& image) {
    const bool flips = image.draws.uniform() < number_at(call, 1), down = flips && call.attr[0] == 2,
               across = flips && call.attr[0] == 3;
    reference_elements_of(image, [&](int64_t c, int64_t y, int64_t x) {
      return image.load(c, down ? H - 1 - y : y, across ? W - 1 - x : x);
    });
  });
}

template <class T>
static void reference_random_crop(const Call& call, Context&) {
  reference_images(call, [&](ReferenceImage& image) {
    const Box box = crop_box(call, image.draws);
    reference_elements_of(image, [&](int64_t c, int64_t y, int64_t x) {
      const int64_t row = padded_index(box.top + y, call.in[0].dims[2], call.attr[2]),
                    column = padded_index(box.left + x, call.in[0].dims[3], call.attr[2]);
      return row < 0 || column < 0 ? number_at(call, 3) : image.load(c, row, column);
    });
  });
}

template <class T>
static void reference_random_erasing(const Call& call, Context&) {
  reference_images(call, [&](ReferenceImage& image) {
    Box box = {0, 0, 0, 0};
    if (!erased_box(call, image.draws, box)) box.height = 0;
    reference_elements_of(image, [&](int64_t c, int64_t y, int64_t x) {
      const bool erased = y >= box.top && y < box.top + box.height && x >= box.left && x < box.left + box.width;
      return erased ? number_at(call, 1) : image.load(c, y, x);
    });
  });
}

template <class T>
static void reference_random_affine(const Call& call, Context&) {
  const int64_t H = call.in[0].dims[2], W = call.in[0].dims[3];
  reference_images(call, [&](ReferenceImage& image) {
    const AffineMap map = affine_map(call, image.draws);
    reference_elements_of(image, [&](int64_t c, int64_t y, int64_t x) {
      const double at_x = (double)(map.xx * x + map.xy * y + map.x0) / kSteps,
                   at_y = (double)(map.yx * x + map.yy * y + map.y0) / kSteps;
      const auto at = [&](double row, double column) {
        const bool inside = row >= 0 && row < (double)H && column >= 0 && column < (double)W;
        return inside ? image.load(c, (int64_t)row, (int64_t)column) : number_at(call, 1);
      };
      if (call.attr[0] == interpolations::nearest) return at(std::floor(at_y + 0.5), std::floor(at_x + 0.5));
      const double row = std::floor(at_y), column = std::floor(at_x);
      const double right = std::floor((at_x - column) * 2048) / 2048, lower = std::floor((at_y - row) * 2048) / 2048;
      const double above = at(row, column) * (1 - right) + at(row, column + 1) * right,
                   below = at(row + 1, column) * (1 - right) + at(row + 1, column + 1) * right,
                   value = above * (1 - lower) + below * lower;
      return image.bytes() ? std::floor(value + 0.5) : value;
    });
  });
}

template <class T>
static void reference_random_resized_crop(const Call& call, Context&) {
  const int64_t h = call.out[0].dims[2], w = call.out[0].dims[3];
  reference_images(call, [&](ReferenceImage& image) {
    const Box box = resized_box(call, image.draws);
    const auto weight = [&](const ResizeTaps& taps, int64_t t) {
      return image.bytes() ? std::floor(taps.weight(t) * 4194304 + 0.5) / 4194304 : (double)(T)taps.weight(t);
    };
    const auto stored = [&](double x) {
      return image.bytes() ? std::fmin(255, std::fmax(0, std::floor(x + 0.5))) : (double)(T)x;
    };
    reference_elements_of(image, [&](int64_t c, int64_t y, int64_t x) {
      if (call.attr[0] == interpolations::nearest)
        return image.load(c, box.top + y * box.height / h, box.left + x * box.width / w);
      const ResizeTaps across(x, box.width, w), down(y, box.height, h);
      double sum = 0;
      for (int64_t i = 0; i < down.count; i++) {
        double row = 0;
        for (int64_t j = 0; j < across.count; j++)
          row += image.load(c, box.top + down.first + i, box.left + across.first + j) * weight(across, j);
        sum += stored(row) * weight(down, i);
      }
      return stored(sum);
    });
  });
}

template <class T>
static void reference_color_jitter(const Call& call, Context&) {
  const int64_t C = call.in[0].dims[1], area = call.in[0].dims[2] * call.in[0].dims[3];
  reference_images(call, [&](ReferenceImage& image) {
    const Jitter jitter = draw_jitter(call, image.draws);
    reference_elements_of(image, [&](int64_t c, int64_t y, int64_t x) { return image.load(c, y, x); });
    uint8_t* pixels = (uint8_t*)call.out[0].data + image.b * C * area;
    const auto greys = [&](int64_t i) { return grey_at(pixels, C, area, i); };
    for (const int kind : jitter.order) {
      const float factor = jitter.factors[kind];
      if (kind == 3 ? factor == 0 || C == 1 : factor == 1 || (kind == 2 && C == 1)) continue;
      double sum = 0;
      for (int64_t i = 0; i < area; i++) sum += greys(i);
      for (int64_t i = 0; i < area; i++) {
        if (kind == 3) {
          shift_hue(pixels[i], pixels[area + i], pixels[2 * area + i], factor);
          continue;
        }
        const float other = kind == 0 ? 0 : kind == 1 ? (float)(sum / (double)area) : greys(i);
        for (int64_t c = 0; c < C; c++) pixels[c * area + i] = blend_bytes(pixels[c * area + i], other, factor);
      }
    }
  });
}

template <class T>
static void reference_mix_images(const Call& call, Context&) {
  reference_images(call, [&](ReferenceImage& image) {
    const auto [share, box] = draw_mixture(call, image.draws);
    reference_store(call.out[1], image.b, {share, 0, true});
    reference_elements_of(image, [&, share = share, box = box](int64_t c, int64_t y, int64_t x) {
      const double first = image.load(c, y, x), second = image.load(c, y, x, 1);
      if (!call.attr[0]) return first * share + second * (double)(1 - share);
      const bool other = y >= box.top && y < box.top + box.height && x >= box.left && x < box.left + box.width;
      return other ? second : first;
    });
  });
}

}  // namespace anneal::ANNEAL_TARGET
