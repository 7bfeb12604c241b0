import { ArgumentError, ShapeError } from '../errors.js';
import { record } from '../graph/recorder.js';
import { checkChoice, checkOptions } from '../options.js';
import { sameShape, showShape, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { div, mul } from './arithmetic.js';
import { maximum } from './bounds.js';
import { cast } from './cast.js';
import { checkDType, checkTensor, FLOAT, INT } from './check.js';
import { less, logicalAnd, notEqual } from './compare.js';
import { composite } from './composite.js';
import { arange, full } from './constructors.js';
import { checkPaddingIdx, embeddingOp } from './embedding.js';
import { example } from './examples.js';
import type { Example } from './record.js';
import { gather } from './indexing.js';
import { max, sum } from './reductions.js';
import { renormRows } from './renorm-rows.js';
import { SUMS } from './tolerance.js';
import { unsqueeze } from './views.js';
import { where } from './where.js';

const OP = 'embeddingBag';
const MODES = ['mean', 'sum', 'max'] as const;
export type BagMode = (typeof MODES)[number];

type BagAttrs = { readonly mode: BagMode; readonly paddingIdx: number; readonly bounded: boolean; readonly maxNorm?: number | undefined };

/** The operands that may be left out. */
function operandsOf([, , ...more]: readonly Tensor[], { bounded }: BagAttrs): { readonly lengths: Tensor | undefined; readonly weights: Tensor | undefined } {
  return bounded ? { lengths: more[0], weights: more[1] } : { lengths: undefined, weights: more[0] };
}

/** Truth of the tokens that count: [B, T]; undefined where all do. */
function counted(tokens: Tensor, lengths: Tensor | undefined, paddingIdx: number): Tensor | undefined {
  const [B, T] = tokens.shape as readonly [number, number];
  // A gather, because it refuses lengths that are out of range.
  const within = lengths && (less(arange(T), unsqueeze(gather(arange(T + 1), lengths as never), 1) as never) as Tensor);
  const filled = paddingIdx < 0 ? undefined : (notEqual(tokens, paddingIdx) as Tensor);
  if (within !== undefined && filled !== undefined) return logicalAnd(within, filled as never) as Tensor;
  const mask = within ?? filled;
  return mask === undefined && T === 0 ? (full([B, 0], 1, { dtype: 'bool' }) as Tensor) : mask;
}

/** Inputs: tokens [B, T] int32, weight [V, D], then int32 lengths [B] where it is `bounded`, and weights [B, T] or none. */
export const embeddingBagOp = composite<BagAttrs>({
  name: OP,
  infer: (inputs, attrs) => {
    const [tokens, weight] = inputs;
    const { lengths, weights } = operandsOf(inputs, attrs);
    checkDType(OP, tokens!, INT, 'tokens');
    checkDType(OP, weight!, FLOAT, 'weight');
    if (lengths !== undefined) checkDType(OP, lengths, INT, 'lengths');
    if (weights !== undefined) checkDType(OP, weights, FLOAT, 'perSampleWeights');
    const [B] = tokens!.shape;
    if (tokens!.shape.length !== 2 || weight!.shape.length !== 2 || (lengths !== undefined && !sameShape(lengths.shape, [B!]))) {
      const got = `tokens ${showShape(tokens!.shape)}, weight ${showShape(weight!.shape)}${lengths === undefined ? '' : `, lengths ${showShape(lengths.shape)}`}`;
      throw new ShapeError(`[${OP}] the shapes do not fit: got ${got}, expected tokens [B,T], weight [numEmbeddings, embeddingDim] and lengths [B].`, { op: OP, shapes: [tokens!.shape, weight!.shape] });
    }
    if (weights !== undefined && !sameShape(weights.shape, tokens!.shape)) throw new ShapeError(`[${OP}] perSampleWeights: got ${showShape(weights.shape)}, expected ${showShape(tokens!.shape)}, one for each token.`, { op: OP, shapes: [weights.shape, tokens!.shape] });
    return { shape: [B!, weight!.shape[1]!], dtype: 'float32' };
  },
  decompose: (inputs, attrs) => {
    const { mode, paddingIdx, maxNorm } = attrs;
    const [tokens, weight] = inputs;
    const { lengths, weights } = operandsOf(inputs, attrs);
    const found: Tensor = record(embeddingOp, [tokens!, weight!], { paddingIdx: -1 });
    const short = maxNorm === undefined ? found : renormRows(found, maxNorm);
    const rows = weights === undefined ? short : (mul(short, unsqueeze(weights, 2) as Tensor) as Tensor);
    const mask = counted(tokens!, lengths, paddingIdx);
    const T = tokens!.shape[1]!;
    const masked = (behind: number): Tensor => (mask === undefined ? rows : (where(unsqueeze(mask, 2), rows, behind) as Tensor));
    const counts = mask === undefined ? undefined : (sum(cast(mask, 'float32'), { axis: 1, keepdim: true }) as Tensor);
    if (mode === 'max') {
      if (T === 0) return sum(rows, { axis: 1 }) as Tensor;
      const largest = max(masked(-Infinity), { axis: 1 }) as Tensor;
      return counts === undefined ? largest : (where(less(0, counts), largest, 0) as Tensor);
    }
    const total = sum(masked(0), { axis: 1 }) as Tensor;
    if (mode === 'sum') return total;
    return div(total, (counts === undefined ? Math.max(T, 1) : maximum(counts, 1)) as never) as Tensor;
  },
  saves: { inputs: [0, 1, 2, 3] },
  tolerance: SUMS,
  examples: () => bagExamples(),
});

function bagExamples(): Example[] {
  const sizes: readonly [B: number, T: number, V: number, D: number][] = [[1, 1, 2, 3], [3, 5, 7, 4], [2, 17, 5, 9], [2, 0, 3, 2], [0, 3, 3, 2]];
  return sizes.flatMap(([B, T, V, D]) =>
    MODES.flatMap((mode) =>
      [-1, 1].map((paddingIdx) => {
        const lengths = paddingIdx < 0 ? [] : [{ shape: [B], dtype: 'int32' as const, from: 0, to: T + 1 }];
        const weights = mode === 'sum' ? [{ shape: [B, T] }] : [];
        return example([{ shape: [B, T] as Shape, dtype: 'int32', from: 0, to: V }, { shape: [V, D] }, ...lengths, ...weights], { mode, paddingIdx, bounded: paddingIdx >= 0 });
      }),
    ),
  );
}

export interface EmbeddingBagOptions {
  /** Mean, sum or maximum of the rows. Default 'mean'. */
  readonly mode?: BagMode | undefined;
  /** Token that does not count. Default: none. */
  readonly paddingIdx?: number | undefined;
  /** Number of tokens that count, from the first, of each bag: int32 [B]. Default: all. */
  readonly lengths?: Tensor | undefined;
  /** Factor of each row, float32 [B, T]; of mode 'sum' alone. Default: 1. */
  readonly perSampleWeights?: Tensor | undefined;
}

/**
 * Mean, sum or maximum of the rows of a table that the tokens of each bag name. tokens [B, T] int32 in [0, V), weight [V, D] float32 give [B, D]; a bag in which nothing counts gives 0. As
 * torch.nn.functional.embedding_bag of [B, T]; where that takes `offsets`, bags are padded here and have lengths.
 * Throws ShapeError, DTypeError, ArgumentError; IndexError when the step runs and a token or a length is out of range.
 *
 *     const table = tensor([[1, 2], [3, 4], [5, 6]]);
 *     console.log(await embeddingBag(tensor([[2, 0], [1, 1]], { dtype: 'int32' }), table).array());      // [[3, 4], [3, 4]]
 */
export function embeddingBag(tokens: Tensor, weight: Tensor, options?: EmbeddingBagOptions): Tensor<Shape, 'float32'> {
  return bagsOf(tokens, weight, options);
}

/** The same of rows that are no longer than maxNorm. */
export function bagsOf(tokens: Tensor, weight: Tensor, options: EmbeddingBagOptions | undefined, maxNorm?: number): Tensor<Shape, 'float32'> {
  checkOptions(OP, options, ['mode', 'paddingIdx', 'lengths', 'perSampleWeights']);
  const { mode = 'mean', paddingIdx, lengths, perSampleWeights } = options ?? {};
  checkChoice(OP, 'mode', mode, MODES);
  checkTensor(OP, tokens, 'tokens');
  checkTensor(OP, weight, 'weight');
  if (lengths !== undefined) checkTensor(OP, lengths, 'lengths');
  if (perSampleWeights !== undefined) {
    checkTensor(OP, perSampleWeights, 'perSampleWeights');
    if (mode !== 'sum') throw new ArgumentError(`[${OP}] perSampleWeights: got them with mode '${mode}', expected mode 'sum'.`, { op: OP });
  }
  const attrs = { mode, paddingIdx: checkPaddingIdx(paddingIdx, weight.shape[0] ?? 0), bounded: lengths !== undefined, ...(maxNorm !== undefined && { maxNorm }) };
  return record(embeddingBagOp, [tokens, weight, lengths, perSampleWeights].filter((input) => input !== undefined), attrs);
}

export const embeddingBagOps = { embeddingBag: embeddingBagOp };
