import { throughComposition } from '../graph/autodiff.js';
import { record } from '../graph/recorder.js';
import type { Tensor } from '../tensor.js';
import { add } from './arithmetic.js';
import { asMask, hasRows } from './attention.js';
import { composeAttention } from './attention-composition.js';
import { equal } from './compare.js';
import { composite } from './composite.js';
import { arange } from './constructors.js';
import { cachedAttentionCost } from './costs.js';
import { anyLayout, bitsOf, part } from './emitter.js';
import { example } from './examples.js';
import { concat } from './joining.js';
import type { EffectRecord, Example, KernelRecord, Tolerance } from './record.js';
import { slice } from './slicing.js';
import { EXACT } from './tolerance.js';
import { reshape } from './views.js';
import { where } from './where.js';

type PutAttrs = { readonly atStart: boolean };

const OFFSETS = { dtype: 'int32', from: 0, to: 5 } as const;

const writeExamples = (): Example[] => [
  example([{ shape: [2, 3, 5, 4] }, { shape: [2, 3, 1, 4] }, { shape: [2], ...OFFSETS }], { atStart: false }),
  example([{ shape: [1, 1, 5, 7] }, { shape: [1, 1, 1, 7] }, { shape: [1], ...OFFSETS }], { atStart: false }),
  example([{ shape: [2, 3, 5, 4] }, { shape: [2, 3, 3, 4] }], { atStart: true }),
  example([{ shape: [2, 1, 5, 4] }, { shape: [2, 1, 5, 4] }], { atStart: true }),
];

/** Overwrites positions of a cache. Inputs: see putPositionsOp. */
export const writePositionsOp: EffectRecord<PutAttrs> = {
  name: 'writePositions',
  kind: 'effect',
  writes: () => [0],
  infer: ([cache]) => ({ shape: cache!.shape, dtype: cache!.dtype }),
  emit: (e, { atStart }) => {
    if (atStart) e.instruction('copy', [part(e.input(0, anyLayout), 2, 0, e.shape(1)[2]!)], [e.input(1, anyLayout)]);
    else e.instruction('write_positions', [e.input(0, hasRows)], [e.input(1, hasRows), e.input(2)]);
  },
  gradient: { none: 'it writes memory' },
  tolerance: EXACT,
  examples: writeExamples,
};

/** A cache [B, K, C, D] with rows [B, K, T, D] from its start on, or, of T = 1, at the offsets int32 [B]. */
export const putPositionsOp = {
  ...composite<PutAttrs>({
    name: 'putPositions',
    infer: ([cache]) => ({ shape: cache!.shape, dtype: cache!.dtype }),
    decompose: ([cache, rows, offsets], { atStart }) => {
      if (atStart) return concat([rows!, slice(cache!, rows!.shape[2]!, undefined, { axis: 2 }) as Tensor], 2) as Tensor;
      const here = equal(reshape(arange(cache!.shape[2]!) as Tensor, [1, 1, -1, 1]), reshape(offsets!, [-1, 1, 1, 1])) as Tensor;
      return where(here, rows!, cache!) as Tensor;
    },
    tolerance: EXACT,
    examples: writeExamples,
  }),
  inPlace: (inputs: readonly Tensor[], attrs: PutAttrs) => record(writePositionsOp, inputs, attrs),
};

/** The cache with rows [B, K, 1, D] at the offsets, or [B, K, T, D] from its start on. */
export function putPositions(cache: Tensor, rows: Tensor, offsets?: Tensor): Tensor {
  return offsets === undefined ? record(putPositionsOp, [cache, rows], { atStart: true }) : record(putPositionsOp, [cache, rows, offsets], { atStart: false });
}

type CachedAttrs = { readonly scale: number };

/** Sums of products of some ten terms, of weights that are good to a few units in the last place. */
const ATTENTION: Tolerance = { absolute: 4e-6, relative: 4e-6 };

function composeCached([query, key, value, keys, values, offsets, mask]: readonly Tensor[], { scale }: CachedAttrs): Tensor {
  const all = { query: query!, key: putPositions(keys!, key!, offsets), value: putPositions(values!, value!, offsets) };
  return composeAttention({ ...all, mask, keyLengths: add(offsets!, 1) as Tensor, randomKey: undefined }, { scale, causal: false, dropout: 0, masked: mask !== undefined, bounded: true })[0];
}

/**
 * Attention of one position to those in a cache and to itself. Inputs: query [B, H, 1, D], key [B, K, 1, D] and value [B, K, 1, E] of the position, the cache's keys [B, K, C, D] and values
 * [B, K, C, E], offsets int32 [B], so many of which come before the position, and a mask that broadcasts to [B, H, 1, C], where there is one.
 */
export const cachedAttentionOp: KernelRecord<CachedAttrs> = {
  name: 'cachedAttention',
  calledBy: 'scaledDotProductAttention',
  kind: 'kernel',
  indices: 'positions',
  infer: ([query, , value]) => ({ shape: [...query!.shape.slice(0, 3), value!.shape[3]!], dtype: 'float32' }),
  emit: (e, { scale }) => {
    const operands = [0, 1, 2, 3, 4].map((i) => e.input(i, hasRows));
    const mask = e.inputs > 6 ? asMask(e.input(6, anyLayout)) : undefined;
    e.instruction('cached_attention', [e.output()], [...operands, e.input(5), mask], [bitsOf(scale)], cachedAttentionCost(e.shape(0), e.shape(4)));
  },
  decompose: composeCached,
  gradient: throughComposition(composeCached),
  saves: { inputs: [0, 1, 2, 3, 4, 5, 6] },
  tolerance: ATTENTION,
  examples: () => {
    const of = ([B, H, K, C, D, E]: readonly [number, number, number, number, number, number], ...mask: Example['inputs'][number][]): Example =>
      example([{ shape: [B, H, 1, D] }, { shape: [B, K, 1, D] }, { shape: [B, K, 1, E] }, { shape: [B, K, C, D] }, { shape: [B, K, C, E] }, { shape: [B], dtype: 'int32', from: 0, to: C }, ...mask], { scale: 0.7 });
    return [
      of([1, 1, 1, 1, 1, 1]),
      of([2, 4, 4, 9, 8, 8]),
      of([3, 4, 2, 33, 5, 19]),
      of([1, 9, 1, 70, 16, 67]),
      of([2, 2, 2, 17, 4, 4], { shape: [2, 2, 1, 17] }),
      of([2, 2, 2, 17, 4, 4], { shape: [17], dtype: 'bool' }),
      of([0, 2, 2, 3, 4, 4]),
    ];
  },
};

/** Attention of a query to what a cache has before it, and to its own key and value. */
export function cachedAttention(query: Tensor, own: { readonly keys: Tensor; readonly values: Tensor }, cache: { readonly keys: Tensor; readonly values: Tensor; readonly offsets: Tensor }, options: { readonly mask: Tensor | undefined }): Tensor {
  const inputs = [query, own.keys, own.values, cache.keys, cache.values, cache.offsets];
  return record(cachedAttentionOp, options.mask === undefined ? inputs : [...inputs, options.mask], { scale: 1 / Math.sqrt(query.shape[3]!) });
}

export const cachedAttentionOps = { cachedAttention: cachedAttentionOp, putPositions: putPositionsOp, writePositions: writePositionsOp };
