import { throughComposition } from '../graph/autodiff.js';
import { outputOf, record } from '../graph/recorder.js';
import { sizeOf, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { composeAttention, composeAttentionGrad, gradOperandsOf, maskGradient, operandsOf, type AttentionAttrs, type AttentionGradAttrs, type AttentionOperands } from './attention-composition.js';
import { zeros } from './constructors.js';
import { example } from './examples.js';
import { attentionCost } from './costs.js';
import { anyLayout, bitsOf, type Emitter, type Value } from './emitter.js';
import { denseLayout, orderOf, type Layout, type Order } from './layout.js';
import type { Example, KernelRecord, Tolerance } from './record.js';

/** Sums of products of some ten terms, of weights that are good to a few units in the last place. */
const ATTENTION: Tolerance = { absolute: 4e-6, relative: 4e-6 };

const NAME = 'scaledDotProductAttention';

/** Features lie side by side; a mask of one element, too, has strides of its own. */
export const hasRows = ({ shape, strides }: Layout): boolean => shape.at(-1)! <= 1 || strides.at(-1) === 1;

/** Operands [B, H, T, D] of a query whose heads lie side by side at each position leave results that do. */
function orderLike(shape: Shape, query: Layout): Order | undefined {
  const [, H, T] = query.shape as [number, number, number];
  const turned = H > 1 && T > 1 && query.strides[1]! < query.strides[2]!;
  return turned && shape.length === 4 ? orderOf(denseLayout(shape, [0, 2, 1, 3])) : undefined;
}

/** A mask as [B, H, T, S], dimensions that it broadcasts along being 1. */
export function asMask({ buffer, layout }: Value): Value {
  const missing = Array.from({ length: 4 - layout.shape.length }, () => 1);
  return { buffer, layout: { shape: [...missing, ...layout.shape], strides: [...missing, ...layout.strides], offset: layout.offset } };
}

/** The operands that both rows begin with. */
function sharedOperands(e: Emitter, { query, key, value, mask, keyLengths, randomKey }: AttentionOperands<number>): readonly (Value | undefined)[] {
  const given = (i: number | undefined, accepts?: (layout: Layout) => boolean): Value | undefined => (i === undefined ? undefined : e.input(i, accepts));
  return [e.input(query, hasRows), e.input(key, hasRows), e.input(value, hasRows), mask === undefined ? undefined : asMask(e.input(mask, anyLayout)), given(keyLengths), given(randomKey)];
}

function words({ scale, causal, dropout }: AttentionAttrs): number[] {
  return [bitsOf(scale), Number(causal), bitsOf(1 - dropout), bitsOf(1 / (1 - dropout))];
}

function emitAttention(e: Emitter, attrs: AttentionAttrs): void {
  const operands = operandsOf([...positions(e)], attrs);
  e.instruction('attention', [e.output(0), e.output(1)], sharedOperands(e, operands), words(attrs), attentionCost(e.shape(0), e.shape(2), attrs.causal, 1));
}

function emitAttentionGrad(e: Emitter, attrs: AttentionGradAttrs): void {
  const operands = gradOperandsOf([...positions(e)], attrs);
  const { y, dy, lse, dlse } = operands;
  const more = [e.input(y, hasRows), e.input(dy, hasRows), e.input(lse), dlse === undefined ? undefined : e.input(dlse)];
  e.instruction('attention_grad', [0, 1, 2].map((i) => e.output(i)), [...sharedOperands(e, operands), ...more], words(attrs), attentionCost(e.shape(0), e.shape(2), attrs.causal, 2.5));
}

const positions = (e: Emitter): Iterable<number> => Array.from({ length: e.inputs }).keys();

const composeGrad = (inputs: readonly Tensor[], attrs: AttentionGradAttrs): readonly Tensor[] => composeAttentionGrad(gradOperandsOf(inputs, attrs), attrs);

/** Gradients of query, key and value. Inputs: query, key, value, y, log-sum-exp, dy, and a mask, lengths of keys, a random key and the gradient of the log-sum-exp, where they are there. */
export const attentionGradOp: KernelRecord<AttentionGradAttrs, readonly (Tensor | undefined)[]> = {
  name: `${NAME}Grad`,
  calledBy: NAME,
  kind: 'kernel',
  indices: 'lengths',
  infer: ([query, key, value]) => ({ shape: query!.shape, dtype: 'float32', more: [key!, value!].map(({ shape }) => ({ shape, dtype: 'float32' })) }),
  order: (shape, [query]) => orderLike(shape, query!),
  emit: emitAttentionGrad,
  decompose: composeGrad,
  gradient: throughComposition(composeGrad),
  saves: { inputs: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] },
  tolerance: ATTENTION,
  examples: () => attentionExamples().map(({ inputs: [query, key, value, ...rest], attrs }) => {
    const rows = query!.shape.slice(0, 3);
    const y = { shape: [...rows, value!.shape[3]!] };
    const ofLse = attrs!['causal'] === true;
    return example([query!, key!, value!, y, { shape: rows, from: 1, to: 2 }, y, ...rest, ...(ofLse ? [{ shape: rows }] : [])], { ...attrs, ofLse });
  }),
};

