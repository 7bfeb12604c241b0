export type { PlotOptions } from './figure.js';
export { learningCurves } from './learning-curves.js';
export { schedule, type SchedulePlotOptions } from './schedule.js';
