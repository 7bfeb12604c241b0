export { confusionMatrix, type ConfusionMatrixPlotOptions } from './confusion-matrix.js';
export type { PlotOptions } from './figure.js';
export { learningCurves, type Run } from './learning-curves.js';
export { predictions } from './predictions.js';
export { schedule, type SchedulePlotOptions } from './schedule.js';
export { precisionRecallCurve, rocCurve, type Scores } from './score-curves.js';
