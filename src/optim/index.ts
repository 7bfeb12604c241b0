export { adam, adamw, type AdamOptions, type AdamWOptions } from './adam.js';
export { Optimizer, type LearningRate } from './optimizer.js';
export * as schedules from './schedules/index.js';
export type { NamedSchedule, OneCycle, PlateauSchedule, PlateauState, Schedule } from './schedules/index.js';
export { sgd, type SgdOptions } from './sgd.js';
