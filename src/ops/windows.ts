import { describeValue } from '../describe-value.js';
import { ArgumentError } from '../errors.js';
import { MAX_ELEMENTS } from './check.js';

/** Names of spatial axes, the last ones of as many as there are. */
const AXES = ['depth', 'height', 'width'];

/** One whole number for every spatial axis of `rank`, or one each; as an array of one each. */
export function perAxis(op: string, name: string, value: unknown, rank: number, least: number): readonly number[] {
  const each: readonly unknown[] = Array.isArray(value) ? value : Array.from({ length: rank }, () => value);
  if (each.length === rank && each.every((size) => Number.isInteger(size) && (size as number) >= least && (size as number) <= MAX_ELEMENTS)) return [...(each as readonly number[])];
  const or = rank === 1 ? '' : `, or one each: [${AXES.slice(3 - rank).join(', ')}]`;
  throw new ArgumentError(`[${op}] ${name}: got ${describeSizes(value)}, expected a whole number of at least ${least}${or}.`, { op });
}

/** Sizes as they stand in messages. */
export function describeSizes(value: unknown): string {
  return Array.isArray(value) ? `[${value.map(describeValue).join(',')}]` : describeValue(value);
}
