// The functions that make layers, and nothing else: by their names a saved model says what it is made of.
export { elu, geglu, gelu, glu, leakyRelu, logSoftmax, relu, sigmoid, silu, softmax, softplus, swiglu, tanh } from './activations.js';
export { batchNorm1d, batchNorm2d, batchNorm3d } from './batch-norm.js';
export { conv1d, conv2d, conv3d, convTranspose1d, convTranspose2d } from './convolution.js';
export { dotProductAttention } from './dot-product-attention.js';
export { dropout, dropout1d, dropout2d, dropout3d } from './dropout.js';
export { embedding } from './embedding.js';
export { embeddingBag } from './embedding-bag.js';
export { flatten } from './flatten.js';
export { groupNorm } from './group-norm.js';
export { identity } from './identity.js';
export { instanceNorm1d, instanceNorm2d, instanceNorm3d } from './instance-norm.js';
export { layerNorm, rmsNorm } from './layer-norm.js';
export { linear } from './linear.js';
export { maxUnpool1d, maxUnpool2d, maxUnpool3d } from './max-unpooling.js';
export { circularPad1d, circularPad2d, circularPad3d, constantPad1d, constantPad2d, constantPad3d, reflectionPad1d, reflectionPad2d, reflectionPad3d, replicationPad1d, replicationPad2d, replicationPad3d, zeroPad1d, zeroPad2d, zeroPad3d } from './padding.js';
export { multiheadAttention } from './multihead-attention.js';
export { pixelShuffle, pixelUnshuffle } from './pixel-shuffle.js';
export {
  adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d, adaptiveMaxPool1d, adaptiveMaxPool1dWithIndices, adaptiveMaxPool2d, adaptiveMaxPool2dWithIndices, adaptiveMaxPool3d,
  adaptiveMaxPool3dWithIndices, avgPool1d, avgPool2d, avgPool3d, lpPool1d, lpPool2d, maxPool1d, maxPool1dWithIndices, maxPool2d, maxPool2dWithIndices, maxPool3d, maxPool3dWithIndices,
} from './pooling.js';
export { learnedPositions, sinusoidalPositions } from './positions.js';
export { recompute } from './recompute.js';
export { sequential } from './sequential.js';
export { transformerDecoderLayer } from './transformer-decoder.js';
export { transformerEncoderLayer } from './transformer-encoder.js';
export { transformerDecoder, transformerEncoder } from './transformer-stacks.js';
export { unflatten } from './unflatten.js';
export { upsample } from './upsample.js';
