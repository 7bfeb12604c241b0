import type { DType } from '../dtype.js';
import { checkEps, checkNormalizedShape, MACHINE_EPSILON, normalizeTail, type NormalizedShape, type ShapeOf, type TailDiffers, type TailFits } from '../ops/norms.js';
import { checkFlags, checkOptions } from '../options.js';
import { Parameter } from '../parameter.js';
import { sameShape, showShape, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { ones, zeros } from './initializers.js';
import { Layer, type LayerCall } from './layer.js';
import { ShapeMismatch, type InferredShape } from './shape-inference.js';
import type { Show, ShapeFunction, ShapeMismatch as Mismatch } from './shape-mismatch.js';

export interface LayerNormOptions {
  /** Number added to the variance. Default 1e-5. */
  readonly eps?: number | undefined;
  /** Switch for a weight and a bias. Default true. */
  readonly elementwiseAffine?: boolean | undefined;
  /** Switch for the bias, where there is a weight. Default true. */
  readonly bias?: boolean | undefined;
}

export interface RmsNormLayerOptions {
  /** Number added to the mean square; null: 2^-23, the distance of 1 from the next float32. Default null. */
  readonly eps?: number | null | undefined;
  /** Switch for a weight. Default true. */
  readonly elementwiseAffine?: boolean | undefined;
}

type Name = 'layerNorm' | 'rmsNorm';

/** A norm over the last dimensions, of the sizes N: the same shape comes out. */
export interface SameTail<Layer extends Name, N extends NormalizedShape> extends ShapeFunction {
  readonly out: this['in'] extends Shape
    ? TailDiffers<this['in'], ShapeOf<N>> extends true
      ? Mismatch<`${Layer}(${Show<ShapeOf<N>>}) expects examples that end in ${Show<ShapeOf<N>>}`, Show<this['in']>>
      : this['in']
    : Shape;
}

/** Normalisation over the last dimensions. See LayerNorm and RMSNorm. */
abstract class TailNorm<Layer extends Name, N extends NormalizedShape> extends Layer<Shape, Shape, SameTail<Layer, N>> {
  readonly normalizedShape: Shape;
  readonly eps: number;
  /** [normalizedShape]; undefined without `elementwiseAffine`. */
  readonly weight: Parameter<ShapeOf<N>> | undefined;
  /** [normalizedShape]; undefined without. */
  readonly bias: Parameter<ShapeOf<N>> | undefined;
  readonly #name: Layer;

  constructor(name: Layer, normalizedShape: N, eps: number, affine: boolean, bias: boolean) {
    super();
    const shape = checkNormalizedShape(name, normalizedShape);
    this.normalizedShape = shape;
    this.eps = checkEps(name, eps);
    this.weight = affine ? (new Parameter(shape, ones()) as unknown as Parameter<ShapeOf<N>>) : undefined;
    this.bias = affine && bias ? (new Parameter(shape, zeros()) as unknown as Parameter<ShapeOf<N>>) : undefined;
    this.#name = name;
  }

  override forward<S extends Shape, D extends DType>(x: Tensor<S, D> & TailFits<Layer, S, N>): Tensor<S, D> {
    return normalizeTail(this.#name, x as Tensor, this.normalizedShape, this.weight as Tensor | undefined, this.bias as Tensor | undefined, this.eps) as unknown as Tensor<S, D>;
  }

  override outcome$(shape: Shape): InferredShape {
    if (!this.builtin) return undefined;
    const { normalizedShape } = this;
    const fits = shape.length >= normalizedShape.length && sameShape(shape.slice(shape.length - normalizedShape.length), normalizedShape);
    return fits ? shape : new ShapeMismatch(`${this.toString()} expects examples that end in ${showShape(normalizedShape)}`, showShape(shape));
  }
}

/** See layerNorm(). */
export class LayerNorm<N extends NormalizedShape = NormalizedShape> extends TailNorm<'layerNorm', N> {
  constructor(normalizedShape: N, options: LayerNormOptions = {}) {
    checkOptions('layerNorm', options, ['eps', 'elementwiseAffine', 'bias']);
    checkFlags('layerNorm', options, ['elementwiseAffine', 'bias']);
    super('layerNorm', normalizedShape, options.eps ?? 1e-5, options.elementwiseAffine ?? true, options.bias ?? true);
  }

  override get call$(): LayerCall {
    return { name: 'layerNorm', args: [this.normalizedShape], options: { eps: this.eps, elementwiseAffine: this.weight !== undefined, bias: this.bias !== undefined } };
  }
}

/** See rmsNorm(). */
export class RMSNorm<N extends NormalizedShape = NormalizedShape> extends TailNorm<'rmsNorm', N> {
  constructor(normalizedShape: N, options: RmsNormLayerOptions = {}) {
    checkOptions('rmsNorm', options, ['eps', 'elementwiseAffine']);
    checkFlags('rmsNorm', options, ['elementwiseAffine']);
    super('rmsNorm', normalizedShape, options.eps ?? MACHINE_EPSILON, options.elementwiseAffine ?? true, false);
  }

  override get call$(): LayerCall {
    return { name: 'rmsNorm', args: [this.normalizedShape], options: { eps: this.eps, elementwiseAffine: this.weight !== undefined } };
  }
}

/**
 * Layer normalisation: y = (x - mean) / sqrt(var + eps) * weight + bias, with mean and (biased) variance over the last dimensions, whose sizes are `normalizedShape`: a number
 * or an array. x [.., normalizedShape] float32 gives its shape; weight and bias are [normalizedShape]. As torch.nn.LayerNorm. Source: Ba, Kiros and Hinton, arXiv:1607.06450.
 * Throws ArgumentError for sizes and options that are wrong, ShapeError where x ends in other sizes.
 *
 *     const model = nn.sequential([16, 64], nn.layerNorm(64), nn.linear(64, 64));
 */
export function layerNorm<const N extends NormalizedShape>(normalizedShape: N, options?: LayerNormOptions): LayerNorm<N> {
  return new LayerNorm(normalizedShape, options);
}

/**
 * Normalisation by the root mean square: y = x / sqrt(mean(x^2) + eps) * weight, with the mean over the last dimensions, whose sizes are `normalizedShape`: a number or an array.
 * x [.., normalizedShape] float32 gives its shape; weight is [normalizedShape]. As torch.nn.RMSNorm. Source: Zhang and Sennrich, arXiv:1910.07467.
 * Throws ArgumentError for sizes and options that are wrong, ShapeError where x ends in other sizes.
 *
 *     const model = nn.sequential([16, 64], nn.rmsNorm(64), nn.linear(64, 64));
 */
export function rmsNorm<const N extends NormalizedShape>(normalizedShape: N, options?: RmsNormLayerOptions): RMSNorm<N> {
  return new RMSNorm(normalizedShape, options);
}
