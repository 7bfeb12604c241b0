export { accuracy, type AccuracyOptions } from './accuracy.js';
export { loss } from './loss.js';
export type { Measured, Metric } from './metric.js';
export { Running, running } from './running.js';
