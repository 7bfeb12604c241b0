import { embeddingOp } from '../ops/embedding.js';
import { record } from '../graph/recorder.js';
import { linear, matmul, mul, slice, t } from '../ops/index.js';
import { Parameter } from '../parameter.js';
import type { Tensor } from '../tensor.js';
import { Dropout } from './dropout.js';
import { kaimingUniform, normal, zeros } from './initializers.js';
import { Module } from './module.js';

interface AdapterSizes {
  readonly rank: number;
  /** Factor of the product. */
  readonly scale: number;
  readonly dropout: number;
}

/** Addition to a weight [out, in] that is the product of two small ones: y + scale (x A^T) B^T. See lora(). */
export class LoraAdapter extends Module {
  /** [rank, in]. */
  readonly a: Parameter;
  /** [out, rank]; 0 at first, so that nothing changes. */
  readonly b: Parameter;
  readonly scale: number;
  readonly dropout: Dropout<0>;

  constructor(out: number, inputs: number, { rank, scale, dropout }: AdapterSizes) {
    super();
    this.a = new Parameter([rank, inputs], kaimingUniform(Math.sqrt(5)));
    this.b = new Parameter([out, rank], zeros());
    this.scale = scale;
    this.dropout = new Dropout(dropout, 0);
  }

  /** Names of A and B in PEFT's files, behind the path of the layer. */
  get names$(): readonly [a: string, b: string] {
    return ['lora_A.weight', 'lora_B.weight'];
  }

  /** Returns what is to be added to what the weight makes of x. */
  override forward(x: Tensor): Tensor {
    return this.rows(x, 0, this.b.shape[0]!);
  }

  /** Returns what is to be added to rows `from` to `to` of what the weight makes of x. */
  rows(x: Tensor, from: number, to: number): Tensor {
    const b = to - from === this.b.shape[0] ? (this.b as Tensor) : (slice(this.b, from, to) as Tensor);
    // The factor goes to the side that has as few columns as there are ranks.
    const small = mul(linear(this.dropout.forward(x), this.a as never), this.scale) as Tensor;
    return linear(small, b as never) as Tensor;
  }

  /** Returns what is to be added to the weight. */
  delta$(): Tensor {
    return mul(matmul(this.b, this.a as never), this.scale) as Tensor;
  }

  override get builtin(): boolean {
    return this.constructor === LoraAdapter && !Object.hasOwn(this, 'forward');
  }

  override toString(): string {
    return `lora(rank ${this.a.shape[0]})`;
  }
}

/** Addition to a table of embeddings [V, D]: scale A^T[tokens] B^T, with A [rank, V], 0 at first, and B [D, rank]. As in PEFT it has no dropout. See lora(). */
export class EmbeddingLoraAdapter extends LoraAdapter {
  readonly #paddingIdx: number;

  constructor(width: number, tokens: number, sizes: AdapterSizes, paddingIdx: number | undefined) {
    super(width, tokens, { ...sizes, dropout: 0 });
    this.a.initialize(zeros());
    this.b.initialize(normal());
    this.#paddingIdx = paddingIdx ?? -1;
  }

  override get names$(): readonly [a: string, b: string] {
    return ['lora_embedding_A', 'lora_embedding_B'];
  }

  override forward(tokens: Tensor): Tensor {
    const small = mul(record(embeddingOp, [tokens, t(this.a as never) as Tensor], { paddingIdx: this.#paddingIdx }), this.scale) as Tensor;
    return linear(small, this.b as never) as Tensor;
  }

  override delta$(): Tensor {
    return t(super.delta$() as never) as Tensor;
  }

  override get builtin(): boolean {
    return this.constructor === EmbeddingLoraAdapter && !Object.hasOwn(this, 'forward');
  }
}
