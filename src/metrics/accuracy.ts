import { all, equal } from '../ops/index.js';
import { checkOptions } from '../options.js';
import type { Tensor } from '../tensor.js';
import { shares } from './counting.js';
import { checkThreshold, classesOf, DECISION_OPTIONS, hits, labelsOf, shareOf, type DecisionOptions } from './decisions.js';
import type { Measured, Metric, NameOption } from './metric.js';

export type AccuracyOptions<N extends string = 'accuracy'> = DecisionOptions & NameOption<N>;

/**
 * The share of examples that are decided rightly, from 0 to 1; NaN of none.
 *
 * Labels int32 [...] beside outputs [..., C] of any scale: the class with the greatest output, of equal outputs the first.
 * Targets float32 of the outputs' shape: yes or no by `threshold` where there is one output per example; the greatest of both where
 * there are more; with `multilabel` all labels of an example have to be right.
 * Throws ShapeError where outputs and targets do not belong together, ArgumentError for a threshold or an ignoreIndex that would not be looked at,
 * and IndexError when the step runs and a label is out of range. Equals sklearn.metrics.accuracy_score.
 */
export function accuracy<const N extends string = 'accuracy'>(options: AccuracyOptions<N> = {}): Metric<N> {
  const op = 'accuracy';
  checkOptions(`metrics.${op}`, options, DECISION_OPTIONS);
  checkThreshold(op, options.threshold);
  const { multilabel = false } = options;
  const measure = (outputs: Tensor, targets: Tensor): Measured => {
    if (multilabel) {
      const { predicted, actual, decided, count } = labelsOf(op, outputs, targets, options);
      return { sum: shareOf(all(equal(predicted, actual), { axis: 1 }), { decided: all(decided, { axis: 1 }), looked: undefined }), count };
    }
    const decisions = classesOf(op, outputs, targets, options);
    return { sum: shareOf(hits(decisions), decisions), count: decisions.count };
  };
  return { name: options.name ?? ('accuracy' as N), builtin: true, mode: 'max', measure, accumulator: shares };
}
