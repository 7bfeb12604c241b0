// Checks of the operands of each row of ops.def: verify_<row>. Each returns null, or what is wrong, in a few words.
#include "verify.h"

namespace anneal {

const PointwiseInfo kPointwiseInfo[] = {
#define ANNEAL_POINTWISE(name, arity, in, out) {#name, arity, #in[0], #out[0]},
#include "pointwise.def"
#undef ANNEAL_POINTWISE
};
const uint32_t kPointwiseRows = sizeof kPointwiseInfo / sizeof kPointwiseInfo[0];

const UpdateInfo kUpdateInfo[] = {
#define ANNEAL_UPDATE(name, states, hypers, flags) {#name, states, hypers, flags},
#include "updates.def"
#undef ANNEAL_UPDATE
};
const uint32_t kUpdateRules = sizeof kUpdateInfo / sizeof kUpdateInfo[0];

int32_t updated_input(const Call& call, int32_t output) {
  const int32_t parameters = call.attrs - kUpdateAttrs, each = call.outputs / parameters;
  const int32_t t = output / each, k = output % each;
  return kUpdateHeader + t * (each + 1) + (k == 0 ? 0 : k + 1);
}

namespace {

#define NEED(condition, otherwise)      \
  do {                                  \
    if (!(condition)) return otherwise; \
  } while (false)

bool is_float(const TensorArg& t) { return t.dtype == DType::f32 || t.dtype == DType::f64; }
bool present(const TensorArg& t) { return t.data != nullptr; }

bool same_dims(const TensorArg& a, const TensorArg& b) {
  if (a.rank != b.rank) return false;
  for (int i = 0; i < a.rank; i++)
    if (a.dims[i] != b.dims[i]) return false;
  return true;
}

// dims[from, from + count) of `a` are those of `b` from `at`.
bool dims_at(const TensorArg& a, int from, int count, const TensorArg& b, int at) {
  for (int i = 0; i < count; i++)
    if (a.dims[from + i] != b.dims[at + i]) return false;
  return true;
}

bool is_vector(const TensorArg& t, DType dtype, int64_t length) {
  return t.dtype == dtype && t.rank == 1 && t.dims[0] == length && is_dense(t);
}

bool is_like(const TensorArg& t, const TensorArg& other) {
  return t.dtype == other.dtype && same_dims(t, other) && is_dense(t);
}

// A float scalar in a slot or a buffer, of any shape with one element: step counters, scales.
bool is_scalar(const TensorArg& t, DType dtype) { return t.dtype == dtype && elements_of(t) == 1; }

// ---- pointwise ---------------------------------------------------------------------------------------------------

constexpr uint32_t kMaxOpcodes = 32;
constexpr int32_t kMaxInputs = 16, kMaxOutputs = 8;

// The type of a register: F float, I int32, B bool.
char register_type(DType t) {
  switch (t) {
    case DType::f32:
    case DType::f64:
      return 'F';
    case DType::boolean:
      return 'B';
    default:
      return 'I';
  }
}

bool accepts(char declared, char given) {
  return declared == 'N' ? true : declared == 'I' ? given != 'F' : declared == given;
}

// The type of an opcode's result, or null and what is wrong.
const char* verify_opcode(const uint32_t* w, char* types, int registers) {
  NEED(w[0] < kPointwiseRows, "unknown opcode");
  const PointwiseInfo& op = kPointwiseInfo[w[0]];
  for (int i = 0; i < 3; i++) {
    if (i < op.arity)
      NEED(w[1 + i] < uint32_t(registers), "an opcode reads a register that is not set before it");
    else
      NEED(w[1 + i] == kNone, "an opcode has more operands than its arity");
  }
  // Of three operands the first is a condition; the others are of one type.
  const int first = op.arity == 3 ? 1 : 0;
  if (first == 1) NEED(types[w[1]] == 'B', "the condition of where is not bool");
  const char type = types[w[1 + first]];
  for (int i = first; i < op.arity; i++) {
    const char given = types[w[1 + i]];
    NEED(accepts(op.in, given), "an opcode reads an operand of the wrong type");
    NEED((given == 'F') == (type == 'F'), "an opcode mixes float and integer operands");
  }
  const bool selects = op.arity == 3 && types[w[2]] == 'B' && types[w[3]] == 'B';
  types[registers] = op.out != 'N' ? op.out : type == 'F' ? 'F' : selects ? 'B' : 'I';
  return nullptr;
}

// Strides fit the output's shape: the same rank, each dim the output's (a broadcast one has stride 0).
const char* pointwise_shapes(const Call& c) {
  for (int i = 0; i < c.outputs; i++) {
    NEED(present(c.out[i]), "an output is absent");
    NEED(same_dims(c.out[i], c.out[0]), "outputs of different shapes");
    NEED(is_dense(c.out[i]), "an output is not dense");
  }
  for (int i = 0; i < c.inputs; i++) {
    NEED(present(c.in[i]), "an input is absent");
    NEED(same_dims(c.in[i], c.out[0]), "an input has not the output's shape (broadcast by stride 0)");
  }
  return nullptr;
}

const char* verify_pointwise(const Call& c) {
  NEED(c.inputs <= kMaxInputs && c.outputs <= kMaxOutputs, "too many operands");
  if (const char* wrong = pointwise_shapes(c)) return wrong;
  const uint32_t count = c.attr[0];
  NEED(count <= kMaxOpcodes && int64_t{c.attrs} == 1 + 4 * int64_t{count} + c.outputs,
       "elementwise program of a wrong length");
  char types[kMaxInputs + kMaxOpcodes];
  for (int i = 0; i < c.inputs; i++) types[i] = register_type(c.in[i].dtype);
  for (uint32_t k = 0; k < count; k++)
    if (const char* wrong = verify_opcode(c.attr + 1 + 4 * k, types, c.inputs + int(k))) return wrong;
  for (int o = 0; o < c.outputs; o++) {
    const uint32_t r = c.attr[1 + 4 * count + uint32_t(o)];
    NEED(r < uint32_t(c.inputs) + count, "an output names a register that does not exist");
    NEED(accepts(register_type(c.out[o].dtype), types[r]), "an output's dtype is not its register's");
  }
  return nullptr;
}

// ---- gemm --------------------------------------------------------------------------------------------------------

bool has_unit_stride(const TensorArg& t) {
  const int row = t.rank - 2, column = t.rank - 1;
  return elements_of(t) == 0 || t.dims[row] <= 1 || t.dims[column] <= 1 || t.strides[row] == 1 ||
         t.strides[column] == 1;
}

// The batch dims of an operand are the last ones of the output's; dims it lacks, or of size 1, are broadcast.
bool batch_fits(const TensorArg& t, const TensorArg& c) {
  const int missing = c.rank - t.rank;
  if (t.rank < 2 || missing < 0) return false;
  for (int i = 0; i < t.rank - 2; i++)
    if (t.dims[i] != c.dims[i + missing] && t.dims[i] != 1) return false;
  return true;
}

const char* verify_gemm(const Call& call) {
  const TensorArg &c = call.out[0], &a = call.in[0], &b = call.in[1], &bias = call.in[2], &aux = call.in[3];
  NEED(present(c) && present(a) && present(b), "an operand is absent");
  NEED(is_float(c) && a.dtype == c.dtype && b.dtype == c.dtype, "operands are not float");
  NEED(c.rank >= 2 && is_dense(c), "the result is not a dense matrix");
  NEED(batch_fits(a, c) && batch_fits(b, c), "batch dimensions do not fit");
  const int64_t M = c.dims[c.rank - 2], N = c.dims[c.rank - 1], K = a.dims[a.rank - 1];
  NEED(a.dims[a.rank - 2] == M && b.dims[b.rank - 2] == K && b.dims[b.rank - 1] == N, "M, N, K do not agree");
  NEED(has_unit_stride(a) && has_unit_stride(b), "an operand has neither unit row nor unit column stride");
  if (present(bias)) NEED(is_vector(bias, c.dtype, N), "bias is not [N]");
  if (present(aux)) NEED(aux.dtype == c.dtype && same_dims(aux, c) && is_dense(aux), "aux has not the result's shape");
  NEED(call.attr[0] <= 5, "unknown activation");
  NEED(call.attr[1] <= 1 && (call.attr[1] == 1) == present(aux), "flags do not fit aux");
  return nullptr;
}

// ---- reductions --------------------------------------------------------------------------------------------------

enum ReduceKind : uint32_t { sum, mean, max, min, argmax, argmin, var, any, all, prod, kReduceKinds };

const char* reduce_types(uint32_t kind, DType in, DType out) {
  const bool real = in == DType::f32 || in == DType::f64;
  switch (kind) {
    case any:
    case all:
      NEED(in == DType::boolean && out == in, "any and all are of bool");
      break;
    case argmax:
    case argmin:
      NEED((real || in == DType::i32) && out == DType::i32, "argmax and argmin give int32");
      break;
    case mean:
    case var:
      NEED(real && out == in, "mean and var are of float");
      break;
    default:
      NEED((real || in == DType::i32) && out == in, "of float or int32, and the result alike");
      break;
  }
  return nullptr;
}

const char* verify_reduce(const Call& c) {
  const TensorArg &out = c.out[0], &in = c.in[0];
  NEED(present(out) && present(in), "an operand is absent");
  NEED(out.rank == in.rank && is_dense(out), "the result is not dense, or of another rank");
  for (int i = 0; i < in.rank; i++)
    NEED(out.dims[i] == in.dims[i] || out.dims[i] == 1, "a dim of the result is neither the input's nor 1");
  NEED(c.attr[0] < kReduceKinds, "unknown kind");
  NEED((c.attr[1] & 0x7F800000) != 0x7F800000, "the correction is not finite");
  NEED(c.attr[2] == 0, "attribute 2 is reserved");
  const bool needs_elements = c.attr[0] == max || c.attr[0] == min || c.attr[0] == argmax || c.attr[0] == argmin;
  NEED(!needs_elements || elements_of(in) > 0 || elements_of(out) == 0, "the extreme of nothing");
  return reduce_types(c.attr[0], in.dtype, out.dtype);
}

const char* verify_softmax(const Call& c) {
  NEED(present(c.out[0]) && present(c.in[0]), "an operand is absent");
  NEED(c.out[0].rank >= 1 && same_dims(c.out[0], c.in[0]), "shapes differ");
  NEED(is_float(c.out[0]) && c.in[0].dtype == c.out[0].dtype, "operands are not float");
  NEED(is_dense(c.out[0]) && is_dense(c.in[0]), "an operand is not dense");
  NEED(c.attr[0] <= 1, "attribute log is 0 or 1");
  return nullptr;
}

const char* verify_softmax_grad(const Call& c) {
  if (const char* wrong = verify_softmax(c)) return wrong;
  const TensorArg& dy = c.in[1];
  NEED(present(dy) && same_dims(dy, c.out[0]) && dy.dtype == c.out[0].dtype && is_dense(dy), "dy is not like dx");
  return nullptr;
}

const char* verify_cross_entropy(const Call& c) {
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

const char* verify_soft_cross_entropy(const Call& c) {
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

const char* verify_ctc(const Call& c) {
  const TensorArg &loss = c.out[0], &grad = c.out[1], &logits = c.in[0], &labels = c.in[1], &dloss = c.in[4];
  NEED(present(logits) && present(labels) && (present(loss) || present(grad)), "an operand is absent");
  NEED(is_float(logits) && logits.rank == 3, "logits are not float [N,T,C]");
  NEED(logits.strides[2] == 1 || logits.dims[2] <= 1, "the classes of logits are not dense");
  const int64_t N = logits.dims[0];
  NEED(labels.dtype == DType::i32 && labels.rank == 2 && labels.dims[0] == N && is_dense(labels),
       "labels are not int32 [N,S]");
  NEED(logits.dims[1] < (int64_t{1} << 31) && labels.dims[1] < (int64_t{1} << 28), "too many steps or labels");
  for (int i = 2; i < 4; i++) NEED(present(c.in[i]) && is_vector(c.in[i], DType::i32, N), "lengths are not int32 [N]");
  if (present(loss)) NEED(is_vector(loss, logits.dtype, N), "loss is not [N]");
  if (present(grad)) NEED(is_like(grad, logits), "dlogits is not [N,T,C]");
  if (present(dloss)) NEED(dloss.dtype == logits.dtype && dloss.rank == 1 && dloss.dims[0] == N, "dloss is not [N]");
  NEED(int64_t{c.attr[0]} < logits.dims[2], "the blank is no class");
  NEED(c.attr[1] <= 1, "attribute zero infinities is 0 or 1");
  return nullptr;
}

// ---- gather and scatter ------------------------------------------------------------------------------------------

// `wide` has the dims of `data` with `axis` replaced by those of `indices`.
bool replaces_axis(const TensorArg& wide, const TensorArg& data, const TensorArg& indices, int axis) {
  return axis < data.rank && wide.rank == data.rank - 1 + indices.rank && dims_at(wide, 0, axis, data, 0) &&
         dims_at(wide, axis, indices.rank, indices, 0) &&
         dims_at(wide, axis + indices.rank, data.rank - axis - 1, data, axis + 1);
}

const char* verify_gather(const Call& c) {
  const TensorArg &out = c.out[0], &data = c.in[0], &indices = c.in[1];
  NEED(present(out) && present(data) && present(indices), "an operand is absent");
  NEED(is_dense(out) && is_dense(data) && is_dense(indices), "an operand is not dense");
  NEED(out.dtype == data.dtype && indices.dtype == DType::i32, "wrong dtypes");
  NEED(c.attr[0] < uint32_t(kMaxRank) && replaces_axis(out, data, indices, int(c.attr[0])), "shapes do not fit");
  return nullptr;
}

const char* verify_gather_rows(const Call& c) {
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

const char* verify_scatter_add(const Call& c) {
  const TensorArg &out = c.out[0], &indices = c.in[0], &updates = c.in[1];
  NEED(present(out) && present(indices) && present(updates), "an operand is absent");
  NEED(is_dense(out) && is_dense(indices) && is_dense(updates), "an operand is not dense");
  NEED(is_float(out) || out.dtype == DType::i32, "neither float nor int32");
  NEED(updates.dtype == out.dtype && indices.dtype == DType::i32, "wrong dtypes");
  NEED(c.attr[0] < uint32_t(kMaxRank) && replaces_axis(updates, out, indices, int(c.attr[0])), "shapes do not fit");
  return nullptr;
}

const char* verify_take_along_axis(const Call& c) {
  const TensorArg &out = c.out[0], &x = c.in[0], &labels = c.in[1];
  NEED(present(out) && present(x) && present(labels), "an operand is absent");
  NEED(is_float(x) && x.rank == 2 && is_dense(x), "x is not a dense float matrix");
  NEED(is_vector(out, x.dtype, x.dims[0]), "the result is not [N]");
  NEED(is_vector(labels, DType::i32, x.dims[0]), "labels are not int32 [N]");
  return nullptr;
}

const char* verify_scatter(const Call& c) {
  const TensorArg &out = c.out[0], &values = c.in[0], &labels = c.in[1];
  NEED(present(out) && present(values) && present(labels), "an operand is absent");
  NEED(is_float(out) && out.rank == 2 && is_dense(out), "the result is not a dense float matrix");
  NEED(is_vector(labels, DType::i32, out.dims[0]), "labels are not int32 [N]");
  NEED(values.dtype == out.dtype && (values.rank == 0 || is_vector(values, out.dtype, out.dims[0])),
       "values are neither [N] nor a scalar");
  return nullptr;
}

// ---- moving and making -------------------------------------------------------------------------------------------

const char* verify_copy(const Call& c) {
  NEED(present(c.out[0]) && present(c.in[0]), "an operand is absent");
  NEED(same_dims(c.out[0], c.in[0]), "shapes differ");
  NEED(c.out[0].dtype == c.in[0].dtype, "dtypes differ");
  return nullptr;
}

const char* verify_fill(const Call& c) {
  NEED(present(c.out[0]) && present(c.in[0]), "an operand is absent");
  NEED(c.in[0].rank == 0 && c.out[0].dtype == c.in[0].dtype, "the value is not a scalar of the result's dtype");
  return nullptr;
}

const char* verify_random(const Call& c) {
  const TensorArg &out = c.out[0], &key = c.in[0], &parameters = c.in[1];
  NEED(present(out) && present(key) && present(parameters), "an operand is absent");
  NEED(is_float(out) && is_dense(out), "the result is not dense float");
  NEED(is_vector(key, DType::i32, 5), "the key is not int32 [5]");
  NEED(is_vector(parameters, out.dtype, 2), "parameters are not two floats of the result's dtype");
  NEED(c.attr[0] <= 2, "unknown distribution");
  return nullptr;
}

// ---- updates -----------------------------------------------------------------------------------------------------

// `state` arrays are like the parameter: float, dense, one shape.
bool is_state(const TensorArg& state, const TensorArg& p) {
  return present(state) && state.dtype == p.dtype && same_dims(state, p) && is_dense(state);
}

const char* verify_clip_scale(const Call& c) {
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

const char* verify_require_finite(const Call& c) {
  for (int32_t i = 0; i < c.inputs; i++)
    NEED(present(c.in[i]) && is_float(c.in[i]) && is_dense(c.in[i]), "an operand is not dense float");
  return nullptr;
}

// Checks the operands that the parameters of an update share.
const char* update_header(const Call& c, const UpdateInfo& rule, int64_t parameters) {
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

const char* verify_update(const Call& c) {
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

#undef NEED

}  // namespace

const RowCheck kRowChecks[kRows] = {
#define ANNEAL_OP(name, ...) verify_##name,
#include "ops.def"
#undef ANNEAL_OP
};

}  // namespace anneal
