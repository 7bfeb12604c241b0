import type { DType } from '../dtype.js';
import { checkPaddingIdx, embeddingOp } from '../ops/embedding.js';
import { add, arange, equal, unsqueeze, where } from '../ops/index.js';
import { checkCount, checkTensor, checkPositive } from '../ops/check.js';
import { record } from '../graph/recorder.js';
import { renormRows } from '../ops/renorm-rows.js';
import { checkFlags, checkOptions, withoutUndefined } from '../options.js';
import { Parameter, type Initializer } from '../parameter.js';
import type { Indices } from '../shape-types.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { normal } from './initializers.js';
import { Layer, type LayerCall } from './layer.js';
import type { LoraAdapter } from './lora-adapter.js';
import type { InferredShape } from './shape-inference.js';
import type { ShapeFunction } from './shape-mismatch.js';

export interface EmbeddingLayerOptions {
  /** Token whose row begins as zeros and gets no gradient. Default: none. */
  readonly paddingIdx?: number | undefined;
  /** True: optimizers update only the rows that have a gradient; see optim.sparseAdam(). Default false. */
  readonly sparse?: boolean | undefined;
  /** Euclidean norm to which longer rows are shortened when they are looked up. Default: none. */
  readonly maxNorm?: number | undefined;
}

/** embedding(V, D): tokens become vectors of D elements. */
export interface Embedded<D extends number> extends ShapeFunction {
  readonly out: this['in'] extends Shape ? (number extends this['in']['length'] ? Shape : [...this['in'], D]) : Shape;
}

/** See embedding(). */
export class Embedding<V extends number = number, D extends number = number> extends Layer<Shape, Shape, Embedded<D>> {
  /** [numEmbeddings, embeddingDim]. */
  readonly weight: Parameter<[V, D]>;
  readonly paddingIdx: number | undefined;
  /** Addition to the weight; see lora(). */
  lora: LoraAdapter | undefined = undefined;

  constructor(numEmbeddings: V, embeddingDim: D, options: EmbeddingLayerOptions = {}) {
    super();
    checkOptions('embedding', options, ['paddingIdx', 'sparse', 'maxNorm']);
    checkFlags('embedding', options, ['sparse']);
    if (options.maxNorm !== undefined) checkPositive('embedding', 'maxNorm', options.maxNorm);
    checkCount('embedding', 'numEmbeddings', numEmbeddings);
    checkCount('embedding', 'embeddingDim', embeddingDim);
    const paddingIdx = checkPaddingIdx(options.paddingIdx, numEmbeddings);
    this.paddingIdx = paddingIdx < 0 ? undefined : paddingIdx;
    this.weight = new Parameter([numEmbeddings, embeddingDim], paddingIdx < 0 ? normal() : withZeroRow(normal(), paddingIdx), { sparse: options.sparse, maxNorm: options.maxNorm });
  }

  override forward<S extends Shape, E extends DType>(tokens: Tensor<S, E> & Indices<'embedding', 'tokens', E>): Tensor<[...S, D], 'float32'> {
    checkTensor('embedding', tokens, 'tokens', 'int32');
    const { maxNorm } = this.weight;
    const rows = record(embeddingOp, [tokens as Tensor, this.weight as Tensor], { paddingIdx: this.paddingIdx ?? -1 }) as Tensor;
    const y = maxNorm === undefined ? rows : renormRows(rows, maxNorm);
    return (this.lora === undefined ? y : add(y, this.lora.forward(tokens as Tensor))) as unknown as Tensor<[...S, D], 'float32'>;
  }

  override outcome$(shape: Shape): InferredShape {
    return this.builtin ? [...shape, this.weight.shape[1]] : undefined;
  }

  override get call$(): LayerCall {
    const { paddingIdx, weight } = this;
    const options = withoutUndefined({ paddingIdx, sparse: weight.sparse || undefined, maxNorm: weight.maxNorm });
    return { name: 'embedding', args: [...weight.shape], options: Object.keys(options).length === 0 ? undefined : options };
  }
}

/** First values with zeros in one row. */
export function withZeroRow(initializer: Initializer, row: number): Initializer {
  return (parameter) => where(unsqueeze(equal(arange(parameter.shape[0]!), row), 1), 0, initializer(parameter)) as Tensor;
}

/**
 * A vector for each token: y[.., :] = weight[tokens[..], :]. tokens [..] int32 in [0, numEmbeddings) give [.., embeddingDim] float32. The weight starts from a normal distribution;
 * the row of `paddingIdx` starts as zeros and gets no gradient. A head shares the weight with `nn.linear(embeddingDim, numEmbeddings, { weight: embedding.weight })`.
 * With `maxNorm` y has rows r maxNorm / (|r| + 1e-7) in place of those whose norm |r| is larger, with the gradient of r, and a step begins by shortening those of them that have a gradient in the weight itself. As torch.nn.Embedding, which does that in the
 * forward pass, in evaluation, too: what is looked up is the same.
 * Throws ArgumentError for sizes and options that are wrong, DTypeError for tokens that are no int32; IndexError, naming the position, when the step runs and a token is out of range.
 *
 *     const model = nn.sequential([64], nn.embedding(65, 32), nn.layerNorm(32), nn.linear(32, 65));      // tokens [B, 64]: logits [B, 64, 65]
 */
export function embedding<const V extends number, const D extends number>(numEmbeddings: V, embeddingDim: D, options?: EmbeddingLayerOptions): Embedding<V, D> {
  return new Embedding(numEmbeddings, embeddingDim, options);
}
