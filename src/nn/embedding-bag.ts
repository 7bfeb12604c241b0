import { ArgumentError, ShapeError } from '../errors.js';
import { record } from '../graph/recorder.js';
import { mul } from '../ops/arithmetic.js';
import { checkCount } from '../ops/check.js';
import { embeddingOp } from '../ops/embedding.js';
import { max, mean, sum, unsqueeze } from '../ops/index.js';
import { checkChoice, checkOptions } from '../options.js';
import { Parameter } from '../parameter.js';
import { sameShape, showShape, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { normal } from './initializers.js';
import { Layer, type LayerCall } from './layer.js';
import type { InferredShape } from './shape-inference.js';
import type { ShapeFunction } from './shape-mismatch.js';

type Mode = 'mean' | 'sum' | 'max';

const MODES: Readonly<Record<Mode, (rows: Tensor) => Tensor>> = {
  mean: (rows) => mean(rows, { axis: -2 }) as Tensor,
  sum: (rows) => sum(rows, { axis: -2 }) as Tensor,
  max: (rows) => max(rows, { axis: -2 }) as Tensor,
};

export interface EmbeddingBagOptions {
  /** Way in which the vectors of a bag become one. Default 'mean'. */
  readonly mode?: Mode | undefined;
}

/** Examples [T] of indices become [D]. */
export interface Bagged<D extends number> extends ShapeFunction {
  readonly out: this['in'] extends Shape ? [D] : Shape;
}

const OP = 'embeddingBag';

/** See embeddingBag(). */
export class EmbeddingBag<V extends number = number, D extends number = number> extends Layer<Shape, Shape, Bagged<D>, Tensor, Tensor> {
  /** [numEmbeddings, embeddingDim]. */
  readonly weight: Parameter<[V, D]>;
  readonly mode: Mode;

  constructor(numEmbeddings: V, embeddingDim: D, options: EmbeddingBagOptions = {}) {
    super();
    checkOptions(OP, options, ['mode']);
    checkCount(OP, 'numEmbeddings', numEmbeddings);
    checkCount(OP, 'embeddingDim', embeddingDim);
    const { mode = 'mean' } = options;
    checkChoice(OP, 'mode', mode, Object.keys(MODES));
    this.weight = new Parameter([numEmbeddings, embeddingDim], normal());
    this.mode = mode;
  }

  override forward(x: Tensor, perSampleWeights?: Tensor): Tensor {
    const rows = record(embeddingOp, [x, this.weight as Tensor], { paddingIdx: -1 }) as Tensor;
    return MODES[this.mode](perSampleWeights === undefined ? rows : this.#weighted(rows, x, perSampleWeights));
  }

  override outcome$(shape: Shape): InferredShape {
    return this.builtin ? [...shape.slice(0, -1), this.weight.shape[1]] : undefined;
  }

  override get call$(): LayerCall {
    return { name: OP, args: [...this.weight.shape], options: { mode: this.mode } };
  }

  #weighted(rows: Tensor, x: Tensor, weights: Tensor): Tensor {
    if (this.mode !== 'sum') throw new ArgumentError(`[${OP}] perSampleWeights: got them with mode '${this.mode}', expected mode 'sum'. Make the layer with { mode: 'sum' }.`, { op: OP });
    if (!sameShape(weights.shape, x.shape)) throw new ShapeError(`[${OP}] perSampleWeights: got ${showShape(weights.shape)}, expected ${showShape(x.shape)}, one for each index.`, { op: OP, shapes: [weights.shape, x.shape] });
    return mul(rows, unsqueeze(weights, -1) as Tensor) as Tensor;
  }
}

/**
 * Vectors that are learned, looked up by index and made one: the mean, the sum or the maximum of E[x_t] over t; with weights the sum of w_t E[x_t]. x [B, T] int32 in [0, numEmbeddings), and weights [B, T] where
 * the mode is 'sum', give [B, embeddingDim]; for the words of a text, say. The weight starts from a normal distribution. As torch.nn.EmbeddingBag of rows of one length.
 * Throws ArgumentError for sizes, options and weights that are wrong, ShapeError for weights of another shape; IndexError when the step runs and an index is out of range.
 *
 *     const bag = nn.embeddingBag(1000, 16, { mode: 'sum' });
 *     const sums = bag.forward(tensor([[5, 2, 0]], { dtype: 'int32' }), tensor([[0.5, 2, 0]]));   // [1, 16]
 */
export function embeddingBag<const V extends number, const D extends number>(numEmbeddings: V, embeddingDim: D, options?: EmbeddingBagOptions): EmbeddingBag<V, D> {
  return new EmbeddingBag(numEmbeddings, embeddingDim, options);
}
