export { earlyStopping, type EarlyStoppingOptions } from './early-stopping.js';
export type { Callback, EpochEndEvent, EpochEvent, EpochRecord, EpochStartEvent, FitEndEvent, FitEvent, FitStartEvent, Results, StepEvent, TrainEvent } from './events.js';
export { History, parseHistory, type HistoryJson } from './history.js';
export type { LayerStatistics } from './inspection.js';
export { progress, type ProgressOptions } from './progress.js';
export type { Source } from './sources.js';
export { Trainer, type EvaluateOptions, type EventsOptions, type FitOptions, type PredictOptions, type TrainerOptions, type ValidationSplit } from './trainer.js';
export type { ClassWeights } from './example-weights.js';
