import { ArgumentError } from '../errors.js';
import { cachedAttention } from '../ops/cached-attention.js';
import { alibi, rotaryEmbedding, scaledDotProductAttention, type AttentionOptions } from '../ops/index.js';
import type { RotaryOptions } from '../ops/rotary.js';
import type { Tensor } from '../tensor.js';
import type { DecodingPass } from './decoding.js';
import type { Module } from './module.js';
import type { AttendOptions } from './multihead-attention.js';

/** Layer whose heads attend. */
export interface AttendingLayer extends Module {
  readonly numHeads: number;
  readonly numKvHeads: number;
  readonly rotary: RotaryOptions | undefined;
  readonly alibi: boolean;
}

/** Heads of queries [B, H, T, D], keys and values [B, K, S, D]. */
export interface Heads {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
}

/** Probability of dropout with its key. */
type Dropping = Pick<AttentionOptions, 'dropout' | 'dropoutKey'>;

/** Returns what the heads of a layer give, [B, H, T, D]. Queries begin at the position `offset`, of all examples or of each; keys at 0. */
export function attendHeads(op: string, layer: AttendingLayer, { q, k, v }: Heads, { mask, keyLengths, isCausal = false }: AttendOptions, dropping: Dropping, offset: number | Int32Array = 0): Tensor {
  if (layer.alibi && mask !== undefined) throw new ArgumentError(`[${op}] mask: got one beside alibi, expected one of the two. Add alibi(heads, queries, keys) to a mask of floats.`, { op });
  const biases = layer.alibi ? alibi(layer.numHeads, q.shape[2]!, k.shape[2]!) : mask;
  return dotProducts(layer, { q: turned(layer, q, offset), k: turned(layer, k, 0), v }, { ...dropping, mask: biases, keyLengths, isCausal });
}

/** attendHeads() of tokens to those before them, which the pass has kept. */
export function attendWithin(layer: AttendingLayer, { q, k, v }: Heads, options: AttendOptions, dropping: Dropping, pass: DecodingPass): Tensor {
  checkWithin(layer, options);
  const [queries, keys] = [turned(layer, q, pass.offsets), turned(layer, k, pass.offsets)];
  const cached = pass.earlier(layer, keys, v);
  const positions = (cached?.keys ?? keys).shape[2]!;
  const biases = layer.alibi ? alibi(layer.numHeads, q.shape[2]!, positions, cached === undefined ? {} : { offset: pass.offsets }) : undefined;
  if (cached !== undefined) return cachedAttention(queries, { keys, values: v }, cached, { mask: biases });
  return dotProducts(layer, { q: queries, k: keys, v }, { ...dropping, mask: biases, isCausal: true });
}

/**
 * attendHeads() of tokens to others, within a pass. Where all `from`, of which keys and values were recorded, are of its memory, these are there from the first pass on; what was recorded is
 * then computed by nobody.
 */
export function attendToOthers(op: string, layer: AttendingLayer, heads: Heads, options: AttendOptions, dropping: Dropping, pass: DecodingPass, from: readonly Tensor[]): Tensor {
  const { keys, values } = from.every((tensor) => pass.memory.has(tensor)) ? pass.remembered(layer, heads.k, heads.v) : { keys: heads.k, values: heads.v };
  return attendHeads(op, layer, { q: heads.q, k: keys, v: values }, options, dropping, pass.offsets);
}

function turned({ rotary }: AttendingLayer, x: Tensor, offset: number | Int32Array): Tensor {
  return rotary === undefined ? x : rotaryEmbedding(x, { ...rotary, offset });
}

function dotProducts(layer: AttendingLayer, { q, k, v }: Heads, options: AttentionOptions): Tensor {
  return scaledDotProductAttention(q, k as never, v, { ...options, enableGqa: layer.numKvHeads !== layer.numHeads }) as Tensor;
}

/** Throws ArgumentError for attention that sees other tokens than those before, so that its keys and values cannot be kept. */
function checkWithin(layer: AttendingLayer, { mask, keyLengths, isCausal }: AttendOptions): void {
  if (isCausal === true && mask === undefined && keyLengths === undefined) return;
  const got = isCausal === true ? 'a mask or lengths' : 'attention to later positions';
  throw new ArgumentError(`[generate] ${layer.path$ === '' ? layer.toString() : layer.path$}: got ${got}, expected { isCausal: true } alone, for keys and values to be kept. Make the layer so, or generate with { cache: false }.`, { op: 'generate' });
}
