import { checkCount, checkPositive } from '../ops/check.js';
import { checkPaddingIdx } from '../ops/embedding.js';
import { bagsOf, type BagMode, type EmbeddingBagOptions } from '../ops/embedding-bag.js';
import { checkChoice, checkFlags, checkOptions, withoutUndefined } from '../options.js';
import { Parameter } from '../parameter.js';
import { showShape, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { withZeroRow } from './embedding.js';
import { normal } from './initializers.js';
import { Layer, type LayerCall } from './layer.js';
import { ShapeMismatch, type InferredShape } from './shape-inference.js';
import type { Show, ShapeFunction, ShapeMismatch as Mismatch } from './shape-mismatch.js';

export interface EmbeddingBagLayerOptions {
  /** Mean, sum or maximum of the vectors. Default 'mean'. */
  readonly mode?: BagMode | undefined;
  /** Token that does not count, and whose row begins as zeros. Default: none. */
  readonly paddingIdx?: number | undefined;
  /** True: optimizers update only the rows that have a gradient; see optim.sparseAdam(). Default false. */
  readonly sparse?: boolean | undefined;
  /** Euclidean norm to which longer rows are shortened when they are looked up. Default: none. */
  readonly maxNorm?: number | undefined;
}

/** Options of one call. */
export type BagOptions = Pick<EmbeddingBagOptions, 'lengths' | 'perSampleWeights'>;

/** embeddingBag(V, D): a bag of tokens becomes one vector. */
export interface Bagged<V extends number, D extends number> extends ShapeFunction {
  readonly out: this['in'] extends Shape
    ? number extends this['in']['length']
      ? Shape
      : this['in'] extends readonly [number]
        ? [D]
        : Mismatch<`embeddingBag(${V}, ${D}) expects bags [T]`, Show<this['in']>>
    : Shape;
}

/** See embeddingBag(). */
export class EmbeddingBag<V extends number = number, D extends number = number> extends Layer<Shape, Shape, Bagged<V, D>> {
  /** [numEmbeddings, embeddingDim]. */
  readonly weight: Parameter<[V, D]>;
  readonly mode: BagMode;
  readonly paddingIdx: number | undefined;

  constructor(numEmbeddings: V, embeddingDim: D, options: EmbeddingBagLayerOptions = {}) {
    super();
    const op = 'embeddingBag';
    checkOptions(op, options, ['mode', 'paddingIdx', 'sparse', 'maxNorm']);
    checkFlags(op, options, ['sparse']);
    if (options.maxNorm !== undefined) checkPositive(op, 'maxNorm', options.maxNorm);
    checkChoice(op, 'mode', options.mode ?? 'mean', ['mean', 'sum', 'max']);
    checkCount(op, 'numEmbeddings', numEmbeddings);
    checkCount(op, 'embeddingDim', embeddingDim);
    const paddingIdx = checkPaddingIdx(options.paddingIdx, numEmbeddings);
    this.mode = options.mode ?? 'mean';
    this.paddingIdx = paddingIdx < 0 ? undefined : paddingIdx;
    this.weight = new Parameter([numEmbeddings, embeddingDim], paddingIdx < 0 ? normal() : withZeroRow(normal(), paddingIdx), { sparse: options.sparse, maxNorm: options.maxNorm });
  }

  override forward(tokens: Tensor): Tensor<Shape, 'float32'>;
  override forward(tokens: Tensor, options: BagOptions | undefined): Tensor<Shape, 'float32'>;
  override forward(tokens: Tensor, options: BagOptions = {}): Tensor<Shape, 'float32'> {
    checkOptions('embeddingBag', options, ['lengths', 'perSampleWeights']);
    return bagsOf(tokens, this.weight as Tensor, { ...options, mode: this.mode, paddingIdx: this.paddingIdx }, this.weight.maxNorm);
  }

  override outcome$(shape: Shape): InferredShape {
    if (!this.builtin) return undefined;
    return shape.length === 1 ? [this.weight.shape[1]] : new ShapeMismatch(`${this.toString()} expects bags [T]`, showShape(shape));
  }

  override get call$(): LayerCall {
    const { mode, paddingIdx, weight } = this;
    return { name: 'embeddingBag', args: [...weight.shape], options: { mode, ...withoutUndefined({ paddingIdx, sparse: weight.sparse || undefined, maxNorm: weight.maxNorm }) } };
  }
}

/**
 * One vector for each bag of tokens, the mean, sum or maximum of theirs: tokens [B, T] int32, with `lengths` [B] where bags differ and `perSampleWeights` [B, T] where a sum is weighted, give [B, embeddingDim] float32. As torch.nn.EmbeddingBag of
 * [B, T], see the function embeddingBag(); `maxNorm` as in embedding(). Throws ArgumentError for sizes and options that are wrong; IndexError when the step runs and a token is out of range.
 *
 *     const model = nn.sequential([32], nn.embeddingBag(1000, 16, { paddingIdx: 0 }), nn.linear(16, 2));
 */
export function embeddingBag<const V extends number, const D extends number>(numEmbeddings: V, embeddingDim: D, options?: EmbeddingBagLayerOptions): EmbeddingBag<V, D> {
  return new EmbeddingBag(numEmbeddings, embeddingDim, options);
}
