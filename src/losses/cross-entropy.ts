import type { DType } from '../dtype.js';
import { crossEntropy as crossEntropyOp } from '../ops/index.js';
import { checkOptions } from '../options.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { BuiltinLoss } from './loss.js';
import { reduce, REDUCTION, type Reduced, type Reduction, type ReductionOptions } from './reduction.js';

export interface CrossEntropyOptions<R extends Reduction = Reduction> extends ReductionOptions<R> {
  /** The axis of the classes. Default -1; torch's is 1. */
  readonly axis?: number;
}

/** `unknown` where targets may be class indices, else the reason why not. */
type ClassIndices<D extends DType> = DType extends D
  ? unknown
  : D extends 'int32'
    ? unknown
    : `crossEntropy takes class indices (int32), but these targets are ${D}`;

/** See crossEntropy. */
export interface CrossEntropy extends BuiltinLoss<'int32'> {
  <R extends Reduction = 'mean', D extends DType = DType>(
    logits: Tensor,
    labels: Tensor<Shape, D> & ClassIndices<D>,
    options?: CrossEntropyOptions<R>,
  ): Tensor<Reduced<R>, 'float32'>;
}

function compute(logits: Tensor, labels: Tensor, options: CrossEntropyOptions = {}): Tensor {
  checkOptions('crossEntropy', options, [...REDUCTION, 'axis']);
  const { axis } = options;
  return reduce('crossEntropy', crossEntropyOp(logits, labels, axis === undefined ? undefined : { axis }), options);
}

/**
 * Softmax cross-entropy of class indices, in nats: L = -1/N sum_n log softmax(logits[n])[labels[n]].
 * logits [N, C] float32, labels [N] int32 in [0, C), or both with further dimensions: [..., C] and [...]. Returns [], or [...]
 * with reduction 'none'. Stable at large logits.
 * Throws ShapeError, DTypeError here; IndexError when the step runs and a label is out of range.
 * Matches torch.nn.functional.cross_entropy, but for the class axis, which is the last one here (the second there): see `axis`.
 *
 *     const loss = losses.crossEntropy(model.forward(inputs), labels);
 */
export const crossEntropy: CrossEntropy = Object.assign(compute as unknown as CrossEntropy, { targets: 'int32', builtin: true } as const);
Object.defineProperty(crossEntropy, 'name', { value: 'crossEntropy' });
