import { ArgumentError } from '../errors.js';
import { cast, equal, greater, less, logicalAnd, logicalOr, sum, unsqueeze, where } from '../ops/index.js';
import { takeAlongAxis } from '../ops/take-along-axis.js';
import { checkOptions } from '../options.js';
import type { Tensor } from '../tensor.js';
import { shares } from './counting.js';
import { indices, isNumber, labelledRows, shareOf, type LabelledRows } from './decisions.js';
import type { Measured, Metric, NameOption } from './metric.js';

export interface TopKOptions<N extends string> extends NameOption<N> {
  /** The axis of the classes. Default -1, the last. */
  readonly axis?: number | undefined;
  /** Examples with this label are not looked at. Default: none. */
  readonly ignoreIndex?: number | undefined;
}

/**
 * The share of labels that are among the k classes with the greatest outputs, from 0 to 1; of equal outputs the first count, so
 * that topK(1) is the accuracy. outputs [..., C] of any scale, labels [...] int32. Its name is `top5` for k = 5.
 * Throws ShapeError where these do not belong together, ArgumentError for a k that is no whole number above 0, or above C, and IndexError when
 * the step runs and a label is out of range.
 * Equals sklearn.metrics.top_k_accuracy_score, but for equal outputs, of which that one takes the last.
 */
export function topK<const K extends number, const N extends string = `top${K}`>(k: K, options: TopKOptions<N> = {}): Metric<N> {
  const op = 'topK';
  checkOptions(`metrics.${op}`, options, ['axis', 'ignoreIndex', 'name']);
  if (!Number.isInteger(k) || k < 1) throw new ArgumentError(`[${op}] k: got ${String(k)}, expected a whole number of at least 1, as in metrics.topK(5).`, { op });
  const measure = (outputs: Tensor, labels: Tensor): Measured => {
    const rows = labelledRows(op, outputs, labels, options);
    const classes = rows.rows.shape[1]!;
    if (k > classes) throw new ArgumentError(`[${op}] k: got ${k} of ${classes} classes, expected at most as many: all labels are among them.`, { op });
    const before = inFrontOf(rows);
    const within = less(before, k) as Truths;
    const hit = rows.looked === undefined ? within : (logicalAnd(within, rows.looked) as Truths);
    return { sum: shareOf(hit, { decided: isNumber(before), looked: rows.looked }), count: rows.labels.shape[0]! };
  };
  return { name: options.name ?? (`top${k}` as N), builtin: true, mode: 'max', measure, accumulator: shares };
}

type Truths = Tensor<readonly number[], 'bool'>;

/** Counts the classes that come before the label's, [M]: those that are greater, and equal ones in front; NaN where a score is. */
function inFrontOf({ rows, labels }: LabelledRows): Tensor<readonly number[], 'float32'> {
  const own = unsqueeze(takeAlongAxis(rows, labels), 1) as Tensor;
  const first = less(indices(rows.shape[1]!) as Tensor, unsqueeze(labels, 1) as Tensor);
  const before = cast(logicalOr(greater(rows, own), logicalAnd(equal(rows, own), first)), 'float32');
  return sum(where(isNumber(rows), before, NaN), { axis: 1 }) as Tensor<readonly number[], 'float32'>;
}
