export { crossEntropy, type CrossEntropy, type CrossEntropyOptions } from './cross-entropy.js';
export type { BuiltinLoss, Loss } from './loss.js';
export { meanSquaredError, type MeanSquaredError, type MeanSquaredErrorOptions } from './mean-squared-error.js';
export type { Reduction } from './reduction.js';
