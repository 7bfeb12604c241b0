import type { DType } from './dtype.js';
import { showShape, sizeOf, type Shape } from './shape.js';
import type { Tensor } from './tensor.js';

/** Numbers in arrays in arrays. */
export type NestedNumbers = number | NestedNumbers[];

/** The elements of a tensor of shape S, one level of arrays for each dimension. */
export type Rows<S extends Shape> = number extends S['length'] ? NestedNumbers : S extends readonly [number, ...infer R extends number[]] ? Rows<R>[] : number;

/** Row-major elements in arrays in arrays. */
export function nested(data: ArrayLike<number>, shape: Shape, axis = 0, at = 0): NestedNumbers {
  if (axis === shape.length) return data[at]!;
  const stride = sizeOf(shape.slice(axis + 1));
  return Array.from({ length: shape[axis]! }, (_, i) => nested(data, shape, axis + 1, at + i * stride));
}

/** More elements in a row than this, and the middle is left out. */
const WHOLE = 8;
const EDGE = 3;

/** Elements as text, of long dimensions the first and the last. Rows stand below each other. */
function textOf(data: ArrayLike<number>, shape: Shape, indent: number, axis = 0, at = 0): string {
  if (axis === shape.length) return digits(data[at]!);
  const stride = sizeOf(shape.slice(axis + 1));
  const length = shape[axis]!;
  const part = (i: number): string => textOf(data, shape, indent, axis + 1, at + i * stride);
  const range = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => part(from + i));
  const parts = length <= WHOLE ? range(0, length) : [...range(0, EDGE), '...', ...range(length - EDGE, length)];
  const separator = axis + 1 === shape.length ? ', ' : `,\n${' '.repeat(indent + axis + 1)}`;
  return `[${parts.join(separator)}]`;
}

/** Six digits: what a float32 has for certain. */
function digits(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
}

/** Elements that JavaScript has at hand; else in words where they are. */
export interface Values {
  readonly elements: ArrayLike<number> | undefined;
  readonly where: string;
}

/** The line, or lines, that console.log() prints. */
export function tensorText(kind: string, shape: Shape, dtype: DType, { elements, where }: Values): string {
  const head = `${kind} ${showShape(shape)} ${dtype}`;
  if (elements === undefined) return `${head}, ${where}`;
  const lines = shape.length > 1;
  return `${head}${lines ? '\n  ' : ' '}${textOf(elements, shape, lines ? 2 : 0)}`;
}

/** Facts about a tensor that are known without running anything. */
export function valuesOf(tensor: Tensor): Values {
  const known = (elements: ArrayLike<number>): Values => ({ elements, where: '' });
  const { value$: value, data$: data, slots$: slots } = tensor;
  const now = typeof value === 'function' ? value.now?.() : value;
  if (now !== undefined) return known([now]);
  if (value !== undefined) return { elements: undefined, where: 'read it with await tensor.item()' };
  if (tensor.disposed$) return { elements: undefined, where: 'disposed of' };
  if (tensor.stale) return { elements: undefined, where: 'gone: its step is finished' };
  if (data !== undefined && data.length === sizeOf(tensor.shape)) return known(data);
  if (slots !== undefined && slots.length === sizeOf(tensor.shape)) return known(slots);
  if (tensor.storage$ !== undefined) return { elements: undefined, where: 'in native memory: read it with await tensor.data()' };
  return { elements: undefined, where: 'initializer$' in tensor ? 'not initialised yet' : `not run yet (${tensor.op.name})` };
}

/** A tensor as JSON.stringify() writes it; `values` is null where JavaScript does not have them. */
export interface TensorJson {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly values: NestedNumbers | null;
}

/** Shape and dtype, and values where JavaScript has them. */
export function tensorJson(tensor: Tensor): TensorJson {
  const { elements } = valuesOf(tensor);
  return { shape: tensor.shape, dtype: tensor.dtype, values: elements === undefined ? null : nested(elements, tensor.shape) };
}

/** A value that a run under way will give: a promise of it, and the number once it is there. */
export interface PromisedValue {
  (): Promise<number>;
  now?: (() => number | undefined) | undefined;
}

/** A scalar's value. */
export type Value = number | PromisedValue;

