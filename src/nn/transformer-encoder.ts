import type { DType } from '../dtype.js';
import { recomputing } from '../graph/recorder.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { checkTensor } from '../ops/check.js';
import { withoutUndefined } from '../options.js';
import { Dropout } from './dropout.js';
import { Linear } from './linear.js';
import { Layer, type LayerCall } from './layer.js';
import type { Module } from './module.js';
import { MultiheadAttention, type AttendOptions, type HeadsDivide } from './multihead-attention.js';
import { sameSequence, sizesOf, type SameSequence } from './sequences.js';
import type { InferredShape } from './shape-inference.js';
import { partsOf, residual, type TransformerLayerOptions, type TransformerNorm } from './transformer-options.js';

const OP = 'transformerEncoderLayer';

/** See transformerEncoderLayer(). */
export class TransformerEncoderLayer<E extends number = number, H extends number = number> extends Layer<Shape, Shape, SameSequence<`transformerEncoderLayer(${E}, ${H})`, E>> {
  readonly normFirst: boolean;
  readonly selfAttn: MultiheadAttention<E, H>;
  readonly linear1: Linear;
  readonly dropout: Dropout<0>;
  readonly linear2: Linear;
  readonly norm1: TransformerNorm;
  readonly norm2: TransformerNorm;
  readonly dropout1: Dropout<0>;
  readonly dropout2: Dropout<0>;
  readonly #activate: (x: Tensor) => Tensor;
  readonly #options: TransformerLayerOptions;

  constructor(dModel: E, nhead: H, options: TransformerLayerOptions = {}) {
    super();
    const { attention, hidden, dimFeedforward, dropout, bias, normFirst, activate, norm } = partsOf(OP, dModel, nhead, options, false);
    this.normFirst = normFirst;
    this.selfAttn = new MultiheadAttention(dModel, nhead, attention);
    this.linear1 = new Linear(dModel as number, hidden, { bias });
    this.dropout = new Dropout(dropout, 0);
    this.linear2 = new Linear(dimFeedforward, dModel as number, { bias });
    this.norm1 = norm();
    this.norm2 = norm();
    this.dropout1 = new Dropout(dropout, 0);
    this.dropout2 = new Dropout(dropout, 0);
    this.#activate = activate;
    this.#options = structuredClone(withoutUndefined(options));
  }

  override forward<S extends Shape, D extends DType>(src: Tensor<S, D>): Tensor<S, D>;
  override forward<S extends Shape, D extends DType>(src: Tensor<S, D>, options: AttendOptions | undefined): Tensor<S, D>;
  override forward(src: Tensor, options: AttendOptions = {}): Tensor {
    checkTensor(OP, src, 'src');
    sizesOf(OP, src, this.selfAttn.embedDim, 'src');
    const attended = residual(src, this.norm1, this.normFirst, (x) => this.dropout1.forward(this.selfAttn.forward(x, options)));
    return residual(attended, this.norm2, this.normFirst, (x) => this.dropout2.forward(this.linear2.forward(this.dropout.forward(this.#activate(this.linear1.forward(x) as Tensor))) as Tensor));
  }

  override outcome$(shape: Shape): InferredShape {
    return this.builtin ? sameSequence(this.toString(), this.selfAttn.embedDim, shape) : undefined;
  }

  /** Makes another one with first values of its own. */
  alike$(): TransformerEncoderLayer<E, H> {
    return new TransformerEncoderLayer(this.selfAttn.embedDim, this.selfAttn.numHeads, this.#options);
  }

  override get call$(): LayerCall {
    return { name: OP, args: [this.selfAttn.embedDim, this.selfAttn.numHeads], options: this.#options };
  }
}

/**
 * Layer of an encoder: attention of a sequence to itself, and two linear layers with an activation between, each with dropout, a residual and a norm. src [B, T, dModel] float32 gives its
 * shape. As torch.nn.TransformerEncoderLayer, whose state dicts it loads, with the batch in front; with { isCausal: true } and { normFirst: true } it is a block of a GPT, and with norm,
 * activation and rotary one of Llama. Source: Vaswani et al., arXiv:1706.03762. Throws ArgumentError for sizes and options that are wrong, ShapeError for inputs that do not fit.
 *
 *     const block = nn.transformerEncoderLayer(32, 4, { dimFeedforward: 128, activation: 'gelu', normFirst: true, isCausal: true });
 *     const model = nn.sequential([64], nn.embedding(65, 32), nn.learnedPositions(64, 32), block, nn.layerNorm(32), nn.linear(32, 65));
 */
export function transformerEncoderLayer<const E extends number, const H extends number>(dModel: E, nhead: H & HeadsDivide<'transformerEncoderLayer', E, H>, options?: TransformerLayerOptions): TransformerEncoderLayer<E, H> {
  return new TransformerEncoderLayer<E, H>(dModel, nhead, options);
}

/** See transformerEncoder(). */
export class TransformerEncoder extends Layer {
  readonly layers: readonly TransformerEncoderLayer[];
  readonly norm: Module | undefined;

  /** True: layers are computed again for the backward pass. */
  readonly recompute: boolean;

  constructor(layers: readonly TransformerEncoderLayer[], norm: Module | undefined, recompute: boolean) {
    super();
    this.layers = layers;
    this.norm = norm;
    this.recompute = recompute;
  }

  override forward<S extends Shape, D extends DType>(src: Tensor<S, D>): Tensor<S, D>;
  override forward<S extends Shape, D extends DType>(src: Tensor<S, D>, options: AttendOptions | undefined): Tensor<S, D>;
  override forward(src: Tensor, options?: AttendOptions): Tensor {
    const encoded = this.layers.reduce((x, layer) => (this.recompute ? recomputing(() => layer.forward(x, options)) : layer.forward(x, options)), src);
    return this.norm?.forward(encoded) ?? encoded;
  }

  override outcome$(shape: Shape): InferredShape {
    return this.builtin ? this.layers[0]!.outcome$(shape) : undefined;
  }

  override get builtin(): boolean {
    return this.plain$ && this.layers.every((layer) => layer.builtin) && (this.norm?.builtin ?? true);
  }

  override get call$(): LayerCall {
    const { layers, norm, recompute } = this;
    return { name: 'transformerEncoder', args: [layers[0], layers.length, ...(norm === undefined ? [] : [norm])], ...(recompute ? { options: { recompute } } : {}) };
  }
}
