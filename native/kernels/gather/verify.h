// The checks of rows that read or write elements by index.
#pragma once
#include "../verify_operands.h"

namespace anneal {

// `wide` has the dims of `data` with `axis` replaced by those of `indices`.
inline bool replaces_axis(const TensorArg& wide, const TensorArg& data, const TensorArg& indices, int axis) {
  return axis < data.rank && wide.rank == data.rank - 1 + indices.rank && dims_at(wide, 0, axis, data, 0) &&
         dims_at(wide, axis, indices.rank, indices, 0) &&
         dims_at(wide, axis + indices.rank, data.rank - axis - 1, data, axis + 1);
}

inline const char* verify_gather(const Call& c) {
  const TensorArg &out = c.out[0], &data = c.in[0], &indices = c.in[1];
  NEED(present(out) && present(data) && present(indices), "an operand is absent");
  NEED(is_dense(out) && is_dense(data) && is_dense(indices), "an operand is not dense");
  NEED(out.dtype == data.dtype && indices.dtype == DType::i32, "wrong dtypes");
  NEED(c.attr[0] < uint32_t(kMaxRank) && replaces_axis(out, data, indices, int(c.attr[0])), "shapes do not fit");
  return nullptr;
}

inline const char* verify_gather_rows(const Call& c) {
  const TensorArg &out = c.out[0], &data = c.in[0], &indices = c.in[1];
  NEED(present(out) && present(data) && present(indices), "an operand is absent");
  NEED(is_dense(out) && is_dense(data) && is_dense(indices), "an operand is not dense");
  NEED(is_float(out) || out.dtype == DType::i32, "the result is neither float nor int32");
  NEED(indices.dtype == DType::i32 && indices.rank == 1, "indices are not int32 [B]");
  NEED(data.rank >= 1 && replaces_axis(out, data, indices, 0), "shapes do not fit");
  NEED(is_float(out) || !is_float(data), "float data into int32");
  for (int i = 2; i < 5; i++) {
    NEED(present(c.in[i]) == present(c.in[2]), "mean, rest and scale go together");
    if (present(c.in[i]))
      NEED(is_float(out) && is_scalar(c.in[i], out.dtype), "mean, rest and scale are float scalars");
  }
  return nullptr;
}

inline const char* verify_scatter_add(const Call& c) {
  const TensorArg &out = c.out[0], &indices = c.in[0], &updates = c.in[1];
  NEED(present(out) && present(indices) && present(updates), "an operand is absent");
  NEED(is_dense(out) && is_dense(indices) && is_dense(updates), "an operand is not dense");
  NEED(is_float(out) || out.dtype == DType::i32, "neither float nor int32");
  NEED(updates.dtype == out.dtype && indices.dtype == DType::i32, "wrong dtypes");
  NEED(c.attr[0] < uint32_t(kMaxRank) && replaces_axis(updates, out, indices, int(c.attr[0])), "shapes do not fit");
  return nullptr;
}

inline const char* verify_coalesce(const Call& c) {
  const TensorArg &values = c.out[0], &rows = c.out[1], &indices = c.in[0], &updates = c.in[1];
  NEED(present(values) && present(rows) && present(indices) && present(updates), "an operand is absent");
  NEED(is_float(updates) && is_dense(updates) && indices.dtype == DType::i32 && is_dense(indices),
       "indices are not dense int32, or updates not dense float");
  NEED(updates.rank == indices.rank + 1 && dims_at(updates, 0, indices.rank, indices, 0), "no row for each index");
  const int64_t K = elements_of(indices), R = K < int64_t(c.attr[0]) ? K : int64_t(c.attr[0]);
  NEED(c.attr[0] <= uint32_t(INT32_MAX) && c.attr[1] <= 1, "attributes out of range");
  NEED(is_vector(rows, DType::i32, R), "rows are not int32 [R]");
  NEED(values.dtype == updates.dtype && values.rank == 2 && values.dims[0] == R &&
           values.dims[1] == updates.dims[indices.rank] && is_dense(values),
       "values are not [R,D]");
  return nullptr;
}

// Labels [N,K] of rows, or [N].
inline bool are_labels(const TensorArg& labels, int64_t N) {
  return labels.dtype == DType::i32 && (labels.rank == 1 || labels.rank == 2) && labels.dims[0] == N &&
         is_dense(labels);
}

inline const char* verify_take_along_axis(const Call& c) {
  const TensorArg &out = c.out[0], &x = c.in[0], &labels = c.in[1];
  NEED(present(out) && present(x) && present(labels), "an operand is absent");
  NEED(is_float(x) && x.rank == 2 && is_dense(x), "x is not a dense float matrix");
  NEED(are_labels(labels, x.dims[0]), "labels are neither int32 [N,K] nor [N]");
  NEED(out.dtype == x.dtype && same_dims(out, labels) && is_dense(out), "the result is not like the labels");
  return nullptr;
}

inline const char* verify_scatter(const Call& c) {
  const TensorArg &out = c.out[0], &values = c.in[0], &labels = c.in[1];
  NEED(present(out) && present(values) && present(labels), "an operand is absent");
  NEED(is_float(out) && out.rank == 2 && is_dense(out), "the result is not a dense float matrix");
  NEED(are_labels(labels, out.dims[0]), "labels are neither int32 [N,K] nor [N]");
  NEED(values.dtype == out.dtype && (values.rank == 0 || (same_dims(values, labels) && is_dense(values))),
       "values are neither like the labels nor a scalar");
  return nullptr;
}

}  // namespace anneal
