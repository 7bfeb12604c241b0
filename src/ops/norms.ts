import { ArgumentError, ShapeError } from '../errors.js';
import { describeValue } from '../describe-value.js';
import type { DType } from '../dtype.js';
import { outputOf, record } from '../graph/recorder.js';
import { checkOptions } from '../options.js';
import { sameShape, showShape, type Shape } from '../shape.js';
import type { Differ, Plain } from '../shape-types.js';
import type { Tensor } from '../tensor.js';
import type { Divides } from '../window-types.js';
import { checkCount, checkShape, checkTensor } from './check.js';
import { ones } from './constructors.js';
import { normalizationOps, type NormAttrs } from './normalization.js';

type Name = 'batchNorm' | 'instanceNorm' | 'groupNorm' | 'layerNorm' | 'rmsNorm';
type Optional = Tensor | undefined;

export interface NormOptions {
  /** Number added to the variance. Default 1e-5. */
  readonly eps?: number | undefined;
}

export interface RmsNormOptions {
  /** Number added to the mean square; null: 2^-23, the distance of 1 from the next float32. Default null. */
  readonly eps?: number | null | undefined;
}

/** Sizes of the dimensions that a layer norm goes over, the last ones of x; a number stands for one dimension. */
export type NormalizedShape = number | Shape;

/** A normalised shape as a shape. */
export type ShapeOf<N extends NormalizedShape> = N extends number ? [N] : N extends Shape ? Plain<N> : Shape;

/** True if N is known not to be the end of S. */
export type TailDiffers<S extends Shape, N extends Shape> = number extends S['length'] | N['length']
  ? false
  : N extends readonly [...infer NH extends number[], infer NL extends number]
    ? S extends readonly [...infer SH extends number[], infer SL extends number]
      ? Differ<SL, NL> extends true
        ? true
        : TailDiffers<SH, NH>
      : true
    : false;

type Joined<S extends Shape, Text extends string = ''> = S extends readonly [infer H extends number, ...infer Rest extends number[]] ? Joined<Rest, Text extends '' ? `${H}` : `${Text},${H}`> : `[${Text}]`;

/** `unknown` where x ends in the normalised shape, else the reason why not. */
export type TailFits<Op extends string, S extends Shape, N extends NormalizedShape> = TailDiffers<S, ShapeOf<N>> extends true ? `[${Op}] x ends in other sizes than ${Joined<ShapeOf<N>>}` : unknown;

/** `unknown` where a tensor of shape W fits features of the shape F, else the reason why not. */
type FeaturesFit<Op extends string, F extends Shape, W extends Shape> = TailDiffers<W, F> extends true ? `[${Op}] weight and bias are ${Joined<F>}, got ${Joined<W>}` : unknown;

type Channels<S extends Shape> = number extends S['length'] ? Shape : S extends readonly [number, infer C extends number, ...number[]] ? [C] : Shape;

/** `unknown` where the channels of x divide into groups, else the reason why not. */
type GroupsFit<Op extends string, S extends Shape, G extends number> = Channels<S> extends readonly [infer C extends number] ? (Divides<C, G> extends false ? `[${Op}] ${C} channels do not divide into ${G} groups` : unknown) : unknown;

/** Checks a number that is added to a variance. */
export function checkEps(op: string, eps: unknown): number {
  if (typeof eps === 'number' && eps >= 0 && eps < Infinity) return eps;
  throw new ArgumentError(`[${op}] eps: got ${describeValue(eps)}, expected a number of at least 0.`, { op });
}

/** Checks the sizes that a layer norm goes over. */
export function checkNormalizedShape(op: string, normalizedShape: NormalizedShape): Shape {
  const shape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape;
  checkShape(op, shape);
  if (shape.length > 0 && !shape.includes(0)) return shape;
  throw new ArgumentError(`[${op}] normalizedShape: got ${showShape(shape)}, expected at least one size, all of at least 1.`, { op });
}

/** y, and the statistics by which it was normalised: variances are biased; of a norm of the mean square that is the variance, and there is no mean. */
export interface Normalized {
  readonly y: Tensor;
  readonly variance: Tensor;
  readonly mean: Tensor | undefined;
}

