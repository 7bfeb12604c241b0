// A gemm instruction as the kernels see it: C = A B, batch by batch, each operand strided.
#pragma once
#include "../../kernel_table.h"
#include "epilogue.h"

namespace anneal::ANNEAL_TARGET {

struct StridedMatrix {
  const float* data;
  int64_t row_stride, column_stride;
};

struct Problem {
  int64_t M, N, K;
  StridedMatrix a, b;
  float* c;  // row-major, rows N apart
  Epilogue epilogue;
  bool accumulate;  // the sums go on from what lies in C
};

// Rows or columns of C that one thread has to do.
struct Range {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

constexpr int64_t round_up(int64_t x, int64_t to) { return (x + to - 1) / to * to; }
ANNEAL_INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

// Strides along a dimension of size 1 (or 0) may be anything; 0 there lets the choice of a path see only strides that
// count.
ANNEAL_INLINE StridedMatrix matrix_of(const TensorArg& t) {
  const int row = t.rank - 2, column = t.rank - 1;
  StridedMatrix v = {(const float*)t.data, t.dims[row] > 1 ? t.strides[row] : 0,
                     t.dims[column] > 1 ? t.strides[column] : 0};
  if (t.dims[column] <= 1 && v.row_stride != 1) v.column_stride = 1;
  if (t.dims[row] <= 1 && v.column_stride != 1) v.row_stride = 1;
  return v;
}

ANNEAL_INLINE Problem problem_of(const Call& call) {
  const TensorArg &a = call.in[0], &b = call.in[1], &c = call.out[0];
  const bool has_bias = call.inputs > 2 && call.in[2].data,
             has_aux = call.inputs > 3 && call.in[3].data && (call.attr[1] & gemm_flags::mask);
  return {c.dims[c.rank - 2],
          c.dims[c.rank - 1],
          a.dims[a.rank - 1],
          matrix_of(a),
          matrix_of(b),
          (float*)c.data,
          {has_bias ? (const float*)call.in[2].data : nullptr, has_aux ? (const float*)call.in[3].data : nullptr,
           call.attr[0]},
          (call.attr[1] & gemm_flags::accumulate) != 0};
}

// The matrices of a batch: the first one, and how to get from it to the others.
struct Batch {
  Problem first;
  int64_t count;
  int32_t rank;  // of the batch dimensions
  int64_t dims[kMaxRank], a_strides[kMaxRank], b_strides[kMaxRank];
};

static Batch batch_of(const Call& call) {
  const TensorArg &a = call.in[0], &b = call.in[1], &c = call.out[0];
  Batch batch;
  batch.first = problem_of(call);
  batch.rank = c.rank - 2;
  batch.count = 1;
  for (int d = 0; d < batch.rank; d++) {
    batch.dims[d] = c.dims[d];
    batch.count *= c.dims[d];
    const int in_a = d - (c.rank - a.rank), in_b = d - (c.rank - b.rank);
    batch.a_strides[d] = in_a >= 0 && a.dims[in_a] > 1 ? a.strides[in_a] : 0;
    batch.b_strides[d] = in_b >= 0 && b.dims[in_b] > 1 ? b.strides[in_b] : 0;
  }
  return batch;
}

ANNEAL_INLINE Problem problem_at(const Batch& batch, int64_t index) {
  Problem p = batch.first;
  if (index == 0) return p;
  p.c += index * p.M * p.N;
  if (p.epilogue.aux) p.epilogue.aux += index * p.M * p.N;
  for (int d = batch.rank - 1; d >= 0; d--) {
    const int64_t i = index % batch.dims[d];
    index /= batch.dims[d];
    p.a.data += i * batch.a_strides[d];
    p.b.data += i * batch.b_strides[d];
  }
  return p;
}

}  // namespace anneal::ANNEAL_TARGET
