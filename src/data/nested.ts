import { DataError } from '../errors.js';

/** Arrays of numbers in arrays, as deep as the shape has dimensions. */
export type Nested = readonly number[] | readonly Nested[];

/**
 * The numbers of nested arrays, row-major, and their shape.
 * Throws DataError, naming the place, for ragged arrays and for elements that are not numbers.
 */
export function flatten(nested: Nested, op: string, what: string): { data: Float32Array; shape: number[] } {
  const shape = shapeOf(nested);
  let size = 1;
  for (const dim of shape) size *= dim;
  const data = new Float32Array(size);
  const path: number[] = [];
  let at = 0;

  const walk = (level: unknown, depth: number): void => {
    if (!Array.isArray(level)) throw ragged(op, what, path, describe(level), `an array of ${shape[depth]}`);
    if (level.length !== shape[depth]) throw ragged(op, what, path, `${level.length} elements`, String(shape[depth]));
    const last = depth === shape.length - 1;
    for (let i = 0; i < level.length; i++) {
      path[depth] = i;
      if (!last) walk(level[i], depth + 1);
      else if (typeof level[i] === 'number') data[at++] = level[i] as number;
      else throw ragged(op, what, path, describe(level[i]), 'a number', adviceOn(level[i]));
    }
    path.length = depth;
  };
  walk(nested, 0);
  return { data, shape };
}

const SAME_SHAPE = 'Give every example the same shape (pad or drop the odd one).';

/** What to do with an element that is no number: text of a file, or a gap in it. */
function adviceOn(element: unknown): string {
  if (typeof element === 'string') return 'Convert text by Number(text); names of categories become columns of 0 and 1.';
  if (element === undefined || element === null) return 'Fill the gap (by the mean of the others, say), or drop the example.';
  return SAME_SHAPE;
}

/** The shape that the first element at every depth shows. */
function shapeOf(nested: Nested): number[] {
  const shape: number[] = [];
  for (let level: unknown = nested; Array.isArray(level); level = level[0]) shape.push(level.length);
  return shape;
}

function describe(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  return Array.isArray(value) ? `an array of ${value.length}` : `a ${typeof value}`;
}

function ragged(op: string, what: string, path: readonly number[], got: string, expected: string, advice = SAME_SHAPE): DataError {
  const place = what + path.map((i) => `[${i}]`).join('');
  return new DataError(
    `[${op}] ${place} is not like the rest of ${what}: got ${got}, expected ${expected}. ${advice}`,
    { op },
  );
}
