import { allocate } from '../numeric-array.js';
import { checkOptions } from '../options.js';
import type { Tensor } from '../tensor.js';
import { checkCount, checkShape } from './check.js';
import { fromArray } from './leaf.js';
import { keptTable, positionsFrom, type OffsetOption } from './positions.js';

/** Slopes of the heads: 2^(-8/H), its powers up to 2^-8; where H is no power of two, those of the next lower one and every second of the next higher one. */
function slopesOf(heads: number): number[] {
  const powers = (count: number): number[] => Array.from({ length: count }, (_, i) => 2 ** ((-8 * (i + 1)) / count));
  const lower = 2 ** Math.floor(Math.log2(heads));
  return lower === heads ? powers(heads) : [...powers(lower), ...powers(2 * lower).filter((_, i) => i % 2 === 0).slice(0, heads - lower)];
}

export interface AlibiOptions extends OffsetOption {
  /** True: -infinity for keys behind their query. Default false. */
  readonly isCausal?: boolean | undefined;
}

/**
 * Attention with linear biases: a mask that is added to scores, -slope_h |i - j| for the query at position i and the key at position j, with slopes 2^(-8 h / heads). Returns
 * [heads, queries, keys] float32, or [B, heads, queries, keys] where `offset` has a position of the first query for each example. Source: Press, Smith and Lewis, arXiv:2108.12409.
 * Throws ArgumentError for numbers that are wrong.
 *
 *     console.log(alibi(8, 16).shape);       // [8, 16, 16]
 */
export function alibi(heads: number, queries: number, keys: number = queries, options?: AlibiOptions): Tensor {
  const op = 'alibi';
  checkCount(op, 'heads', heads);
  checkCount(op, 'queries', queries);
  checkCount(op, 'keys', keys);
  checkOptions(op, options, ['offset', 'isCausal']);
  const { offset = 0, isCausal = false } = options ?? {};
  const B = typeof offset === 'number' ? 1 : (offset?.length ?? 0);
  checkShape(op, [Math.max(B, 1), heads, queries, keys]);
  const positions = positionsFrom(op, offset, queries, B);
  const [table] = offset === 0 ? keptTable(`alibi ${heads} ${queries} ${keys} ${isCausal}`, () => [biases(positions, heads, queries, keys, isCausal)]) : [biases(positions, heads, queries, keys, isCausal)];
  return fromArray(table!, typeof offset === 'number' ? [heads, queries, keys] : [B, heads, queries, keys], 'float32') as Tensor;
}

function biases(positions: Int32Array, heads: number, queries: number, keys: number, isCausal: boolean): Float32Array {
  const slopes = slopesOf(heads);
  const count = (positions.length / queries) * heads * queries * keys;
  const table = allocate('alibi', 'the biases', count, () => new Float32Array(count));
  let at = 0;
  for (let b = 0; b < positions.length / queries; b++) {
    for (let h = 0; h < heads; h++) {
      for (let i = 0; i < queries; i++) {
        const position = positions[b * queries + i]!;
        for (let j = 0; j < keys; j++) table[at++] = isCausal && j > position ? -Infinity : -slopes[h]! * Math.abs(position - j);
      }
    }
  }
  return table;
}
