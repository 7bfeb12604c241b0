import type { DType } from '../dtype.js';
import { recomputing } from '../graph/recorder.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { checkTensor } from '../ops/check.js';
import { checkOptions, withoutUndefined } from '../options.js';
import { Dropout } from './dropout.js';
import { Linear } from './linear.js';
import { Layer, type LayerCall } from './layer.js';
import type { Module } from './module.js';
import { MultiheadAttention, type AttendOptions, type HeadsDivide } from './multihead-attention.js';
import { sizesOf } from './sequences.js';
import { partsOf, residual, type TransformerLayerOptions, type TransformerNorm } from './transformer-options.js';

const OP = 'transformerDecoderLayer';

/** Options of one call: of the attention of the target to itself, and of that to the memory. */
export interface DecodeOptions extends AttendOptions {
  readonly memoryMask?: Tensor | undefined;
  readonly memoryKeyLengths?: Tensor | undefined;
}

/** See transformerDecoderLayer(). */
export class TransformerDecoderLayer extends Layer {
  readonly normFirst: boolean;
  readonly selfAttn: MultiheadAttention;
  readonly multiheadAttn: MultiheadAttention;
  readonly linear1: Linear;
  readonly dropout: Dropout<0>;
  readonly linear2: Linear;
  readonly norm1: TransformerNorm;
  readonly norm2: TransformerNorm;
  readonly norm3: TransformerNorm;
  readonly dropout1: Dropout<0>;
  readonly dropout2: Dropout<0>;
  readonly dropout3: Dropout<0>;
  readonly #activate: (x: Tensor) => Tensor;
  readonly #options: TransformerLayerOptions;

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super();
    const { attention, hidden, dimFeedforward, dropout, bias, normFirst, activate, norm } = partsOf(OP, dModel, nhead, options, true);
    this.normFirst = normFirst;
    this.selfAttn = new MultiheadAttention(dModel, nhead, attention);
    // Positions of the memory and the target have nothing to do with each other.
    this.multiheadAttn = new MultiheadAttention(dModel, nhead, { dropout, bias, numKvHeads: attention.numKvHeads });
    this.linear1 = new Linear(dModel, hidden, { bias });
    this.dropout = new Dropout(dropout, 0);
    this.linear2 = new Linear(dimFeedforward, dModel, { bias });
    this.norm1 = norm();
    this.norm2 = norm();
    this.norm3 = norm();
    this.dropout1 = new Dropout(dropout, 0);
    this.dropout2 = new Dropout(dropout, 0);
    this.dropout3 = new Dropout(dropout, 0);
    this.#activate = activate;
    this.#options = structuredClone(withoutUndefined(options));
  }

  override forward<S extends Shape, D extends DType>(target: Tensor<S, D>, memory: Tensor): Tensor<S, D>;
  override forward<S extends Shape, D extends DType>(target: Tensor<S, D>, memory: Tensor, options: DecodeOptions | undefined): Tensor<S, D>;
  override forward(target: Tensor, memory: Tensor, options: DecodeOptions = {}): Tensor {
    checkTensor(OP, target, 'target');
    checkTensor(OP, memory, 'memory');
    checkOptions(OP, options, ['mask', 'keyLengths', 'isCausal', 'memoryMask', 'memoryKeyLengths']);
    sizesOf(OP, target, this.selfAttn.embedDim, 'target');
    const { memoryMask, memoryKeyLengths, ...own } = options;
    const attended = residual(target, this.norm1, this.normFirst, (x) => this.dropout1.forward(this.selfAttn.forward(x, own)));
    const crossed = residual(attended, this.norm2, this.normFirst, (x) => this.dropout2.forward(this.multiheadAttn.forward(x, memory, undefined, { mask: memoryMask, keyLengths: memoryKeyLengths })));
    return residual(crossed, this.norm3, this.normFirst, (x) => this.dropout3.forward(this.linear2.forward(this.dropout.forward(this.#activate(this.linear1.forward(x) as Tensor))) as Tensor));
  }

  /** Makes another one with first values of its own. */
  alike$(): TransformerDecoderLayer {
    return new TransformerDecoderLayer(this.selfAttn.embedDim, this.selfAttn.numHeads, this.#options);
  }

  override get call$(): LayerCall {
    return { name: OP, args: [this.selfAttn.embedDim, this.selfAttn.numHeads], options: this.#options };
  }
}

/**
 * Layer of a decoder: attention of a sequence to itself, to a memory, and two linear layers, each with dropout, a residual and a norm. target [B, T, dModel], memory [B, S, dModel] float32
 * give [B, T, dModel]. As torch.nn.TransformerDecoderLayer, whose state dicts it loads, with the batch in front; but each position looks at itself and those before it unless { isCausal: false }
 * says otherwise (in torch a decoder without a mask sees what it is to predict). Source: Vaswani et al., arXiv:1706.03762.
 * Throws ArgumentError for sizes and options that are wrong, ShapeError for inputs that do not fit.
 *
 *     const layer = nn.transformerDecoderLayer(32, 4, { dimFeedforward: 64 });
 *     const y = layer.forward(zeros([2, 5, 32]), zeros([2, 9, 32]));      // [2, 5, 32]
 */
export function transformerDecoderLayer<const E extends number, const H extends number>(dModel: E, nhead: H & HeadsDivide<'transformerDecoderLayer', E, H>, options?: TransformerLayerOptions): TransformerDecoderLayer {
  return new TransformerDecoderLayer(dModel, nhead, options);
}

/** See transformerDecoder(). */
export class TransformerDecoder extends Layer {
  readonly layers: readonly TransformerDecoderLayer[];
  readonly norm: Module | undefined;

  /** True: layers are computed again for the backward pass. */
  readonly recompute: boolean;

  constructor(layers: readonly TransformerDecoderLayer[], norm: Module | undefined, recompute: boolean) {
    super();
    this.layers = layers;
    this.norm = norm;
    this.recompute = recompute;
  }

  override forward<S extends Shape, D extends DType>(target: Tensor<S, D>, memory: Tensor): Tensor<S, D>;
  override forward<S extends Shape, D extends DType>(target: Tensor<S, D>, memory: Tensor, options: DecodeOptions | undefined): Tensor<S, D>;
  override forward(target: Tensor, memory: Tensor, options?: DecodeOptions): Tensor {
    const decoded = this.layers.reduce((x, layer) => (this.recompute ? recomputing(() => layer.forward(x, memory, options)) : layer.forward(x, memory, options)), target);
    return this.norm?.forward(decoded) ?? decoded;
  }

  override get builtin(): boolean {
    return this.plain$ && this.layers.every((layer) => layer.builtin) && (this.norm?.builtin ?? true);
  }

  override get call$(): LayerCall {
    const { layers, norm, recompute } = this;
    return { name: 'transformerDecoder', args: [layers[0], layers.length, ...(norm === undefined ? [] : [norm])], ...(recompute ? { options: { recompute } } : {}) };
  }
}
