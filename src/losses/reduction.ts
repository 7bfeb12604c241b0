import { ArgumentError, ShapeError } from '../errors.js';
import { withoutTracking, gradientsEnabled } from '../graph/recorder.js';
import { add, div, equal, mean, mul, reshape, sum, where } from '../ops/index.js';
import { checkChoice } from '../options.js';
import { sameShape, showShape, sizeOf, type Shape } from '../shape.js';
import { Tensor } from '../tensor.js';
import { describeValue } from '../describe-value.js';

/** Reduction of the losses of single elements: their mean, their sum, or nothing. */
export type Reduction = 'mean' | 'sum' | 'none';

/** The shape of a loss. */
export type Reduced<R extends Reduction> = R extends 'none' ? Shape : [];

/** Options of every loss. */
export interface ReductionOptions<R extends Reduction = Reduction> {
  /** Default 'mean'. */
  readonly reduction?: R | undefined;
  /**
   * Weight of each example: float32 [N], or of the shape of the single losses. 'mean' is then the weighted mean,
   * sum(weights * losses) / sum(weights); NaN, with gradient 0, where all weights are 0.
   */
  readonly weights?: Tensor<Shape, 'float32'> | undefined;
}

export const REDUCTION = ['reduction', 'weights'] as const;

/** Divisor by which the sum of the losses of a batch became its mean. */
export type Divisor = Tensor | number;

/** A mean, which is 0 where nothing counts, and what it was divided by. */
export interface Mean {
  readonly loss: Tensor;
  readonly divisor: Divisor;
}

/** Returns how a loss adds up with others: as a mean of a divisor, or as a sum; undefined for what is no reduced loss of this library's, as it is. */
export function meanOf(loss: Tensor): Mean | 'sum' | undefined {
  return loss.mean$;
}

function noted(result: Tensor, mean: Mean | 'sum'): Tensor {
  result.mean$ = mean;
  return result;
}

/** `counts`: what each loss counts in the mean's divisor, where that is not its weight. */
export function reduce(op: string, losses: Tensor, { reduction = 'mean', weights }: ReductionOptions = {}, counts?: Tensor<Shape, 'float32'>): Tensor {
  checkChoice(op, 'reduction', reduction, ['mean', 'sum', 'none']);
  const each = weights && perLoss(op, weights, losses.shape);
  // What counts nothing may be infinite, which 0 times it would make NaN.
  const weighted = each === undefined ? losses : where(equal(each, 0), 0, mul(losses as Tensor<Shape, 'float32'>, each));
  if (reduction === 'none') return weighted;
  if (reduction === 'sum') return noted(sum(weighted), 'sum');
  const counted = counts ?? each;
  if (counted === undefined) {
    const loss = mean(weighted);
    return noted(loss, { loss, divisor: sizeOf(losses.shape) });
  }
  // As they broadcast: one per example stands for all losses of that example.
  const count = losses.shape.reduce((product, size, axis) => product * (counted.shape[axis] === 1 ? size : 1), 1);
  const divisor = mul(sum(counted), count);
  // Over nothing the mean is NaN, but its gradient 0, as in torch: one of a batch of padding leaves the others' as it is.
  const [loss, unknown] = withoutTracking(() => {
    const none = equal(divisor, 0);
    return [div(sum(weighted as Tensor<Shape, 'float32'>), where(none, 1, divisor)) as Tensor, where(none, NaN, 0)];
  }, gradientsEnabled());
  return noted(add(loss, unknown as Tensor), { loss, divisor });
}

/** Weights with a dimension for each of the losses', those behind the given ones of size 1. */
export function perLoss(op: string, weights: Tensor<Shape, 'float32'>, shape: Shape): Tensor<Shape, 'float32'> {
  if (!(weights instanceof Tensor)) throw new ArgumentError(`[${op}] weights: got ${describeValue(weights)}, expected a tensor. Make one: tensor(values).`, { op });
  if (weights.shape.length <= shape.length && sameShape(weights.shape, shape.slice(0, weights.shape.length))) {
    return reshape(weights, [...weights.shape, ...shape.slice(weights.shape.length).map(() => 1)]);
  }
  const expected = shape.length === 0 ? '[]' : `${showShape(shape.slice(0, 1))}${shape.length > 1 ? ` or ${showShape(shape)}` : ''}`;
  throw new ShapeError(`[${op}] weights of the wrong shape: got ${showShape(weights.shape)}, expected ${expected}. Give one weight per example.`, { op, shapes: [weights.shape, shape] });
}
