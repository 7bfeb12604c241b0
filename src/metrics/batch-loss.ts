// The loss of a batch as training, evaluation and metrics add it up: a mean, and what it was divided by.
import { ArgumentError } from '../errors.js';
import { withoutTracking, noGrad } from '../graph/recorder.js';
import { isBuiltin, type Loss, type LossOptions } from '../losses/loss.js';
import { meanOf, type Mean } from '../losses/reduction.js';
import { reshape, stack, sum } from '../ops/index.js';
import { rowsOf, type Tensors } from '../records.js';
import { showShape, sizeOf, type Shape } from '../shape.js';
import { Tensor } from '../tensor.js';
import type { Measured } from './metric.js';

/**
 * The mean loss of a batch, and what it counts beside those of other batches: what it was divided by. This library's losses say what they have divided by; one that does not is taken for a mean over the examples, or by
 * their weights. Throws ArgumentError unless `loss` gives a scalar tensor, for a sum, and where there are weights and it takes none.
 */
export function lossOf(op: string, loss: Loss, outputs: Tensors, targets: Tensors, weights: Tensor<Shape, 'float32'> | undefined): Mean {
  if (weights !== undefined && !isBuiltin(loss) && loss.length < 3) {
    throw new ArgumentError(`[${op}] the loss takes no weights, but the data or its classes have some: got a function of (outputs, targets), expected one of (outputs, targets, { weights }).`, { op });
  }
  const of = loss as (outputs: Tensors, targets: Tensors, options?: LossOptions) => Tensor;
  const value: unknown = weights === undefined ? of(outputs, targets) : of(outputs, targets, { weights });
  if (!(value instanceof Tensor && sizeOf(value.shape) === 1)) {
    const got = value instanceof Tensor ? `the shape ${showShape(value.shape)}` : value instanceof Promise ? 'a promise' : String(value);
    throw new ArgumentError(`[${op}] the loss gave ${got}, expected a tensor of one element. Reduce it, as in mean(...), and leave it unread.`, { op });
  }
  const mean = meanOf(value);
  if (mean === 'sum') {
    throw new ArgumentError(`[${op}] the loss is a sum: got reduction 'sum', expected 'mean', with which neither steps nor results depend on the batch size. Leave the reduction out, and take a higher rate if steps are to be larger.`, {
      op,
    });
  }
  return mean ?? { loss: value, divisor: weights === undefined ? rowsOf(outputs) : withoutTracking(() => sum(weights)) };
}

/** A batch's loss as it is measured; see meanOfMeans(). */
export function measuredLoss({ loss, divisor }: Mean): Measured {
  if (typeof divisor === 'number') return { sum: loss, count: divisor };
  return { sum: noGrad(() => stack([reshape(loss, []), reshape(divisor, [])])), count: 0 };
}
