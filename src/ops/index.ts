// The ops that users call, which `anneal` exports. What only the library calls is imported from where it is.
export { abs, add, div, mul, neg, sign, sub } from './arithmetic.js';
export { clamp, maximum, minimum } from './bounds.js';
export { erf, exp, expm1, log, log1p, pow, sqrt } from './exponential.js';
export { elu, gelu, leakyRelu, logSigmoid, relu, sigmoid, silu, softplus, tanh, type EluOptions, type GeluOptions, type LeakyReluOptions } from './activations.js';
export { geglu, glu, swiglu } from './gated.js';
export { equal, greater, greaterEqual, less, lessEqual, logicalAnd, logicalNot, logicalOr, notEqual } from './compare.js';
export { where } from './where.js';
export { cast } from './cast.js';
export { linear, matmul } from './contraction.js';
export { all, any, argmax, argmin, max, mean, min, sum, variance, variance as var, type ReduceOptions, type VarianceOptions } from './reductions.js';
export { expand } from './broadcasting.js';
export { slice, type SliceOptions } from './slicing.js';
export { detach, flatten, permute, reshape, squeeze, t, transpose, unflatten, unsqueeze } from './views.js';
export { concat, stack } from './joining.js';
export { chunk, split } from './splitting.js';
export { gather, scatterAdd } from './indexing.js';
export { alibi, type AlibiOptions } from './alibi.js';
export { embeddingBag, type BagMode, type EmbeddingBagOptions } from './embedding-bag.js';
export { embedding, type EmbeddingOptions } from './embedding.js';
export { rotaryEmbedding, type RotaryCallOptions, type RotaryOptions } from './rotary.js';
export { oneHot } from './take-along-axis.js';
export { logSoftmax, logSumExp, softmax } from './softmax.js';
export { crossEntropy, type CrossEntropyOptions } from './cross-entropy.js';
export { conv1d, conv2d, conv3d, convTranspose1d, convTranspose2d, type ConvOptions, type ConvTransposeOptions } from './convolution.js';
export { groupNorm, instanceNorm, layerNorm, rmsNorm, type NormalizedShape, type NormOptions, type RmsNormOptions } from './norms.js';
export { pad, type PadMode, type PadOptions } from './pad.js';
export { interpolate, type InterpolateMode, type InterpolateOptions } from './interpolate.js';
export { pixelShuffle, pixelUnshuffle } from './pixel-shuffle.js';
export {
  adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d, adaptiveMaxPool1d, adaptiveMaxPool1dWithIndices, adaptiveMaxPool2d, adaptiveMaxPool2dWithIndices, adaptiveMaxPool3d,
  adaptiveMaxPool3dWithIndices,
} from './adaptive-pooling.js';
export { lpPool1d, lpPool2d, type LpPoolOptions } from './lp-pooling.js';
export { maxPool1d, maxPool1dWithIndices, maxPool2d, maxPool2dWithIndices, maxPool3d, maxPool3dWithIndices, type MaximaAt, type MaxPoolOptions } from './max-pooling.js';
export { maxUnpool1d, maxUnpool2d, maxUnpool3d, type MaxUnpoolOptions } from './max-unpooling.js';
export { avgPool1d, avgPool2d, avgPool3d, type AvgPoolOptions } from './pooling.js';
export { scaledDotProductAttention, type AttentionOptions } from './scaled-dot-product-attention.js';
export { lstmCell, type LstmState, type LstmWeights } from './lstm-cell.js';
export { normal, uniform } from './random.js';
export { arange, full, ones, tensor, zeros, type DTypeOption, type Nested, type ShapedValues, type TensorOptions } from './constructors.js';
export { defineOp, type OpDefinition } from './define.js';
