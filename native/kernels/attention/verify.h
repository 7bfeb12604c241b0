// The checks of attention.
#pragma once
#include "../verify_operands.h"

namespace anneal {

// Float of that dtype and shape, features side by side.
inline bool is_attention_operand(const TensorArg& t, DType dtype, const int64_t (&dims)[4]) {
  if (t.dtype != dtype || t.rank != 4 || (t.dims[3] > 1 && t.strides[3] != 1)) return false;
  for (int d = 0; d < 4; d++)
    if (t.dims[d] != dims[d]) return false;
  return true;
}

inline bool is_attention_row_vector(const TensorArg& t, const TensorArg& query) {
  return t.dtype == query.dtype && t.rank == 3 && dims_at(t, 0, 3, query, 0) && is_dense(t);
}

// Of the scores [B,H,T,S] of a query.
inline const char* verify_attention_mask(const TensorArg& mask, const TensorArg& query, int64_t S) {
  if (!present(mask)) return nullptr;
  NEED(mask.dtype == query.dtype || mask.dtype == DType::boolean, "the mask is neither float nor bool");
  NEED(mask.rank == 4, "the mask has not four dimensions");
  const int64_t full[] = {query.dims[0], query.dims[1], query.dims[2], S};
  for (int d = 0; d < 4; d++) NEED(mask.dims[d] == 1 || mask.dims[d] == full[d], "the mask does not fit the scores");
  return nullptr;
}

inline const char* verify_attention_operands(const Call& c) {
  const TensorArg &query = c.in[0], &key = c.in[1], &value = c.in[2], &mask = c.in[3];
  NEED(present(query) && present(key) && present(value), "an operand is absent");
  NEED(is_float(query) && query.rank == 4 && key.rank == 4 && value.rank == 4, "operands are not float [B,H,T,D]");
  const int64_t B = query.dims[0], H = query.dims[1], K = key.dims[1], D = query.dims[3];
  const int64_t S = key.dims[2], E = value.dims[3];
  NEED(is_attention_operand(query, query.dtype, {B, H, query.dims[2], D}), "the query's features have gaps");
  NEED(is_attention_operand(key, query.dtype, {B, K, S, D}), "the key does not fit the query");
  NEED(is_attention_operand(value, query.dtype, {B, K, S, E}), "the value does not fit the key");
  NEED(K == 0 ? H == 0 : H % K == 0, "the heads of the key do not divide those of the query");
  if (const char* wrong = verify_attention_mask(mask, query, S)) return wrong;
  if (present(c.in[4])) NEED(is_vector(c.in[4], DType::i32, B), "lengths are not int32 [B]");
  if (present(c.in[5])) NEED(is_vector(c.in[5], DType::i32, 5), "the random key is not int32 [5]");
  NEED(c.attr[1] <= 1, "attribute causal is 0 or 1");
  return nullptr;
}

inline const char* verify_attention(const Call& c) {
  if (const char* wrong = verify_attention_operands(c)) return wrong;
  const TensorArg &query = c.in[0], &value = c.in[2], &lse = c.out[1];
  NEED(present(c.out[0]) || present(lse), "there is no result");
  const int64_t rows[] = {query.dims[0], query.dims[1], query.dims[2], value.dims[3]};
  NEED(!present(c.out[0]) || is_attention_operand(c.out[0], query.dtype, rows), "y is not [B,H,T,E]");
  if (present(lse)) NEED(is_attention_row_vector(lse, query), "the log-sum-exp is not dense [B,H,T]");
  return nullptr;
}

inline const char* verify_cached_attention(const Call& c) {
  const TensorArg &query = c.in[0], &key = c.in[1], &value = c.in[2], &keys = c.in[3], &values = c.in[4];
  for (int i = 0; i < 6; i++) NEED(present(c.in[i]), "an operand is absent");
  NEED(present(c.out[0]), "there is no result");
  NEED(is_float(query) && query.rank == 4 && key.rank == 4 && value.rank == 4 && keys.rank == 4,
       "operands are not float [B,H,1,D]");
  const int64_t B = query.dims[0], H = query.dims[1], K = key.dims[1], D = query.dims[3];
  const int64_t C = keys.dims[2], E = value.dims[3];
  NEED(is_attention_operand(query, query.dtype, {B, H, 1, D}), "the query is not one position");
  NEED(is_attention_operand(key, query.dtype, {B, K, 1, D}), "the key does not fit the query");
  NEED(is_attention_operand(value, query.dtype, {B, K, 1, E}), "the value does not fit the key");
  NEED(is_attention_operand(keys, query.dtype, {B, K, C, D}), "the cache of keys does not fit the key");
  NEED(is_attention_operand(values, query.dtype, {B, K, C, E}), "the cache of values does not fit the value");
  NEED(K == 0 ? H == 0 : H % K == 0, "the heads of the key do not divide those of the query");
  NEED(is_vector(c.in[5], DType::i32, B), "offsets are not int32 [B]");
  if (const char* wrong = verify_attention_mask(c.in[6], query, C)) return wrong;
  NEED(is_attention_operand(c.out[0], query.dtype, {B, H, 1, E}), "y is not [B,H,1,E]");
  return nullptr;
}

inline const char* verify_write_positions(const Call& c) {
  const TensorArg &cache = c.out[0], &rows = c.in[0];
  NEED(present(cache) && present(rows) && present(c.in[1]), "an operand is absent");
  NEED(is_float(cache) && cache.rank == 4 && rows.rank == 4, "operands are not float [B,K,T,D]");
  const int64_t B = cache.dims[0], K = cache.dims[1], C = cache.dims[2], D = cache.dims[3], T = rows.dims[2];
  NEED(is_attention_operand(cache, cache.dtype, {B, K, C, D}), "the cache's features have gaps");
  NEED(is_attention_operand(rows, cache.dtype, {B, K, T, D}) && T <= C, "the rows do not fit the cache");
  NEED(is_vector(c.in[1], DType::i32, B), "offsets are not int32 [B]");
  return nullptr;
}

inline const char* verify_attention_grad(const Call& c) {
  if (const char* wrong = verify_attention_operands(c)) return wrong;
  const TensorArg &query = c.in[0], &value = c.in[2], &y = c.in[6], &dy = c.in[7], &lse = c.in[8], &dlse = c.in[9];
  NEED(present(y) && present(dy) && present(lse), "an operand is absent");
  const int64_t rows[] = {query.dims[0], query.dims[1], query.dims[2], value.dims[3]};
  NEED(is_attention_operand(y, query.dtype, rows) && is_attention_operand(dy, query.dtype, rows),
       "y or its gradient is not [B,H,T,E]");
  NEED(is_attention_row_vector(lse, query), "the log-sum-exp is not dense [B,H,T]");
  if (present(dlse)) NEED(is_attention_row_vector(dlse, query), "the log-sum-exp's gradient is not dense [B,H,T]");
  for (int i = 0; i < 3; i++) {
    const int64_t(&like)[4] = *(const int64_t(*)[4])c.in[i].dims;
    NEED(!present(c.out[i]) || is_attention_operand(c.out[i], query.dtype, like), "a gradient is not like its operand");
  }
  NEED(present(c.out[0]) || present(c.out[1]) || present(c.out[2]), "there is no result");
  return nullptr;
}

}  // namespace anneal
