import { ArgumentError } from '../errors.js';
import { cast, equal, greater, less, lessEqual, logicalAnd, logicalNot, logicalOr, mul, notEqual, pick, reshape, stack, sum, unsqueeze, where } from '../ops/index.js';
import { checkOptions } from '../options.js';
import { sameShape, sizeOf } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { classesLast, indices, misfit } from './decisions.js';
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
 * Throws ShapeError where these do not belong together, ArgumentError for a k that is no whole number above 0, or above C.
 * Equals sklearn.metrics.top_k_accuracy_score, but for equal outputs, of which that one takes the last.
 */
export function topK<const K extends number, const N extends string = `top${K}`>(k: K, options: TopKOptions<N> = {}): Metric<N> {
  const op = 'topK';
  checkOptions(`metrics.${op}`, options, ['axis', 'ignoreIndex', 'name']);
  if (!Number.isInteger(k) || k < 1) throw new ArgumentError(`[${op}] k: got ${String(k)}, expected a whole number of at least 1, as in metrics.topK(5).`, { op });
  const { axis = -1, ignoreIndex } = options;
  const measure = (outputs: Tensor, labels: Tensor): Measured => {
    if (labels.dtype !== 'int32' || !sameShape(outputs.shape.toSpliced(axis, 1), labels.shape)) throw misfit(op, outputs, labels);
    const classes = outputs.shape.at(axis)!;
    if (k > classes) throw new ArgumentError(`[${op}] k: got ${k} of ${classes} classes, expected at most as many: all labels are among them.`, { op });
    const count = sizeOf(labels.shape);
    const given = reshape(labels, [count]) as Tensor<readonly number[], 'int32'>;
    if (ignoreIndex === undefined) return { sum: sum(within(k, classesLast(outputs, axis), given)), count };
    const looked = cast(notEqual(given, ignoreIndex), 'float32');
    const hit = within(k, classesLast(outputs, axis), where(equal(given, ignoreIndex), 0, given));
    return { sum: stack([sum(mul(hit, looked)), sum(looked)]), count };
  };
  return { name: options.name ?? (`top${k}` as N), builtin: true, mode: 'max', measure };
}

/** 1 where fewer than k classes come before the label's: those that are greater, and equal ones in front. NaN is greater than all. */
function within(k: number, scores: Tensor, labels: Tensor): Tensor<readonly number[], 'float32'> {
  const own = unsqueeze(pick(scores, labels as Tensor<readonly number[], 'int32'>), 1) as Tensor;
  const inFront = less(indices(scores.shape[1]!) as Tensor, unsqueeze(labels, 1) as Tensor);
  const before = logicalOr(logicalNot(lessEqual(scores, own)), logicalAnd(equal(scores, own), inFront));
  return cast(greater(k, sum(before, { axis: 1 }) as Tensor), 'float32') as Tensor<readonly number[], 'float32'>;
}
