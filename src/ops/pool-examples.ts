import type { SpatialRank } from '../window-types.js';
import { example } from './examples.js';
import type { Example } from './record.js';

/** Images of odd sizes, no image, one pixel, transposed ones; windows that overlap, that leave elements out, as large as the image, not whole. */
export function poolExamples(rank: SpatialRank): Example[] {
  const cases: [N: number, C: number, size: number, k: number, s: number, p: number, ceilMode?: true][] = [
    [1, 1, 1, 1, 1, 0],
    [2, 3, 4, 2, 2, 0],
    [1, 17, 5, 3, 2, 1],
    [1, 17, 5, 3, 2, 1, true],
    [7, 1, 18, 3, 1, 1],
    [1, 2, 41, 2, 2, 1, true],
    [1, 2, 8, 2, 4, 1],
    [1, 3, 6, 6, 6, 0],
    [0, 3, 4, 2, 2, 0],
  ];
  const each = (value: number): readonly number[] => Array.from({ length: rank }, () => value);
  // Sizes that differ, so that axes mixed up show; the first ones small.
  const sizes = (size: number): readonly number[] => Array.from({ length: rank }, (_, axis) => (axis === rank - 1 ? size : Math.min(size, 5) + rank - 2 - axis));
  const windows = (k: number, s: number, p: number, ceilMode = false) => ({ kernel: each(k), stride: each(s), padding: each(p), ceilMode });
  return [
    ...cases.map(([N, C, size, k, s, p, ceilMode]) => example([{ shape: [N, C, ...sizes(size)] }], windows(k === 6 ? 5 : k, s, p, ceilMode))),
    example([{ shape: [3, 4, ...each(2)], as: 'view' }], windows(2, 1, 0)),
  ];
}
