import { ArgumentError } from '../errors.js';
import { describeValue } from '../describe-value.js';

export interface OffsetOption {
  /** Position of the first element, or one for each example of the batch. Default 0. */
  readonly offset?: number | ArrayLike<number> | undefined;
}

/** Positions of T elements in a row from each offset: [T], or [B * T]. Throws ArgumentError for what are no positions. */
export function positionsFrom(op: string, offset: number | ArrayLike<number>, T: number, batch: number): Int32Array {
  const starts: readonly unknown[] = typeof offset === 'number' ? [offset] : Array.isArray(offset) || ArrayBuffer.isView(offset) ? Array.from(offset as ArrayLike<unknown>) : [undefined];
  const fits = (typeof offset === 'number' || starts.length === batch) && starts.every((start) => Number.isSafeInteger(start) && (start as number) >= 0);
  if (!fits) throw new ArgumentError(`[${op}] offset: got ${describeValue(offset)}, expected a whole number of at least 0, or one for each of the ${batch} examples.`, { op });
  const positions = new Int32Array(starts.length * T);
  starts.forEach((start, b) => {
    for (let t = 0; t < T; t++) positions[b * T + t] = (start as number) + t;
  });
  return positions;
}

/** Tables of positions from 0, as every layer and step of training asks for the same ones: by options and length, the last few. */
const tables = new Map<string, readonly Float32Array[]>();
const MOST_TABLES = 16;

/** Returns what `make` makes, of which the last few are kept by their key. */
export function keptTable<T extends readonly Float32Array[]>(key: string, make: () => T): T {
  const found = (tables.get(key) as T | undefined) ?? make();
  tables.delete(key);
  tables.set(key, found);
  if (tables.size > MOST_TABLES) tables.delete(tables.keys().next().value!);
  return found;
}
