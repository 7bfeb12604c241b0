export { findLearningRate, type FindLearningRateOptions, type LearningRates } from './learning-rate.js';
export type { RatePoint, RateSuggestion } from './range-test.js';
export type { OptimizerOrMaker } from './step.js';
