export type { Callback, EpochEndEvent, EpochEvent, EpochRecord, FitEndEvent, FitEvent, History, Results, StepEvent } from './events.js';
export { progress, type ProgressOptions } from './progress.js';
export type { Source } from './sources.js';
export { Trainer, type EvaluateOptions, type FitOptions, type PredictOptions, type TrainerOptions } from './trainer.js';
