// Random augmentation of images of bytes and floats, and what its verifiers refuse.
#include <bit>

#include "codes.h"
#include "test/refusals.h"
#include "test/rows.h"

namespace {
using namespace harness;

uint32_t bits(float x) { return std::bit_cast<uint32_t>(x); }

Tensor pixels(DType dtype, const Dims& dims) {
  return dtype == DType::u8 ? Tensor(dtype, dims).fill([](int64_t i) { return double((i * i * 3 + i) % 251); })
                            : random_tensor(dtype, dims, 1);
}

Tensor examples(int64_t B) {
  return Tensor(DType::i32, {B}).fill([](int64_t i) { return double(i * 31 + 5); });
}
Tensor key(uint32_t epoch = 4) {
  return Tensor(DType::i32, {5}).fill([&](int64_t i) { return i == 4 ? double(epoch) : double(i * 7 - 5); });
}

KernelCase augmentation(Row row, DType dtype, const Dims& in, int64_t h, int64_t w, std::vector<uint32_t> attrs) {
  KernelCase c = {row,
                  "augmentation " + text_of(std::to_string(row).c_str(), in),
                  {pixels(dtype, in), examples(in[0]), key()},
                  {Tensor(dtype, {in[0], in[1], h, w})},
                  attrs};
  c.reference_in_float = true;
  if (dtype == DType::f32) c.tolerance = {1e-6, 1e-6};
  return c;
}

const std::vector<Dims> kImages = {{1, 1, 1, 1}, {0, 3, 8, 8}, {7, 3, 9, 12}, {40, 3, 33, 31}, {3, 1, 130, 170}};

TEST_CASE("random_flip, random_crop, random_erasing") {
  for (DType dtype : {DType::u8, DType::f32})
    for (const Dims& d : kImages) {
      for (uint32_t axis : {2u, 3u})
        for (float p : {0.0f, 0.5f, 1.0f}) check(augmentation(row_random_flip, dtype, d, d[2], d[3], {axis, bits(p)}));
      for (uint32_t mode :
           {padding_modes::constant, padding_modes::edge, padding_modes::reflect, padding_modes::symmetric})
        for (uint32_t random : {0u, 1u}) {
          const int64_t top = mode == padding_modes::reflect ? d[2] - 1 : d[2], left = (d[3] - 1) / 2;
          const std::vector<uint32_t> attrs = {uint32_t(top), uint32_t(left), mode, bits(9), random};
          check(augmentation(row_random_crop, dtype, d, d[2] + 2 * top, d[3], attrs));
          check(augmentation(row_random_crop, dtype, d, 1, (d[3] + 1) / 2, attrs));
        }
      for (float p : {0.0f, 0.7f})
        check(augmentation(row_random_erasing, dtype, d, d[2], d[3],
                           {bits(p), bits(7), bits(0.02f), bits(0.5f), bits(0.3f), bits(3.3f)}));
    }
}

TEST_CASE("random_resized_crop and random_affine") {
  for (DType dtype : {DType::u8, DType::f32})
    for (const Dims& d : kImages)
      for (uint32_t interpolation : {interpolations::nearest, interpolations::bilinear}) {
        for (uint32_t random : {0u, 1u})
          for (const auto& [h, w] : std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {5, 40}, {64, 3}})
            check(augmentation(row_random_resized_crop, dtype, d, h, w,
                               {interpolation, random, bits(0.08f), bits(1), bits(0.75f), bits(1.25f)}));
        const auto affine = [&](float degrees, float shift, float low, float high, float shear) {
          check(augmentation(
              row_random_affine, dtype, d, d[2], d[3],
              {interpolation, bits(3), bits(-degrees), bits(degrees), bits(-shift), bits(shift), bits(-shift / 2),
               bits(shift), bits(low), bits(high), bits(-shear), bits(shear), bits(-shear), bits(shear / 2)}));
        };
        affine(0, 0, 1, 1, 0);
        affine(180, 0.3f, 0.5f, 2, 30);
        affine(3600, 1, 0.01f, 100, 80);
      }
}

TEST_CASE("color_jitter") {
  for (int64_t C : {1, 3})
    for (const Dims& d : kImages) {
      const auto jitter = [&](float low, float high, float hue) {
        check(
            augmentation(row_color_jitter, DType::u8, {d[0], C, d[2], d[3]}, d[2], d[3],
                         {bits(low), bits(high), bits(low), bits(high), bits(low), bits(high), bits(-hue), bits(hue)}));
      };
      jitter(1, 1, 0);
      jitter(0, 2, 0.5f);
      jitter(0.8f, 1000, 0.1f);
    }
}

TEST_CASE("mix_images") {
  for (const Dims& d : kImages)
    for (uint32_t cut : {0u, 1u})
      for (float alpha : {0.01f, 0.2f, 0.5f, 1.0f, 100.0f})
        for (auto [lo, hi] : {std::pair{0.0f, 0.5f}, {0.0f, 1.0f}, {0.25f, 0.75f}, {0.5f, 0.5f}}) {
          KernelCase c = {row_mix_images,
                          text_of("mix_images", d),
                          {pixels(DType::f32, d), random_tensor(DType::f32, d, 2), examples(d[0]), key()},
                          {Tensor(DType::f32, d), Tensor(DType::f32, {d[0]})},
                          {cut, bits(lo), bits(hi), bits(alpha)}};
          c.reference_in_float = true;
          c.tolerance = {1e-6, 1e-6};
          check(c);
        }
}

