// An attention as the kernels see it. Heads that share keys are taken together: their queries are the rows of one
// problem, position by position, so that the keys that a row may look at never get fewer from one row to the next.
#pragma once
#include "../../codes.h"
#include "../carve.h"
#include "../contraction/tile.h"

namespace anneal::ANNEAL_TARGET {

constexpr int64_t kAttentionRows = 64, kAttentionKeys = 64;  // of a tile of scores
// Rows that are cut alike where a query may not look at all keys of a tile: on all targets, so that these add the same
// terms.
constexpr int64_t kAttentionStrip = 16;

// Positions of one head: features side by side.
struct Sequence {
  float* data;
  int64_t stride;
  float* at(int64_t position) const { return data + position * stride; }
};

struct AttentionProblem {
  const Call& call;
  int64_t B, H, K, T, S, D, E, G;  // G heads share a key
  float scale;
  bool causal;

  int64_t rows() const { return T * G; }
  int64_t heads() const { return B * K; }  // of keys, of all examples

  // Number of the first keys that all heads of example `b` may look at.
  int64_t length(int64_t b) const {
    const int32_t* lengths = (const int32_t*)call.in[4].data;
    return lengths ? largest(0, smallest(lengths[b], S)) : S;
  }
  // And of those that row `r` may.
  int64_t limit(int64_t r, int64_t length) const { return causal ? smallest(position(r) + 1, length) : length; }
  // Rows of one head need no division.
  int64_t position(int64_t r) const { return G == 1 ? r : r / G; }
};

static AttentionProblem attention_problem(const Call& call) {
  const TensorArg &query = call.in[0], &key = call.in[1], &value = call.in[2];
  float scale;
  __builtin_memcpy(&scale, &call.attr[0], 4);
  const int64_t H = query.dims[1], K = key.dims[1];
  return {call,  query.dims[0],    H, K, query.dims[2], key.dims[2], query.dims[3], value.dims[3], K ? H / K : 1,
          scale, call.attr[1] != 0};
}

// The head of an operand [B, heads, positions, features].
ANNEAL_INLINE Sequence head_of(const TensorArg& t, int64_t b, int64_t head) {
  return {(float*)t.data + b * t.strides[0] + head * t.strides[1], t.strides[2]};
}

// One head of keys, with the queries that look at it.
struct AttentionHead {
  const AttentionProblem& problem;
  int64_t b, k;
  Sequence key, value;
  int64_t length;

  int64_t limit(int64_t r) const { return problem.limit(r, length); }
  // Row `r` of an operand [B, H, T, features].
  float* row(const TensorArg& t, int64_t r) const {
    const int64_t position = problem.position(r);
    return head_of(t, b, k * problem.G + r - position * problem.G).at(position);
  }
  // Its index among the rows of [B, H, T].
  int64_t index(int64_t r) const {
    const int64_t position = problem.position(r);
    return (b * problem.H + k * problem.G + r - position * problem.G) * problem.T + position;
  }
};

ANNEAL_INLINE AttentionHead attention_head(const AttentionProblem& p, int64_t number) {
  const int64_t b = number / p.K, k = number % p.K;
  return {p, b, k, head_of(p.call.in[1], b, k), head_of(p.call.in[2], b, k), p.length(b)};
}

// Rows [first, first + count) of a problem, and what they may look at.
struct RowBlock {
  int64_t first, count;
  int64_t last() const { return first + count - 1; }
  int64_t strips() const { return divide_up(count, kAttentionStrip); }
  int64_t lanes() const { return strips() * kAttentionStrip; }  // of whole strips
};

// The keys of a tile that begins with key `s` which some row of a strip may look at, and which all of them may.
struct StripKeys {
  int64_t some, all;
};
ANNEAL_INLINE StripKeys strip_keys(const AttentionHead& head, const RowBlock& rows, int64_t strip, int64_t s) {
  const int64_t first = rows.first + smallest(strip * kAttentionStrip, rows.count - 1);
  const int64_t last = rows.first + smallest((strip + 1) * kAttentionStrip, rows.count) - 1;
  const int64_t some = largest(0, smallest(head.limit(largest(first, last)) - s, kAttentionKeys));
  return {some, largest(0, smallest(head.limit(first) - s, some))};
}

// C[i, j] (+)= sum over k of a[i * row_stride + k * k_stride] * b[k * b_stride + j], which is read in full vectors.
static void attention_product(int64_t M, int64_t N, int64_t K, const float* a, int64_t row_stride, int64_t k_stride,
                              const float* b, int64_t b_stride, float* c, int64_t c_stride, bool accumulate) {
  for (int64_t j = 0; j < N;) {
    const bool narrow = N - j <= kLanes;
    const int columns = (int)smallest(N - j, narrow ? kLanes : kTileColumns);
    for (int64_t i = 0; i < M;) {
      const int r = next_rows(M - i, narrow ? kNarrowRows : kTileRows);
      const Tile tile = narrow ? tile_of<1, kNarrowRows>(r) : tile_of<kTileVectors, kTileRows>(r);
      tile(K, a + i * row_stride, row_stride, k_stride, b + j, b_stride, c + i * c_stride + j, c_stride, columns,
           accumulate, {});
      i += r;
    }
    j += columns;
  }
}

// The products of keys from `s` on, or of values, with a block of rows, [feature][row], as [key][row]: those that some
// row of a strip may look at. Keys that the same strips look at go together.
static void multiply_keys(const AttentionHead& head, const RowBlock& rows, int64_t s, const Sequence& keys,
                          int64_t features, const float* lanes, float* to) {
  for (int64_t strip = 0, begin = 0; strip < rows.strips(); strip++) {
    const int64_t end = strip_keys(head, rows, strip, s).some, first = strip * kAttentionStrip;
    if (end <= begin) continue;
    attention_product(end - begin, rows.lanes() - first, features, keys.at(s + begin), keys.stride, 1, lanes + first,
                      kAttentionRows, to + begin * kAttentionRows + first, kAttentionRows, false);
    begin = end;
  }
}

}  // namespace anneal::ANNEAL_TARGET
