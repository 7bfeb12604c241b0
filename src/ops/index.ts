import { activationOps } from './activations.js';
import { arithmeticOps } from './arithmetic.js';
import { binaryCrossEntropyOp } from './binary-cross-entropy.js';
import { castOps } from './cast.js';
import { clippingOps } from './clipping.js';
import { compareOps } from './compare.js';
import { constructorOps } from './constructors.js';
import { contractionOps } from './contraction.js';
import { crossEntropyOps } from './cross-entropy.js';
import { ctcOps } from './ctc.js';
import { exponentialOps } from './exponential.js';
import { indexingOps } from './indexing.js';
import { joiningOps } from './joining.js';
import { pickingOps } from './picking.js';
import { randomOps } from './random.js';
import type { OpRecord } from './record.js';
import { reductionOps } from './reductions.js';
import { selectOps } from './select.js';
import { softmaxFamily } from './softmax.js';
import { updateOps } from './updates.js';
import { viewOps } from './views.js';

/** Every op. Tests, benches and documentation go through it; the compiler reads the records' properties, never their names. */
export const registry: readonly OpRecord[] = [
  ...arithmeticOps,
  ...exponentialOps,
  ...activationOps,
  ...compareOps,
  ...selectOps,
  ...castOps,
  ...contractionOps,
  ...reductionOps,
  ...viewOps,
  ...joiningOps,
  ...indexingOps,
  ...pickingOps,
  ...softmaxFamily,
  ...crossEntropyOps,
  binaryCrossEntropyOp,
  ...ctcOps,
  ...randomOps,
  ...constructorOps,
  ...clippingOps,
  ...updateOps,
];

export { abs, add, div, maximum, minimum, mul, neg, pow, sign, sub } from './arithmetic.js';
export { erf, exp, expm1, log, log1p, sqrt } from './exponential.js';
export { elu, gelu, leakyRelu, logSigmoid, relu, sigmoid, silu, softplus, tanh, type EluOptions, type GeluOptions, type LeakyReluOptions } from './activations.js';
export { equal, greater, greaterEqual, less, lessEqual, logicalAnd, logicalNot, logicalOr, notEqual } from './compare.js';
export { clamp, where } from './select.js';
export { cast } from './cast.js';
export { linear, matmul } from './contraction.js';
export { all, any, argmax, argmin, max, mean, min, sum, sumTo, variance, variance as var, type ReduceOptions, type VarianceOptions } from './reductions.js';
export { detach, expand, expand as broadcastTo, flatten, permute, reshape, slice, squeeze, t, transpose, unsqueeze, type SliceOptions } from './views.js';
export { concat, pad, stack } from './joining.js';
export { gather, gatherRows, scatterAdd } from './indexing.js';
export { oneHot, pick } from './picking.js';
export { logSoftmax, logSumExp, softmax } from './softmax.js';
export { crossEntropy, type CrossEntropyOptions } from './cross-entropy.js';
export { bernoulliMask, normal, uniform } from './random.js';
export { arange, full, ones, tensor, zeros, type DTypeOption, type Nested, type TensorOptions } from './constructors.js';
export { defineOp, type OpDefinition } from './define.js';
export { update, updateRules, type Updated, type UpdateExtras, type UpdateRule } from './updates.js';
