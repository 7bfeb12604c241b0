import { ArgumentError, DTypeError, ShapeError } from '../errors.js';
import { sameShape, showShape, sizeOf, type Shape } from '../shape.js';
import { isTensorRecord, listFields } from '../records.js';
import { describeValue } from '../describe-value.js';
import { Tensor } from '../tensor.js';

/** For what a loss is called with: tensors, by name. */
export function checkTensors(op: string, given: Readonly<Record<string, unknown>>): void {
  for (const name in given) {
    if (given[name] instanceof Tensor) continue;
    if (isTensorRecord(given[name])) throw severalTensors(op, name, given[name]);
    throw new ArgumentError(`[${op}] ${name}: got ${describeValue(given[name])}, expected a tensor. Make one: tensor(values), of class indices tensor(Int32Array.from(values)).`, { op });
  }
}

function severalTensors(op: string, name: string, record: object): ArgumentError {
  const [field] = Object.keys(record);
  return new ArgumentError(
    `[${op}] ${name}: got a record of tensors (${listFields(record)}), expected one tensor. Give the Trainer a loss of your own, which adds up those of the fields: (outputs, targets) => losses.${op}(outputs.${field}, targets.${field}).`,
    { op },
  );
}

/** An option that is a finite number of at least `least`, or more than that where it is `open`: as float32, in which 1e39 is infinite and 1e-46 is 0. */
export function checkOption(op: string, name: string, value: unknown, { least = -Infinity, open = false } = {}): void {
  const float = typeof value === 'number' ? Math.fround(value) : NaN;
  if (Number.isFinite(float) && (open ? float > least : float >= least)) return;
  const range = least === -Infinity ? '' : open ? ` above ${least}` : ` of at least ${least}`;
  throw new ArgumentError(`[${op}] ${name}: got ${describeValue(value)}, expected a number${range}.`, { op });
}

/** For losses whose outputs and targets pair up, element by element: float32 both, of one shape. No broadcasting. */
export function checkPairs(op: string, outputs: Tensor, targets: Tensor, instead = ''): void {
  const details = { op, shapes: [outputs.shape, targets.shape] };
  if (outputs.dtype !== 'float32' || targets.dtype !== 'float32') {
    throw new DTypeError(
      `[${op}] takes floats: got outputs ${outputs.dtype} ${showShape(outputs.shape)}, targets ${targets.dtype} ${showShape(targets.shape)}, expected float32. ${asFloats(outputs, targets)}${instead}.`,
      details,
    );
  }
  if (sameShape(outputs.shape, targets.shape)) return;
  throw new ShapeError(
    `[${op}] the shapes differ: got outputs ${showShape(outputs.shape)}, targets ${showShape(targets.shape)}, expected one shape. ${asOneShape(outputs.shape, targets.shape)}`,
    details,
  );
}

/** Integers that lack the last dimension are class indices, which a cast would not make targets. */
function asFloats(outputs: Tensor, targets: Tensor): string {
  const C = outputs.shape.at(-1);
  const indices = targets.dtype === 'int32' && C !== undefined && C > 1 && sameShape(targets.shape, outputs.shape.slice(0, -1));
  return indices ? `Class indices become rows by oneHot(targets, ${C})` : `Cast them: targets.cast('float32')`;
}

function asOneShape(outputs: Shape, targets: Shape): string {
  if (sizeOf(outputs) !== sizeOf(targets)) return 'Give the model as many outputs as there are targets.';
  // A model whose last layer has one unit beside targets that are numbers: the mistake of all regressions.
  const column = sameShape(outputs, [...targets, 1]);
  return `Reshape one: targets.reshape(${showShape(outputs)})${column ? ', or make the data with targetShape: [1]' : ''}.`;
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
