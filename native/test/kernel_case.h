// A call of one row, run on every target and compared: with the reference in double, with other targets, with other
// thread counts.
#pragma once
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "kernel_harness.h"

namespace harness {

constexpr int64_t kGuardElements = 64;
constexpr unsigned char kGuardByte = 0xA5;

// A strided view of memory of its own, with guard bands around it. Its first element begins a line of the cache, as in
// sessions, or lies `start` elements behind that, as those of slices do.
class Tensor {
 public:
  Tensor() : Tensor(DType::f32, {0}) { absent = true; }
  Tensor(DType dtype, std::vector<int64_t> dims, std::vector<int64_t> strides = {}, int64_t start = 0)
      : dtype_(dtype), dims_(std::move(dims)), before_(kGuardElements + start) {
    strides_ = strides.empty() ? dense(dims_) : std::move(strides);
    int64_t last = 0;
    bool empty = false;
    for (size_t d = 0; d < dims_.size(); d++) {
      last += (dims_[d] - 1) * strides_[d];
      empty |= dims_[d] == 0;
    }
    elements_ = empty ? 0 : last + 1;
    bytes_.assign(size_t((before_ + elements_ + kGuardElements) * size_of(dtype_)), char(kGuardByte));
  }
  static std::vector<int64_t> dense(const std::vector<int64_t>& dims) {
    std::vector<int64_t> strides(dims.size());
    int64_t s = 1;
    for (size_t d = dims.size(); d-- > 0; s *= dims[d]) strides[d] = s;
    return strides;
  }

  DType dtype() const { return dtype_; }
  int64_t stored() const { return elements_; }  // elements in memory, which may be more or fewer than the view has
  int64_t size() const {
    int64_t n = 1;
    for (int64_t d : dims_) n *= d;
    return n;
  }
  char* data() { return bytes_.data() + before_ * size_of(dtype_); }
  const char* data() const { return bytes_.data() + before_ * size_of(dtype_); }
  // Writable also for an input: a kernel that writes there spoils the runs that follow.
  TensorArg arg() const {
    TensorArg t = {absent ? nullptr : const_cast<char*>(data()), dtype_, int32_t(dims_.size()), {}, {}};
    for (size_t d = 0; d < dims_.size(); d++) t.dims[d] = dims_[d], t.strides[d] = strides_[d];
    return t;
  }
  double at(int64_t i) const {
    switch (dtype_) {
      case DType::f32:
        return read<float>(i);
      case DType::f64:
        return read<double>(i);
      case DType::i32:
        return read<int32_t>(i);
      default:
        return read<uint8_t>(i);
    }
  }
  void set(int64_t i, double x) {
    switch (dtype_) {
      case DType::f32:
        return write(i, float(x));
      case DType::f64:
        return write(i, x);
      case DType::i32:
        return write(i, int32_t(x));
      default:
        return write(i, uint8_t(x));
    }
  }
  template <class F>
  Tensor& fill(F f) {
    for (int64_t i = 0; i < elements_; i++) set(i, f(i));
    return *this;
  }
  int64_t offset_of(int64_t linear) const {
    int64_t offset = 0;
    for (size_t d = dims_.size(); d-- > 0; linear /= dims_[d]) offset += linear % dims_[d] * strides_[d];
    return offset;
  }
  // The same values in double where they are float32.
  Tensor widened() const {
    Tensor t(dtype_ == DType::f32 ? DType::f64 : dtype_, dims_, strides_, before_ - kGuardElements);
    t.absent = absent;
    for (int64_t i = 0; i < elements_; i++) t.set(i, at(i));
    return t;
  }
  bool guards_intact() const {
    const char* const end = data() + elements_ * size_of(dtype_);
    const auto untouched = [](char byte) { return static_cast<unsigned char>(byte) == kGuardByte; };
    return std::all_of(bytes_.data(), data(), untouched) && std::all_of(end, bytes_.data() + bytes_.size(), untouched);
  }
  // Equal bits, except that one NaN is as good as another.
  bool same_bits(const Tensor& other) const {
    if (dtype_ != DType::f32) return std::memcmp(data(), other.data(), size_t(elements_ * size_of(dtype_))) == 0;
    for (int64_t i = 0; i < elements_; i++) {
      const float a = read<float>(i), b = other.read<float>(i);
      if (std::memcmp(&a, &b, 4) != 0 && !(a != a && b != b)) return false;
    }
    return true;
  }

