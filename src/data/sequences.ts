// One array of a dataset whose examples differ in length: the elements of all of them one after the other, padded when a batch is made.
import { DataError, DTypeError } from '../errors.js';
import { allocate, checkAttached, isNumericArray } from '../numeric-array.js';
import { sameShape, type Shape, showShape, sizeOf } from '../shape.js';
import { describeValue } from '../describe-value.js';
import { bucketFor } from './buckets.js';
import type { InputDType } from './dataset.js';
import { flatten, type Nested } from './nested.js';
import { checkColumns, normalizeInto, ofBytes, refuseNormalizedIntegers, type Normalize } from './normalize.js';

/** Origin and kind of sequences. */
export interface SequencesOptions {
  readonly op: string;
  /** The shape of one element of a sequence; undefined: as the values show. */
  readonly element: Shape | undefined;
  readonly dtype: InputDType | undefined;
  readonly padding: number;
  readonly normalize: Normalize | undefined;
  readonly buckets: readonly number[] | undefined;
  readonly dataset: string;
  /** Name of the values and of the option with their shape: `x`, `x.tokens`; `shape`, `shape.tokens`. */
  readonly what: string;
  readonly option: string;
}

/** Sequences of elements of one shape, one an example. */
export interface Sequences {
  readonly data: Float32Array | Int32Array;
  /** Position in `data`, in elements, at which each example begins, and the end of the last. */
  readonly starts: Int32Array;
  readonly element: Shape;
  readonly padding: number;
  /** Length of the longest. */
  readonly longest: number;
}

/** Copies sequences. Throws DataError, naming the example, for what is none; DTypeError for what is no list of them. */
export function sequencesOf(values: unknown, options: SequencesOptions): Sequences {
  const { op, dataset, what, dtype, padding, normalize, buckets } = options;
  const where = `${what} of dataset '${dataset}'`;
  if (!Array.isArray(values)) {
    throw new DTypeError(`[${op}] ${where}: got ${describeValue(values)}, expected an array with a sequence for each example, as in [Int32Array.of(5, 2), Int32Array.of(7)].`, { op });
  }
  if (values.length === 0) throw new DataError(`[${op}] ${where} is empty: got no sequences, expected at least one.`, { op });
  const given = values.map((sequence: unknown, example) => elementsOf(sequence, example, options));
  const element = options.element ?? given.find(({ elements }) => elements.length > 0)?.shape ?? [];
  checkColumns(normalize, element, op, where);
  const one = sizeOf(element);
  const starts = new Int32Array(given.length + 1);
  given.forEach(({ elements, shape }, example) => {
    const fits = shape.length === 0 && options.element !== undefined ? elements.length % one === 0 : elements.length === 0 || sameShape(shape, element);
    if (!fits) throw wrongElements(elements.length, shape, element, example, options);
    starts[example + 1] = starts[example]! + elements.length / one;
  });
  const isInteger = (dtype ?? (values.every((sequence) => sequence instanceof Int32Array) ? 'int32' : 'float32')) === 'int32';
  if (isInteger) refuseNormalizedIntegers(op, what, normalize);
  const count = starts.at(-1)! * one;
  const data = allocate(op, where, count, () => (isInteger ? new Int32Array(count) : new Float32Array(count)));
  given.forEach(({ elements, nested }, example) => {
    const at = starts[example]! * one;
    if (isInteger) checkIntegers(elements, nested, example, options);
    // Nested ones have been normalised before they were rounded.
    if (normalize === undefined || nested) data.set(elements, at);
    else normalizeInto((data as Float32Array).subarray(at, at + elements.length), elements, isBytes(elements) ? ofBytes(normalize) : normalize);
  });
  const lengths = starts.subarray(1).map((end, example) => end - starts[example]!);
  const longest = lengths.reduce((most, length) => Math.max(most, length), 0);
  if (buckets !== undefined && longest > buckets.at(-1)!) {
    throw new DataError(
      `[${op}] dataset '${dataset}', example ${lengths.indexOf(longest)}: ${what} has the length ${longest}, expected at most ${buckets.at(-1)}, the greatest bucket. Add a bucket, or cut the sequence.`,
      { op },
    );
  }
  return { data, starts, element, padding, longest };
}

