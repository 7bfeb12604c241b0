export { adam, adamw, type AdamOptions, type AdamWOptions } from './adam.js';
export { Optimizer, type LearningRate } from './optimizer.js';
export * as schedules from './schedules.js';
export type { Schedule } from './schedules.js';
export { sgd, type SgdOptions } from './sgd.js';
