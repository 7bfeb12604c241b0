import type { DType } from '../dtype.js';
import { ShapeError } from '../errors.js';
import { record } from '../graph/recorder.js';
import { showShape, sizeOf, type Shape } from '../shape.js';
import type { GatherFirst, Indices } from '../shape-types.js';
import type { Tensor } from '../tensor.js';
import { mul, neg, sub } from './arithmetic.js';
import { cast } from './cast.js';
import { checkDType, checkOperands, checkShape, INT, NUMERIC, resolveAxis } from './check.js';
import { gatherCost } from './costs.js';
import { example } from './examples.js';
import type { Example, KernelRecord } from './record.js';
import { sumTo } from './broadcasting.js';
import { EXACT } from './tolerance.js';

const ALL: readonly DType[] = ['float32', 'int32', 'bool', 'uint8'];

/** The shape of data with one axis replaced by the dimensions of the indices. */
function replaced(data: Shape, axis: number, indices: Shape): Shape {
  return [...data.slice(0, axis), ...indices, ...data.slice(axis + 1)];
}

export const gatherOp: KernelRecord<{ readonly axis: number }> = {
  name: 'gather',
  kind: 'kernel',
  indices: 'positions',
  infer: ([x, indices], { axis }) => {
    checkDType('gather', indices!, INT, 'indices');
    const shape = replaced(x!.shape, axis, indices!.shape);
    return { shape, dtype: x!.dtype };
  },
  emit: (e, { axis }) => {
    const slices = sizeOf(e.shape(0).slice(0, axis)) * sizeOf(e.shape(1));
    const cost = gatherCost(slices * sizeOf(e.shape(0).slice(axis + 1)), slices);
    e.instruction('gather', [e.output()], [e.input(0), e.input(1)], [axis], cost);
  },
  gradient: ([dy], { inputs: [x, indices] }, { axis }) => [scatterAdd(dy, indices!, x!.shape[axis]!, axis), undefined],
  saves: { inputs: [1] },
  tolerance: EXACT,
  examples: () => gatherExamples(),
};

function gatherExamples(): Example[] {
  const cases: [Shape, number, Shape][] = [[[7], 0, [17]], [[5, 9], 0, [3]], [[5, 9], 1, [2, 4]], [[3, 5, 8], 1, []], [[5, 3], 0, [0]], [[4, 0], 0, [2]]];
  return cases.map(([shape, axis, indices]) => example([{ shape }, { shape: indices, dtype: 'int32', from: 0, to: shape[axis]! }], { axis }));
}

/** `size` is that of the axis in the result. */
type ScatterAttrs = { readonly axis: number; readonly size: number };

export const scatterAddOp: KernelRecord<ScatterAttrs> = {
  name: 'scatterAdd',
  kind: 'kernel',
  indices: 'positions',
  infer: ([indices, updates], { axis, size }) => {
    checkDType('scatterAdd', indices!, INT, 'indices');
    checkDType('scatterAdd', updates!, NUMERIC, 'updates');
    const rank = indices!.shape.length;
    const at = updates!.shape.slice(axis, axis + rank);
    if (at.length !== rank || at.some((dim, d) => dim !== indices!.shape[d])) {
      throw new ShapeError(
        `[scatterAdd] updates do not fit the indices: got updates ${showShape(updates!.shape)}, expected ${showShape(indices!.shape)} from axis ${axis} on. Reshape the updates.`,
        { op: 'scatterAdd', shapes: [indices!.shape, updates!.shape] },
      );
    }
    return { shape: [...updates!.shape.slice(0, axis), size, ...updates!.shape.slice(axis + rank)], dtype: updates!.dtype };
  },
  emit: (e, { axis }) => e.instruction('scatter_add', [e.output()], [e.input(0), e.input(1)], [axis]),
  gradient: ([dy], { inputs: [indices] }, { axis }) => [undefined, gather(dy, indices!, axis)],
  saves: { inputs: [0] },
  // In the order of the indices, as the reference.
  tolerance: EXACT,
  examples: () => [
    example([{ shape: [17], dtype: 'int32', from: 0, to: 5 }, { shape: [17] }], { axis: 0, size: 5 }),
    example([{ shape: [9], dtype: 'int32', from: 0, to: 4 }, { shape: [9, 7] }], { axis: 0, size: 4 }),
    example([{ shape: [2, 3], dtype: 'int32', from: 0, to: 4 }, { shape: [5, 2, 3] }], { axis: 1, size: 4 }),
    example([{ shape: [0], dtype: 'int32', from: 0, to: 4 }, { shape: [0, 3] }], { axis: 0, size: 4 }),
  ],
};

/**
 * The slices of x along `axis` that the int32 `indices` name: out[.., i.., ..] = x[.., indices[i..], ..]. As torch.index_select, for
 * indices of any shape (torch.gather is another operation). Throws IndexError when the step runs and an index is not in [0, size).
 */