TEST_CASE("what is drawn depends on the epoch and the example, not on the place in a batch") {
  const Dims d = {8, 1, 16, 16};
  KernelCase c = augmentation(row_random_crop, DType::u8, d, 16, 16, {4, 4, 0, 0, 1});
  const KernelTable& table = *targets().back().table;
  const Tensor first = c.run(table, 1)[0];
  c.in[2] = key(5);
  CHECK_FALSE(c.run(table, 1)[0].same_bits(first));
  c.in[2] = key();
  c.in[1] = examples(9);
  KernelCase last = augmentation(row_random_crop, DType::u8, {1, 1, 16, 16}, 16, 16, {4, 4, 0, 0, 1});
  last.in[0].fill([&](int64_t i) { return c.in[0].at(7 * 256 + i); });
  last.in[1].set(0, 7 * 31 + 5);
  const Tensor alone = last.run(table, 1)[0];
  for (int64_t i = 0; i < 256; i++) CHECK(alone.at(i) == first.at(7 * 256 + i));
}

TEST_CASE("verify checks what augmentation is given") {
  using namespace refusals;
  const auto of = [](Row row, std::vector<uint32_t> out, std::vector<uint32_t> attrs, DType dtype = DType::u8) {
    return refusal_of([&](ProgramBuilder& b) {
      b.add(row, {b.dense(Space::arena, dtype, 0, out)},
            {b.dense(Space::input, dtype, 0, {2, 3, 8, 9}), b.dense(Space::input, DType::i32, 1, {2}),
             b.dense(Space::input, DType::i32, 2, {5})},
            attrs);
    });
  };
  const std::vector<uint32_t> same = {2, 3, 8, 9};
  CHECK(of(row_random_flip, same, {2, bits(1)}) == "accepted");
  check_refused(of(row_random_flip, same, {1, bits(1)}), "neither 2 nor 3");
  check_refused(of(row_random_flip, same, {2, bits(NAN)}), "no probability");
  check_refused(of(row_random_flip, {2, 3, 8, 8}, {2, bits(1)}), "another size");
  check_refused(of(row_random_flip, {2, 1, 8, 9}, {2, bits(1)}), "other images");
  check_refused(of(row_random_flip, same, {2, bits(1)}, DType::i32), "neither bytes nor float");
  CHECK(of(row_random_crop, {2, 3, 10, 9}, {1, 0, 0, bits(255), 1}) == "accepted");
  check_refused(of(row_random_crop, {2, 3, 11, 9}, {1, 0, 0, 0, 1}), "does not fit");
  check_refused(of(row_random_crop, {2, 3, 8, 9}, {8, 0, padding_modes::reflect, 0, 1}), "does not fit");
  check_refused(of(row_random_crop, {2, 3, 8, 9}, {9, 0, padding_modes::symmetric, 0, 1}), "does not fit");
  check_refused(of(row_random_crop, {2, 3, 8, 9}, {0xFFFFFFFF, 0, 0, 0, 1}), "does not fit");
  check_refused(of(row_random_crop, {2, 3, 8, 9}, {0, 0, 4, 0, 1}), "unknown mode");
  check_refused(of(row_random_crop, {2, 3, 8, 9}, {0, 0, 0, bits(256), 1}), "no element");
  const auto resized = [&](float low, float high, float from, float to) {
    return of(row_random_resized_crop, {2, 3, 4, 4}, {1, 1, bits(low), bits(high), bits(from), bits(to)});
  };
  CHECK(resized(0.1f, 1, 0.5f, 2) == "accepted");
  check_refused(resized(0, 1, 0.5f, 2), "no areas or ratios");
  check_refused(resized(0.1f, 2, 0.5f, 2), "no areas or ratios");
  check_refused(resized(0.1f, 1, 2, 0.5f), "no areas or ratios");
  const auto affine = [&](float scale, float shear) {
    const uint32_t z = bits(0);
    return of(row_random_affine, same,
              {0, z, z, z, z, z, z, z, bits(scale), bits(scale), z, z, bits(shear), bits(shear)});
  };
  CHECK(affine(0.01f, 80) == "accepted");
  check_refused(affine(0, 0), "out of range");
  check_refused(affine(1, 90), "out of range");
  check_refused(of(row_random_erasing, same, {bits(2), 0, bits(0.1f), bits(0.2f), bits(1), bits(1)}), "no probability");
  const uint32_t one = bits(1);
  CHECK(of(row_color_jitter, same, {one, one, one, one, one, one, 0, 0}) == "accepted");
  check_refused(of(row_color_jitter, same, {one, one, one, one, one, one, 0, one}), "factor is out of range");
  check_refused(of(row_color_jitter, same, {one, one, one, one, one, one, 0, 0}, DType::f32), "grey or of colours");
}

}  // namespace
