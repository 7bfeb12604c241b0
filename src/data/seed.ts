import { ArgumentError } from '../errors.js';
import { describeValue } from '../describe-value.js';

/** A seed as Philox takes it: an integer that a double holds exactly. */
export function checkSeed(op: string, seed: number): number {
  if (Number.isSafeInteger(seed) && seed >= 0) return seed;
  throw new ArgumentError(`[${op}] seed: got ${describeValue(seed)}, expected an integer in [0, 2^53).`, { op });
}
