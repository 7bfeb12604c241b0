// Random numbers of one image, and the few functions that are made of them: in double, of operations that IEEE 754
// defines, so that kernels of all targets and the references draw the same.
#pragma once
#include "../../kernel_table.h"

namespace anneal::ANNEAL_TARGET {

// Philox4x32-10 with the counter (example, epoch, stream, stream and number of the block).
class Draws {
 public:
  Draws(const TensorArg& key, const TensorArg& examples, int64_t b) {
    const int32_t* words = (const int32_t*)key.data;
    for (int i = 0; i < 5; i++) key_[i] = (uint32_t)words[i];
    example_ = (uint32_t)((const int32_t*)examples.data)[b];
  }

  // [0, 1) in steps of 2^-24.
  double uniform() {
    if (used_ % 4 == 0) block(used_ / 4);
    return (double)(words_[used_++ % 4] >> 8) * 0x1p-24;
  }
  double between(double low, double high) { return low + (high - low) * uniform(); }
  int64_t below(int64_t n) { return (int64_t)(uniform() * (double)n); }

 private:
  void block(uint32_t number) {
    uint32_t c[4] = {example_, key_[4], key_[2], key_[3] ^ number << 16}, k[2] = {key_[0], key_[1]};
    for (int round = 0; round < 10; round++, k[0] += 0x9E3779B9u, k[1] += 0xBB67AE85u) {
      const uint64_t p0 = (uint64_t)c[0] * 0xD2511F53u, p1 = (uint64_t)c[2] * 0xCD9E8D57u;
      c[0] = (uint32_t)(p1 >> 32) ^ c[1] ^ k[0];
      c[2] = (uint32_t)(p0 >> 32) ^ c[3] ^ k[1];
      c[1] = (uint32_t)p1;
      c[3] = (uint32_t)p0;
    }
    for (int i = 0; i < 4; i++) words_[i] = c[i];
  }

  uint32_t key_[5], example_, words_[4] = {}, used_ = 0;
};

// sin and cos of 2 pi x, exact at quarter turns; within 1e-15.
static inline void sin_cos_turns(double x, double& sine, double& cosine) {
  const double quarters = x * 4;
  const int64_t q = (int64_t)(quarters + (quarters < 0 ? -0.5 : 0.5));
  const double r = (quarters - (double)q) * 1.57079632679489661923, r2 = r * r;
  double s = 0, c = 0;
  for (int n = 16; n >= 2; n -= 2) {
    s = (1 - s) * r2 / (double)(n * (n + 1));
    c = (1 - c) * r2 / (double)(n * (n - 1));
  }
  s = r * (1 - s);
  c = 1 - c;
  const bool odd = q & 1, low = q & 2;
  sine = odd ? (low ? -c : c) : (low ? -s : s);
  cosine = odd ? (low ? s : -s) : (low ? -c : c);
}

// The natural logarithm of a normal number above 0.
static inline double log_of(double x) {
  uint64_t bits;
  __builtin_memcpy(&bits, &x, 8);
  int64_t exponent = (int64_t)(bits >> 52) - 1023;
  bits = (bits & 0xFFFFFFFFFFFFFull) | 1023ull << 52;
  double m;
  __builtin_memcpy(&m, &bits, 8);
  if (m > 1.4142135623730951) m /= 2, exponent++;
  const double t = (m - 1) / (m + 1), t2 = t * t;
  double sum = 0;
  for (int n = 23; n >= 1; n -= 2) sum = sum * t2 + 1.0 / n;
  return (double)exponent * 0.69314718055994530942 + 2 * t * sum;
}

// e^x; 0 below -700.
static inline double exp_of(double x) {
  if (x < -700) return 0;
  const double quotient = x * 1.44269504088896340736;
  const int64_t k = (int64_t)(quotient + (quotient < 0 ? -0.5 : 0.5));
  const double r = x - (double)k * 0.69314718055994530942;
  double sum = 1;
  for (int n = 16; n >= 1; n--) sum = 1 + sum * r / n;
  const uint64_t bits = (uint64_t)(k + 1023) << 52;
  double scale;
  __builtin_memcpy(&scale, &bits, 8);
  return sum * scale;
}

// Beta(alpha, alpha), alpha > 0: Ulrich's formula above 1/2, Joehnk's rejection below (Devroye, Non-Uniform Random
// Variate Generation, 1986, IX.3 and IX.4).
static inline double draw_beta(Draws& draws, double alpha) {
  if (alpha > 0.5) {
    const double u = 1 - draws.uniform();
    double sine, cosine;
    sin_cos_turns(draws.uniform(), sine, cosine);
    return 0.5 + 0.5 * __builtin_sqrt(1 - exp_of(log_of(u) * 2 / (2 * alpha - 1))) * cosine;
  }
  for (int i = 0; i < 64; i++) {
    const double x = log_of(1 - draws.uniform()) / alpha, y = log_of(1 - draws.uniform()) / alpha;
    if (exp_of(x) + exp_of(y) > 1) continue;
    const double most = x > y ? x : y, a = exp_of(x - most), b = exp_of(y - most);
    return a / (a + b);
  }
  return 0.5;
}

}  // namespace anneal::ANNEAL_TARGET
