import type { DType } from '../dtype.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { record } from '../graph/recorder.js';
import { sameShape, showShape, sizeOf, type Shape } from '../shape.js';
import type { Permute, Resolved, Transpose, Turned, Unflatten, Unsqueeze } from '../shape-types.js';
import { describeValue } from '../describe-value.js';
import type { Tensor } from '../tensor.js';
import { aliasOp, unchanged } from './alias.js';
import { checkShape, checkTensor, rankOrOne, resolveAxes, resolveAxis } from './check.js';
import { example, unaryExamples } from './examples.js';
import { permutedLayout, reshapedLayout } from './layout.js';
import type { ViewRecord } from './record.js';
import { EXACT } from './tolerance.js';

type ShapeAttrs = { readonly shape: Shape };

export const reshapeOp: ViewRecord<ShapeAttrs> = {
  name: 'reshape',
  kind: 'view',
  infer: ([x], { shape }) => ({ shape: resolvedSizes('reshape', x!.shape, shape), dtype: x!.dtype }),
  view: (layout, node) => reshapedLayout(layout, node.shape),
  gradient: ([dy], { inputs: [x] }) => [reshape(dy, x!.shape)],
  tolerance: EXACT,
  examples: () => [
    example([{ shape: [3, 5] }], { shape: [15] }),
    example([{ shape: [3, 5] }], { shape: [5, -1] }),
    example([{ shape: [2, 3, 4], as: 'view' }], { shape: [24] }),
    example([{ shape: [6, 4], as: 'view' }], { shape: [2, 3, 1, 4] }),
    example([{ shape: [0, 3] }], { shape: [3, 0] }),
    example([{ shape: [1] }], { shape: [] }),
  ],
};

/** Puts the size that is left in the place of -1, and checks that the sizes agree. */
export function resolvedSizes(op: string, from: Shape, to: Shape): Shape {
  const size = sizeOf(from);
  const unknown = to.indexOf(-1);
  const shape = unknown < 0 ? to : to.map((dim, d) => (d === unknown ? size / to.reduce((product, other, e) => (e === unknown ? product : product * other), 1) : dim));
  if (shape.every((dim) => Number.isInteger(dim) && dim >= 0) && sizeOf(shape) === size) {
    return shape;
  }
  throw new ShapeError(`[${op}] the number of elements differs: got ${showShape(from)} (${size} elements), expected a shape of as many, not ${showShape(to)}. Put -1 for one size.`, {
    op,
    shapes: [from, to],
  });
}

type AxesAttrs = { readonly axes: readonly number[] };

export const permuteOp: ViewRecord<AxesAttrs> = {
  name: 'permute',
  kind: 'view',
  infer: ([x], { axes }) => ({ shape: axes.map((axis) => x!.shape[axis]!), dtype: x!.dtype }),
  view: (layout, _node, { axes }) => permutedLayout(layout, axes),
  gradient: ([dy], _node, { axes }) => [permute(dy, axes.map((_, d) => axes.indexOf(d)))],
  tolerance: EXACT,
  examples: () => [
    example([{ shape: [3, 5] }], { axes: [1, 0] }),
    example([{ shape: [7, 9], as: 'view' }], { axes: [1, 0] }),
    example([{ shape: [2, 3, 4] }], { axes: [2, 0, 1] }),
    example([{ shape: [0, 3] }], { axes: [1, 0] }),
    example([{ shape: [] }], { axes: [] }),
  ],
};

export const detachOp: ViewRecord = {
  name: 'detach',
  kind: 'view',
  infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  view: (layout) => layout,
  gradient: { none: 'detach() asks for none' },
  tolerance: EXACT,
  examples: () => unaryExamples(),
};

/** The same elements, row-major, in another shape; one size may be -1. As torch.reshape. */
export function reshape<S extends Shape, D extends DType, const T extends Shape>(x: Tensor<S, D>, shape: T): Tensor<Resolved<T>, D> {
  checkTensor('reshape', x);
  checkShape('reshape', shape, -1);
  if (sameShape(x.shape, shape)) return unchanged(x) as unknown as Tensor<Resolved<T>, D>;
  return record(reshapeOp, [x], { shape: resolvedSizes('reshape', x.shape, shape) });
}

