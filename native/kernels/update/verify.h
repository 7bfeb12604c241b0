// The checks of updates of parameters, and of what is asked of gradients before.
#pragma once
#include "../verify_operands.h"
#include "rules_info.h"
#include "update_call.h"

namespace anneal {

// `state` arrays are like the parameter: float, dense, one shape.
inline bool is_state(const TensorArg& state, const TensorArg& p) {
  return present(state) && state.dtype == p.dtype && same_dims(state, p) && is_dense(state);
}

inline const char* verify_clip_scale(const Call& c) {
  const TensorArg &scales = c.out[0], &norm = c.out[1], &limit = c.in[0];
  NEED(c.inputs > 1, "no gradient");
  NEED(present(scales) && present(norm) && present(limit), "an operand is absent");
  NEED(is_float(norm) && is_scalar(norm, norm.dtype) && is_scalar(limit, norm.dtype),
       "norm or limit is no float scalar");
  NEED(c.attr[0] <= 1, "attribute each is 0 or 1");
  NEED(is_vector(scales, norm.dtype, c.attr[0] ? c.inputs - 1 : 1), "scales are not one, or not one for each");
  for (int32_t i = 1; i < c.inputs; i++)
    NEED(present(c.in[i]) && c.in[i].dtype == norm.dtype && is_dense(c.in[i]), "a gradient is not dense float");
  return nullptr;
}

inline const char* verify_require_finite(const Call& c) {
  for (int32_t i = 0; i < c.inputs; i++)
    NEED(present(c.in[i]) && is_float(c.in[i]) && is_dense(c.in[i]), "an operand is not dense float");
  return nullptr;
}

// Checks the operands that the parameters of an update share.
inline const char* update_header(const Call& c, const UpdateInfo& rule, int64_t parameters) {
  const TensorArg &hyper = c.in[0], &steps = c.in[1], &scales = c.in[2], &limit = c.in[3], &average = c.in[4];
  NEED(present(hyper) && is_vector(hyper, DType::f64, rule.hypers), "hyper is not a float64 for each of the rule's");
  NEED(present(steps) && steps.dtype == DType::i32 && steps.rank == 1 && is_dense(steps), "steps are not int32 [..]");
  if (present(scales)) {
    NEED(scales.dtype == c.in[kUpdateHeader].dtype, "scales are not of the gradients' dtype");
    NEED(is_vector(scales, scales.dtype, 1) || is_vector(scales, scales.dtype, parameters),
         "scales are not one, or not one for each");
  }
  if (present(limit)) NEED(is_vector(limit, DType::f64, 1), "limit is not float64 [1]");
  NEED(present(average) == ((c.attr[1] & kAverages) != 0), "average does not fit the flags");
  if (present(average)) NEED(is_vector(average, DType::f64, 2), "average is not float64 [2]");
  return nullptr;
}

inline const char* verify_update_rows(const Call& c) {
  NEED(c.attr[0] < kUpdateRules, "unknown rule");
  const UpdateInfo& rule = kUpdateInfo[c.attr[0]];
  NEED(c.outputs == 1 + rule.states && c.inputs == kRowUpdateHeader + 2 + rule.states,
       "the rule has another number of operands");
  NEED(c.attr[1] >> rule.flags == 0, "unknown flags");
  const TensorArg &hyper = c.in[0], &steps = c.in[1], &scale = c.in[2], &limit = c.in[3], &rows = c.in[4],
                  &p = c.in[kRowUpdateHeader], &g = c.in[kRowUpdateHeader + 1];
  NEED(present(hyper) && is_vector(hyper, DType::f64, rule.hypers), "hyper is not a float64 for each of the rule's");
  NEED(present(steps) && steps.dtype == DType::i32 && steps.rank == 1 && is_dense(steps), "steps are not int32 [..]");
  NEED(c.attr[2] < uint64_t(steps.dims[0]), "a count beyond the steps");
  NEED(present(p) && is_float(p) && p.rank == 2 && is_dense(p), "the parameter is not a dense float table");
  NEED(present(g) && g.dtype == p.dtype && g.rank == 2 && g.dims[1] == p.dims[1] && is_dense(g),
       "the gradient is not [R,D]");
  NEED(present(rows) ? is_vector(rows, DType::i32, g.dims[0]) : g.dims[0] == p.dims[0],
       "rows are not int32 [R], or absent and the gradient not that of all rows");
  if (present(scale)) NEED(is_vector(scale, p.dtype, 1), "scale is not one of the gradient's dtype");
  if (present(limit)) NEED(is_vector(limit, DType::f64, 1), "limit is not float64 [1]");
  for (int32_t k = 0; k < 1 + rule.states; k++) {
    NEED(k == 0 || is_state(c.in[kRowUpdateHeader + 1 + k], p), "the state is not like its table");
    NEED(is_state(c.out[k], p), "an output is not like its table");
  }
  return nullptr;
}

inline const char* verify_update(const Call& c) {
  NEED(c.attrs > kUpdateAttrs && c.attr[0] < kUpdateRules, "unknown rule, or no parameter");
  const UpdateInfo& rule = kUpdateInfo[c.attr[0]];
  const int64_t parameters = c.attrs - kUpdateAttrs;
  const int32_t kept = rule.states + (c.attr[1] & kAverages ? 1 : 0);
  NEED(c.outputs == parameters * (1 + kept) && c.inputs == kUpdateHeader + parameters * (2 + kept),
       "the rule has another number of operands for so many parameters");
  NEED((c.attr[1] & ~(kAverages | kWritesAverageBack)) >> rule.flags == 0, "unknown flags");
  if (const char* wrong = update_header(c, rule, parameters)) return wrong;
  for (int64_t t = 0; t < parameters; t++) {
    const TensorArg* tensors = c.in + kUpdateHeader + t * (2 + kept);  // p, g, state.., average
    NEED(is_float(tensors[0]) && tensors[0].dtype == c.in[kUpdateHeader].dtype,
         "parameters are not float of one dtype");
    for (int32_t k = 0; k < 2 + kept; k++)
      NEED(is_state(tensors[k], tensors[0]),
           "a parameter, its gradient and state are not dense of one shape and dtype");
    for (int32_t k = 0; k < 1 + kept; k++)
      NEED(is_state(c.out[t * (1 + kept) + k], tensors[0]), "an output is not like its parameter");
    NEED(c.attr[kUpdateAttrs + t] < uint64_t(c.in[1].dims[0]), "a count beyond the steps");
  }
  return nullptr;
}

}  // namespace anneal
