import { holds, type DType } from '../dtype.js';
import { ArgumentError, DTypeError } from '../errors.js';
import type { Shape } from '../shape.js';
import { describeValue } from '../describe-value.js';
import { Tensor } from '../tensor.js';
import { record } from '../graph/recorder.js';
import { scalar } from './leaf.js';
import type { OpRecord } from './record.js';

/** An operand of ops with two of them: a tensor, or a JavaScript number, which takes the other operand's dtype. */
export type Operand<S extends Shape = Shape, D extends DType = DType> = number | Tensor<S, D>;

/** Records a binary op on tensors or numbers, at least one of them a tensor. */
export function binary<T extends Tensor>(op: OpRecord, a: Operand, b: Operand): T {
  if (a instanceof Tensor) return record<T>(op, [a, b instanceof Tensor ? b : number(op.name, b, a)]);
  if (b instanceof Tensor) return record<T>(op, [number(op.name, a, b), b]);
  throw new ArgumentError(`[${op.name}] no operand is a tensor: got ${describeValue(a)} and ${describeValue(b)}, expected at least one tensor. Make one: tensor(values).`, {
    op: op.name,
  });
}

/** A number as an operand beside `like`; float32 beside another number. */
export function number(op: string, value: number, like: Tensor | undefined): Tensor {
  if (typeof value !== 'number') {
    throw new ArgumentError(`[${op}] an operand is neither a tensor nor a number: got ${describeValue(value)}, expected either. Make a tensor of it: tensor(values).`, { op });
  }
  if (like === undefined || like.dtype === 'float32') return scalar(value, 'float32');
  if (!holds('int32', value)) {
    const expected = Number.isInteger(value) ? 'one that int32 holds' : 'a whole number';
    throw new DTypeError(`[${op}] operands differ in dtype: got the number ${value} beside ${like.dtype}, expected ${expected}. Cast the tensor: .cast('float32').`, {
      op,
      shapes: [like.shape],
    });
  }
  return scalar(value, 'int32');
}
