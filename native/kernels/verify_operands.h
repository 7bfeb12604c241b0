// Predicates on the operands of a call, of which the families' verify.h are made.
#pragma once
#include "../verify.h"

#define NEED(condition, otherwise)      \
  do {                                  \
    if (!(condition)) return otherwise; \
  } while (false)

namespace anneal {

inline bool is_float(const TensorArg& t) { return t.dtype == DType::f32 || t.dtype == DType::f64; }
inline bool present(const TensorArg& t) { return t.data != nullptr; }

inline bool same_dims(const TensorArg& a, const TensorArg& b) {
  if (a.rank != b.rank) return false;
  for (int i = 0; i < a.rank; i++)
    if (a.dims[i] != b.dims[i]) return false;
  return true;
}

// dims[from, from + count) of `a` are those of `b` from `at`.
inline bool dims_at(const TensorArg& a, int from, int count, const TensorArg& b, int at) {
  for (int i = 0; i < count; i++)
    if (a.dims[from + i] != b.dims[at + i]) return false;
  return true;
}

inline bool is_vector(const TensorArg& t, DType dtype, int64_t length) {
  return t.dtype == dtype && t.rank == 1 && t.dims[0] == length && is_dense(t);
}

inline bool is_like(const TensorArg& t, const TensorArg& other) {
  return t.dtype == other.dtype && same_dims(t, other) && is_dense(t);
}

// A float scalar in a slot or a buffer, of any shape with one element: step counters, scales.
inline bool is_scalar(const TensorArg& t, DType dtype) { return t.dtype == dtype && elements_of(t) == 1; }

// Planes [P,D,H,W], or images [N,D,H,W,C] whose channels lie side by side; as many of both.
inline const char* verify_images(const TensorArg& x, const TensorArg& y) {
  NEED(present(x) && present(y), "an operand is absent");
  NEED(is_float(x) && y.dtype == x.dtype, "operands are not float");
  NEED(is_dense(x) && is_dense(y), "an operand is not dense");
  NEED((x.rank == 4 || x.rank == 5) && y.rank == x.rank && x.dims[0] == y.dims[0],
       "operands are not planes or images of three dimensions");
  NEED(x.rank == 4 || x.dims[4] == y.dims[4], "the channels differ");
  return nullptr;
}

}  // namespace anneal
