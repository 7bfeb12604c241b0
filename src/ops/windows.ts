import { describeValue } from '../describe-value.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { showShape, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { MAX_ELEMENTS } from './check.js';
import { squeeze, unsqueeze } from './views.js';

/** Names of spatial axes, the last ones of as many as there are. */
const AXES = ['depth', 'height', 'width'];

/** One whole number for every spatial axis of `rank`, or one each; as an array of one each. */
export function perAxis(op: string, name: string, value: unknown, rank: number, least: number): readonly number[] {
  const each: readonly unknown[] = Array.isArray(value) ? value : Array.from({ length: rank }, () => value);
  if (each.length === rank && each.every((size) => Number.isInteger(size) && (size as number) >= least && (size as number) <= MAX_ELEMENTS)) return [...(each as readonly number[])];
  const or = rank === 1 ? '' : `, or one each: [${AXES.slice(3 - rank).join(', ')}]`;
  throw new ArgumentError(`[${op}] ${name}: got ${describeSizes(value)}, expected a whole number of at least ${least}${or}.`, { op });
}

/** Three numbers, one for each axis that rows of windows have. */
export function three(some: readonly number[], missing: number): readonly number[] {
  return [...Array.from({ length: 3 - some.length }, () => missing), ...some];
}

/** Throws ShapeError for x that is no batch [N, C, ..] of that spatial rank; `shapes` are those of the call. */
export function checkImages(op: string, rank: number, x: Shape, shapes: readonly Shape[] = [x]): void {
  if (x.length === rank + 2) return;
  const expected = ['C', ...(rank === 1 ? ['L'] : ['D', 'H', 'W'].slice(3 - rank))].join(',');
  throw new ShapeError(`[${op}] the shape does not fit: got x ${showShape(x)}, expected [N,${expected}]. Put what is missing in front: x.unsqueeze(0).`, { op, shapes });
}

/** Calls f with a batch [N, C, ..]. Images without one, [C, ..], are a batch of one on their way, as in torch. */
export function asBatch(rank: number, x: Tensor, f: (batch: Tensor) => Tensor): Tensor {
  return x.shape.length === rank + 1 ? squeeze(f(unsqueeze(x, 0) as Tensor), 0) : f(x);
}

/** Sizes as they stand in messages. */
export function describeSizes(value: unknown): string {
  return Array.isArray(value) ? `[${value.map(describeValue).join(',')}]` : describeValue(value);
}
