import { ArgumentError, ShapeError } from '../errors.js';
import { cast, equal, gather, mul, notEqual, where } from '../ops/index.js';
import { showShape } from '../shape.js';
import { Tensor } from '../tensor.js';
import type { ReductionOptions } from './reduction.js';

/** What losses of class indices take besides. */
export interface ClassOptions {
  /** How much each class counts: float32 [C]. The mean is divided by the sum of the weights of the labels that occur. */
  readonly classWeights?: Tensor;
  /**
   * Examples with this label count nothing, in the mean's divisor either. Default: none. Torch's is -100; here a label out of range that
   * nobody spoke of is an error.
   */
  readonly ignoreIndex?: number;
}

export const CLASS_OPTIONS = ['classWeights', 'ignoreIndex'] as const;

/** Labels that all are in range, and what their losses are weighted with. */
export interface Weighed {
  readonly labels: Tensor;
  readonly options: ReductionOptions;
}

/** Turns class weights and the index to ignore into weights of examples. `C` is the number of classes. */
export function weigh(op: string, labels: Tensor, C: number, options: ClassOptions & ReductionOptions): Weighed {
  const { classWeights, ignoreIndex } = options;
  if (classWeights === undefined && ignoreIndex === undefined) return { labels, options };
  if (ignoreIndex !== undefined && !Number.isInteger(ignoreIndex)) {
    throw new ArgumentError(`[${op}] ignoreIndex: got ${String(ignoreIndex)}, expected a whole number.`, { op });
  }
  const inRange = ignoreIndex === undefined ? labels : where(equal(labels as Tensor<readonly number[], 'int32'>, ignoreIndex), 0, labels as Tensor<readonly number[], 'int32'>);
  const factors: Tensor[] = [];
  if (ignoreIndex !== undefined) factors.push(cast(notEqual(labels as Tensor<readonly number[], 'int32'>, ignoreIndex), 'float32'));
  if (classWeights !== undefined) factors.push(gather(checkClassWeights(op, classWeights, C), inRange as Tensor<readonly number[], 'int32'>));
  if (options.weights !== undefined) factors.push(options.weights);
  return { labels: inRange, options: { ...options, weights: factors.reduce((product, factor) => mul(product, factor)) as Tensor<readonly number[], 'float32'> } };
}

function checkClassWeights(op: string, weights: Tensor, C: number): Tensor {
  if (!(weights instanceof Tensor)) throw new ArgumentError(`[${op}] classWeights: got ${typeof weights}, expected a tensor. Make one: tensor([1, 2]).`, { op });
  if (weights.shape.length === 1 && weights.shape[0] === C) return weights;
  throw new ShapeError(`[${op}] class weights of the wrong shape: got ${showShape(weights.shape)}, expected [${C}], one per class.`, { op, shapes: [weights.shape] });
}
