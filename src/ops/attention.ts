import { throughComposition } from '../graph/autodiff.js';
import { outputOf, record } from '../graph/recorder.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { composeAttention, composeAttentionGrad, gradOperandsOf, maskGradient, operandsOf, type AttentionAttrs, type AttentionGradAttrs } from './attention-composition.js';
import { zeros } from './constructors.js';
import { example } from './examples.js';
import type { CompositeRecord, Example, Tolerance } from './record.js';

/** Sums of products of some ten terms, of weights that are good to a few units in the last place. */
const ATTENTION: Tolerance = { absolute: 4e-6, relative: 4e-6 };

const NAME = 'scaledDotProductAttention';

const composeGrad = (inputs: readonly Tensor[], attrs: AttentionGradAttrs): readonly Tensor[] => composeAttentionGrad(gradOperandsOf(inputs, attrs), attrs);

/** Gradients of query, key and value. Inputs: query, key, value, y, log-sum-exp, dy, and a mask, lengths of keys, a random key and the gradient of the log-sum-exp, where they are there. */
export const attentionGradOp: CompositeRecord<AttentionGradAttrs, readonly (Tensor | undefined)[]> = {
  name: `${NAME}Grad`,
  calledBy: NAME,
  kind: 'composite',
  infer: ([query, key, value]) => ({ shape: query!.shape, dtype: 'float32', more: [key!, value!].map(({ shape }) => ({ shape, dtype: 'float32' })) }),
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
export const attentionOp: CompositeRecord<AttentionAttrs, readonly (Tensor | undefined)[]> = {
  name: NAME,
  kind: 'composite',
  infer: ([query, , value]) => {
    const rows = query!.shape.slice(0, 3);
    return { shape: [...rows, value!.shape[3]!], dtype: 'float32', more: [{ shape: rows, dtype: 'float32' }] };
  },
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
