import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { abs, add, div, mul, sub } from './arithmetic.js';
import { expand, sumTo } from './broadcasting.js';
import { equal, less, lessEqual } from './compare.js';
import { arange, zeros } from './constructors.js';
import { matmul } from './contraction.js';
import { exp, log } from './exponential.js';
import { gather } from './indexing.js';
import { bernoulliMask } from './random.js';
import { max, sum } from './reductions.js';
import { slice } from './slicing.js';
import { detach, reshape, transpose, unsqueeze } from './views.js';
import { where } from './where.js';

/** `masked`, `bounded`: there are a mask and lengths of keys; `dropout`, where it is not 0, comes with a random key. */
export type AttentionAttrs = { readonly scale: number; readonly causal: boolean; readonly dropout: number; readonly masked: boolean; readonly bounded: boolean };
/** `ofLse`: the loss depends on the log-sum-exp, too. */
export type AttentionGradAttrs = AttentionAttrs & { readonly ofLse: boolean };

/** Operands of an attention: query [B, H, T, D], key [B, K, S, D], value [B, K, S, E], a mask that broadcasts to [B, H, T, S], lengths of keys int32 [B], a random key int32 [5]. */
export interface AttentionOperands<T = Tensor> {
  readonly query: T;
  readonly key: T;
  readonly value: T;
  readonly mask: T | undefined;
  readonly keyLengths: T | undefined;
  readonly randomKey: T | undefined;
}

/** And of its gradient, which takes the results of the attention. */
export interface AttentionGradOperands<T = Tensor> extends AttentionOperands<T> {
  readonly y: T;
  readonly lse: T;
  readonly dy: T;
  readonly dlse: T | undefined;
}

function optionalOf<T>(rest: readonly T[], { masked, bounded, dropout }: AttentionAttrs) {
  let next = 0;
  const take = (given: boolean): T | undefined => (given ? rest[next++] : undefined);
  return { mask: take(masked), keyLengths: take(bounded), randomKey: take(dropout > 0), dlse: rest[next] };
}

/** Names inputs that stand in this order, those that may be left out behind the others. */
export function operandsOf<T>([query, key, value, ...rest]: readonly T[], attrs: AttentionAttrs): AttentionOperands<T> {
  return { query: query!, key: key!, value: value!, ...optionalOf(rest, attrs) };
}

export function gradOperandsOf<T>([query, key, value, y, lse, dy, ...rest]: readonly T[], attrs: AttentionGradAttrs): AttentionGradOperands<T> {
  return { query: query!, key: key!, value: value!, y: y!, lse: lse!, dy: dy!, ...optionalOf(rest, attrs) };
}

/** [B, H, ..] as [B, K, H/K, ..], beside keys [B, K, 1, ..], with which it broadcasts. */
function grouped(x: Tensor, { key }: AttentionOperands): Tensor {
  const [B, H, ...rest] = x.shape as [number, number, ...number[]];
  const K = key.shape[1]!;
  return reshape(x, [B, K, K === 0 ? 1 : H / K, ...rest]);
}

const ofKeys = (x: Tensor): Tensor => unsqueeze(x, 2);
const whole = (x: Tensor, shape: Shape): Tensor => reshape(x, shape);
const last = { axis: -1, keepdim: true } as const;
const turned = (x: Tensor): Tensor => transpose(x, -2, -1);

/** scale q k^T, and what a mask adds; -infinity where a query may not look: [B, K, H/K, T, S]. */
function scoresOf(operands: AttentionOperands, { scale, causal }: AttentionAttrs): Tensor {
  const { query, key, mask, keyLengths } = operands;
  const [B, H, T] = query.shape as [number, number, number];
  const S = key.shape[2]!;
  let scores: Tensor = mul(matmul(grouped(query, operands), turned(ofKeys(key))), scale) as Tensor;
  const excludeUnless = (allowed: Tensor): Tensor => where(allowed, scores, -Infinity) as Tensor;
  if (mask !== undefined) {
    const each = grouped(expand(mask, [B, H, T, S]) as Tensor, operands);
    scores = mask.dtype === 'bool' ? excludeUnless(each) : (add(scores, each) as Tensor);
  }
  if (causal) scores = excludeUnless(lessEqual(arange(S) as Tensor, reshape(arange(T) as Tensor, [T, 1])) as Tensor);
  if (keyLengths !== undefined) {
    // A gather, because it refuses lengths that are out of range.
    const ends = gather(arange(S + 1) as Tensor, keyLengths);
    scores = excludeUnless(less(arange(S) as Tensor, reshape(ends, [B, 1, 1, 1, 1])) as Tensor);
  }
  return scores;
}