/** softmax(scale q k^T + mask) v, and the log-sum-exp of the scores. Inputs: see AttentionOperands. */
export const attentionOp: KernelRecord<AttentionAttrs, readonly (Tensor | undefined)[]> = {
  name: NAME,
  kind: 'kernel',
  indices: 'lengths',
  infer: ([query, , value]) => {
    const rows = query!.shape.slice(0, 3);
    return { shape: [...rows, value!.shape[3]!], dtype: 'float32', more: [{ shape: rows, dtype: 'float32' }] };
  },
  order: (shape, [query]) => orderLike(shape, query!),
  flops: ([query, key, value]) => 2 * sizeOf(query!.shape.slice(0, 3)) * key!.shape[2]! * (query!.shape[3]! + value!.shape[3]!),
  emit: emitAttention,
  decompose: (inputs, attrs) => composeAttention(operandsOf(inputs, attrs), attrs),
  gradient: ([dy, dlse], node, attrs) => {
    const { query, key, value, mask, keyLengths, randomKey } = operandsOf(node.inputs, attrs);
    const slope = dy ?? (zeros(node.shape) as Tensor);
    const inputs = [query, key, value, node, outputOf(node, 1), slope, mask, keyLengths, randomKey, dlse].filter((input) => input !== undefined);
    const gradAttrs = { ...attrs, ofLse: dlse !== undefined };
    const dquery = record(attentionGradOp, inputs, gradAttrs);
    const dmask = mask?.requiresGrad === true ? maskGradient(gradOperandsOf(inputs, gradAttrs), gradAttrs) : undefined;
    return [dquery, outputOf(dquery, 1), outputOf(dquery, 2), dmask];
  },
  saves: { inputs: [0, 1, 2, 3, 4, 5], outputs: [0, 1] },
  tolerance: ATTENTION,
  examples: attentionExamples,
};

/** Sizes B, H, K, T, S, D, E: fewer rows than a vector has lanes, around tiles, grouped heads, and nothing. */
type Sizes = readonly [B: number, H: number, K: number, T: number, S: number, D: number, E: number];

function attentionExamples(): Example[] {
  const plain = { scale: 0.7, causal: false, dropout: 0, masked: false, bounded: false };
  const of = ([B, H, K, T, S, D, E]: Sizes, attrs: Partial<AttentionAttrs> = {}, mask: readonly Example['inputs'][number][] = [], as?: 'view'): Example => {
    const lengths = attrs.bounded === true ? [{ shape: [B], dtype: 'int32' as const, from: 0, to: S + 1 }] : [];
    const key = (attrs.dropout ?? 0) > 0 ? [{ shape: [5], dtype: 'int32' as const, from: 0, to: 1000 }] : [];
    const operand = (shape: Shape): Example['inputs'][number] => (as === undefined ? { shape } : { shape, as });
    return example([operand([B, H, T, D]), operand([B, K, S, D]), operand([B, K, S, E]), ...mask, ...lengths, ...key], { ...plain, ...attrs });
  };
  return [
    of([1, 1, 1, 1, 1, 1, 1]),
    of([2, 1, 1, 7, 9, 5, 3]),
    of([1, 2, 2, 17, 17, 4, 4], { causal: true }),
    of([1, 4, 2, 5, 6, 3, 3], { causal: true }),
    of([1, 1, 1, 65, 70, 8, 8], { causal: true }),
    of([1, 4, 1, 3, 66, 16, 17], { bounded: true }),
    of([2, 2, 1, 6, 7, 3, 2], { masked: true }, [{ shape: [6, 7] }]),
    of([2, 2, 2, 3, 4, 3, 2], { masked: true, causal: true }, [{ shape: [2, 1, 3, 4], dtype: 'bool' }]),
    of([2, 2, 2, 5, 19, 3, 2], { masked: true, bounded: true }, [{ shape: [2, 1, 1, 19] }]),
    of([2, 2, 1, 5, 6, 3, 3], { dropout: 0.3 }),
    of([1, 1, 1, 4, 9, 2, 2], { dropout: 0.5, causal: true, masked: true, bounded: true }, [{ shape: [1, 4, 9], dtype: 'bool' }]),
    of([2, 3, 3, 5, 4, 3, 3], {}, [], 'view'),
    of([1, 2, 2, 3, 0, 4, 4]),
    of([0, 2, 2, 3, 4, 4, 4]),
    of([1, 2, 2, 0, 4, 4, 4], { causal: true }),
  ];
}

export const attentionOps = { scaledDotProductAttention: attentionOp, scaledDotProductAttentionGrad: attentionGradOp };
