import { ArgumentError, ShapeError } from '../errors.js';
import { div, mean, mul, reshape, sum } from '../ops/index.js';
import { checkChoice } from '../options.js';
import { sameShape, showShape, type Shape } from '../shape.js';
import { Tensor } from '../tensor.js';

/** What becomes of the losses of single elements: their mean, their sum, or nothing. */
export type Reduction = 'mean' | 'sum' | 'none';

/** The shape of a loss. */
export type Reduced<R extends Reduction> = R extends 'none' ? Shape : [];

/** What every loss takes. */
export interface ReductionOptions<R extends Reduction = Reduction> {
  /** Default 'mean'. */
  readonly reduction?: R | undefined;
  /**
   * How much each example counts: float32 [N], or of the shape of the single losses. 'mean' is then the weighted mean,
   * sum(weights * losses) / sum(weights).
   */
  readonly weights?: Tensor<Shape, 'float32'> | undefined;
}

export const REDUCTION = ['reduction', 'weights'] as const;

/** `counts`: what each loss counts in the mean's divisor, where that is not its weight. */
export function reduce(op: string, losses: Tensor, { reduction = 'mean', weights }: ReductionOptions = {}, counts?: Tensor<Shape, 'float32'>): Tensor {
  checkChoice(op, 'reduction', reduction, ['mean', 'sum', 'none']);
  const each = weights && perLoss(op, weights, losses.shape);
  const weighted = each === undefined ? losses : mul(losses as Tensor<Shape, 'float32'>, each);
  if (reduction === 'none') return weighted;
  if (reduction === 'sum') return sum(weighted);
  const divisors = counts ?? each;
  if (divisors === undefined) return mean(weighted);
  // As they broadcast: one per example stands for all losses of that example.
  const count = losses.shape.reduce((product, size, axis) => product * (divisors.shape[axis] === 1 ? size : 1), 1);
  return div(sum(weighted as Tensor<Shape, 'float32'>), mul(sum(divisors), count));
}

/** Weights with a dimension for each of the losses', those behind the given ones of size 1. */
export function perLoss(op: string, weights: Tensor<Shape, 'float32'>, shape: Shape): Tensor<Shape, 'float32'> {
  if (!(weights instanceof Tensor)) throw new ArgumentError(`[${op}] weights: got ${typeof weights}, expected a tensor. Make one: tensor(values).`, { op });
  if (weights.shape.length <= shape.length && sameShape(weights.shape, shape.slice(0, weights.shape.length))) {
    return reshape(weights, [...weights.shape, ...shape.slice(weights.shape.length).map(() => 1)]);
  }
  const expected = shape.length === 0 ? '[]' : `${showShape(shape.slice(0, 1))}${shape.length > 1 ? ` or ${showShape(shape)}` : ''}`;
  throw new ShapeError(`[${op}] weights of the wrong shape: got ${showShape(weights.shape)}, expected ${expected}. Give one weight per example.`, { op, shapes: [weights.shape, shape] });
}
