import type { DType } from '../dtype.js';
import { ArgumentError } from '../errors.js';
import { add, linear as linearOp, permute, reshape, slice, split, type AttentionOptions } from '../ops/index.js';
import { checkCount, checkTensor } from '../ops/check.js';
import { checkRotary, type RotaryOptions } from '../ops/rotary.js';
import { checkFlags, checkOptions, withoutUndefined } from '../options.js';
import { Parameter } from '../parameter.js';
import type { Shape } from '../shape.js';
import { Tensor } from '../tensor.js';
import type { Divides } from '../window-types.js';
import { attendHeads, attendToOthers, attendWithin } from './attend-heads.js';
import { decodingPass } from './decoding.js';
import { checkProbability } from './dropout.js';
import { xavierUniform, zeros } from './initializers.js';
import { Linear } from './linear.js';
import { Layer, type LayerCall } from './layer.js';
import type { LoraAdapter } from './lora-adapter.js';
import { sameSequence, sizesOf, type SameSequence } from './sequences.js';
import type { InferredShape } from './shape-inference.js';

const OP = 'multiheadAttention';

export interface MultiheadAttentionOptions {
  /** Probability with which a weight of the attention is 0 in training. Default 0. */
  readonly dropout?: number | undefined;
  /** Switch for the biases of the projections. Default true. */
  readonly bias?: boolean | undefined;
  /** Features of keys and of values where they come from elsewhere. Default: embedDim. */
  readonly kdim?: number | undefined;
  readonly vdim?: number | undefined;
  /** Heads of keys and values, each for several heads of queries; numHeads is a multiple. 1: multi-query attention. Default: numHeads. */
  readonly numKvHeads?: number | undefined;
  /** Every position looks at itself and those before it only. Default false. */
  readonly isCausal?: boolean | undefined;
  /** Turns queries and keys by their positions, see rotaryEmbedding(); true: all elements of a head, with base 10000. Default false. */
  readonly rotary?: boolean | RotaryOptions | undefined;
  /** Lowers scores by the distance, see alibi(). Default false. */
  readonly alibi?: boolean | undefined;
}

/** Options of one call. */
export interface AttendOptions extends Pick<AttentionOptions, 'mask' | 'keyLengths'> {
  /** Every position looks at itself and those before it only. Default: as the layer was made. */
  readonly isCausal?: boolean | undefined;
}

/** `unknown` where heads divide the features, else a property that no number has and that says why not. */
export type HeadsDivide<Op extends string, E extends number, H extends number> = Divides<E, H> extends false ? { readonly error: `[${Op}] ${E} features do not divide into ${H} heads` } : unknown;

/** Throws ArgumentError for heads that do not divide the features. */
export function checkHeads(op: string, what: string, width: number, heads: number): void {
  checkCount(op, what, width);
  checkCount(op, 'numHeads', heads);
  if (width % heads === 0) return;
  throw new ArgumentError(`[${op}] numHeads: got ${heads} for ${what} ${width}, expected a number that divides it.`, { op });
}

/** See multiheadAttention(). */
export class MultiheadAttention<E extends number = number, H extends number = number> extends Layer<Shape, Shape, SameSequence<`multiheadAttention(${E}, ${H})`, E>> {
  readonly embedDim: E;
  readonly numHeads: H;
  readonly numKvHeads: number;
  readonly dropout: number;
  readonly isCausal: boolean;
  readonly rotary: RotaryOptions | undefined;
  readonly alibi: boolean;
  /** Weights of queries, keys and values one below the other, [embedDim + 2 keys, embedDim]; undefined where kdim or vdim differ. */
  readonly inProjWeight: Parameter | undefined;
  readonly qProjWeight: Parameter | undefined;
  readonly kProjWeight: Parameter | undefined;
  readonly vProjWeight: Parameter | undefined;
  readonly inProjBias: Parameter | undefined;
  readonly outProj: Linear<E, E>;
  /** Addition to inProjWeight; see lora(). */
  lora: LoraAdapter | undefined = undefined;
  readonly #options: MultiheadAttentionOptions;

