import { ArgumentError } from '../errors.js';
import { checkClassWeights } from '../ops/class-targets.js';
import { cast, gather, mul, notEqual, where } from '../ops/index.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { perLoss, reduce, type ReductionOptions } from './reduction.js';

/** Further options of losses of class indices. */
export interface ClassOptions {
  /** Weight of each class: float32 [C]. The mean is divided by the sum of the weights of the labels that occur. */
  readonly classWeights?: Tensor | undefined;
  /**
   * Examples with this label count nothing, in the mean's divisor either. Default: none. Torch's is -100; here a label out of range that
   * nobody spoke of is an error.
   */
  readonly ignoreIndex?: number | undefined;
}

export const CLASS_OPTIONS = ['classWeights', 'ignoreIndex'] as const;

type Floats = Tensor<Shape, 'float32'>;
type Whole = Tensor<Shape, 'int32'>;

/**
 * The reduced losses of labels. `lossesOf` gives those of labels that all are in range, times their class weights `counts` where
 * there are some. `C` is the number of classes.
 */
export function reduceClasses(op: string, labels: Tensor, C: number, options: ClassOptions & ReductionOptions, lossesOf: (labels: Tensor, counts?: Floats) => Tensor): Tensor {
  const { classWeights, ignoreIndex, weights } = options;
  if (classWeights === undefined && ignoreIndex === undefined) return reduce(op, lossesOf(labels), options);
  if (ignoreIndex !== undefined && !Number.isInteger(ignoreIndex)) {
    throw new ArgumentError(`[${op}] ignoreIndex: got ${String(ignoreIndex)}, expected a whole number.`, { op });
  }
  const kept = ignoreIndex === undefined ? undefined : notEqual(labels as Whole, ignoreIndex);
  const inRange = kept === undefined ? labels : (where(kept, labels as Whole, 0) as Tensor);
  const ofClass = classWeights && (gather(checkClassWeights(op, classWeights, C), inRange as Whole) as Floats);
  const losses = lossesOf(inRange, ofClass) as Floats;
  const counts = [kept && (cast(kept, 'float32') as Floats), ofClass, weights && perLoss(op, weights, labels.shape)];
  // What is ignored may be infinite, which 0 as a weight would make NaN.
  return reduce(op, kept === undefined ? losses : where(kept, losses, 0), options, product(counts));
}

function product(factors: readonly (Floats | undefined)[]): Floats {
  return factors.filter((factor) => factor !== undefined).reduce((all, factor) => mul(all, factor) as Floats);
}
