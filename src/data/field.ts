// The arrays of a dataset, each by itself: their values are copied, checked and made a whole number of examples.
import { ArgumentError, DataError, DTypeError } from '../errors.js';
import { engine } from '../graph/engine.js';
import { allocate, checkAttached, isNumericArray, type NumericArray } from '../numeric-array.js';
import { sameShape, type Shape, showShape, sizeOf } from '../shape.js';
import { describeValue } from '../describe-value.js';
import type { InputDType } from './dataset.js';
import { flatten, type Nested } from './nested.js';
import { type Normalize, normalizeInto } from './normalize.js';

const OP = 'data.fromArrays';

/** Values of one array: a whole number of examples. */
export interface Examples<A> {
  readonly data: A;
  readonly shape: Shape;
  readonly size: number;
}

/** A copy as floats, in memory of the engine's. */
function copyOf(values: NumericArray, what: string, normalize?: Normalize): Float32Array {
  checkAttached(OP, what, values);
  const copy = allocate(OP, what, values.length, () => new Float32Array(engine().memory(4 * values.length)));
  if (normalize === undefined) copy.set(values);
  else normalizeInto(copy, values, normalize);
  return copy;
}

function bytesOf(values: Uint8Array | Uint8ClampedArray, what: string): Uint8Array {
  checkAttached(OP, what, values);
  const copy = allocate(OP, what, values.length, () => new Uint8Array(engine().memory(values.length)));
  copy.set(values);
  return copy;
}

/** Where values come from, and what they are to become. */
export interface FieldOptions {
  readonly shape: Shape | undefined;
  readonly dtype: InputDType | undefined;
  readonly normalize: Normalize | undefined;
  /** The name of the dataset, and what messages call the values and the option of their shape: `x`, `x.tokens`; `shape`, `shape.tokens`. */
  readonly dataset: string;
  readonly what: string;
  readonly option: string;
}

/** An array of inputs or targets: an Int32Array stays int32, bytes stay bytes until they are used, all else becomes floats, unless `dtype` says otherwise. */
export function examplesOf(values: unknown, { shape, dtype, normalize, dataset, what, option }: FieldOptions): Examples<Float32Array | Int32Array | Uint8Array> {
  const where = `${what} of dataset '${dataset}'`;
  const isInteger = dtype === 'int32' || (dtype === undefined && values instanceof Int32Array);
  if (isInteger && normalize !== undefined) {
    throw new ArgumentError(`[${OP}] normalize: got it for ${what}, which is int32, expected floats. Leave it out, or give { dtype: 'float32' }.`, { op: OP });
  }
  if (isInteger) return integersOf(values, shape, dataset, what, option);
  if (values instanceof Uint8Array || values instanceof Uint8ClampedArray) return wholeExamples(bytesOf(values, where), shape, dataset, what, option);
  return floatsOf(values, shape, dataset, what, option, normalize);
}

function integersOf(values: unknown, shape: Shape | undefined, dataset: string, what: string, option: string): Examples<Int32Array> {
  const where = `${what} of dataset '${dataset}'`;
  const integer = (numbers: ArrayLike<number>): Int32Array => {
    const copy = allocate(OP, where, numbers.length, () => new Int32Array(engine().memory(4 * numbers.length)));
    for (let i = 0; i < numbers.length; i++) {
      const value = numbers[i]!;
      if (value !== (value | 0)) throw new DataError(`[${OP}] ${where}, element ${i}: got ${value}, expected an integer of 32 bits. Correct it, or give { dtype: 'float32' }.`, { op: OP });
      copy[i] = value;
    }
    return copy;
  };
  if (isNumericArray(values)) {
    checkAttached(OP, where, values);
    return wholeExamples(integer(values), shape, dataset, what, option);
  }
  // Floats in between would lose the digits of integers above 2^24.
  if (Array.isArray(values) && values.every((value) => typeof value === 'number')) return wholeExamples(integer(values), shape, dataset, what, option);
  const floats = floatsOf(values, shape, dataset, what, option);
  const large = floats.data.findIndex((value) => Math.abs(value) >= 2 ** 24);
  if (large >= 0) throw new DataError(`[${OP}] ${where}, element ${large}: got ${floats.data[large]} in nested arrays, expected integers below 2^24 there. Give an Int32Array with ${option}.`, { op: OP });
  return { ...floats, data: integer(floats.data) };
}

export function floatsOf(values: unknown, shape: Shape | undefined, name: string, what: string, option: string, normalize?: Normalize): Examples<Float32Array> {
  const where = `${what} of dataset '${name}'`;
  if (isNumericArray(values)) return wholeExamples(copyOf(values, where, normalize), shape, name, what, option);
  if (!Array.isArray(values)) {
    throw new DTypeError(`[${OP}] ${where}: got ${describeValue(values)}, expected a typed array of numbers or arrays of numbers. Convert it, as in Float32Array.from(${what}, Number).`, { op: OP });
  }
  const nested = flatten(values as Nested, OP, where, normalize);
  const [size = 0, ...found] = nested.shape;
  if (found.length === 0) return wholeExamples(nested.data, shape, name, what, option);
  if (shape !== undefined && !sameShape(shape, found) && sizeOf(shape) !== sizeOf(found)) {
    throw new DataError(
      `[${OP}] ${where}: its examples have the shape ${showShape(found)}, which does not fit ${option} ${showShape(shape)}. Correct ${option}, or leave it out.`,
      { op: OP, shapes: [found, shape] },
    );
  }
  return wholeExamples(nested.data, shape ?? found, name, what, option, size);
}

/** Checks that `data` is a whole number of examples, and at least one. */
function wholeExamples<A extends Float32Array | Int32Array | Uint8Array>(data: A, shape: Shape | undefined, name: string, what: string, option: string, count?: number): Examples<A> {
  const where = `${what} of dataset '${name}'`;
  if (shape === undefined) {
    throw new ArgumentError(`[${OP}] ${where} is flat: got no ${option}, expected the shape of one example. Give ${option}, as in ${asOption(option, '[784]')}.`, { op: OP });
  }
  const one = sizeOf(shape);
  if (data.length === 0 || count === 0) throw new DataError(`[${OP}] ${where} is empty: got 0 elements, expected at least one example of ${showShape(shape)}.`, { op: OP });
  if (data.length % one !== 0) {
    const whole = Math.floor(data.length / one);
    throw new DataError(
      `[${OP}] ${where}: got ${data.length} elements, expected a multiple of ${one}, the elements of one example of ${showShape(shape)}: ` +
        `example ${whole} has only ${data.length % one}. Correct ${option}, or drop the incomplete example.`,
      { op: OP, shapes: [shape] },
    );
  }
  return { data, shape, size: data.length / one };
}

/** A shape as an option says it: { shape: [784] }, or { shape: { pixels: [784] } } for `shape.pixels`. */
function asOption(option: string, shape: string): string {
  const [name, field] = option.split(/\.(.*)/s);
  return field === undefined ? `{ ${name}: ${shape} }` : `{ ${name}: { ${field}: ${shape} } }`;
}
