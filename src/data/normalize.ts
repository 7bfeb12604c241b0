import { ArgumentError } from '../errors.js';
import { sub, mul } from '../ops/arithmetic.js';
import { cast } from '../ops/cast.js';
import { gatherRows } from '../ops/indexing.js';
import { fromArray, scalar } from '../ops/leaf.js';
import { checkRequired } from '../options.js';
import { describeList, describeValue } from '../describe-value.js';
import type { Tensor } from '../tensor.js';

/** Mean and standard deviation that inputs are normalised with. */
export interface Normalize {
  readonly mean: number;
  readonly std: number;
}

/** Mean and standard deviation of images: of all channels together, or one number for each. */
export interface ChannelNormalize {
  readonly mean: number | readonly number[];
  readonly std: number | readonly number[];
}

/** Scalars, or [C, 1, 1] for the channels of images: bytes are cast and become `(value - mean - rest) * scale` where a batch is gathered. */
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
export function affineOf(normalize: Normalize, op: string): Affine {
  const { mean, rest, scale } = numbersOf(normalize, op);
  return { mean: scalar(mean, 'float32'), rest: scalar(rest, 'float32'), scale: scalar(scale, 'float32') };
}

type AffineNumbers = Readonly<Record<keyof Affine, number>>;

function numbersOf({ mean, std }: Normalize, op: string): AffineNumbers {
  const center = 255 * mean;
  const rounded = Math.fround(center);
  const scale = Math.fround(1 / (255 * std));
  if (!Number.isFinite(rounded) || !(scale > 0 && scale < Infinity)) {
    throw new ArgumentError(`[${op}] normalize of bytes: got mean ${mean} and std ${std}, expected numbers of the size of bytes scaled to 0..1.`, { op });
  }
  return { mean: rounded, rest: center - rounded, scale };
}

/** Checks `normalize` of images with so many channels. */
export function checkChannelNormalize(normalize: ChannelNormalize | undefined, channels: number, op: string): void {
  if (normalize === undefined) return;
  checkRequired(`${op} normalize`, normalize, ['mean', 'std']);
  for (const name of ['mean', 'std'] as const) {
    const value: unknown = normalize[name];
    if (!Array.isArray(value) || value.length === channels) continue;
    throw new ArgumentError(`[${op}] normalize.${name}: got ${describeList(value)}, expected one number, or one for each of the ${channels} channels.`, { op });
  }
  for (const one of perChannel(normalize, channels)) checkNormalize(one, op);
}

/** Normalises images of bytes natively, each channel by its own numbers where there are several. */
export function channelAffineOf(normalize: ChannelNormalize, channels: number, op: string): Affine {
  if (!Array.isArray(normalize.mean) && !Array.isArray(normalize.std)) return affineOf(normalize as Normalize, op);
  const numbers = perChannel(normalize, channels).map((one) => numbersOf(one, op));
  const leaf = (of: (one: AffineNumbers) => number): Tensor => fromArray(Float32Array.from(numbers, of), [channels, 1, 1], 'float32');
  return { mean: leaf(({ mean }) => mean), rest: leaf(({ rest }) => rest), scale: leaf(({ scale }) => scale) };
}

function perChannel({ mean, std }: ChannelNormalize, channels: number): Normalize[] {
  const at = (value: number | readonly number[], c: number): number => (typeof value === 'object' ? value[c]! : value);
  return Array.from({ length: channels }, (_, c) => ({ mean: at(mean, c), std: at(std, c) }));
}

/** Rows of an array as batches have them, normalised where `affine` says how: the same numbers by scalars and by channels. */
export function normalizedRows(data: Tensor, indices: Tensor, affine: Affine | undefined): Tensor {
  const byScalars = affine === undefined || affine.mean.shape.length === 0;
  return byScalars ? gatherRows(data, indices, affine) : normalized(gatherRows(data, indices), affine);
}

/** Elements as floats, normalised where `affine` says how. */
export function normalized(data: Tensor, affine: Affine | undefined): Tensor {
  const floats = data.dtype === 'float32' ? data : (cast(data, 'float32') as Tensor);
  return affine === undefined ? floats : mul(sub(sub(floats, affine.mean), affine.rest), affine.scale);
}

/** Throws where integers are to be normalised: `what` are those that the option is for. */
export function refuseNormalizedIntegers(op: string, what: string, normalize: Normalize | undefined): void {
  if (normalize !== undefined) throw new ArgumentError(`[${op}] normalize: got it for ${what}, which is int32, expected floats. Leave it out, or give { dtype: 'float32' }.`, { op });
}

/** The same normalisation of numbers that bytes are, unscaled. */
export function ofBytes({ mean, std }: Normalize): Normalize {
  return { mean: 255 * mean, std: 255 * std };
}

/** Writes numbers into `floats`, normalised in double precision: only the result is rounded. */
export function normalizeInto(floats: Float32Array, values: ArrayLike<number>, { mean, std }: Normalize): void {
  for (let i = 0; i < values.length; i++) floats[i] = (values[i]! - mean) / std;
}
