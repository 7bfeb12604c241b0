import { DataError } from '../errors.js';
import { allocate, checkAttached, isNumericArray, type NumericArray } from '../numeric-array.js';
import { MAX_RANK } from '../ops/check.js';
import { type Normalize, normalizeInto, normalizer } from './normalize.js';

/** Arrays of numbers in arrays, as deep as the shape has dimensions; the innermost may be typed arrays. */
export type Nested = readonly number[] | readonly NumericArray[] | readonly Nested[];

/**
 * The numbers of nested arrays, row-major, and their shape; normalised where asked for, before they are rounded to floats.
 * Throws DataError, naming the place, for ragged arrays, for elements that are not numbers, and for arrays that are nested deeper than a
 * tensor has dimensions, among them those that hold themselves.
 */
export function flatten(nested: Nested, op: string, what: string, normalize?: Normalize): { data: Float32Array; shape: number[] } {
  const shape = shapeOf(nested, op, what);
  const size = shape.reduce((product, dim) => product * dim, 1);
  const data = allocate(op, what, size, () => new Float32Array(size));
  const normal = normalize && normalizer(normalize);
  const path: number[] = [];
  let at = 0;

  const row = (numbers: NumericArray): void => {
    checkAttached(op, placeOf(what, path), numbers);
    if (normalize === undefined) data.set(numbers, at);
    else normalizeInto(data.subarray(at, at + numbers.length), numbers, normalize);
    at += numbers.length;
  };
  const walk = (level: unknown, depth: number): void => {
    const last = depth === shape.length - 1;
    const typed = last && isNumericArray(level);
    if (!Array.isArray(level) && !typed) throw ragged(op, what, path, describe(level), `an array of ${shape[depth]}`);
    if (level.length !== shape[depth]) throw ragged(op, what, path, `${level.length} elements`, String(shape[depth]));
    if (typed) return row(level);
    for (let i = 0; i < level.length; i++) {
      const element: unknown = level[i];
      path[depth] = i;
      if (!last) walk(element, depth + 1);
      else if (typeof element === 'number') {
        data[at] = normal === undefined ? element : normal(element, at);
        at++;
      } else throw ragged(op, what, path, describe(element), 'a number', adviceOn(element));
    }
    path.length = depth;
  };
  walk(nested, 0);
  return { data, shape };
}

const SAME_SHAPE = 'Give every example the same shape (pad or drop the odd one).';

/** Returns advice on an element that is no number: text of a file, or a gap in it. */
function adviceOn(element: unknown): string {
  if (typeof element === 'string') return 'Convert text by Number(text); names of categories become columns of 0 and 1.';
  if (element === undefined || element === null) return 'Fill the gap (by the mean of the others, say), or drop the example.';
  return SAME_SHAPE;
}

/** The shape that the first element at every depth shows. */
function shapeOf(nested: Nested, op: string, what: string): number[] {
  const shape: number[] = [];
  let level: unknown = nested;
  for (; Array.isArray(level) && shape.length <= MAX_RANK; level = (level as readonly unknown[])[0]) shape.push(level.length);
  if (isNumericArray(level)) shape.push(level.length);
  if (shape.length <= MAX_RANK) return shape;
  throw new DataError(`[${op}] ${what}: got arrays nested more than ${MAX_RANK} deep, or one that holds itself, expected at most ${MAX_RANK} dimensions. Flatten them.`, { op });
}

function describe(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  return Array.isArray(value) || isNumericArray(value) ? `an array of ${value.length}` : `a ${typeof value}`;
}

function placeOf(what: string, path: readonly number[]): string {
  return what + path.map((i) => `[${i}]`).join('');
}

function ragged(op: string, what: string, path: readonly number[], got: string, expected: string, advice = SAME_SHAPE): DataError {
  return new DataError(`[${op}] ${placeOf(what, path)} is not like the rest of ${what}: got ${got}, expected ${expected}. ${advice}`, { op });
}
