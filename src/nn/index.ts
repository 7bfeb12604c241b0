export { type Activation, elu, gelu, leakyRelu, logSoftmax, relu, sigmoid, silu, softmax, softplus, tanh } from './activations.js';
export { BatchNorm, batchNorm1d, batchNorm2d, batchNorm3d, type BatchNormOptions } from './batch-norm.js';
export { Conv, conv1d, conv2d, conv3d, ConvTranspose, convTranspose1d, convTranspose2d, type ConvLayerOptions, type ConvTransposeLayerOptions } from './convolution.js';
export { Dropout, dropout, dropout1d, dropout2d, dropout3d } from './dropout.js';
export { Flatten, flatten } from './flatten.js';
export { Identity, identity } from './identity.js';
export { GroupNorm, groupNorm, type GroupNormOptions } from './group-norm.js';
export * as init from './initializers.js';
export { InstanceNorm, instanceNorm1d, instanceNorm2d, instanceNorm3d, type InstanceNormOptions } from './instance-norm.js';
export { LayerNorm, layerNorm, RMSNorm, rmsNorm, type LayerNormOptions, type RmsNormLayerOptions } from './layer-norm.js';
export { Linear, linear, type LinearOptions } from './linear.js';
export { MaxUnpool, maxUnpool1d, maxUnpool2d, maxUnpool3d } from './max-unpooling.js';
export { Module, type AnyModule, type Inputs, type Outputs } from './module.js';
export { circularPad1d, circularPad2d, circularPad3d, constantPad1d, constantPad2d, constantPad3d, Pad, type Padding, reflectionPad1d, reflectionPad2d, reflectionPad3d, replicationPad1d, replicationPad2d, replicationPad3d, zeroPad1d, zeroPad2d, zeroPad3d } from './padding.js';
export { PixelShuffle, pixelShuffle, PixelUnshuffle, pixelUnshuffle } from './pixel-shuffle.js';
export {
  adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d, adaptiveMaxPool1d, adaptiveMaxPool1dWithIndices, adaptiveMaxPool2d, adaptiveMaxPool2dWithIndices, adaptiveMaxPool3d,
  adaptiveMaxPool3dWithIndices, AdaptivePool, avgPool1d, avgPool2d, avgPool3d, lpPool1d, lpPool2d, maxPool1d, maxPool1dWithIndices, maxPool2d, maxPool2dWithIndices, maxPool3d,
  maxPool3dWithIndices, Pool, PoolWithIndices,
} from './pooling.js';
export { Sequential, sequential } from './sequential.js';
export type { ShapeFunction } from './shape-mismatch.js';
export { summary, type LayerSummary, type Summary, type SummaryOptions } from './summary.js';
export type { State } from '../state.js';
export { Unflatten, unflatten } from './unflatten.js';
export { Upsample, upsample } from './upsample.js';
export { Parameter } from '../parameter.js';
