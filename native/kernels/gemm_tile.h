// The register tiles of gemm. A tile is rows x vectors accumulators, and each element is one chain of fused
// multiply-adds over k in order, so that no choice of tile, block, vector width or thread changes a bit of the result.

#if ANNEAL_LANES == 16
constexpr int kTileRows = 12;    // 12 x 2 accumulators and 2 vectors of B in 32 registers (g++ 12 spills at 14)
constexpr int kNarrowRows = 12;  // rows of a tile that is one vector wide
#elif defined(__aarch64__)
constexpr int kTileRows = 12;
constexpr int kNarrowRows = 12;
#else
constexpr int kTileRows = 6;    // 6 x 2 accumulators and 2 vectors of B in 16 registers
constexpr int kNarrowRows = 8;  // latency 4 times 2 units wants 8 chains
#endif
constexpr int kTileVectors = 2;
constexpr int kTileColumns = kTileVectors * kLanes;

// C[i, j] (+)= sum over k of a[i * row_stride + k * k_stride] * b[k * b_stride + j], 0 <= j < columns. `b` is read in
// full vectors.
using Tile = void (*)(int64_t K, const float* a, int64_t row_stride, int64_t k_stride, const float* b, int64_t b_stride,
                      float* c, int64_t c_stride, int columns, bool accumulate);

// Rows of a strided operand, three to a pointer: x86 addresses p, p + s and p + 2 s without further registers.
template <int R>
struct RowPointers {
  const float* of[(R + 2) / 3];
  int64_t stride;
  ANNEAL_INLINE RowPointers at(const float* a, int64_t stride) {
    RowPointers p;
    p.stride = stride;
#pragma GCC unroll 8
    for (int i = 0; i < (R + 2) / 3; i++) p.of[i] = a + 3 * i * stride;
    return p;
  }
  __attribute__((always_inline)) float row(int r) const { return of[r / 3][(r % 3) * stride]; }
  __attribute__((always_inline)) void advance(int64_t k_stride) {
#pragma GCC unroll 8
    for (int i = 0; i < (R + 2) / 3; i++) of[i] += k_stride;
  }
};

template <int R, int V>
struct TileKernel {
  // One step of k. The pins keep the accumulators in registers: g++ wants them after every fma, with the operands held
  // too; that form makes clang++ spill, which is content with the accumulators alone.
  ANNEAL_INLINE void step(vf (&acc)[R][V], RowPointers<R>& a, int64_t k_stride, const float* b) {
    vf bv[V];
#pragma GCC unroll 8
    for (int v = 0; v < V; v++) {
      bv[v] = ld(b + v * kLanes);
#ifndef __clang__
      if constexpr (V <= 2) pin(bv[v]);
#endif
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
      const vf av = splat(a.row(r));
#pragma GCC unroll 8
      for (int v = 0; v < V; v++) {
        acc[r][v] = vfma(av, bv[v], acc[r][v]);
#ifndef __clang__
        if constexpr (V <= 2)
          pin(acc[r][v], av, bv[v]);
        else
          pin(acc[r][v]);
#else
        pin(acc[r][v]);
#endif
      }
    }
    a.advance(k_stride);
  }

  ANNEAL_INLINE void load(vf (&acc)[R][V], const float* c, int64_t c_stride, int last) {
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 8
      for (int v = 0; v < V; v++)
        acc[r][v] = v < V - 1 || last == kLanes ? ld(c + r * c_stride + v * kLanes)
                                                : ld_part(c + r * c_stride + v * kLanes, last);
  }

  ANNEAL_INLINE void store(const vf (&acc)[R][V], float* c, int64_t c_stride, int last) {
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 8
      for (int v = 0; v < V; v++)
        if (v < V - 1 || last == kLanes)
          st(c + r * c_stride + v * kLanes, acc[r][v]);
        else
          st_part(c + r * c_stride + v * kLanes, acc[r][v], last);
  }

  static void run(int64_t K, const float* a, int64_t row_stride, int64_t k_stride, const float* b, int64_t b_stride,
                  float* c, int64_t c_stride, int columns, bool accumulate) {
    vf acc[R][V];
    const int last = columns - (V - 1) * kLanes;
    float edge[kMaskedStores ? 1 : R * V * kLanes];  // a ragged tile goes through here where a masked store is dear
    float* const out = kMaskedStores || last == kLanes ? c : edge;
    const int64_t out_stride = out == c ? c_stride : V * kLanes;
    const int out_last = kMaskedStores ? last : kLanes;
    if (accumulate) {
      if (out != c) copy_columns(c, c_stride, out, out_stride, columns);
      load(acc, out, out_stride, out_last);
    } else {
#pragma GCC unroll 16
      for (int r = 0; r < R; r++)
#pragma GCC unroll 8
        for (int v = 0; v < V; v++) acc[r][v] = vf{};
    }
    RowPointers<R> rows = RowPointers<R>::at(a, row_stride);
    int64_t k = K;
    for (; k >= 4; k -= 4) {
#pragma GCC unroll 4
      for (int u = 0; u < 4; u++) {
        step(acc, rows, k_stride, b);
        b += b_stride;
      }
    }
    for (; k > 0; k--) {
      step(acc, rows, k_stride, b);
      b += b_stride;
    }
    store(acc, out, out_stride, out_last);
    if (out != c) copy_columns(out, out_stride, c, c_stride, columns);
  }

  static void copy_columns(const float* from, int64_t from_stride, float* to, int64_t to_stride, int columns) {
    for (int r = 0; r < R; r++)
      for (int j = 0; j < columns; j++) to[r * to_stride + j] = from[r * from_stride + j];
  }
};

// tile_of<V>(rows) is the kernel for that many rows, 1 <= rows <= 12.
template <int V, int Max>
ANNEAL_INLINE Tile tile_of(int rows) {
#define ANNEAL_TILE(r) TileKernel<(r <= Max ? r : Max), V>::run
  static constexpr Tile kernels[12] = {ANNEAL_TILE(1), ANNEAL_TILE(2),  ANNEAL_TILE(3),  ANNEAL_TILE(4),
                                       ANNEAL_TILE(5), ANNEAL_TILE(6),  ANNEAL_TILE(7),  ANNEAL_TILE(8),
                                       ANNEAL_TILE(9), ANNEAL_TILE(10), ANNEAL_TILE(11), ANNEAL_TILE(12)};
#undef ANNEAL_TILE
  return kernels[rows - 1];
}

// How many of `rest` rows the next tile takes: full tiles, but the last two are balanced (8 rows of tile 6 are 4 + 4,
// not 6 + 2).
ANNEAL_INLINE int next_rows(int64_t rest, int full) {
  if (rest <= full) return (int)rest;
  if (rest >= 2 * full || rest - full >= full / 2) return full;
  return (int)((rest + 1) / 2);
}
