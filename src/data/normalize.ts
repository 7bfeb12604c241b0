import { ArgumentError } from '../errors.js';
import { scalar } from '../ops/leaf.js';
import { checkRequired } from '../options.js';
import { describeValue } from '../describe-value.js';
import type { Tensor } from '../tensor.js';

/** Mean and standard deviation that inputs are normalised with. */
export interface Normalize {
  readonly mean: number;
  readonly std: number;
}

/** Scalars: bytes are cast and become `(value - mean - rest) * scale` where a batch is gathered. */
export interface Affine {
  readonly mean: Tensor;
  /** Part of the mean that does not fit into a float. */
  readonly rest: Tensor;
  readonly scale: Tensor;
}

/**
 * Checks what `normalize` asks for: x' = (x - mean) / std for floats, and x' = (x / 255 - mean) / std for bytes, whose mean and std are
 * meant on values scaled to 0..1. So { mean: 0, std: 1 } scales bytes to 0..1.
 */
export function checkNormalize(normalize: Normalize | undefined, op: string): void {
  if (normalize === undefined) return;
  checkRequired(`${op} normalize`, normalize, ['mean', 'std']);
  const { mean, std } = normalize;
  if (!Number.isFinite(mean)) throw new ArgumentError(`[${op}] normalize.mean: got ${describeValue(mean)}, expected a finite number.`, { op });
  if (!(Number.isFinite(std) && std > 0)) {
    throw new ArgumentError(`[${op}] normalize.std: got ${describeValue(std)}, expected a finite number above 0. Leave normalize out to use the values as they are.`, { op });
  }
}

/** Normalises bytes natively: the mean is subtracted first, in two floats, so that no digit is lost however large it is beside std. */
export function affineOf({ mean, std }: Normalize, op: string): Affine {
  const center = 255 * mean;
  const rounded = Math.fround(center);
  const scale = Math.fround(1 / (255 * std));
  if (!Number.isFinite(rounded) || !(scale > 0 && scale < Infinity)) {
    throw new ArgumentError(`[${op}] normalize of bytes: got mean ${mean} and std ${std}, expected numbers of the size of bytes scaled to 0..1.`, { op });
  }
  return { mean: scalar(rounded, 'float32'), rest: scalar(center - rounded, 'float32'), scale: scalar(scale, 'float32') };
}

/** Writes numbers into `floats`, normalised in double precision: only the result is rounded. */
export function normalizeInto(floats: Float32Array, values: ArrayLike<number>, { mean, std }: Normalize): void {
  for (let i = 0; i < values.length; i++) floats[i] = (values[i]! - mean) / std;
}
