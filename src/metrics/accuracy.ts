import { all, cast, equal, stack, sum } from '../ops/index.js';
import { checkOptions } from '../options.js';
import type { Tensor } from '../tensor.js';
import { checkThreshold, classesOf, DECISION_OPTIONS, hits, labelsOf, type DecisionOptions } from './decisions.js';
import type { Measured, Metric, NameOption } from './metric.js';

export type AccuracyOptions<N extends string = 'accuracy'> = DecisionOptions & NameOption<N>;

/**
 * The share of examples that are decided rightly, from 0 to 1; NaN of none.
 *
 * Labels int32 [...] beside outputs [..., C] of any scale: the class with the greatest output, of equal outputs the first.
 * Targets float32 of the outputs' shape: yes or no by `threshold` where there is one output per example; the greatest of both where
 * there are more; with `multilabel` all labels of an example have to be right.
 * Throws ShapeError where outputs and targets do not belong together. Equals sklearn.metrics.accuracy_score.
 */
export function accuracy<const N extends string = 'accuracy'>(options: AccuracyOptions<N> = {}): Metric<N> {
  const op = 'accuracy';
  checkOptions(`metrics.${op}`, options, DECISION_OPTIONS);
  checkThreshold(op, options.threshold);
  const { multilabel = false } = options;
  const measure = (outputs: Tensor, targets: Tensor): Measured => {
    if (multilabel) {
      const { predicted, actual, count } = labelsOf(op, outputs, targets, options);
      return { sum: sum(cast(all(equal(predicted, actual), { axis: 1 }), 'float32')), count };
    }
    const decisions = classesOf(op, outputs, targets, options);
    const right = sum(hits(decisions));
    return { sum: decisions.looked === undefined ? right : stack([right, sum(decisions.looked)]), count: decisions.count };
  };
  return { name: options.name ?? ('accuracy' as N), builtin: true, mode: 'max', measure };
}