function normalize(name: Name, x: Tensor, weight: Optional, bias: Optional, attrs: NormAttrs): Normalized {
  if (bias !== undefined) checkTensor(name, bias, 'bias');
  const inputs = [x, weight ?? (bias && (ones(bias.shape) as Tensor)), bias].filter((tensor) => tensor !== undefined);
  const y = record(normalizationOps[name], inputs, attrs);
  return { y, variance: outputOf(y, 1), mean: y.more.length > 1 ? outputOf(y, 2) : undefined };
}

/** Normalises x [N, C, ..] by channels: over the batch, or each example by itself; see nn.batchNorm2d() and instanceNorm(). */
export function normalizeChannels(name: 'batchNorm' | 'instanceNorm', x: Tensor, weight: Optional, bias: Optional, eps: number): Normalized {
  return normalize(name, x, weight, bias, { eps, groups: x.shape[1] ?? 1, from: 1 });
}

/** Group norm of operands that have been checked. */
export function normalizeGroups(x: Tensor, groups: number, weight: Optional, bias: Optional, eps: number): Tensor {
  return normalize('groupNorm', x, weight, bias, { eps, groups, from: 1 }).y;
}

/** Layer norm or norm of the mean square over the last dimensions, whose sizes have been checked. */
export function normalizeTail(name: 'layerNorm' | 'rmsNorm', x: Tensor, shape: Shape, weight: Optional, bias: Optional, eps: number): Tensor {
  const from = x.shape.length - shape.length;
  if (from < 0 || !sameShape(x.shape.slice(from), shape)) {
    throw new ShapeError(`[${name}] the shape does not fit: got x ${showShape(x.shape)}, expected one that ends in normalizedShape ${showShape(shape)}.`, { op: name, shapes: [x.shape] });
  }
  return normalize(name, x, weight, bias, { eps, groups: 1, from }).y;
}

/**
 * Group norm: y = (x - mean) / sqrt(var + eps) * weight + bias, with mean and (biased) variance of each example over each of `numGroups` groups of channels. x [N, C, ..] and
 * weight and bias [C], if they are there, float32, give the shape of x. A group of one element gives 0, so bias. As torch.nn.functional.group_norm. Source: Wu and He, arXiv:1803.08494.
 * Throws ArgumentError for a number of groups or eps that is none, ShapeError where groups do not divide the channels, or weight or bias are of other shapes.
 *
 *     const photos = zeros([8, 6, 32, 32]);
 *     const y = groupNorm(photos, 3, ones([6]), zeros([6]));          // [8, 6, 32, 32]
 */
export function groupNorm<S extends Shape, D extends DType, const G extends number, W extends Shape = Shape, B extends Shape = Shape>(
  x: Tensor<S, D> & GroupsFit<'groupNorm', S, G>,
  numGroups: G,
  weight?: Tensor<W, D> & FeaturesFit<'groupNorm', Channels<S>, W>,
  bias?: Tensor<B, D> & FeaturesFit<'groupNorm', Channels<S>, B>,
  options?: NormOptions,
): Tensor<S, D> {
  checkTensor('groupNorm', x, 'x');
  checkOptions('groupNorm', options, ['eps']);
  const eps = checkEps('groupNorm', options?.eps ?? 1e-5);
  return normalizeGroups(x, checkCount('groupNorm', 'numGroups', numGroups), weight, bias, eps) as unknown as Tensor<S, D>;
}

/**
 * Instance norm: y = (x - mean) / sqrt(var + eps) * weight + bias, with mean and (biased) variance of each channel of each example. x [N, C, ..] and weight and bias [C], if they are
 * there, float32, give the shape of x. As torch.nn.functional.instance_norm without running statistics, which nn.instanceNorm2d() has. Source: Ulyanov et al., arXiv:1607.08022.
 * Throws ArgumentError for eps, ShapeError for weights of other shapes, and for one element a channel, whose variance is none.
 *
 *     const pictures = zeros([8, 3, 32, 32]);
 *     const y = instanceNorm(pictures);                               // [8, 3, 32, 32]
 */