/** Multiplies weights [B, K, H/K, T, S] by the factors of dropout. Each row of them begins with a block of the random stream, of four numbers. */
function dropped(weights: Tensor, operands: AttentionOperands, { dropout }: AttentionAttrs): Tensor {
  const { query, key, randomKey } = operands;
  if (randomKey === undefined) return weights;
  const S = key.shape[2]!;
  const factors = bernoulliMask([...query.shape.slice(0, 3), Math.ceil(S / 4) * 4], randomKey, 1 - dropout) as Tensor;
  return mul(weights, grouped(slice(factors, 0, S, { axis: 3 }) as Tensor, operands)) as Tensor;
}

/** [y, log-sum-exp]. A row that may look at nothing has weights of 0, and 0 stands for its log-sum-exp. */
export function composeAttention(operands: AttentionOperands, attrs: AttentionAttrs): readonly [Tensor, Tensor] {
  const { query, key, value } = operands;
  const rows = query.shape.slice(0, 3);
  const shape = [...rows, value.shape[3]!];
  if (key.shape[2] === 0) return [zeros(shape) as Tensor, zeros(rows) as Tensor];
  const scores = scoresOf(operands, attrs);
  const largest = max(detach(scores), last) as Tensor;
  const shift = where(equal(largest, -Infinity), 0, largest) as Tensor;
  const weights = exp(sub(scores, shift)) as Tensor;
  const sums = sum(weights, last) as Tensor;
  const total = where(equal(sums, 0), 1, sums) as Tensor;
  const shares = div(weights, total) as Tensor;
  const y = matmul(dropped(shares, operands, attrs), ofKeys(value)) as Tensor;
  return [whole(y, shape), whole(add(log(total), shift) as Tensor, rows)];
}

/** Log-sum-exps beyond this are rounded so that weights that are computed by them do not add up to 1. */
const ROUNDED_LSE = 64;

/** Weights, by the log-sum-exp, and the gradient of the scores: P (dP - sum(dy y) + dlse). */
function scoreGradient(operands: AttentionGradOperands, attrs: AttentionGradAttrs): readonly [weights: Tensor, dscores: Tensor] {
  const { value, y, lse, dy, dlse } = operands;
  const ofRow = unsqueeze(grouped(lse, operands), -1);
  const unscaled = exp(sub(scoresOf(operands, attrs), ofRow)) as Tensor;
  const weights = div(unscaled, where(less(ROUNDED_LSE, abs(ofRow)), sum(unscaled, last), 1) as Tensor) as Tensor;
  const dweights = dropped(matmul(grouped(dy, operands), turned(ofKeys(value))) as Tensor, operands, attrs);
  const along = sum(mul(dy, y), { axis: -1 }) as Tensor;
  const delta = dlse === undefined ? along : (sub(along, dlse) as Tensor);
  return [weights, mul(weights, sub(dweights, unsqueeze(grouped(delta, operands), -1))) as Tensor];
}

/** [dquery, dkey, dvalue]. */
export function composeAttentionGrad(operands: AttentionGradOperands, attrs: AttentionGradAttrs): readonly [Tensor, Tensor, Tensor] {
  const { query, key, dy } = operands;
  const [weights, dscores] = scoreGradient(operands, attrs);
  const scaled = mul(dscores, attrs.scale) as Tensor;
  const shared = (x: Tensor): Tensor => sum(x, { axis: 2 }) as Tensor;
  return [
    whole(matmul(scaled, ofKeys(key)) as Tensor, query.shape),
    shared(matmul(turned(scaled), grouped(query, operands)) as Tensor),
    shared(matmul(turned(dropped(weights, operands, attrs)), grouped(dy, operands)) as Tensor),
  ];
}

/** Gradient of a mask that is added. */
export function maskGradient(operands: AttentionGradOperands, attrs: AttentionGradAttrs): Tensor {
  const { query, key, mask } = operands;
  const [, dscores] = scoreGradient(operands, attrs);
  return sumTo(whole(dscores, [...query.shape.slice(0, 3), key.shape[2]!]), mask!.shape);
}
