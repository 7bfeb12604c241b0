import { ArgumentError, ShapeError } from '../errors.js';
import { permute, reshape } from '../ops/index.js';
import { checkCount, checkTensor } from '../ops/check.js';
import { checkRotary, type RotaryOptions } from '../ops/rotary.js';
import { checkFlags, checkOptions, withoutUndefined } from '../options.js';
import { showShape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { attendHeads, attendWithin } from './attend-heads.js';
import { decodingPass } from './decoding.js';
import { checkProbability } from './dropout.js';
import { Layer, type LayerCall } from './layer.js';
import type { AttendOptions, MultiheadAttentionOptions } from './multihead-attention.js';

const OP = 'dotProductAttention';

export type DotProductAttentionOptions = Pick<MultiheadAttentionOptions, 'dropout' | 'numKvHeads' | 'isCausal' | 'rotary' | 'alibi'>;

/** See dotProductAttention(). */
export class DotProductAttention extends Layer {
  readonly numHeads: number;
  readonly numKvHeads: number;
  readonly dropout: number;
  readonly isCausal: boolean;
  readonly rotary: RotaryOptions | undefined;
  readonly alibi: boolean;
  readonly #options: DotProductAttentionOptions;

  constructor(numHeads: number, options: DotProductAttentionOptions = {}) {
    super();
    checkOptions(OP, options, ['dropout', 'numKvHeads', 'isCausal', 'rotary', 'alibi']);
    checkFlags(OP, options, ['isCausal', 'alibi']);
    const { dropout = 0, numKvHeads = numHeads, isCausal = false, rotary = false } = options;
    this.numHeads = checkCount(OP, 'numHeads', numHeads);
    this.numKvHeads = checkCount(OP, 'numKvHeads', numKvHeads);
    if (numHeads % numKvHeads !== 0) throw new ArgumentError(`[${OP}] numKvHeads: got ${numKvHeads} for ${numHeads} heads, expected a number that divides them.`, { op: OP });
    this.dropout = checkProbability(OP, 'dropout', dropout);
    this.isCausal = isCausal;
    this.alibi = options.alibi ?? false;
    this.rotary = rotary === false ? undefined : rotary === true ? {} : rotary;
    // How wide a head is shows when it is called.
    if (this.rotary !== undefined) checkRotary(OP, { dims: 2, ...this.rotary }, Infinity);
    if (this.alibi && this.rotary !== undefined) throw new ArgumentError(`[${OP}] alibi: got it with rotary, expected one of the two: each tells positions.`, { op: OP });
    this.#options = structuredClone(withoutUndefined(options));
  }

  override forward(query: Tensor, key?: Tensor, value?: Tensor): Tensor;
  override forward(query: Tensor, key: Tensor, value: Tensor, options: AttendOptions | undefined): Tensor;
  override forward(query: Tensor, key?: Tensor, value?: Tensor, options: AttendOptions = {}): Tensor {
    checkOptions(OP, options, ['mask', 'keyLengths', 'isCausal']);
    checkFlags(OP, options, ['isCausal']);
    const [q, k, v] = [this.#headsOf(query, 'query', this.numHeads), this.#headsOf(key, 'key', this.numKvHeads), this.#headsOf(value, 'value', this.numKvHeads)];
    const { isCausal = this.isCausal } = options;
    // Attention to later positions is to another sequence, or text.generate() finds that it is not.
    const pass = isCausal ? decodingPass() : undefined;
    const dropout = this.training ? this.dropout : 0;
    const dropping = { dropout, dropoutKey: dropout > 0 ? this.randomKey('attention') : undefined };
    const y = pass === undefined ? attendHeads(OP, this, { q, k, v }, { ...options, isCausal }, dropping) : attendWithin(this, { q, k, v }, { ...options, isCausal }, dropping, pass);
    const [B, , T, D] = y.shape as readonly [number, number, number, number];
    return reshape(permute(y, [0, 2, 1, 3]), [B, T, this.numHeads * D]) as Tensor;
  }

  override get call$(): LayerCall {
    return { name: OP, args: [this.numHeads], options: this.#options };
  }

  /** [B, T, heads * D] as [B, heads, T, D]. */
  #headsOf(x: unknown, name: string, heads: number): Tensor {
    checkTensor(OP, x, name);
    const [B, T, width] = x.shape;
    if (x.shape.length === 3 && width! % heads === 0) return permute(reshape(x, [B!, T!, heads, width! / heads]), [0, 2, 1, 3]) as Tensor;
    throw new ShapeError(`[${OP}] ${name} does not fit: got ${showShape(x.shape)}, expected [B,T,features] with features that divide into ${heads} heads. Project it first; put the batch in front.`, { op: OP, shapes: [x.shape] });
  }
}

/**
 * Attention of several heads to queries, keys and values that are projected already: nn.multiheadAttention() without its weights, for models whose weights have other names, such as `q_proj`, `k_proj` and `v_proj`, or
 * GPT-2's `c_attn`. query [B, T, H D], key and value [B, S, K D] float32, one head beside the other, give [B, T, H D]; K is `numKvHeads`. text.generate() keeps keys and values of layers that are made causal.
 * As torch.nn.functional.scaled_dot_product_attention between the reshaping that heads take. Source: Vaswani et al., arXiv:1706.03762.
 * Throws ArgumentError for numbers and options that are wrong, ShapeError for inputs that do not fit.
 *
 *     const attention = nn.dotProductAttention(4, { isCausal: true });
 *     const project = nn.linear(32, 96);
 *     const [query, key, value] = project.forward(zeros([2, 10, 32])).chunk(3, -1);
 *     const y = attention.forward(query!, key!, value!);      // [2, 10, 32]
 */
export function dotProductAttention(numHeads: number, options?: DotProductAttentionOptions): DotProductAttention {
  return new DotProductAttention(numHeads, options);
}
