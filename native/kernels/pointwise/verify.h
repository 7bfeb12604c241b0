// The check of pointwise: operands of one shape and an elementwise program whose types fit.
#pragma once
#include "../verify_operands.h"
#include "opcodes.h"

namespace anneal {

constexpr uint32_t kMaxOpcodes = elementwise_limits::opcodes;
constexpr int32_t kMaxInputs = elementwise_limits::inputs, kMaxOutputs = elementwise_limits::outputs;

// The type of a register: F float, I int32, B bool.
inline char register_type(DType t) {
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

inline bool accepts(char declared, char given) {
  return declared == 'N' ? true : declared == 'I' ? given != 'F' : declared == given;
}

// The type of an opcode's result, or null and what is wrong.
inline const char* verify_opcode(const uint32_t* w, char* types, int registers) {
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
inline const char* pointwise_shapes(const Call& c) {
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

inline const char* verify_pointwise(const Call& c) {
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

}  // namespace anneal
