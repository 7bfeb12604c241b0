import type { Json } from './json.js';
import type { ColumnKind } from './schema.js';
import type { Place } from './values.js';

/**
 * Kinds of inputs that a column becomes: some of the numbers of 'features'; an 'index' into an embedding, a field of its own; 'terms', indices
 * with a weight each, two fields; or 'tokens', indices in an order and how many there are, two fields.
 */
export type ColumnOutput = 'features' | 'index' | 'terms' | 'tokens';

interface Encoder {
  /** State and options, exact: parseEncoder() reads it. */
  toJSON(): Json;
}

/** A fitted column that gives numbers. */
export interface FeatureEncoder extends Encoder {
  readonly output: 'features';
  /** Names of the numbers, to be put behind that of the column: '' or '=Oslo'. */
  readonly names: readonly string[];
  /** Writes them. Throws DataError for a value that the column does not take. */
  write(value: unknown, place: Place, into: Float32Array, at: number): void;
}

/** A fitted column that gives an index in [0, size). */
export interface IndexEncoder extends Encoder {
  readonly output: 'index';
  readonly size: number;
  index(value: unknown, place: Place): number;
}

/** A fitted column that gives `count` indices in [0, size), with a weight each; those that are not needed have the weight 0. */
export interface TermsEncoder extends Encoder {
  readonly output: 'terms';
  readonly size: number;
  readonly count: number;
  terms(value: unknown, place: Place, indices: Int32Array, weights: Float32Array, at: number): void;
}

/** A fitted column that gives up to `count` indices in [0, size), in an order. */
export interface TokensEncoder extends Encoder {
  readonly output: 'tokens';
  readonly size: number;
  readonly count: number;
  /** Writes them over zeros, of which those behind them stay. Returns how many there are, at least 1. */
  tokens(value: unknown, place: Place, into: Int32Array, at: number): number;
}

/** A column with what it has learned of the training rows. */
export type ColumnEncoder = FeatureEncoder | IndexEncoder | TermsEncoder | TokensEncoder;

/** A column as it is described, before it is fitted: data.columns has the functions that make one. */
export class Column<O extends ColumnOutput = ColumnOutput> {
  readonly output: O;
  /** Kind of its values in a file. */
  readonly reads: ColumnKind;
  readonly #text: string;
  readonly #fit: (values: readonly unknown[], place: Place) => ColumnEncoder;

  constructor(output: O, reads: ColumnKind, text: string, fit: (values: readonly unknown[], place: Place) => ColumnEncoder) {
    this.output = output;
    this.reads = reads;
    this.#text = text;
    this.#fit = fit;
  }

  toString(): string {
    return this.#text;
  }

  /** Learns from the values of the training rows. */
  fit$(values: readonly unknown[], place: Place): ColumnEncoder {
    return this.#fit(values, place);
  }
}

/** Numbers that `read` makes of values, with `place` at the row of each. */
export function readNumbers<V>(values: ArrayLike<V>, place: Place, read: (value: V, place: Place) => number): Float64Array {
  const numbers = new Float64Array(values.length);
  for (let row = 0; row < numbers.length; row++) {
    place.row = row;
    numbers[row] = read(values[row]!, place);
  }
  place.row = undefined;
  return numbers;
}

/** Calls `read` for each value, with `place` at its row. */
export function readAll<T>(values: readonly unknown[], place: Place, read: (value: unknown, place: Place) => T): T[] {
  const result = values.map((value, row) => {
    place.row = row;
    return read(value, place);
  });
  place.row = undefined;
  return result;
}
