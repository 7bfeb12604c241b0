import type { DType } from '../dtype.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { record } from '../graph/recorder.js';
import { checkOptions } from '../options.js';
import { sameShape, showShape, sizeOf, type Shape } from '../shape.js';
import type { Expand, Permute, Resize, Resolved, Transpose, Turned, Unsqueeze } from '../shape-types.js';
import { describeValue } from '../describe-value.js';
import type { Tensor } from '../tensor.js';
import { aliasOp, unchanged } from './alias.js';
import { checkShape, checkTensor, rankOrOne, resolveAxes, resolveAxis } from './check.js';
import { example, unaryExamples } from './examples.js';
import { pad } from './joining.js';
import { fromArray, inputLeaf } from './leaf.js';
import { broadcastLayout, permutedLayout, reshapedLayout } from './layouts.js';
import type { Meta, ViewRecord } from './record.js';
import { sumTo } from './reductions.js';
import { EXACT } from './tolerance.js';

type ShapeAttrs = { readonly shape: Shape };

export const reshapeOp: ViewRecord<ShapeAttrs> = {
  name: 'reshape',
  kind: 'view',
  infer: ([x], { shape }) => ({ shape: resolveShape(x!.shape, shape), dtype: x!.dtype }),
  view: (layout, node) => reshapedLayout(layout, node.shape),
  gradient: ([dy], { inputs: [x] }) => [reshape(dy, x!.shape)],
  tolerance: EXACT,
  examples: [
    example([{ shape: [3, 5] }], { shape: [15] }),
    example([{ shape: [3, 5] }], { shape: [5, -1] }),
    example([{ shape: [2, 3, 4], as: 'view' }], { shape: [24] }),
    example([{ shape: [6, 4], as: 'view' }], { shape: [2, 3, 1, 4] }),
    example([{ shape: [0, 3] }], { shape: [3, 0] }),
    example([{ shape: [1] }], { shape: [] }),
  ],
};

