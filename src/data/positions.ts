import { describeValue } from '../describe-value.js';
import { ArgumentError } from '../errors.js';
import { allocate, isNumericArray } from '../numeric-array.js';

/** Copies the positions of examples that a subset is to have. Throws ArgumentError for none, or for one outside [0, size). */
export function checkPositions(indices: unknown, { name, size }: { readonly name: string; readonly size: number }): Int32Array {
  if (!Array.isArray(indices) && !isNumericArray(indices)) throw new ArgumentError(`[subset] indices: got ${describeValue(indices)}, expected an array of integers in [0, ${size}).`, { op: 'subset' });
  if (indices.length === 0) throw new ArgumentError(`[subset] got no indices, expected at least one in [0, ${size}).`, { op: 'subset' });
  const positions = allocate('subset', 'indices', indices.length, () => new Int32Array(indices.length));
  for (let i = 0; i < positions.length; i++) {
    const index: unknown = indices[i];
    if (!Number.isInteger(index) || (index as number) < 0 || (index as number) >= size) {
      throw new ArgumentError(`[subset] indices[${i}]: got ${describeValue(index)}, expected an integer in [0, ${size}), the examples of dataset '${name}'.`, { op: 'subset' });
    }
    positions[i] = index as number;
  }
  return positions;
}
