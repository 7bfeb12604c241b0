import type { DType } from '../dtype.js';
import { record } from '../graph/recorder.js';
import type { Shape } from '../shape.js';
import type { Broadcast, Fits } from '../shape-types.js';
import { Tensor } from '../tensor.js';
import { cast } from './cast.js';
import { NUMERIC } from './check.js';
import { binaryExamples, unaryExamples } from './examples.js';
import { binary, type Operand } from './operand.js';
import { pointwise } from './pointwise.js';
import type { PointwiseRecord } from './record.js';
import { EXACT } from './tolerance.js';

const STEPS = { none: 'a truth value has no slope' };
const BOOL: readonly DType[] = ['bool'];

function comparison(name: string, opcode: string): PointwiseRecord {
  // Whole numbers from a small range, so that some are equal.
  const whole = { from: -2, to: 3, dtype: 'int32' as const };
  return pointwise({ name, opcode, takes: NUMERIC, gives: 'bool', gradient: STEPS, tolerance: EXACT, examples: () => [...binaryExamples(), ...binaryExamples(whole)] });
}

function logical(name: string, opcode: string, examples = () => binaryExamples({ dtype: 'bool' })): PointwiseRecord {
  return pointwise({ name, opcode, takes: BOOL, gradient: STEPS, tolerance: EXACT, examples });
}

export const equalOp = comparison('equal', 'equal');
export const notEqualOp = comparison('notEqual', 'not_equal');
export const lessOp = comparison('less', 'less');
export const lessEqualOp = comparison('lessEqual', 'less_equal');
export const logicalAndOp = logical('logicalAnd', 'logical_and');
export const logicalOrOp = logical('logicalOr', 'logical_or');
export const logicalNotOp = logical('logicalNot', 'logical_not', () => unaryExamples({ dtype: 'bool' }));

/** Truth values and bytes are compared as whole numbers. */
function comparable(x: Operand): Operand {
  return x instanceof Tensor && (x.dtype === 'bool' || x.dtype === 'uint8') ? cast(x, 'int32') : x;
}

function compare<T extends Tensor>(op: PointwiseRecord, a: Operand, b: Operand): T {
  return binary(op, comparable(a), comparable(b));
}

/** a == b, element by element, with broadcasting; bool. Nothing equals NaN. */
export function equal<A extends Shape = [], B extends Shape = [], D extends DType = 'float32'>(
  a: Operand<A, D>,
  b: number | (Tensor<B, D> & Fits<'equal', A, B, D>),
): Tensor<Broadcast<A, B>, 'bool'> {
  return compare(equalOp, a, b);
}

/** a != b, element by element, with broadcasting; bool. */
export function notEqual<A extends Shape = [], B extends Shape = [], D extends DType = 'float32'>(
  a: Operand<A, D>,
  b: number | (Tensor<B, D> & Fits<'notEqual', A, B, D>),
): Tensor<Broadcast<A, B>, 'bool'> {
  return compare(notEqualOp, a, b);
}

/** a < b, element by element, with broadcasting; bool. False where either is NaN. */
export function less<A extends Shape = [], B extends Shape = [], D extends DType = 'float32'>(
  a: Operand<A, D>,
  b: number | (Tensor<B, D> & Fits<'less', A, B, D>),
): Tensor<Broadcast<A, B>, 'bool'> {
  return compare(lessOp, a, b);
}

/** a <= b, element by element, with broadcasting; bool. False where either is NaN. */
export function lessEqual<A extends Shape = [], B extends Shape = [], D extends DType = 'float32'>(
  a: Operand<A, D>,
  b: number | (Tensor<B, D> & Fits<'lessEqual', A, B, D>),
): Tensor<Broadcast<A, B>, 'bool'> {
  return compare(lessEqualOp, a, b);
}

/** a > b, element by element, with broadcasting; bool. False where either is NaN. */
export function greater<A extends Shape = [], B extends Shape = [], D extends DType = 'float32'>(
  a: Operand<A, D>,
  b: number | (Tensor<B, D> & Fits<'greater', A, B, D>),
): Tensor<Broadcast<A, B>, 'bool'> {
  return compare(lessOp, b, a);
}

/** a >= b, element by element, with broadcasting; bool. False where either is NaN. */
export function greaterEqual<A extends Shape = [], B extends Shape = [], D extends DType = 'float32'>(
  a: Operand<A, D>,
  b: number | (Tensor<B, D> & Fits<'greaterEqual', A, B, D>),
): Tensor<Broadcast<A, B>, 'bool'> {
  return compare(lessEqualOp, b, a);
}

function truth(x: Tensor): Tensor {
  return cast(x, 'bool');
}

/** a and b, element by element, with broadcasting; what is not bool counts as true where it is not 0. */
export function logicalAnd<A extends Shape, B extends Shape>(a: Tensor<A>, b: Tensor<B>): Tensor<Broadcast<A, B>, 'bool'> {
  return record(logicalAndOp, [truth(a), truth(b)]);
}

/** a or b, element by element, with broadcasting; what is not bool counts as true where it is not 0. */
export function logicalOr<A extends Shape, B extends Shape>(a: Tensor<A>, b: Tensor<B>): Tensor<Broadcast<A, B>, 'bool'> {
  return record(logicalOrOp, [truth(a), truth(b)]);
}

/** not x, element by element; what is not bool counts as true where it is not 0. */
export function logicalNot<S extends Shape>(x: Tensor<S>): Tensor<S, 'bool'> {
  return record(logicalNotOp, [truth(x)]);
}

export const compareOps = {
  equal: equalOp,
  notEqual: notEqualOp,
  less: lessOp,
  lessEqual: lessEqualOp,
  logicalAnd: logicalAndOp,
  logicalOr: logicalOrOp,
  logicalNot: logicalNotOp,
};
