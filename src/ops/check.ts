import type { DType } from '../dtype.js';
import { ArgumentError, DTypeError, LimitError } from '../errors.js';
import { showShape, type Shape } from '../shape.js';
import { describeValue } from '../describe-value.js';
import { Tensor } from '../tensor.js';
import { codes } from './codes.js';

/** The most dimensions that a program can describe. */
export const MAX_RANK = codes.limits.rank;
/** The most elements of a tensor: an index of one fits int32. */
export const MAX_ELEMENTS = codes.limits.elements;

export const NUMERIC: readonly DType[] = ['float32', 'int32'];
export const INT: readonly DType[] = ['int32'];
export const FLOAT: readonly DType[] = ['float32'];

/** The names that messages give to operands. */
const OPERANDS = ['a', 'b', 'c'];
const nameOf = (operand: number): string => OPERANDS[operand] ?? `operand ${operand}`;

export function checkDType(op: string, tensor: Tensor, allowed: readonly DType[], name = 'the operand'): void {
  checkTensor(op, tensor, name, allowed.includes('float32') ? undefined : allowed[0]);
  if (allowed.includes(tensor.dtype)) return;
  throw new DTypeError(
    `[${op}] ${name} has the wrong dtype: got ${tensor.dtype} ${showShape(tensor.shape)}, expected ${allowed.join(' or ')}. Cast it: .cast('${allowed[0]}').`,
    { op, shapes: [tensor.shape] },
  );
}

/** All operands of one dtype, and that one of `allowed`. */
export function checkSameDType(op: string, inputs: readonly Tensor[], allowed: readonly DType[], from = 0): void {
  const first = inputs[from]!;
  for (let i = from + 1; i < inputs.length; i++) {
    const other = inputs[i]!;
    if (other.dtype === first.dtype) continue;
    const [x, y] = [nameOf(from), nameOf(i)];
    throw new DTypeError(`[${op}] operands differ in dtype: got ${x} ${first.dtype}, ${y} ${other.dtype}, expected one dtype. Cast one: ${y}.cast('${first.dtype}').`, {
      op,
      shapes: [first.shape, other.shape],
    });
  }
  checkDType(op, first, allowed, inputs.length === 1 ? 'the operand' : OPERANDS[from]);
}

/**
 * Throws LimitError for a shape beyond what a program can describe. A size of 0 counts as 1, because what is made of such a tensor may
 * leave that dimension out. The recorder asks of every result, checkShape() of every shape that a user gives.
 */
export function checkLimits(op: string, shape: Shape, operands: readonly Tensor[] = []): void {
  let elements = 1;
  for (const dim of shape) elements *= dim > 1 ? dim : 1;
  if (elements <= MAX_ELEMENTS && shape.length <= MAX_RANK) return;
  const shapes = operands.map((operand) => operand.shape);
  const of = shapes.length === 0 ? '' : ` of ${shapes.map(showShape).join(', ')}`;
  const text =
    elements > MAX_ELEMENTS
      ? `[${op}] too many elements: got ${showShape(shape)}${of}, expected at most ${MAX_ELEMENTS} (2^31 - 1). Work in parts, or check what broadcasts.`
      : `[${op}] too many dimensions: got ${showShape(shape)}${of}, expected at most ${MAX_RANK}. Merge some: reshape().`;
  throw new LimitError(text, { op, shapes: [shape, ...shapes] });
}

/** Values of unknown types as they stand in messages. */
function showAll(values: readonly unknown[]): string {
  return `[${values.map(describeValue).join(',')}]`;
}

/** An array of whole, non-negative sizes; `besides` may stand for one, where a function gives it a meaning. */
export function checkShape(op: string, shape: Shape, besides?: -1): void {
  if (!Array.isArray(shape)) {
    throw new ArgumentError(`[${op}] the shape is not an array: got ${describeValue(shape)}, expected sizes such as [2,3]. Put the sizes in an array.`, { op });
  }
  for (const dim of shape as readonly unknown[]) {
    if ((besides !== undefined && dim === besides) || (Number.isInteger(dim) && (dim as number) >= 0)) continue;
    const or = besides === undefined ? '' : `, or ${besides}`;
    throw new ArgumentError(`[${op}] a size is wrong: got ${showAll(shape)}, expected whole numbers of at least 0${or}. Check how the shape is computed.`, { op });
  }
  checkLimits(op, shape);
}

/** Throws for what is no tensor: for functions that look at an operand before it is recorded. `dtype`: one that has to be asked for. */
export function checkTensor(op: string, value: unknown, name = 'the operand', dtype?: DType): asserts value is Tensor {
  if (value instanceof Tensor) return;
  throw new ArgumentError(`[${op}] ${name} is no tensor: got ${describeValue(value)}, expected a tensor. Make one: tensor(values${dtype === undefined ? '' : `, { dtype: '${dtype}' }`}).`, { op });
}

/** Throws unless all operands of what is recorded are tensors. */
export function checkOperands(op: string, inputs: readonly unknown[]): void {
  for (let i = 0; i < inputs.length; i++) {
    if (!(inputs[i] instanceof Tensor)) checkTensor(op, inputs[i], inputs.length === 1 ? undefined : nameOf(i));
  }
}

/** Throws for what is no number: for numbers that are part of a node. */
export function checkNumber(op: string, name: string, value: unknown): void {
  if (typeof value === 'number') return;
  throw new ArgumentError(`[${op}] ${name}: got ${describeValue(value)}, expected a number.`, { op });
}

/** Throws for what is no finite number above 0. */
export function checkPositive(op: string, name: string, value: unknown): void {
  if (typeof value === 'number' && value > 0 && value < Infinity) return;
  throw new ArgumentError(`[${op}] ${name}: got ${describeValue(value)}, expected a number above 0.`, { op });
}

/** An axis counted from the front; negative ones count from the back. */
export function resolveAxis(op: string, axis: number, shape: Shape, rank = shape.length): number {
  if (Number.isInteger(axis) && axis >= -rank && axis < rank) return axis < 0 ? axis + rank : axis;
  const expected = rank === 0 ? 'none, for it is a scalar' : `a whole number from ${-rank} to ${rank - 1}`;
  throw new ArgumentError(`[${op}] the axis is out of range: got ${describeValue(axis)} for the shape ${showShape(shape)}, expected ${expected}. Check the axis.`, {
    op,
    shapes: [shape],
  });
}

/** The rank by which axes are counted where a scalar is taken as its one element along axis 0, as in torch: reductions, softmax, squeeze, transpose. */
export function rankOrOne(shape: Shape): number {
  return Math.max(shape.length, 1);
}

/** Axes in ascending order, of dimensions that there are; all of them for undefined. */
export function resolveAxes(op: string, axis: number | readonly number[] | undefined, shape: Shape): readonly number[] {
  if (axis === undefined) return shape.map((_, i) => i);
  const given: readonly number[] = Array.isArray(axis) ? axis : [axis];
  const axes = given.map((one) => resolveAxis(op, one, shape, rankOrOne(shape))).sort((a, b) => a - b);
  if (axes.length > 0 && new Set(axes).size === axes.length) return shape.length === 0 ? [] : axes;
  throw new ArgumentError(`[${op}] axis names ${axes.length === 0 ? 'no axis' : 'an axis twice'}: got ${showAll(given)}, expected different axes. Leave axis out for all of them.`, {
    op,
    shapes: [shape],
  });
}

/** Checks a number of things, of which there is at least one: features, channels, classes. */
export function checkCount(op: string, name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1) return value;
  throw new ArgumentError(`[${op}] ${name}: got ${describeValue(value)}, expected a whole number of at least 1.`, { op });
}