/** Puts the size that is left in the place of -1, and checks that the sizes agree. */
function resolveShape(from: Shape, to: Shape): Shape {
  const size = sizeOf(from);
  const unknown = to.indexOf(-1);
  const shape = unknown < 0 ? to : to.map((dim, d) => (d === unknown ? size / to.reduce((product, other, e) => (e === unknown ? product : product * other), 1) : dim));
  if (shape.every((dim) => Number.isInteger(dim) && dim >= 0) && sizeOf(shape) === size) {
    return shape;
  }
  throw new ShapeError(`[reshape] the number of elements differs: got ${showShape(from)} (${size} elements), expected a shape of as many, not ${showShape(to)}. Put -1 for one size.`, {
    op: 'reshape',
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
  examples: [
    example([{ shape: [3, 5] }], { axes: [1, 0] }),
    example([{ shape: [7, 9], as: 'view' }], { axes: [1, 0] }),
    example([{ shape: [2, 3, 4] }], { axes: [2, 0, 1] }),
    example([{ shape: [0, 3] }], { axes: [1, 0] }),
    example([{ shape: [] }], { axes: [] }),
  ],
};

export const expandOp: ViewRecord<ShapeAttrs> = {
  name: 'expand',
  kind: 'view',
  infer: ([x], { shape }) => {
    if (!expandsTo(x!.shape, shape)) throw cannotExpand(x!.shape, shape);
    return { shape, dtype: x!.dtype };
  },
  view: (layout, node) => broadcastLayout(layout, node.shape),
  gradient: ([dy], { inputs: [x] }) => [sumTo(dy, x!.shape)],
  tolerance: EXACT,
  examples: [
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

/** Every `step`-th element from `start` on, `size` of them, along one axis. */
export type SliceAttrs = { readonly axis: number; readonly start: number; readonly size: number; readonly step: number };

export const sliceOp: ViewRecord<SliceAttrs> = {
  name: 'slice',
  kind: 'view',
  infer: ([x], { axis, size }): Meta => ({ shape: x!.shape.map((dim, d) => (d === axis ? size : dim)), dtype: x!.dtype }),
  view: ({ strides, offset }, node, { axis, start, step }) => ({
    shape: node.shape,
    strides: strides.map((stride, d) => (d === axis ? stride * step : stride)),
    offset: node.shape[axis] === 0 ? offset : offset + start * strides[axis]!,
  }),
  gradient: ([dy], { inputs: [x] }, { axis, start, step }) => [pad(dy, { axis, start, step, size: x!.shape[axis]! })],
  tolerance: EXACT,
  examples: [
    example([{ shape: [17] }], { axis: 0, start: 3, size: 8, step: 1 }),
    example([{ shape: [5, 9] }], { axis: 1, start: 1, size: 4, step: 2 }),
    example([{ shape: [5, 9], as: 'view' }], { axis: 0, start: 1, size: 3, step: 1 }),
    example([{ shape: [5, 9] }], { axis: 0, start: 2, size: 0, step: 1 }),
  ],
};

export const detachOp: ViewRecord = {
  name: 'detach',
  kind: 'view',
  infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  view: (layout) => layout,
  gradient: { none: 'detach() asks for none' },
  tolerance: EXACT,
  examples: unaryExamples(),
};

/** The same elements, row-major, in another shape; one size may be -1. As torch.reshape. */
export function reshape<S extends Shape, D extends DType, const T extends Shape>(x: Tensor<S, D>, shape: T): Tensor<Resolved<T>, D> {
  checkTensor('reshape', x);
  checkShape('reshape', shape, -1);
  if (sameShape(x.shape, shape)) return unchanged(x) as unknown as Tensor<Resolved<T>, D>;
  return record(reshapeOp, [x], { shape: resolveShape(x.shape, shape) });
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

/** Without the dimensions of size 1, or without those of `axis` that are of size 1. As torch.squeeze. */
export function squeeze<S extends Shape, D extends DType>(x: Tensor<S, D>, axis?: number | readonly number[]): Tensor<Shape, D> {
  checkTensor('squeeze', x);
  const drop = resolveAxes('squeeze', axis, x.shape);
  return reshape(x, x.shape.filter((dim, d) => dim !== 1 || !drop.includes(d)));
}

/** With a new dimension of size 1 in front of `axis` (negative: of the result). As torch.unsqueeze. */
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

/** `size` rows of an input from `start` on, over the same array. */
function rows(input: Tensor, start: number, size: number): Tensor {
  const [, ...shape] = input.shape;
  const each = sizeOf(shape);
  return fromArray(input.data$!.subarray(start * each, (start + size) * each), [size, ...shape], input.dtype);
}

export interface SliceOptions<A extends number = number> {
  /** Default 0. */
  readonly axis?: A | undefined;
  /** Every step-th element; at least 1. Default 1. */
  readonly step?: number | undefined;
}

/**
 * Elements from `start` up to, not including, `end` (default: to the last) along an axis; negative ones count from the back and
 * what lies outside is cut off, as in Array.prototype.slice and x[start:end:step].
 * Of an input along axis 0 it is an input again, over the same array, so a loop through one has one plan. Of anything else start and end are part of the
 * plan: to walk through that use gather, which takes positions as data.
 */
export function slice<S extends Shape, D extends DType, const A extends number = 0>(x: Tensor<S, D>, start: number, end?: number, options?: SliceOptions<A>): Tensor<Resize<S, A>, D> {
  checkTensor('slice', x);
  checkOptions('slice', options, ['axis', 'step']);
  const axis = resolveAxis('slice', options?.axis ?? 0, x.shape);
  const step = options?.step ?? 1;
  if (!Number.isInteger(start) || !(end === undefined || Number.isInteger(end)) || !Number.isInteger(step) || step < 1) {
    throw new ArgumentError(`[slice] the bounds are wrong: got start ${describeValue(start)}, end ${describeValue(end)}, step ${describeValue(step)}, expected whole numbers and a step of at least 1. Round them.`, { op: 'slice' });
  }
  const dim = x.shape[axis]!;
  const from = Math.min(start < 0 ? Math.max(start + dim, 0) : start, dim);
  const to = end === undefined ? dim : Math.min(end < 0 ? end + dim : end, dim);
  const size = Math.max(Math.ceil((to - from) / step), 0);
  if (x.op === inputLeaf && !x.stale && axis === 0 && step === 1) return rows(x, from, size) as unknown as Tensor<Resize<S, A>, D>;
  return record(sliceOp, [x], { axis, start: from, size, step });
}

/** The same elements, of which nothing before is differentiated. As torch.Tensor.detach. */
export function detach<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<S, D> {
  return record(detachOp, [x]);
}

export const viewOps = [aliasOp, reshapeOp, permuteOp, expandOp, sliceOp, detachOp];
