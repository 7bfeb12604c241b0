export { confusionMatrix, type ConfusionMatrixPlotOptions } from './confusion-matrix.js';
export type { PlotOptions } from './figure.js';
export { learningCurves, type Run } from './learning-curves.js';
export { predictions } from './predictions.js';
export { schedule, type SchedulePlotOptions } from './schedule.js';
export type { Scores } from '../metrics/scores.js';
export { calibrationCurve } from './calibration-curve.js';
export { precisionRecallCurve, rocCurve } from './score-curves.js';
