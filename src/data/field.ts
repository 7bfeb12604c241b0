// The arrays of a dataset, each by itself: their values are copied, checked and made a whole number of examples.
import { ArgumentError, DataError, DTypeError } from '../errors.js';
import { engine } from '../graph/engine.js';
import { allocate, checkAttached, isNumericArray, type NumericArray } from '../numeric-array.js';
import { sameShape, type Shape, showShape, sizeOf } from '../shape.js';
import { describeValue } from '../describe-value.js';
import type { InputDType } from './dataset.js';
import { flatten, type Nested } from './nested.js';
import { checkColumns, type Normalize, normalizeInto, refuseNormalizedIntegers } from './normalize.js';

/** Values of one array: a whole number of examples. */
export interface Examples<A> {
  readonly data: A;
  readonly shape: Shape;
  readonly size: number;
}

/** A copy as floats, in memory of the engine's. */
function copyOf(values: NumericArray, op: string, what: string, normalize?: Normalize): Float32Array {
  checkAttached(op, what, values);
  const copy = allocate(op, what, values.length, () => new Float32Array(engine().memory(4 * values.length)));
  if (normalize === undefined) copy.set(values);
  else normalizeInto(copy, values, normalize);
  return copy;
}

function bytesOf(values: Uint8Array | Uint8ClampedArray, op: string, what: string): Uint8Array {
  checkAttached(op, what, values);
  const copy = allocate(op, what, values.length, () => new Uint8Array(engine().memory(values.length)));
  copy.set(values);
  return copy;
}

/** Origin of values, and the kind that they are to become. */
export interface FieldOptions {
  readonly op: string;
  readonly shape: Shape | undefined;
  readonly dtype?: InputDType | undefined;
  readonly normalize?: Normalize | undefined;
  /** The name of the dataset, and what messages call the values and the option of their shape: `x`, `x.tokens`; `shape`, `shape.tokens`. */
  readonly dataset: string;
  readonly what: string;
  readonly option: string;
}

/** An array of inputs or targets: an Int32Array stays int32, bytes stay bytes until they are used, all else becomes floats, unless `dtype` says otherwise. */
export function examplesOf(values: unknown, options: FieldOptions): Examples<Float32Array | Int32Array | Uint8Array> {
  const { op, dtype, normalize, dataset, what } = options;
  const where = `${what} of dataset '${dataset}'`;
  const isInteger = dtype === 'int32' || (dtype === undefined && values instanceof Int32Array);
  if (isInteger) {
    refuseNormalizedIntegers(op, what, normalize);
    return integersOf(values, options);
  }
  if (values instanceof Uint8Array || values instanceof Uint8ClampedArray) return wholeExamples(bytesOf(values, op, where), options);
  return floatsOf(values, options);
}

function integersOf(values: unknown, options: FieldOptions): Examples<Int32Array> {
  const { op, dataset, what, option } = options;
  const where = `${what} of dataset '${dataset}'`;
  const integer = (numbers: ArrayLike<number>): Int32Array => {
    const copy = allocate(op, where, numbers.length, () => new Int32Array(engine().memory(4 * numbers.length)));
    for (let i = 0; i < numbers.length; i++) {
      const value = numbers[i]!;
      if (value !== (value | 0)) throw new DataError(`[${op}] ${where}, element ${i}: got ${value}, expected an integer of 32 bits. Correct it, or give { dtype: 'float32' }.`, { op });
      copy[i] = value;
    }
    return copy;
  };
  if (isNumericArray(values)) {
    checkAttached(op, where, values);
    return wholeExamples(integer(values), options);
  }
  // Floats in between would lose the digits of integers above 2^24.
  if (Array.isArray(values) && values.every((value) => typeof value === 'number')) return wholeExamples(integer(values), options);
  const floats = floatsOf(values, options);
  const large = floats.data.findIndex((value) => Math.abs(value) >= 2 ** 24);
  if (large >= 0) throw new DataError(`[${op}] ${where}, element ${large}: got ${floats.data[large]} in nested arrays, expected integers below 2^24 there. Give an Int32Array with ${option}.`, { op });
  return { ...floats, data: integer(floats.data) };
}

/** An array of floats. */
export function floatsOf(values: unknown, options: FieldOptions): Examples<Float32Array> {
  const { op, shape, normalize, dataset, what, option } = options;
  const where = `${what} of dataset '${dataset}'`;
  if (isNumericArray(values)) return wholeExamples(copyOf(values, op, where, normalize), options);
  if (!Array.isArray(values)) {
    throw new DTypeError(`[${op}] ${where}: got ${describeValue(values)}, expected a typed array of numbers or arrays of numbers. Convert it, as in Float32Array.from(${what}, Number).`, { op });
  }
  const nested = flatten(values as Nested, op, where, normalize);
  const [size = 0, ...found] = nested.shape;
  if (found.length === 0) return wholeExamples(nested.data, options);
  if (shape !== undefined && !sameShape(shape, found) && sizeOf(shape) !== sizeOf(found)) {
    throw new DataError(
      `[${op}] ${where}: its examples have the shape ${showShape(found)}, which does not fit ${option} ${showShape(shape)}. Correct ${option}, or leave it out.`,
      { op, shapes: [found, shape] },
    );
  }
  return wholeExamples(nested.data, { ...options, shape: shape ?? found }, size);
}

/** Checks that `data` is a whole number of examples, and at least one. */
function wholeExamples<A extends Float32Array | Int32Array | Uint8Array>(data: A, { op, shape, normalize, dataset, what, option }: FieldOptions, count?: number): Examples<A> {
  const where = `${what} of dataset '${dataset}'`;
  if (shape === undefined) {
    throw new ArgumentError(`[${op}] ${where} is flat: got no ${option}, expected the shape of one example. Give ${option}, as in ${asOption(option, '[784]')}.`, { op });
  }
  checkColumns(normalize, shape, op, where);
  const one = sizeOf(shape);
  if (data.length === 0 || count === 0) throw new DataError(`[${op}] ${where} is empty: got 0 elements, expected at least one example of ${showShape(shape)}.`, { op });
  if (data.length % one !== 0) {
    const whole = Math.floor(data.length / one);
    throw new DataError(
      `[${op}] ${where}: got ${data.length} elements, expected a multiple of ${one}, the elements of one example of ${showShape(shape)}: ` +
        `example ${whole} has only ${data.length % one}. Correct ${option}, or drop the incomplete example.`,
      { op, shapes: [shape] },
    );
  }
  return { data, shape, size: data.length / one };
}

/** A shape as an option says it: { shape: [784] }, or { shape: { pixels: [784] } } for `shape.pixels`. */
function asOption(option: string, shape: string): string {
  const [name, field] = option.split(/\.(.*)/s);
  return field === undefined ? `{ ${name}: ${shape} }` : `{ ${name}: { ${field}: ${shape} } }`;
}
