import { ArgumentError } from '../errors.js';
import { MAX_RANK } from '../ops/check.js';
import type { Shape } from '../shape.js';
import { describeValue } from '../describe-value.js';

/** Throws ArgumentError for what is no shape of one example. */
export function checkExampleShape(op: string, option: string, shape: Shape): void {
  if (Array.isArray(shape) && shape.length < MAX_RANK && shape.every((dim) => Number.isInteger(dim) && dim >= 1)) return;
  const few = Array.isArray(shape) && shape.length >= MAX_RANK ? `at most ${MAX_RANK - 1} ` : '';
  const got = Array.isArray(shape) ? `[${shape.map(describeValue).join(',')}]` : describeValue(shape);
  throw new ArgumentError(`[${op}] ${option}: got ${got}, expected ${few}integers of at least 1, the shape of one example without the batch, as in { ${option}: [4] }.`, { op });
}
