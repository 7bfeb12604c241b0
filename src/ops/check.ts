import type { DType } from '../dtype.js';
import { ArgumentError, DTypeError, ShapeError } from '../errors.js';
import { showShape, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';

/** The most dimensions that a program can describe (kMaxRank in native/program.h). */
export const MAX_RANK = 8;

export const NUMERIC: readonly DType[] = ['float32', 'int32'];
export const INT: readonly DType[] = ['int32'];
export const FLOAT: readonly DType[] = ['float32'];

/** The names that messages give to operands. */
const OPERANDS = ['a', 'b', 'c'];

export function checkDType(op: string, tensor: Tensor, allowed: readonly DType[], name = 'the operand'): void {
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
    const x = OPERANDS[from] ?? `operand ${from}`;
    const y = OPERANDS[i] ?? `operand ${i}`;
    throw new DTypeError(`[${op}] operands differ in dtype: got ${x} ${first.dtype}, ${y} ${other.dtype}, expected one dtype. Cast one: ${y}.cast('${first.dtype}').`, {
      op,
      shapes: [first.shape, other.shape],
    });
  }
  checkDType(op, first, allowed, inputs.length === 1 ? 'the operand' : OPERANDS[from]);
}

export function checkRank(op: string, shape: Shape): void {
  if (shape.length <= MAX_RANK) return;
  throw new ShapeError(`[${op}] too many dimensions: got ${showShape(shape)}, expected at most ${MAX_RANK}. Merge some: reshape().`, { op, shapes: [shape] });
}

/** An array of whole, non-negative sizes. */
export function checkShape(op: string, shape: Shape): void {
  if (!Array.isArray(shape)) {
    throw new ArgumentError(`[${op}] the shape is not an array: got ${String(shape)}, expected sizes such as [2,3]. Put the sizes in an array.`, { op });
  }
  for (const dim of shape) {
    if (Number.isInteger(dim) && dim >= 0) continue;
    throw new ArgumentError(`[${op}] a size is wrong: got ${showShape(shape)}, expected whole numbers of at least 0. Check how the shape is computed.`, { op });
  }
  checkRank(op, shape);
}

/** An axis counted from the front; negative ones count from the back. */
export function resolveAxis(op: string, axis: number, shape: Shape, rank = shape.length): number {
  if (Number.isInteger(axis) && axis >= -rank && axis < rank) return axis < 0 ? axis + rank : axis;
  const expected = rank === 0 ? 'none, for it is a scalar' : `a whole number from ${-rank} to ${rank - 1}`;
  throw new ArgumentError(`[${op}] the axis is out of range: got ${axis} for the shape ${showShape(shape)}, expected ${expected}. Check the axis.`, {
    op,
    shapes: [shape],
  });
}

/** Axes in ascending order; all of them for undefined. */
export function resolveAxes(op: string, axis: number | readonly number[] | undefined, shape: Shape): readonly number[] {
  if (axis === undefined) return shape.map((_, i) => i);
  if (typeof axis === 'number') return [resolveAxis(op, axis, shape)];
  const axes = axis.map((one) => resolveAxis(op, one, shape)).sort((a, b) => a - b);
  if (axes.length > 0 && new Set(axes).size === axes.length) return axes;
  throw new ArgumentError(`[${op}] axis names ${axes.length === 0 ? 'no axis' : 'an axis twice'}: got ${showShape(axis)}, expected different axes. Leave axis out for all of them.`, {
    op,
    shapes: [shape],
  });
}
