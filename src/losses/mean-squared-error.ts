import type { DType } from '../dtype.js';
import { DTypeError, ShapeError } from '../errors.js';
import { mul, sub } from '../ops/index.js';
import { checkOptions } from '../options.js';
import { sameShape, showShape, sizeOf, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { BuiltinLoss } from './loss.js';
import { reduce, type Reduced, type Reduction } from './reduction.js';

export interface MeanSquaredErrorOptions<R extends Reduction = Reduction> {
  /** Default 'mean'. */
  readonly reduction?: R;
}

/** `unknown` where targets may be floats, else the reason why not. */
type Floats<D extends DType> = DType extends D ? unknown : D extends 'float32' ? unknown : `meanSquaredError takes float32 targets, but these are ${D}`;

/** See meanSquaredError. */
export interface MeanSquaredError extends BuiltinLoss<'float32'> {
  <R extends Reduction = 'mean', D extends DType = DType>(
    outputs: Tensor,
    targets: Tensor<Shape, D> & Floats<D>,
    options?: MeanSquaredErrorOptions<R>,
  ): Tensor<Reduced<R>, 'float32'>;
}

function compute(outputs: Tensor, targets: Tensor, options: MeanSquaredErrorOptions = {}): Tensor {
  checkOptions('meanSquaredError', options, ['reduction']);
  check(outputs, targets);
  const difference = sub(outputs, targets);
  return reduce('meanSquaredError', mul(difference, difference), options.reduction);
}

function check(outputs: Tensor, targets: Tensor): void {
  const details = { op: 'meanSquaredError', shapes: [outputs.shape, targets.shape] };
  if (outputs.dtype !== 'float32' || targets.dtype !== 'float32') {
    throw new DTypeError(
      `[meanSquaredError] takes floats: got outputs ${outputs.dtype}, targets ${targets.dtype}, expected float32. Cast them: targets.cast('float32'); for class indices take losses.crossEntropy.`,
      details,
    );
  }
  if (sameShape(outputs.shape, targets.shape)) return;
  const advice = sizeOf(outputs.shape) === sizeOf(targets.shape) ? `Reshape one: targets.reshape(${showShape(outputs.shape)}).` : 'Give the model as many outputs as there are targets.';
  throw new ShapeError(`[meanSquaredError] the shapes differ: got outputs ${showShape(outputs.shape)}, targets ${showShape(targets.shape)}, expected one shape. ${advice}`, details);
}

/**
 * The mean squared error: L = 1/n sum_i (outputs[i] - targets[i])^2 over all n elements.
 * outputs and targets float32 of one shape. Returns [], or their shape with reduction 'none'.
 * Throws DTypeError, and ShapeError where the shapes differ.
 * Matches torch.nn.functional.mse_loss, which broadcasts (and warns): [N,1] beside [N] is an error here, because the mean over
 * [N,N] is never what was meant.
 */
export const meanSquaredError: MeanSquaredError = Object.assign(compute as unknown as MeanSquaredError, { targets: 'float32', builtin: true } as const);
Object.defineProperty(meanSquaredError, 'name', { value: 'meanSquaredError' });
