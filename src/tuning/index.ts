export type { BatchAdvice } from './batch-advice.js';
export { adviseBatchSize, type AdviseBatchSizeOptions, type BatchSizeReport } from './batch-size.js';
export type { BatchSizeFigures } from './batch-timing.js';
export { findLearningRate, type FindLearningRateOptions, type LearningRates } from './learning-rate.js';
export type { NoiseScale } from './noise-scale.js';
export type { RatePoint, RateSuggestion } from './range-test.js';
export type { OptimizerOrMaker } from './step.js';
export { compareStrategies, type CompareOptions, type Comparison, type StrategyRow } from './strategies.js';
export type { Strategy, TrainingLength } from './strategy-run.js';
