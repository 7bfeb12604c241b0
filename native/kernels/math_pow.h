// x^y = 2^(y log2 x), in double over half vectors, which leaves the rounding to float as the only error worth naming
// (0.51 ULP). Only +, -, *, / of doubles: the bits agree on every target, the baseline included.

typedef double vd __attribute__((vector_size(4 * ANNEAL_LANES)));  // half as many lanes as vf
typedef int64_t vl __attribute__((vector_size(4 * ANNEAL_LANES)));

ANNEAL_INLINE vd splat_double(double x) { return vd{} + x; }
ANNEAL_INLINE vl splat_long(int64_t x) { return vl{} + x; }
// Bits of -0 and of NaN wrap around, and nobody looks at what comes of them.
ANNEAL_INLINE vl wrapping_sub(vl a, vl b) {
  typedef uint64_t vul __attribute__((vector_size(4 * ANNEAL_LANES)));
  return (vl)((vul)a - (vul)b);
}
ANNEAL_INLINE vd select(vl mask, vd a, vd b) { return mask ? a : b; }

template <int n>
ANNEAL_INLINE vd polynomial_double(vd x, const double (&c)[n]) {
  vd r = splat_double(c[n - 1]);
#pragma GCC unroll 16
  for (int i = n - 2; i >= 0; i--) r = r * x + splat_double(c[i]);
  return r;
}

// log2 of a float >= 0 that is held in a double, where denormal floats are normal numbers.
ANNEAL_INLINE vd log2_double(vd x) {
  constexpr double kQ[] = {2.8853900817779299,  0.96179669391564171, 0.57707802065436231, 0.41219793433806201,
                           0.32064494821068251, 0.26064598184786469, 0.25126072455933235};
  const vl offset = wrapping_sub((vl)x, splat_long(0x3FE5555555555555));  // 2/3
  const vl exponent = offset >> 52;
  const vd m = (vd)wrapping_sub((vl)x, exponent << 52);
  const vd t = (m - 1.0) / (m + 1.0);
  const vd magic = splat_double(6755399441055744.0);  // 1.5 * 2^52: its low bits hold a small integer
  const vd e = (vd)(exponent + (vl)magic) - magic;
  const vd r = t * polynomial_double(t * t, kQ) + e;
  const vd infinity = splat_double(__builtin_inf());
  return select(x == infinity, infinity, select(x == vd{}, -infinity, r));
}

ANNEAL_INLINE vd exp2_double(vd x) {
  constexpr double kQ[] = {0.99999999999976208,    0.69314718054651403,    0.24022650698881778,
                           0.055504109393420341,   0.0096181285426452309,  0.0013333452061892405,
                           0.00015403851868850475, 1.5309737524751915e-05, 1.3175836509841691e-06};
  const vd magic = splat_double(6755399441055744.0);
  const vd top = splat_double(300.0);  // 2^300 and 2^-300 are inf and 0 as floats
  x = select(x > top, top, select(x < -top, -top, x));
  const vd shifted = x + magic;
  const vl n = (vl)shifted - (vl)magic;
  return polynomial_double(x - (shifted - magic), kQ) * (vd)((n + splat_long(1023)) << 52);
}

ANNEAL_INLINE vd pow_double(vd x, vd y) {
  const vd one = splat_double(1.0), nan = splat_double(__builtin_nan("")), magic = splat_double(6755399441055744.0);
  const vd size = select(x < vd{}, -x, x), logarithm = log2_double(size);
  vd r = exp2_double(select(logarithm == vd{}, vd{}, y * logarithm));
  r = select((x != x) | (y != y), nan, r);
  // A float of 2^24 and beyond is an even integer, infinity included; below it, adding magic rounds to an integer.
  const vd height = select(y < vd{}, -y, y), half = y * 0.5;
  const vl even = (height >= 16777216.0) | (((half + magic) - magic) == half);
  const vl odd = ~even & (((y + magic) - magic) == y);
  const vl negative = ((vl)x < vl{}) & (x == x);  // the sign bit, so that -0 counts
  r = select(negative & odd, -r, r);
  r = select((x < vd{}) & (x > -__builtin_inf()) & ~even & ~odd, nan, r);
  return select((y == vd{}) | (x == one), one, r);
}

// Every special case of IEEE pow, such as pow(1, NaN) = pow(NaN, 0) = 1 and pow(-2, 0.5) = NaN.
ANNEAL_INLINE vf vpow(vf x, vf y) {
  typedef float half_vf __attribute__((vector_size(2 * ANNEAL_LANES)));
  struct Halves {
    half_vf low, high;
  };
  const Halves a = __builtin_bit_cast(Halves, x), b = __builtin_bit_cast(Halves, y);
  const Halves r = {__builtin_convertvector(
                        pow_double(__builtin_convertvector(a.low, vd), __builtin_convertvector(b.low, vd)), half_vf),
                    __builtin_convertvector(
                        pow_double(__builtin_convertvector(a.high, vd), __builtin_convertvector(b.high, vd)), half_vf)};
  return __builtin_bit_cast(vf, r);
}
