import { ArgumentError } from '../errors.js';
import { checkOptions } from '../options.js';

/** Mean and standard deviation that inputs are normalised with. */
export interface Normalize {
  readonly mean: number;
  readonly std: number;
}

/** Inputs are cast and become `value * scale + shift` where a batch is gathered; undefined leaves the values as they are. */
export interface Affine {
  readonly scale: number;
  readonly shift: number;
}

/**
 * What `normalize` asks for, as a scale and a shift: x' = (x - mean) / std for floats, and x' = (x / 255 - mean) / std for
 * bytes, whose mean and std are meant on values scaled to 0..1. So { mean: 0, std: 1 } scales bytes to 0..1.
 */
export function affineOf(normalize: Normalize | undefined, bytes: boolean, op: string): Affine | undefined {
  if (normalize === undefined) return undefined;
  checkOptions(`${op} normalize`, normalize, ['mean', 'std']);
  const { mean, std } = normalize;
  if (!Number.isFinite(mean)) throw new ArgumentError(`[${op}] normalize.mean: got ${String(mean)}, expected a finite number.`, { op });
  if (!(Number.isFinite(std) && std > 0)) {
    throw new ArgumentError(`[${op}] normalize.std: got ${String(std)}, expected a finite number above 0. Leave normalize out to use the values as they are.`, { op });
  }
  return { scale: 1 / (bytes ? 255 * std : std), shift: -mean / std };
}
