import type { DType } from './dtype.js';
import { showShape, type Shape } from './shape.js';
import { Tensor } from './tensor.js';

/** Shapes of one example of several arrays, by their names, as in `{ tokens: [64], lengths: [] }`. */
export interface ShapeRecord {
  readonly [field: string]: Shape;
}

/** Shape of one example, without the batch: of an array, or of each of several. */
export type ExampleShape = Shape | ShapeRecord;

/** Tensors by name: the inputs of a model that takes several, or what one gives that has several outputs. */
export interface TensorRecord {
  readonly [field: string]: Tensor;
}

/** One tensor, or several by name. */
export type Tensors = Tensor | TensorRecord;

/** The dtype of a field, of a record of dtypes; any where there is none. An index, and no condition, so that it is covariant for every compiler. */
type DTypeAt<D, K> = (D & { readonly [field: string]: DType })[K & string];

type WithBatch<S, D extends DType> = S extends Shape ? Tensor<[number, ...S], D> : never;

/** Any dtype, or any of each field: by their names, as a string type has fields of its own, such as length. */
type AnyDTypes<S extends ExampleShape> = S extends Shape ? DType : { readonly [K in keyof S]: DType };

/** The batch of examples of shape S: a tensor with the batch in front, or one for each field. */
export type BatchTensors<S extends ExampleShape, D = AnyDTypes<S>> = S extends Shape
  ? Tensor<[number, ...S], D & DType>
  : { readonly [K in keyof S]: WithBatch<S[K], DTypeAt<D, K>> };

/** Returns whether `value` is an object of fields: no array, no typed array and no instance of a class. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Returns whether `value` is a record of tensors, of at least one. */
export function isTensorRecord(value: unknown): value is TensorRecord {
  if (!isRecord(value)) return false;
  const tensors = Object.values(value);
  return tensors.length > 0 && tensors.every((tensor) => tensor instanceof Tensor);
}

/** Returns the tensors, without their names. */
export function tensorsOf(tensors: Tensors): readonly Tensor[] {
  return tensors instanceof Tensor ? [tensors] : Object.values(tensors);
}

/** Returns the tensors with what messages call them: `name`, or `name.field`. */
export function namedTensors(name: string, tensors: Tensors): (readonly [name: string, tensor: Tensor])[] {
  if (tensors instanceof Tensor) return [[name, tensors]];
  return Object.entries(tensors).map(([field, tensor]) => [`${name}.${field}`, tensor] as const);
}

/** Applies `fn` to the tensor, or to each of the record. */
export function mapTensors(tensors: Tensors, fn: (tensor: Tensor, field: string | undefined) => Tensor): Tensors {
  if (tensors instanceof Tensor) return fn(tensors, undefined);
  return Object.fromEntries(Object.entries(tensors).map(([field, tensor]) => [field, fn(tensor, field)]));
}

/** Returns the number of examples of a batch; 1 of a scalar. */
export function rowsOf(tensors: Tensors): number {
  return tensorsOf(tensors)[0]?.shape[0] ?? 1;
}

/** Returns a shape as messages write it: [64], or { tokens: [64], lengths: [] }. */
export function showExampleShape(shape: ExampleShape): string {
  if (Array.isArray(shape)) return showShape(shape as Shape);
  return `{ ${Object.entries(shape as ShapeRecord).map(([field, one]) => `${field}: ${showShape(one)}`).join(', ')} }`;
}

/** Returns names as messages list them. */
export const listFields = (record: object): string => Object.keys(record).join(', ');
