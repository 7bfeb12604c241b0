import type { DType } from '../dtype.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { checkCount } from '../ops/check.js';
import { checkEps, normalizeGroups } from '../ops/norms.js';
import { checkFlags, checkOptions } from '../options.js';
import { Parameter } from '../parameter.js';
import { showShape, type Shape } from '../shape.js';
import type { Differ } from '../shape-types.js';
import type { Tensor } from '../tensor.js';
import type { Divides } from '../window-types.js';
import { ones, zeros } from './initializers.js';
import { Layer, type LayerCall } from './layer.js';
import { ShapeMismatch, type InferredShape } from './shape-inference.js';
import type { Show, ShapeFunction, ShapeMismatch as Mismatch } from './shape-mismatch.js';

export interface GroupNormOptions {
  /** Number added to the variance. Default 1e-5. */
  readonly eps?: number | undefined;
  /** Switch for a weight and a bias. Default true. */
  readonly affine?: boolean | undefined;
}

/** groupNorm(G, C): the same shape comes out. */
export interface GroupedChannels<G extends number, C extends number> extends ShapeFunction {
  readonly out: this['in'] extends Shape
    ? number extends this['in']['length']
      ? Shape
      : this['in'] extends readonly [infer I extends number, ...number[]]
        ? Differ<I, C> extends true
          ? Mismatch<`groupNorm(${G}, ${C}) expects ${C} channels`, I>
          : this['in']
        : Mismatch<`groupNorm(${G}, ${C}) expects ${C} channels`, Show<this['in']>>
    : Shape;
}

/** `unknown` where groups divide the channels, else a property that no number has and that says why not. */
export type ChannelsDivide<G extends number, C extends number> = Divides<C, G> extends false ? { readonly error: `[groupNorm] ${C} channels do not divide into ${G} groups` } : unknown;

/** See groupNorm(). */
export class GroupNorm<G extends number = number, C extends number = number> extends Layer<Shape, Shape, GroupedChannels<G, C>> {
  readonly numGroups: G;
  readonly numChannels: C;
  readonly eps: number;
  /** [numChannels]; undefined without `affine`. */
  readonly weight: Parameter<[C]> | undefined;
  readonly bias: Parameter<[C]> | undefined;

  constructor(numGroups: G, numChannels: C, options: GroupNormOptions = {}) {
    super();
    const op = 'groupNorm';
    checkOptions(op, options, ['eps', 'affine']);
    checkFlags(op, options, ['affine']);
    checkCount(op, 'numGroups', numGroups);
    checkCount(op, 'numChannels', numChannels);
    if (numChannels % numGroups !== 0) throw new ArgumentError(`[groupNorm] numGroups: got ${numGroups} for ${numChannels} channels, expected a number that divides them.`, { op });
    this.numGroups = numGroups;
    this.numChannels = numChannels;
    this.eps = checkEps(op, options.eps ?? 1e-5);
    const affine = options.affine ?? true;
    this.weight = affine ? new Parameter([numChannels], ones()) : undefined;
    this.bias = affine ? new Parameter([numChannels], zeros()) : undefined;
  }

  override forward<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<S, D> {
    const { shape } = x as Tensor;
    if (shape[1] !== this.numChannels) throw new ShapeError(`[groupNorm] the shape does not fit: got x ${showShape(shape)}, expected [N,${this.numChannels}] or [N,${this.numChannels},..].`, { op: 'groupNorm', shapes: [shape] });
    return normalizeGroups(x as Tensor, this.numGroups, this.weight as Tensor | undefined, this.bias as Tensor | undefined, this.eps) as unknown as Tensor<S, D>;
  }

  override outcome$(shape: Shape): InferredShape {
    if (!this.builtin) return undefined;
    return shape[0] === this.numChannels ? shape : new ShapeMismatch(`${this.toString()} expects ${this.numChannels} channels`, shape[0] ?? showShape(shape));
  }

  override get call$(): LayerCall {
    return { name: 'groupNorm', args: [this.numGroups, this.numChannels], options: { eps: this.eps, affine: this.weight !== undefined } };
  }
}

/**
 * Group normalisation: y = (x - mean) / sqrt(var + eps) * weight + bias, with mean and (biased) variance of each example over each of `numGroups` groups of channels, the same in
 * training and evaluation. x [N, numChannels, ..] float32 gives its shape; weight and bias are [numChannels]. As torch.nn.GroupNorm. Source: Wu and He, arXiv:1803.08494.
 * Throws ArgumentError for groups that do not divide the channels and other options that are wrong, ShapeError for other channels.
 *
 *     const model = nn.sequential([3, 32, 32], nn.conv2d(3, 16, 3), nn.groupNorm(4, 16), nn.relu());
 */
export function groupNorm<const G extends number, const C extends number>(numGroups: G, numChannels: C & ChannelsDivide<G, C>, options?: GroupNormOptions): GroupNorm<G, C> {
  return new GroupNorm(numGroups, numChannels as C, options);
}
