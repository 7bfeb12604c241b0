// Sums of squares in double, in sixteen virtual lanes: element i of a part goes to lane i % 16. The square of a float32
// is exact in double, and neither overflows nor vanishes, so that fused multiply-add would change nothing.
#if ANNEAL_LANES == 16
typedef double vw __attribute__((vector_size(64)));
constexpr int kDoubles = 8;
ANNEAL_INLINE vw widen(v8 x) { return __builtin_convertvector(x, vw); }
#else
typedef double vw __attribute__((vector_size(32)));
constexpr int kDoubles = 4;
ANNEAL_INLINE vw widen(v4 x) { return __builtin_convertvector(x, vw); }
#endif

struct Squares {
  vw part[16 / kDoubles];
};

// Adds vector `p` of sixteen elements, which are kParts vectors.
ANNEAL_INLINE void add_squares(Squares& s, int p, vf x) {
#if ANNEAL_LANES == 4
  const vw d = widen(x);
  s.part[p] += d * d;
#else
  const vw l = widen(low(x)), h = widen(high(x));
  s.part[2 * p] += l * l;
  s.part[2 * p + 1] += h * h;
#endif
}

// Lane q and q + 8, then q + 4, q + 2, q + 1.
ANNEAL_INLINE double sum_squares(const Squares& s) {
  double lane[16];
  for (int i = 0; i < 16; i++) lane[i] = s.part[i / kDoubles][i % kDoubles];
  for (int half = 8; half > 0; half /= 2)
    for (int i = 0; i < half; i++) lane[i] += lane[i + half];
  return lane[0];
}