  void note_bits() const {
    if (dtype_ == DType::f32)
      harness::note_bits(reinterpret_cast<const float*>(data()), size_t(elements_));
    else
      harness::note_bits(static_cast<const void*>(data()), size_t(elements_ * size_of(dtype_)));
  }

  bool absent = false;

 private:
  template <class T>
  T read(int64_t i) const {
    T x;
    std::memcpy(&x, data() + i * int64_t(sizeof(T)), sizeof(T));
    return x;
  }
  template <class T>
  void write(int64_t i, T x) {
    std::memcpy(data() + i * int64_t(sizeof(T)), &x, sizeof(T));
  }

  DType dtype_;
  std::vector<int64_t> dims_, strides_;
  int64_t before_;  // elements of memory before the first, at least the guard
  int64_t elements_;
  AlignedBytes bytes_;
};

struct Tolerance {
  double relative = 0, absolute = 0;
};

struct KernelCase {
  Row row;
  std::string text;
  std::vector<Tensor> in, out;
  std::vector<uint32_t> attrs;
  std::vector<std::pair<int, int>> aliases = {};  // (output, input): the output is that very tensor
  Tolerance tolerance = {};
  bool reference_in_float = false;  // compare with the reference over float32, whose IEEE operations are exact

  // The outputs that a table makes of the inputs.
  std::vector<Tensor> run(const KernelTable& table, int threads, bool in_double = false,
                          TestContext* context = nullptr) const {
    std::vector<Tensor> i(in.size()), o;  // of inputs, those that this run needs for itself
    std::vector<TensorArg> ia, oa;
    for (size_t k = 0; k < in.size(); k++) {
      const bool own = in_double || is_overwritten(int(k));
      if (own) i[k] = in_double ? in[k].widened() : in[k];
      ia.push_back(own ? i[k].arg() : in[k].arg());
    }
    for (const Tensor& t : out) o.push_back(in_double ? t.widened() : t);
    for (Tensor& t : o) oa.push_back(t.arg());
    for (const auto& [output, input] : aliases) oa[size_t(output)] = ia[size_t(input)];
    TestContext own(threads);
    (context ? context : &own)
        ->run(table, row,
              {int32_t(oa.size()), int32_t(ia.size()), int32_t(attrs.size()), oa.data(), ia.data(), attrs.data()});
    for (const auto& [output, input] : aliases) o[size_t(output)] = i[size_t(input)];
    for (const Tensor& t : o)
      if (!t.guards_intact()) FAIL(table.name << " wrote outside of an output: " << text);
    return o;
  }

 private:
  bool is_overwritten(int input) const {
    return std::any_of(aliases.begin(), aliases.end(), [&](const auto& alias) { return alias.second == input; });
  }
};

inline void compare(const std::string& who, const Tensor& got, const Tensor& want, const Tolerance& tolerance,
                    double factor) {
  for (int64_t i = 0; i < got.stored(); i++) {
    const double g = got.at(i), w = got.dtype() == DType::f32 ? double(float(want.at(i))) : want.at(i),
                 exact = want.at(i);
    if (g == w || (g != g && w != w)) continue;
    const double bound = factor * (tolerance.relative * std::fabs(exact) + tolerance.absolute);
    if (!(std::fabs(g - exact) <= bound))
      FAIL(who << " at " << i << ": got " << g << ", want " << exact << " within " << bound);
  }
}

constexpr double kWithoutFma = 8;  // times the tolerance

inline void check(const KernelCase& c) {
  const auto want = c.run(reference_table, 1, !c.reference_in_float);
  std::vector<Tensor> first;
  SplitWatch split;
  for (const Target& t : targets()) {
    const auto got = c.run(*t.table, 1), again = c.run(*t.table, 2);
    split.ran(*t.table);
    for (size_t o = 0; o < got.size(); o++) {
      const std::string who = std::string(t.table->name) + " " + c.text + " output " + std::to_string(o);
      if (got[o].absent) continue;
      compare(who, got[o], want[o], c.tolerance, t.fma ? 1 : kWithoutFma);
      if (!got[o].same_bits(again[o])) FAIL(who << " depends on threads");
      if (t.fma && !first.empty() && !got[o].same_bits(first[o]))
        FAIL(who << " has other bits than the first target with FMA");
    }
    if (t.fma && first.empty()) first = got;
  }
  if (split.differs()) FAIL("avx2_w16 goes other ways than avx512: " << c.text);
  for (const Tensor& t : first)
    if (!t.absent) t.note_bits();
}

}  // namespace harness
