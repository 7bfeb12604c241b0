import { ArgumentError, DTypeError, ShapeError } from '../errors.js';
import { describeValue } from '../describe-value.js';
import { checkTensor } from '../ops/check.js';
import { checkOptions } from '../options.js';
import { Parameter } from '../parameter.js';
import { sameShape, showShape, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { addAssignment } from './assignments.js';
import { withoutTracking } from './recorder.js';
import { staleError } from './stale.js';

export interface AssignOptions {
  /** The tensor whose program commits it, such as the output of the layer. Default: the value. */
  readonly along?: Tensor | undefined;
}

/**
 * Gives a buffer a new value while a forward pass is recorded: running statistics, a count of batches. What is recorded from then on
 * reads the new value; the memory changes once, when the program that computes `along` runs, as its last act: a step that fails leaves
 * it as it was. Of several assignments the last one stays. The value is not differentiated.
 * Throws ArgumentError for what is no buffer, and ShapeError or DTypeError for a value that does not fit it.
 *
 *     const count = new Parameter([], nn.init.zeros(), { dtype: 'int32', requiresGrad: false });
 *     const y = model.forward(x);
 *     assign(count, add(count, 1), { along: y });
 */
export function assign(buffer: Parameter<Shape, 'float32'> | Parameter<Shape, 'int32'>, value: Tensor, options: AssignOptions = {}): void {
  checkOptions('assign', options, ['along']);
  if (!(buffer instanceof Parameter) || !buffer.isBuffer) {
    throw new ArgumentError(`[assign] buffer: got ${buffer instanceof Parameter ? 'a parameter that is trained' : describeValue(buffer)}, expected a buffer: new Parameter(shape, init, { requiresGrad: false }).`, { op: 'assign' });
  }
  checkTensor('assign', value, 'the value');
  const { along = value } = options;
  checkTensor('assign', along, 'along');
  const shapes = [buffer.shape, value.shape];
  if (!sameShape(buffer.shape, value.shape)) throw new ShapeError(`[assign] the shapes differ: got ${showShape(value.shape)}, expected the buffer's ${showShape(buffer.shape)}. Reduce or reshape the value.`, { op: 'assign', shapes });
  if (buffer.dtype !== value.dtype) throw new DTypeError(`[assign] the dtypes differ: got ${value.dtype}, expected the buffer's ${buffer.dtype}. Use cast().`, { op: 'assign', shapes });
  for (const tensor of [value, along]) if (tensor.stale) throw staleError('assign', tensor);
  addAssignment(buffer as Parameter, withoutTracking(() => value.detach()), along);
}