interface Elements {
  readonly elements: ArrayLike<number>;
  /** The shape of one of them, where the values show it. */
  readonly shape: Shape;
  /** True if they have been floats, which are normalised. */
  readonly nested: boolean;
}

const isBytes = (elements: ArrayLike<number>): boolean => elements instanceof Uint8Array || elements instanceof Uint8ClampedArray;

function elementsOf(sequence: unknown, example: number, { op, dataset, what, normalize }: SequencesOptions): Elements {
  const place = `${what}[${example}] of dataset '${dataset}'`;
  if (isNumericArray(sequence)) {
    checkAttached(op, place, sequence);
    return { elements: sequence, shape: [], nested: false };
  }
  if (!Array.isArray(sequence)) {
    const advice = typeof sequence === 'number' ? 'Put it into an array: [value].' : 'Convert it, as in Float32Array.from(sequence, Number).';
    throw new DataError(`[${op}] dataset '${dataset}', example ${example}: ${what} is ${describeValue(sequence)}, expected an array of the elements of one sequence. ${advice}`, { op });
  }
  if (sequence.every((value) => typeof value === 'number')) return { elements: sequence, shape: [], nested: false };
  const { data, shape } = flatten(sequence as Nested, op, place, normalize);
  return { elements: data, shape: shape.slice(1), nested: true };
}

function wrongElements(count: number, got: Shape, element: Shape, example: number, { op, dataset, what, option }: SequencesOptions): DataError {
  const place = `[${op}] dataset '${dataset}', example ${example}: ${what} has`;
  const shape = `[${['null', ...element].join(',')}]`;
  if (got.length === 0 && element.length > 0) return new DataError(`${place} ${count} elements, expected a multiple of ${sizeOf(element)}, as ${option} ${shape} says. Correct ${option}, or the sequence.`, { op });
  return new DataError(`${place} elements of shape ${showShape(got)}, expected ${showShape(element)}. Give every sequence elements of one shape, and ${option}: ${shape}.`, { op, shapes: [got, element] });
}

function checkIntegers(elements: ArrayLike<number>, nested: boolean, example: number, { op, dataset, what }: SequencesOptions): void {
  if (elements instanceof Int32Array) return;
  for (let i = 0; i < elements.length; i++) {
    const value = elements[i]!;
    const fine = value === (value | 0) && (!nested || Math.abs(value) < 2 ** 24);
    if (!fine) {
      const expected = nested ? 'an integer below 2^24 in nested arrays' : 'an integer of 32 bits';
      throw new DataError(`[${op}] dataset '${dataset}', example ${example}: element ${i} of ${what} is ${value}, expected ${expected}. Correct it, or leave dtype: 'int32' out.`, { op });
    }
  }
}

/** Lengths of the sequences of some examples. */
export function lengthsOf({ starts }: Sequences, rows: Int32Array): Int32Array {
  return rows.map((row) => starts[row + 1]! - starts[row]!);
}

/** The sequences of some examples, padded to the longest of them or to the smallest bucket that holds it: [rows, T, ...element]. */
export function paddedRows({ data, starts, element, padding }: Sequences, rows: Int32Array, buckets: readonly number[] | undefined): { readonly data: Float32Array | Int32Array; readonly shape: Shape } {
  let longest = 1;
  for (const row of rows) longest = Math.max(longest, starts[row + 1]! - starts[row]!);
  const T = bucketFor(longest, buckets);
  const one = sizeOf(element);
  const count = rows.length * T * one;
  const padded = allocate('data.padded', 'a batch', count, () => (data instanceof Int32Array ? new Int32Array(count) : new Float32Array(count)));
  if (padding !== 0) padded.fill(padding);
  rows.forEach((row, i) => padded.set(data.subarray(starts[row]! * one, starts[row + 1]! * one), i * T * one));
  return { data: padded, shape: [rows.length, T, ...element] };
}