  constructor(embedDim: E, numHeads: H, options: MultiheadAttentionOptions = {}) {
    super();
    checkOptions(OP, options, ['dropout', 'bias', 'kdim', 'vdim', 'numKvHeads', 'isCausal', 'rotary', 'alibi']);
    checkFlags(OP, options, ['bias', 'isCausal', 'alibi']);
    checkHeads(OP, 'embedDim', embedDim, numHeads);
    this.#options = structuredClone(withoutUndefined(options));
    const { dropout = 0, bias = true, kdim = embedDim, vdim = embedDim, numKvHeads = numHeads, isCausal = false, rotary = false } = options;
    this.embedDim = embedDim;
    this.numHeads = numHeads;
    this.numKvHeads = checkCount(OP, 'numKvHeads', numKvHeads);
    if (numHeads % numKvHeads !== 0) throw new ArgumentError(`[${OP}] numKvHeads: got ${numKvHeads} for ${numHeads} heads, expected a number that divides them.`, { op: OP });
    this.dropout = checkProbability(OP, 'dropout', dropout);
    this.isCausal = isCausal;
    this.alibi = options.alibi ?? false;
    this.rotary = rotary === false ? undefined : checkRotary(OP, rotary === true ? {} : rotary, embedDim / numHeads);
    if (this.alibi && this.rotary !== undefined) throw new ArgumentError(`[${OP}] alibi: got it with rotary, expected one of the two: each tells positions.`, { op: OP });
    const kept = (embedDim / numHeads) * numKvHeads;
    const apart = checkCount(OP, 'kdim', kdim) !== embedDim || checkCount(OP, 'vdim', vdim) !== embedDim;
    const weight = (rows: number, columns: number): Parameter => new Parameter([rows, columns], xavierUniform());
    this.inProjWeight = apart ? undefined : weight(embedDim + 2 * kept, embedDim);
    this.qProjWeight = apart ? weight(embedDim, embedDim) : undefined;
    this.kProjWeight = apart ? weight(kept, kdim) : undefined;
    this.vProjWeight = apart ? weight(kept, vdim) : undefined;
    this.inProjBias = bias ? new Parameter([embedDim + 2 * kept], zeros()) : undefined;
    this.outProj = new Linear(embedDim, embedDim, { bias });
    this.outProj.bias?.initialize(zeros());
  }

  override forward<S extends Shape, D extends DType>(query: Tensor<S, D>, key?: Tensor, value?: Tensor): Tensor<S, D>;
  override forward<S extends Shape, D extends DType>(query: Tensor<S, D>, options: AttendOptions): Tensor<S, D>;
  override forward<S extends Shape, D extends DType>(query: Tensor<S, D>, key: Tensor, value: Tensor | undefined, options: AttendOptions): Tensor<S, D>;
  override forward(query: Tensor, second?: Tensor | AttendOptions, value?: Tensor, more?: AttendOptions): Tensor {
    const [key, options = {}] = second === undefined || second instanceof Tensor ? [second, more] : [undefined, second];
    checkTensor(OP, query, 'query');
    checkOptions(OP, options, ['mask', 'keyLengths', 'isCausal']);
    checkFlags(OP, options, ['isCausal']);
    const [B, T] = sizesOf(OP, query, this.embedDim, 'query');
    const [q, k, v] = this.#project(query, key, value);
    const pass = decodingPass();
    const [heads, given] = [{ q, k, v }, { ...options, isCausal: options.isCausal ?? this.isCausal }];
    const dropout = this.training ? this.dropout : 0;
    const dropping = { dropout, dropoutKey: dropout > 0 ? this.randomKey('attention') : undefined };
    const layer = this as unknown as MultiheadAttention;
    let y: Tensor;
    if (pass === undefined) y = attendHeads(OP, layer, heads, given, dropping);
    else if (key === undefined) y = attendWithin(layer, heads, given, dropping, pass);
    else y = attendToOthers(OP, layer, heads, given, dropping, pass, [key, value ?? key]);
    return this.outProj.forward(reshape(permute(y, [0, 2, 1, 3]), [B, T, this.embedDim]) as Tensor) as Tensor;
  }

