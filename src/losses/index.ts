export { crossEntropy, type CrossEntropy, type CrossEntropyOptions } from './cross-entropy.js';
export type { BuiltinLoss, ConfiguredLoss, Loss, OutputLoss } from './loss.js';
export { meanSquaredError } from './mean-squared-error.js';
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
