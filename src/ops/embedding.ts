import { ArgumentError, ShapeError } from '../errors.js';
import { record } from '../graph/recorder.js';
import { checkOptions } from '../options.js';
import { describeValue } from '../describe-value.js';
import { showShape, sizeOf, type Shape } from '../shape.js';
import type { GatherFirst, Indices } from '../shape-types.js';
import type { DType } from '../dtype.js';
import type { Tensor } from '../tensor.js';
import { unsqueeze } from './views.js';
import { checkDType, checkTensor, FLOAT, INT } from './check.js';
import { equal } from './compare.js';
import { gatherCost } from './costs.js';
import { example } from './examples.js';
import { scatterAdd } from './indexing.js';
import type { Example, KernelRecord } from './record.js';
import { EXACT } from './tolerance.js';
import { where } from './where.js';

/** `paddingIdx`: the row that gets no gradient; -1 for none. */
type EmbeddingAttrs = { readonly paddingIdx: number };

/** Inputs: tokens [..] int32, weight [V, D]. */
export const embeddingOp: KernelRecord<EmbeddingAttrs> = {
  name: 'embedding',
  kind: 'kernel',
  indices: 'tokens',
  infer: ([tokens, weight]) => {
    checkDType('embedding', tokens!, INT, 'tokens');
    checkDType('embedding', weight!, FLOAT, 'weight');
    if (weight!.shape.length !== 2) {
      throw new ShapeError(`[embedding] the weight is no table: got ${showShape(weight!.shape)}, expected [numEmbeddings, embeddingDim]. Use gather for other shapes.`, { op: 'embedding', shapes: [tokens!.shape, weight!.shape] });
    }
    return { shape: [...tokens!.shape, weight!.shape[1]!], dtype: 'float32' };
  },
  emit: (e) => {
    const [rows, width] = [sizeOf(e.shape(0)), e.shape(1)[1]!];
    e.instruction('gather', [e.output()], [e.input(1), e.input(0)], [0], gatherCost(rows * width, rows));
  },
  gradient: ([dy], { inputs: [tokens, weight] }, { paddingIdx }) => {
    const counted = paddingIdx < 0 ? dy : (where(unsqueeze(equal(tokens!, paddingIdx), -1), 0, dy) as Tensor);
    return [undefined, scatterAdd(counted, tokens!, weight!.shape[0]!)];
  },
  saves: { inputs: [0] },
  tolerance: EXACT,
  examples: () => embeddingExamples(),
};

// A row of padding that comes up has no gradient though it has a slope: test/ops/embedding.test.ts.
function embeddingExamples(): Example[] {
  const cases: [Shape, number, number, number][] = [[[17], 5, 9, -1], [[2, 3], 4, 8, -1], [[], 3, 1, -1], [[0], 3, 5, 0], [[3, 0], 2, 4, -1], [[7, 5], 11, 17, -1]];
  return cases.map(([tokens, rows, width, paddingIdx]) => example([{ shape: tokens, dtype: 'int32', from: 0, to: rows }, { shape: [rows, width] }], { paddingIdx }));
}

export interface EmbeddingOptions {
  /** Token whose row gets no gradient. Default: none. */
  readonly paddingIdx?: number | undefined;
}

/** A padding token counted from the front, -1 for none. Throws ArgumentError for one that the table does not have. */
export function checkPaddingIdx(paddingIdx: number | undefined, rows: number): number {
  if (paddingIdx === undefined) return -1;
  if (Number.isInteger(paddingIdx) && paddingIdx >= -rows && paddingIdx < rows) return paddingIdx < 0 ? paddingIdx + rows : paddingIdx;
  throw new ArgumentError(`[embedding] paddingIdx: got ${describeValue(paddingIdx)}, expected a whole number in [${-rows}, ${rows}), a token of the table.`, { op: 'embedding' });
}

/**
 * The rows of a table that tokens name: out[.., :] = weight[tokens[..], :]. tokens [..] int32 in [0, V), weight [V, D] float32 give [.., D]. Gradients of a
 * token that comes more than once add up in the order of the tokens, the same bits every time. As torch.nn.functional.embedding.
 * Throws ShapeError, DTypeError, ArgumentError; IndexError, naming the position, when the step runs and a token is out of range.
 *
 *     const table = tensor([[1, 2], [3, 4], [5, 6]]);
 *     console.log(await embedding(tensor([2, 0], { dtype: 'int32' }), table).array());      // [[5, 6], [1, 2]]
 */
export function embedding<I extends Shape, E extends DType, S extends Shape>(tokens: Tensor<I, E> & Indices<'embedding', 'tokens', E>, weight: Tensor<S>, options?: EmbeddingOptions): Tensor<GatherFirst<S, I>, 'float32'>;
export function embedding(tokens: Tensor, weight: Tensor, options?: EmbeddingOptions): Tensor {
  checkOptions('embedding', options, ['paddingIdx']);
  checkTensor('embedding', tokens, 'tokens', 'int32');
  checkTensor('embedding', weight, 'weight');
  return record(embeddingOp, [tokens, weight], { paddingIdx: checkPaddingIdx(options?.paddingIdx, weight.shape[0] ?? 0) });
}

export const embeddingOps = { embedding: embeddingOp };
