import { DTypeError, ShapeError } from '../errors.js';
import { sameShape, showShape, sizeOf } from '../shape.js';
import type { Tensor } from '../tensor.js';

/** For losses whose outputs and targets pair up, element by element: float32 both, of one shape. No broadcasting. */
export function checkPairs(op: string, outputs: Tensor, targets: Tensor, instead = ''): void {
  const details = { op, shapes: [outputs.shape, targets.shape] };
  if (outputs.dtype !== 'float32' || targets.dtype !== 'float32') {
    throw new DTypeError(
      `[${op}] takes floats: got outputs ${outputs.dtype}, targets ${targets.dtype}, expected float32. Cast them: targets.cast('float32')${instead}.`,
      details,
    );
  }
  if (sameShape(outputs.shape, targets.shape)) return;
  const advice = sizeOf(outputs.shape) === sizeOf(targets.shape) ? `Reshape one: targets.reshape(${showShape(outputs.shape)}).` : 'Give the model as many outputs as there are targets.';
  throw new ShapeError(`[${op}] the shapes differ: got outputs ${showShape(outputs.shape)}, targets ${showShape(targets.shape)}, expected one shape. ${advice}`, details);
}

/** For losses of class indices: outputs [.., C] float32, labels [..] int32. */
export function checkClasses(op: string, outputs: Tensor, labels: Tensor): void {
  const shapes = [outputs.shape, labels.shape];
  if (outputs.dtype !== 'float32') throw new DTypeError(`[${op}] takes float32 outputs: got ${outputs.dtype}, expected float32. Cast them: outputs.cast('float32').`, { op, shapes });
  if (labels.dtype !== 'int32') {
    throw new DTypeError(
      `[${op}] labels are no class indices: got ${labels.dtype} ${showShape(labels.shape)}, expected int32 ${showShape(outputs.shape.slice(0, -1))}. ` +
        `Cast them: labels.cast('int32'); one-hot rows become indices by labels.argmax({ axis: -1 }).`,
      { op, shapes },
    );
  }
  if (outputs.shape.length > 0 && outputs.shape.at(-1) !== 0 && sameShape(labels.shape, outputs.shape.slice(0, -1))) return;
  throw new ShapeError(`[${op}] the shapes do not fit: got outputs ${showShape(outputs.shape)}, labels ${showShape(labels.shape)}, expected outputs [..,C] and labels [..].`, { op, shapes });
}
