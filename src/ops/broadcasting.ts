// A sum is what the gradient of an expansion is, and the other way round: the two ops stand in one file.
import type { DType } from '../dtype.js';
import { ShapeError } from '../errors.js';
import { record } from '../graph/recorder.js';
import { sameShape, showShape, type Shape } from '../shape.js';
import type { Expand } from '../shape-types.js';
import type { Tensor } from '../tensor.js';
import { unchanged } from './alias.js';
import { checkShape, checkTensor, NUMERIC } from './check.js';
import { codes } from './codes.js';
import { example } from './examples.js';
import { broadcastLayout } from './layout.js';
import type { ViewRecord } from './record.js';
import { keptShape, reduce, reduction } from './reduction.js';
import { EXACT, SUMS } from './tolerance.js';
import { reshape } from './views.js';

export const expandOp: ViewRecord<{ readonly shape: Shape }> = {
  name: 'expand',
  kind: 'view',
  infer: ([x], { shape }) => {
    if (!expandsTo(x!.shape, shape)) throw cannotExpand(x!.shape, shape);
    return { shape, dtype: x!.dtype };
  },
  view: (layout, node) => broadcastLayout(layout, node.shape),
  gradient: ([dy], { inputs: [x] }) => [sumTo(dy, x!.shape)],
  tolerance: EXACT,
  examples: () => [
    example([{ shape: [5] }], { shape: [3, 5] }),
    example([{ shape: [3, 1] }], { shape: [2, 3, 7] }),
    example([{ shape: [] }], { shape: [4] }),
    example([{ shape: [1, 3], as: 'view' }], { shape: [9, 3] }),
    example([{ shape: [1, 3] }], { shape: [0, 3] }),
  ],
};

function expandsTo(from: Shape, to: Shape): boolean {
  const missing = to.length - from.length;
  return missing >= 0 && from.every((dim, d) => dim === 1 || dim === to[missing + d]);
}

function cannotExpand(from: Shape, to: Shape): ShapeError {
  return new ShapeError(`[expand] the shape does not expand: got ${showShape(from)}, expected sizes equal to those of ${showShape(to)} or 1, counted from the last. Use unsqueeze() for new dimensions.`, {
    op: 'expand',
    shapes: [from, to],
  });
}

export const sumOp = reduction({
  name: 'sum',
  kind: codes.reductions.sum,
  takes: NUMERIC,
  gradient: ([dy], { inputs: [x] }, { axes }) => [spread(dy, x!, axes)],
  tolerance: SUMS,
  pairwise: 'add',
});

/** Gives every element of x its share of `dy`, which has the reduced shape. */
export function spread(dy: Tensor, x: Tensor, axes: readonly number[]): Tensor {
  return expand(reshape(dy, keptShape(x.shape, axes)), x.shape);
}

/** Sums x over the dimensions that broadcasting from `shape` repeated: the gradient of a broadcast operand. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return unchanged(x);
  const missing = x.shape.length - shape.length;
  const axes = x.shape.map((_, d) => d).filter((d) => d < missing || (shape[d - missing] === 1 && x.shape[d] !== 1));
  return reshape(axes.length === 0 ? x : reduce(sumOp, x, axes, false), shape);
}

/** Repeated along dimensions of size 1 and new ones in front, without copying; -1 leaves a size as it is. As torch.Tensor.expand. */
export function expand<S extends Shape, D extends DType, const T extends Shape>(x: Tensor<S, D>, shape: T): Tensor<Expand<S, T>, D> {
  checkTensor('expand', x);
  checkShape('expand', shape, -1);
  if (sameShape(x.shape, shape)) return unchanged(x) as unknown as Tensor<Expand<S, T>, D>;
  const missing = shape.length - x.shape.length;
  const sizes = shape.map((dim, d) => (dim === -1 ? x.shape[d - missing] : dim));
  if (sizes.includes(undefined)) throw cannotExpand(x.shape, shape);
  return record(expandOp, [x], { shape: sizes as number[] });
}

export const broadcastingOps = { expand: expandOp, sum: sumOp };
