export { binaryCrossEntropy, dice, focal, hinge, multilabelSoftMargin, squaredHinge, type BinaryCrossEntropyOptions, type DiceOptions, type FocalOptions, type MultilabelOptions } from './binary.js';
export type { ClassOptions } from './classes.js';
export { multiMargin, negativeLogLikelihood, type MultiMarginOptions } from './classification.js';
export { crossEntropy, type CrossEntropy, type CrossEntropyOptions } from './cross-entropy.js';
export { ctc, type CtcOptions } from './ctc.js';
export {
  cosineEmbedding,
  infoNce,
  klDivergence,
  marginRanking,
  tripletMargin,
  type InfoNceOptions,
  type KlDivergence,
  type KlDivergenceOptions,
  type MarginOptions,
  type TripletOptions,
} from './embedding.js';
export type { AnyLoss, BuiltinLoss, ConfiguredLoss, Loss, LossFor, LossOptions, OutputLoss } from './loss.js';
export { meanSquaredError } from './mean-squared-error.js';
export type { OutputOptions } from './output-activation.js';
export type { Reduction, ReductionOptions } from './reduction.js';
export {
  gaussianNll,
  huber,
  logCosh,
  meanAbsoluteError,
  poissonNll,
  quantile,
  smoothL1,
  type GaussianNllOptions,
  type HuberOptions,
  type PoissonNllOptions,
  type QuantileOptions,
  type SmoothL1Options,
} from './regression.js';