export function gather<S extends Shape, D extends DType, I extends Shape, E extends DType>(
  x: Tensor<S, D>,
  indices: Tensor<I, E> & Indices<'gather', 'indices', E>,
): Tensor<GatherFirst<S, I>, D>;
export function gather<S extends Shape, D extends DType>(x: Tensor<S, D>, indices: Tensor, axis: number): Tensor<Shape, D>;
export function gather(x: Tensor, indices: Tensor, axis = 0): Tensor {
  checkOperands('gather', [x, indices]);
  return record(gatherOp, [x, indices], { axis: resolveAxis('gather', axis, x.shape) });
}

/**
 * Zeros of `size` along `axis`, with `updates` added where the int32 `indices` say, in their order: the same bits every time.
 * Counts of float32 stop at 2^24, where adding 1 changes nothing; int32 counts to 2^31 - 1, and the step fails with ANNEAL_OVERFLOW where
 * a sum leaves int32 on its way (torch's wraps around). As index_add on zeros in torch; the gradient of gather. Throws IndexError when the
 * step runs and an index is not in [0, size).
 */
export function scatterAdd<D extends DType>(updates: Tensor<Shape, D>, indices: Tensor, size: number, axis = 0): Tensor<Shape, D> {
  checkOperands('scatterAdd', [updates, indices]);
  checkShape('scatterAdd', [size]);
  // The axis of the first of the dimensions that the indices have.
  const rank = updates.shape.length - indices.shape.length + 1;
  return record(scatterAddOp, [indices, updates], { axis: resolveAxis('scatterAdd', axis, updates.shape, Math.max(rank, 1)), size });
}

export const gatherRowsOp: KernelRecord<{ readonly affine: boolean }> = {
  name: 'gatherRows',
  kind: 'kernel',
  indices: 'positions',
  infer: ([x, indices, ...numbers], { affine }) => {
    checkDType('gatherRows', x!, ALL);
    checkDType('gatherRows', indices!, INT, 'indices');
    if (x!.shape.length === 0 || indices!.shape.length !== 1 || numbers.some(({ shape }) => shape.length > 0)) {
      throw new ShapeError(
        `[gatherRows] the shapes are wrong: got data ${showShape(x!.shape)}, indices ${showShape(indices!.shape)}, expected data [N,..], indices [B] and scalars behind. Use gather for other shapes.`,
        { op: 'gatherRows', shapes: [x!.shape, indices!.shape] },
      );
    }
    return { shape: [indices!.shape[0]!, ...x!.shape.slice(1)], dtype: affine || x!.dtype !== 'int32' ? 'float32' : 'int32' };
  },
  emit: (e, { affine }) => {
    const numbers = [2, 3, 4].map((i) => (affine ? e.input(i) : undefined));
    const [data, [rows = 0]] = [e.shape(0), e.shape(1)];
    e.instruction('gather_rows', [e.output()], [e.input(0), e.input(1), ...numbers], [], gatherCost(rows * sizeOf(data.slice(1)), rows));
  },
  gradient: ([dy], { inputs: [x, indices, mean, rest, scale] }) => {
    const dx = x!.dtype === 'float32' ? scatterAdd(scale === undefined ? dy : mul(dy, scale), indices!, x!.shape[0]!) : undefined;
    if (scale === undefined) return [dx];
    const shift = neg(mul(sumTo(dy, []), scale));
    const distance = sub(sub(cast(gatherRows(x!, indices!), 'float32'), mean!), rest!);
    return [dx, undefined, shift, shift, sumTo(mul(dy, distance), [])];
  },
  saves: { inputs: [0, 1, 2, 3, 4] },
  tolerance: EXACT,
  examples: () => gatherRowsExamples(),
};

function gatherRowsExamples(): Example[] {
  const rows = { shape: [7], dtype: 'int32', from: 0, to: 5 } as const;
  const bytes = { shape: [5, 3, 4], dtype: 'uint8', from: 0, to: 256 } as const;
  const scalars = [{ shape: [] }, { shape: [] }, { shape: [] }];
  return [
    example([bytes, rows, ...scalars], { affine: true }),
    example([bytes, rows], { affine: false }),
    example([{ shape: [5, 17] }, rows, ...scalars], { affine: true }),
    example([{ shape: [5, 17] }, rows], { affine: false }),
    example([{ shape: [5], dtype: 'int32', from: 0, to: 10 }, rows], { affine: false }),
    example([{ shape: [5, 2] }, { ...rows, shape: [0] }], { affine: false }),
  ];
}

/**
 * Rows of a dataset: out[b, ..] = (data[indices[b], ..] - mean - rest) * scale. Bytes and truth values become float32; int32 stays int32
 * where nothing is scaled. Gradients flow to float32 data and the three scalars.
 * Throws IndexError when the step runs and an index is not in [0, N).
 */
export function gatherRows(data: Tensor, indices: Tensor, affine?: { readonly mean: Tensor; readonly rest: Tensor; readonly scale: Tensor }): Tensor {
  if (affine === undefined) return record(gatherRowsOp, [data, indices], { affine: false });
  return record(gatherRowsOp, [data, indices, affine.mean, affine.rest, affine.scale], { affine: true });
}

export const indexingOps = { gather: gatherOp, scatterAdd: scatterAddOp, gatherRows: gatherRowsOp };
