// The checks of the losses of classes.
#pragma once
#include "../verify_operands.h"

namespace anneal {

inline const char* verify_cross_entropy(const Call& c) {
  const TensorArg &loss = c.out[0], &grad = c.out[1], &logits = c.in[0], &labels = c.in[1], &dloss = c.in[2];
  NEED(present(logits) && present(labels) && (present(loss) || present(grad)), "an operand is absent");
  NEED(is_float(logits) && logits.rank == 2 && is_dense(logits), "logits are not a dense float matrix");
  const int64_t N = logits.dims[0];
  NEED(is_vector(labels, DType::i32, N), "labels are not int32 [N]");
  if (present(loss)) NEED(is_vector(loss, logits.dtype, N), "loss is not [N]");
  if (present(grad)) NEED(is_like(grad, logits), "dlogits is not [N,C]");
  if (present(dloss)) NEED(dloss.dtype == logits.dtype && dloss.rank == 1 && dloss.dims[0] == N, "dloss is not [N]");
  return nullptr;
}

inline const char* verify_soft_cross_entropy(const Call& c) {
  const TensorArg &loss = c.out[0], &grad = c.out[1], &logits = c.in[0], &targets = c.in[1], &dloss = c.in[2];
  const TensorArg &smoothing = c.in[3], &weights = c.in[4];
  NEED(present(logits) && present(targets) && present(smoothing), "an operand is absent");
  NEED(present(loss) || present(grad), "there is no result");
  NEED(is_float(logits) && logits.rank == 2 && is_dense(logits), "logits are not a dense float matrix");
  const int64_t N = logits.dims[0];
  NEED(is_vector(targets, DType::i32, N) || is_like(targets, logits), "targets are neither int32 [N] nor like logits");
  if (present(loss)) NEED(is_vector(loss, logits.dtype, N), "loss is not [N]");
  if (present(grad)) NEED(is_like(grad, logits), "dlogits is not [N,C]");
  if (present(dloss)) NEED(dloss.dtype == logits.dtype && dloss.rank == 1 && dloss.dims[0] == N, "dloss is not [N]");
  NEED(is_scalar(smoothing, logits.dtype), "smoothing is no float scalar");
  if (present(weights)) NEED(is_vector(weights, logits.dtype, logits.dims[1]), "class weights are not [C]");
  return nullptr;
}

inline const char* verify_ctc(const Call& c) {
  const TensorArg &loss = c.out[0], &grad = c.out[1], &logits = c.in[0], &labels = c.in[1], &dloss = c.in[4];
  NEED(present(logits) && present(labels) && (present(loss) || present(grad)), "an operand is absent");
  NEED(is_float(logits) && logits.rank == 3, "logits are not float [N,T,C]");
  NEED(logits.strides[2] == 1 || logits.dims[2] <= 1, "the classes of logits are not dense");
  const int64_t N = logits.dims[0];
  NEED(labels.dtype == DType::i32 && labels.rank == 2 && labels.dims[0] == N && is_dense(labels),
       "labels are not int32 [N,S]");
  NEED(logits.dims[1] < (int64_t{1} << 31) && labels.dims[1] <= limits::labels, "too many steps or labels");
  for (int i = 2; i < 4; i++) NEED(present(c.in[i]) && is_vector(c.in[i], DType::i32, N), "lengths are not int32 [N]");
  if (present(loss)) NEED(is_vector(loss, logits.dtype, N), "loss is not [N]");
  if (present(grad)) NEED(is_like(grad, logits), "dlogits is not [N,T,C]");
  if (present(dloss)) NEED(dloss.dtype == logits.dtype && dloss.rank == 1 && dloss.dims[0] == N, "dloss is not [N]");
  NEED(int64_t{c.attr[0]} < logits.dims[2], "the blank is no class");
  NEED(c.attr[1] <= 1, "attribute zero infinities is 0 or 1");
  return nullptr;
}

}  // namespace anneal
