import { ArgumentError } from '../errors.js';
import { sub, mul } from '../ops/arithmetic.js';
import { cast } from '../ops/cast.js';
import { gatherRows } from '../ops/indexing.js';
import { fromArray, scalar } from '../ops/leaf.js';
import { checkRequired } from '../options.js';
import { describeList, describeValue } from '../describe-value.js';
import { showShape, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';

/** Mean and standard deviation that inputs are normalised with: of all elements, or one for each column, the last dimension of [F] or [T, F]. */
export interface Normalize {
  readonly mean: number | readonly number[];
  readonly std: number | readonly number[];
}

/** Mean and deviation of one column, or of all elements. */
interface Moments {
  readonly mean: number;
  readonly std: number;
}

/** Mean and standard deviation of images: of all channels together, or one number for each. */
export interface ChannelNormalize {
  readonly mean: number | readonly number[];
  readonly std: number | readonly number[];
}

/** Scalars, [C, 1, 1] for the channels of images, or [F] for columns: bytes are cast and become `(value - mean - rest) * scale` where a batch is gathered. */
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
  for (const one of [mean].flat()) if (!Number.isFinite(one)) throw new ArgumentError(`[${op}] normalize.mean: got ${describeValue(one)}, expected a finite number.`, { op });
  for (const one of [std].flat()) {
    if (!(Number.isFinite(one) && one > 0)) {
      throw new ArgumentError(`[${op}] normalize.std: got ${describeValue(one)}, expected a finite number above 0. Leave normalize out to use the values as they are.`, { op });
    }
  }
}

/** Throws ArgumentError where there are not as many numbers as columns. */
export function checkColumns(normalize: Normalize | undefined, shape: Shape, op: string, what: string): void {
  for (const name of ['mean', 'std'] as const) {
    const value = normalize?.[name];
    if (!isList(value) || (shape.length >= 1 && shape.length <= 2 && value.length === shape.at(-1))) continue;
    const expected = shape.length >= 1 && shape.length <= 2 ? `one number, or one for each of the ${shape.at(-1)} columns` : 'one number: columns are those of examples [F] or [T,F]';
    throw new ArgumentError(`[${op}] normalize.${name}: got ${value.length} numbers for ${what}, whose examples have the shape ${showShape(shape)}, expected ${expected}.`, { op });
  }
}

const isList = (value: unknown): value is readonly number[] => Array.isArray(value);

/** Number of columns; 1 where all elements have the same. */
function columnsIn({ mean, std }: Normalize): number {
  return isList(mean) ? mean.length : isList(std) ? std.length : 1;
}

/** The moments of each column. */
function byColumn({ mean, std }: Normalize): Moments[] {
  return Array.from({ length: columnsIn({ mean, std }) }, (_, c) => ({ mean: isList(mean) ? mean[c]! : mean, std: isList(std) ? std[c]! : std }));
}

/** Normalises bytes natively: the mean is subtracted first, in two floats, so that no digit is lost however large it is beside std. */
export function affineOf(normalize: Normalize, op: string): Affine {
  const numbers = byColumn(normalize).map((moments) => numbersOf(moments, op));
  const leaf = (of: (one: AffineNumbers) => number): Tensor => (isList(normalize.mean) || isList(normalize.std) ? fromArray(Float32Array.from(numbers, of), [numbers.length], 'float32') : scalar(of(numbers[0]!), 'float32'));
  return { mean: leaf(({ mean }) => mean), rest: leaf(({ rest }) => rest), scale: leaf(({ scale }) => scale) };
}

type AffineNumbers = Readonly<Record<keyof Affine, number>>;

function numbersOf({ mean, std }: Moments, op: string): AffineNumbers {
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
  if (!Array.isArray(normalize.mean) && !Array.isArray(normalize.std)) return affineOf(normalize, op);
  const numbers = perChannel(normalize, channels).map((one) => numbersOf(one, op));
  const leaf = (of: (one: AffineNumbers) => number): Tensor => fromArray(Float32Array.from(numbers, of), [channels, 1, 1], 'float32');
  return { mean: leaf(({ mean }) => mean), rest: leaf(({ rest }) => rest), scale: leaf(({ scale }) => scale) };
}

function perChannel({ mean, std }: ChannelNormalize, channels: number): Moments[] {
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
  const scaled = (value: number | readonly number[]): number | number[] => (isList(value) ? value.map((one) => 255 * one) : 255 * value);
  return { mean: scaled(mean), std: scaled(std) };
}

/** A function that normalises a number, number `at` of its array. */
export function normalizer(normalize: Normalize): (value: number, at: number) => number {
  const moments = byColumn(normalize);
  return (value, at) => {
    const { mean, std } = moments[at % moments.length]!;
    return (value - mean) / std;
  };
}

/** Writes numbers into `floats`, normalised in double precision: only the result is rounded. The first of them is of the first column. */
export function normalizeInto(floats: Float32Array, values: ArrayLike<number>, normalize: Normalize): void {
  const moments = byColumn(normalize);
  const columns = moments.length;
  for (let c = 0; c < columns; c++) {
    const { mean, std } = moments[c]!;
    for (let i = c; i < values.length; i += columns) floats[i] = (values[i]! - mean) / std;
  }
}
