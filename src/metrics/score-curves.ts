import { countsOf, type Scores } from './scores.js';

/** Points of the receiver operating characteristic, by falling thresholds, of which the first is Infinity, where nothing is taken for positive. */
export interface RocCurve {
  /** Share of the negatives that is taken for positive. */
  readonly falsePositiveRate: Float64Array;
  /** Share of the positives that is. */
  readonly truePositiveRate: Float64Array;
  /** Scores of at least this are taken for positive. */
  readonly thresholds: Float64Array;
  /** Area under the curve, as metrics.rocAuc() has it. */
  readonly area: number;
}

/**
 * The receiver operating characteristic at every threshold, from scores of examples, logits or probabilities, and which of them are positive. O(n log n).
 *
 *     const { thresholds, truePositiveRate, falsePositiveRate, area } = metrics.rocCurve({ scores: [0.1, 0.4, 0.35, 0.8], labels: [0, 0, 1, 1] });
 *     console.log(area);                                                     // 0.75
 *
 * plot.rocCurve() draws it. As sklearn.metrics.roc_curve with drop_intermediate=False. Throws ArgumentError for scores that are NaN, labels that are neither 0 nor 1, or of one class only.
 */
export function rocCurve(scored: Scores): RocCurve {
  return rocCurveOf('metrics.rocCurve', scored);
}

/** rocCurve() as part of `op`. */
export function rocCurveOf(op: string, scored: Scores): RocCurve {
  const { found, wrong, lowest, positives, negatives } = countsOf(op, scored);
  const truePositiveRate = Float64Array.from(found, (count) => count / positives);
  const falsePositiveRate = Float64Array.from(wrong, (count) => count / negatives);
  let area = 0;
  for (let i = 1; i < found.length; i++) area += ((falsePositiveRate[i]! - falsePositiveRate[i - 1]!) * (truePositiveRate[i]! + truePositiveRate[i - 1]!)) / 2;
  return { falsePositiveRate, truePositiveRate, thresholds: Float64Array.from(lowest), area };
}

/** Precision and recall, by falling thresholds. */
export interface PrecisionRecallCurve {
  /** Share of what is taken for positive that is. */
  readonly precision: Float64Array;
  /** Share of the positives that is found. */
  readonly recall: Float64Array;
  /** Scores of at least this are taken for positive. */
  readonly thresholds: Float64Array;
  /** sum (R_n - R_n-1) P_n. */
  readonly averagePrecision: number;
}

/**
 * Precision and recall at every threshold, from scores of examples, logits or probabilities, and which of them are positive. O(n log n).
 *
 *     const { precision, recall, thresholds } = metrics.precisionRecallCurve({ scores: [0.1, 0.4, 0.35, 0.8], labels: [0, 0, 1, 1] });
 *
 * plot.precisionRecallCurve() draws it. As sklearn.metrics.precision_recall_curve the other way round, without the point (1, 0) that has no threshold, and average_precision_score. Throws as rocCurve().
 */
export function precisionRecallCurve(scored: Scores): PrecisionRecallCurve {
  return precisionRecallCurveOf('metrics.precisionRecallCurve', scored);
}

/** precisionRecallCurve() as part of `op`. */
export function precisionRecallCurveOf(op: string, scored: Scores): PrecisionRecallCurve {
  const counts = countsOf(op, scored);
  const [found, wrong] = [counts.found.slice(1), counts.wrong.slice(1)];
  const precision = Float64Array.from(found, (count, i) => count / (count + wrong[i]!));
  const recall = Float64Array.from(found, (count) => count / counts.positives);
  const averagePrecision = recall.reduce((sum, one, i) => sum + (one - (recall[i - 1] ?? 0)) * precision[i]!, 0);
  return { precision, recall, thresholds: Float64Array.from(counts.lowest.slice(1)), averagePrecision };
}