export function instanceNorm<S extends Shape, D extends DType, W extends Shape = Shape, B extends Shape = Shape>(
  x: Tensor<S, D>,
  weight?: Tensor<W, D> & FeaturesFit<'instanceNorm', Channels<S>, W>,
  bias?: Tensor<B, D> & FeaturesFit<'instanceNorm', Channels<S>, B>,
  options?: NormOptions,
): Tensor<S, D> {
  checkTensor('instanceNorm', x, 'x');
  checkOptions('instanceNorm', options, ['eps']);
  const eps = checkEps('instanceNorm', options?.eps ?? 1e-5);
  const { shape } = x as Tensor;
  if (shape.slice(2).every((size) => size === 1)) {
    throw new ShapeError(`[instanceNorm] one value a channel has no variance: got x ${showShape(shape)}, expected [N,C,..] with more positions. Take groupNorm() or layerNorm().`, { op: 'instanceNorm', shapes: [shape] });
  }
  return normalizeChannels('instanceNorm', x as Tensor, weight, bias, eps).y as unknown as Tensor<S, D>;
}

/**
 * Layer norm: y = (x - mean) / sqrt(var + eps) * weight + bias, with mean and (biased) variance over the last dimensions, of the sizes `normalizedShape`. x [.., normalizedShape], and
 * weight and bias [normalizedShape], if they are there, float32, give the shape of x. As torch.nn.functional.layer_norm. Source: Ba, Kiros and Hinton, arXiv:1607.06450.
 * Throws ArgumentError for sizes or eps that are none, ShapeError where x ends in others, or weight or bias are of other shapes.
 *
 *     const words = zeros([8, 16, 64]);
 *     const y = layerNorm(words, 64, ones([64]), zeros([64]));        // [8, 16, 64]
 */
export function layerNorm<S extends Shape, D extends DType, const N extends NormalizedShape, W extends Shape = Shape, B extends Shape = Shape>(
  x: Tensor<S, D> & TailFits<'layerNorm', S, N>,
  normalizedShape: N,
  weight?: Tensor<W, D> & FeaturesFit<'layerNorm', ShapeOf<N>, W>,
  bias?: Tensor<B, D> & FeaturesFit<'layerNorm', ShapeOf<N>, B>,
  options?: NormOptions,
): Tensor<S, D> {
  checkTensor('layerNorm', x, 'x');
  checkOptions('layerNorm', options, ['eps']);
  const eps = checkEps('layerNorm', options?.eps ?? 1e-5);
  return normalizeTail('layerNorm', x, checkNormalizedShape('layerNorm', normalizedShape), weight, bias, eps) as unknown as Tensor<S, D>;
}

/**
 * Norm of the root mean square: y = x / sqrt(mean(x^2) + eps) * weight, with the mean over the last dimensions, of the sizes `normalizedShape`. x [.., normalizedShape] and weight
 * [normalizedShape], if it is there, float32, give the shape of x. As torch.nn.functional.rms_norm. Source: Zhang and Sennrich, arXiv:1910.07467.
 * Throws ArgumentError for sizes or eps that are none, ShapeError where x ends in others, or weight is of another shape.
 *
 *     const tokens = zeros([8, 16, 64]);
 *     const y = rmsNorm(tokens, 64, ones([64]), { eps: 1e-6 });       // [8, 16, 64]
 */
export function rmsNorm<S extends Shape, D extends DType, const N extends NormalizedShape, W extends Shape = Shape>(
  x: Tensor<S, D> & TailFits<'rmsNorm', S, N>,
  normalizedShape: N,
  weight?: Tensor<W, D> & FeaturesFit<'rmsNorm', ShapeOf<N>, W>,
  options?: RmsNormOptions,
): Tensor<S, D> {
  checkTensor('rmsNorm', x, 'x');
  checkOptions('rmsNorm', options, ['eps']);
  const eps = checkEps('rmsNorm', options?.eps ?? MACHINE_EPSILON);
  return normalizeTail('rmsNorm', x, checkNormalizedShape('rmsNorm', normalizedShape), weight, undefined, eps) as unknown as Tensor<S, D>;
}

/** The distance of 1 from the next float32. */
export const MACHINE_EPSILON = 2 ** -23;