  override outcome$(shape: Shape): InferredShape {
    return this.builtin ? sameSequence(this.toString(), this.embedDim, shape) : undefined;
  }

  override get call$(): LayerCall {
    return { name: OP, args: [this.embedDim, this.numHeads], options: this.#options };
  }

  /** Queries [B, H, T, D], keys and values [B, K, S, D]. */
  #project(query: Tensor, key: Tensor | undefined, value: Tensor | undefined): [Tensor, Tensor, Tensor] {
    const E = this.embedDim as number;
    const kept = (E / this.numHeads) * this.numKvHeads;
    const { inProjWeight, inProjBias } = this;
    const heads = (x: Tensor, count: number): Tensor => permute(reshape(x, [x.shape[0]!, x.shape[1]!, count, E / this.numHeads]), [0, 2, 1, 3]) as Tensor;
    const bias = (from: number, to: number): Tensor | undefined => (inProjBias === undefined ? undefined : (slice(inProjBias, from, to) as Tensor));
    const adapted = (y: Tensor, x: Tensor, from: number, to: number): Tensor => (this.lora === undefined ? y : (add(y, this.lora.rows(x, from, to)) as Tensor));
    if (key === undefined && value === undefined && inProjWeight !== undefined) {
      const all = adapted(linearOp(query, inProjWeight as Tensor, inProjBias) as Tensor, query, 0, E + 2 * kept);
      const [q, k, v] = split(all, [E, kept, kept], -1) as [Tensor, Tensor, Tensor];
      return [heads(q, this.numHeads), heads(k, this.numKvHeads), heads(v, this.numKvHeads)];
    }
    const rows = (from: number, to: number): Tensor => slice(inProjWeight!, from, to) as Tensor;
    const k = key ?? query;
    const v = value ?? k;
    sizesOf(OP, checked(k, 'key'), this.kProjWeight?.shape[1] ?? E, 'key');
    sizesOf(OP, checked(v, 'value'), this.vProjWeight?.shape[1] ?? E, 'value');
    const part = (x: Tensor, own: Parameter | undefined, from: number, to: number, count: number): Tensor =>
      heads(adapted(linearOp(x, (own ?? rows(from, to)) as Tensor, bias(from, to)) as Tensor, x, from, to), count);
    return [part(query, this.qProjWeight, 0, E, this.numHeads), part(k, this.kProjWeight, E, E + kept, this.numKvHeads), part(v, this.vProjWeight, E + kept, E + 2 * kept, this.numKvHeads)];
  }
}

function checked(x: Tensor, name: string): Tensor {
  checkTensor(OP, x, name);
  return x;
}

/**
 * Attention with several heads: queries, keys and values are projected, each head attends with embedDim / numHeads features, and what the heads give is projected together. query
 * [B, T, embedDim], key [B, S, kdim], value [B, S, vdim] (left out: key is query, value is key) give [B, T, embedDim]. As torch.nn.MultiheadAttention, whose state dicts it loads, but:
 * the batch is in front (batch_first), the weights of the attention are not returned, and a mask of truth values says where to look, as in scaledDotProductAttention() (torch's here says where not).
 * Source: Vaswani et al., arXiv:1706.03762. Throws ArgumentError for sizes and options that are wrong, ShapeError for inputs that do not fit.
 *
 *     const attention = nn.multiheadAttention(32, 4, { isCausal: true });
 *     const y = attention.forward(zeros([2, 10, 32]));                                    // to itself: [2, 10, 32]
 *     const z = attention.forward(y, zeros([2, 7, 32]), undefined, { isCausal: false });  // to other keys
 */
export function multiheadAttention<const E extends number, const H extends number>(embedDim: E, numHeads: H & HeadsDivide<'multiheadAttention', E, H>, options?: MultiheadAttentionOptions): MultiheadAttention<E, H> {
  return new MultiheadAttention<E, H>(embedDim, numHeads, options);
}
