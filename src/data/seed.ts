import { ArgumentError } from '../errors.js';
import { shown } from '../shown.js';

/** A seed as Philox takes it: an integer that a double holds exactly. */
export function checkSeed(op: string, seed: number): number {
  if (Number.isSafeInteger(seed) && seed >= 0) return seed;
  throw new ArgumentError(`[${op}] seed: got ${shown(seed)}, expected an integer in [0, 2^53).`, { op });
}
