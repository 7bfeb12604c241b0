// The ops that users call, which `anneal` exports. What only the library calls is imported from where it is.
export { abs, add, div, maximum, minimum, mul, neg, pow, sign, sub } from './arithmetic.js';
export { erf, exp, expm1, log, log1p, sqrt } from './exponential.js';
export { elu, gelu, leakyRelu, logSigmoid, relu, sigmoid, silu, softplus, tanh, type EluOptions, type GeluOptions, type LeakyReluOptions } from './activations.js';
export { equal, greater, greaterEqual, less, lessEqual, logicalAnd, logicalNot, logicalOr, notEqual } from './compare.js';
export { clamp, where } from './select.js';
export { cast } from './cast.js';
export { linear, matmul } from './contraction.js';
export { all, any, argmax, argmin, max, mean, min, sum, variance, variance as var, type ReduceOptions, type VarianceOptions } from './reductions.js';
export { detach, expand, flatten, permute, reshape, slice, squeeze, t, transpose, unsqueeze, type SliceOptions } from './views.js';
export { concat, pad, stack } from './joining.js';
export { gather, scatterAdd } from './indexing.js';
export { oneHot } from './take-along-axis.js';
export { logSoftmax, logSumExp, softmax } from './softmax.js';
export { crossEntropy, type CrossEntropyOptions } from './cross-entropy.js';
export { lstmCell, type LstmState, type LstmWeights } from './lstm-cell.js';
export { normal, uniform } from './random.js';
export { arange, full, ones, tensor, zeros, type DTypeOption, type Nested, type TensorOptions } from './constructors.js';
export { defineOp, type OpDefinition } from './define.js';