/** Dimensions in the given order. As torch.permute. */
export function permute<S extends Shape, D extends DType, const A extends readonly number[]>(x: Tensor<S, D>, axes: A): Tensor<Permute<S, A>, D> {
  checkTensor('permute', x);
  if (!Array.isArray(axes)) throw new ArgumentError(`[permute] the axes are no array: got ${describeValue(axes)}, expected axes such as [1,0]. Put the axes in an array.`, { op: 'permute' });
  const order: number[] = axes.map((axis) => resolveAxis('permute', axis, x.shape));
  if (order.length !== x.shape.length || new Set(order).size !== order.length) {
    throw new ArgumentError(`[permute] axes must name each dimension once: got ${showShape(axes)} for the shape ${showShape(x.shape)}, expected ${x.shape.length} different axes. Check the axes.`, {
      op: 'permute',
      shapes: [x.shape],
    });
  }
  return record(permuteOp, [x], { axes: order });
}

/** Two dimensions swapped. As torch.transpose. */
export function transpose<S extends Shape, D extends DType, const A extends number, const B extends number>(x: Tensor<S, D>, a: A, b: B): Tensor<Transpose<S, A, B>, D> {
  checkTensor('transpose', x);
  const rank = rankOrOne(x.shape);
  const [i, j] = [resolveAxis('transpose', a, x.shape, rank), resolveAxis('transpose', b, x.shape, rank)];
  return record(permuteOp, [x], { axes: x.shape.map((_, d) => (d === i ? j : d === j ? i : d)) });
}

/** A matrix transposed. Of two dimensions only (torch lets vectors pass). */
export function t<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<Turned<S>, D> {
  checkTensor('t', x);
  if (x.shape.length !== 2) {
    throw new ShapeError(`[t] the tensor is no matrix: got ${showShape(x.shape)}, expected two dimensions. Use transpose(a, b) or permute(axes).`, { op: 't', shapes: [x.shape] });
  }
  return record(permuteOp, [x], { axes: [1, 0] });
}

/** Removes the dimensions of size 1, or those of `axis` that are of size 1. As torch.squeeze. */
export function squeeze<S extends Shape, D extends DType>(x: Tensor<S, D>, axis?: number | readonly number[]): Tensor<Shape, D> {
  checkTensor('squeeze', x);
  const drop = resolveAxes('squeeze', axis, x.shape);
  return reshape(x, x.shape.filter((dim, d) => dim !== 1 || !drop.includes(d)));
}

/** Adds a dimension of size 1 in front of `axis` (negative: of the result). As torch.unsqueeze. */
export function unsqueeze<S extends Shape, D extends DType, const A extends number>(x: Tensor<S, D>, axis: A): Tensor<Unsqueeze<S, A>, D> {
  checkTensor('unsqueeze', x);
  const at = resolveAxis('unsqueeze', axis, x.shape, x.shape.length + 1);
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]) as unknown as Tensor<Unsqueeze<S, A>, D>;
}

/** Dimensions `start` to `end`, both included, made one. As torch.flatten. */
export function flatten<S extends Shape, D extends DType>(x: Tensor<S, D>, start = 0, end = -1): Tensor<Shape, D> {
  checkTensor('flatten', x);
  if (x.shape.length === 0) return reshape(x, [1]);
  const [from, to] = [resolveAxis('flatten', start, x.shape), resolveAxis('flatten', end, x.shape)];
  if (from > to) {
    throw new ArgumentError(`[flatten] start lies behind end: got ${start} and ${end} for the shape ${showShape(x.shape)}, expected start <= end. Swap them.`, { op: 'flatten', shapes: [x.shape] });
  }
  return reshape(x, [...x.shape.slice(0, from), sizeOf(x.shape.slice(from, to + 1)), ...x.shape.slice(to + 1)]);
}

/**
 * Dimension `axis` as the dimensions `sizes`, of which one may be -1: of x [N, 6, L], unflatten(x, 1, [2, -1]) is [N, 2, 3, L]. As torch.unflatten. Throws ShapeError
 * where their product is not the dimension, ArgumentError for what are no sizes.
 */
export function unflatten<S extends Shape, D extends DType, const A extends number, const T extends Shape>(x: Tensor<S, D>, axis: A, sizes: T): Tensor<Unflatten<S, A, T>, D> {
  checkTensor('unflatten', x);
  const at = resolveAxis('unflatten', axis, x.shape);
  checkShape('unflatten', sizes, -1);
  const parts = resolvedSizes('unflatten', [x.shape[at]!], sizes);
  return reshape(x, [...x.shape.slice(0, at), ...parts, ...x.shape.slice(at + 1)]) as unknown as Tensor<Unflatten<S, A, T>, D>;
}

/** The same elements, of which nothing before is differentiated. As torch.Tensor.detach. */
export function detach<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<S, D> {
  return record(detachOp, [x]);
}

export const viewOps = { alias: aliasOp, reshape: reshapeOp, permute: permuteOp, detach: detachOp };
