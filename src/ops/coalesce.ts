import { ShapeError } from '../errors.js';
import { outputOf, record } from '../graph/recorder.js';
import { sameShape, showShape, sizeOf } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { checkDType, FLOAT, INT } from './check.js';
import { gatherCost } from './costs.js';
import { example } from './examples.js';
import type { KernelRecord } from './record.js';
import { EXACT } from './tolerance.js';

type CoalesceAttrs = {
  /** Number of rows of the table. */
  readonly size: number;
  /** A token of -1 stands for none, whose update counts nowhere. */
  readonly padded: boolean;
};

/** Rows of a table that are added to, each once. Inputs: tokens [..] int32, updates [.., D]. Outputs: values [R, D], then the rows' numbers [R], where R = min(tokens, size). */
export const coalesceOp: KernelRecord<CoalesceAttrs> = {
  name: 'coalesce',
  kind: 'kernel',
  indices: 'tokens',
  calledBy: 'embedding',
  infer: ([tokens, updates], { size }) => {
    checkDType('coalesce', tokens!, INT, 'tokens');
    checkDType('coalesce', updates!, FLOAT, 'updates');
    if (!sameShape(updates!.shape.slice(0, -1), tokens!.shape)) {
      throw new ShapeError(`[coalesce] updates do not fit the tokens: got ${showShape(updates!.shape)} for ${showShape(tokens!.shape)}, expected a row for each token.`, { op: 'coalesce', shapes: [tokens!.shape, updates!.shape] });
    }
    const rows = Math.min(sizeOf(tokens!.shape), size);
    return { shape: [rows, updates!.shape.at(-1)!], dtype: 'float32', more: [{ shape: [rows], dtype: 'int32' }] };
  },
  emit: (e, { size, padded }) => {
    const tokens = sizeOf(e.shape(0));
    const [D, rows] = [e.shape(1).at(-1)!, Math.min(tokens, size)];
    const values = e.output() ?? e.temporary([rows, D], 'float32');
    e.instruction('coalesce', [values, e.output(1) ?? e.temporary([rows], 'int32')], [e.input(0), e.input(1)], [size, padded ? 1 : 0], gatherCost(tokens * D, tokens));
  },
  gradient: { none: 'it is applied to gradients' },
  tolerance: EXACT,
  examples: () =>
    ([[[17], 5, 3], [[2, 3], 4, 9], [[3], 11, 1], [[0], 4, 3], [[7, 5], 300, 17], [[4], 3, 0]] as const).map(([tokens, size, width]) =>
      example([{ shape: tokens, dtype: 'int32', from: 0, to: size }, { shape: [...tokens, width] }], { size, padded: false }),
    ),
};

/** Rows of a table, and numbers for each of them. */
export interface TableRows {
  /** [R] int32, ascending, then -1 for none. */
  readonly rows: Tensor;
  /** [R, D]; zeros where there is no row. */
  readonly values: Tensor;
}

/** Sums of the updates of each row of a table of `size` rows, in the order of the tokens: what scatterAdd() adds up, without its zeros. As torch.Tensor.coalesce. */
export function coalesce(tokens: Tensor, updates: Tensor, size: number, padded = false): TableRows {
  const values = record(coalesceOp, [tokens, updates], { size, padded });
  return { values, rows: outputOf(values, 1) };
}

export const coalesceOps = { coalesce: coalesceOp };
