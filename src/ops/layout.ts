import { denseStrides, sameShape, type Shape } from '../shape.js';
import type { Value } from './emitter.js';

/** Layout of a tensor's elements in a buffer: element `i` is at offset + sum(i[d] * strides[d]), in elements. */
export interface Layout {
  readonly shape: Shape;
  readonly strides: readonly number[];
  readonly offset: number;
}

/** Dimensions of more than one element, from the outermost to the innermost. */
export type Order = readonly number[];

/** A layout without gaps: row-major, or in another order. */
export function denseLayout(shape: Shape, order?: Order): Layout {
  return { shape, strides: order === undefined ? denseStrides(shape) : stridesIn(shape, order), offset: 0 };
}

/** Returns whether a layout is row-major without gaps (dimensions of size 1 may have any stride, and so may all where there are no elements). */
export function isDense(layout: Layout): boolean {
  if (layout.shape.includes(0)) return true;
  let stride = 1;
  for (let d = layout.shape.length - 1; d >= 0; d--) {
    const dim = layout.shape[d]!;
    if (dim !== 1 && layout.strides[d] !== stride) return false;
    stride *= dim;
  }
  return true;
}

/** The order in which a layout walks through its buffer, gaps or none; undefined where that is row-major, or an element is met twice. */
export function orderOf(layout: Layout): Order | undefined {
  if (isDense(layout)) return undefined;
  const { shape, strides } = layout;
  const order = shape.flatMap((dim, d) => (dim === 1 ? [] : [d])).sort((a, b) => strides[b]! - strides[a]! || a - b);
  let next = 1;
  for (const d of order.toReversed()) {
    if (strides[d]! < next) return undefined;
    next = strides[d]! * shape[d]!;
  }
  return order.every((d, i) => i === 0 || d > order[i - 1]!) ? undefined : order;
}

/** The order of images [N, C, ...] whose channels lie side by side; undefined where that is row-major. */
export function channelsLast(shape: Shape): Order | undefined {
  const [batch, channels, ...rest] = shape.keys();
  return orderOf(denseLayout(shape, [batch!, ...rest, channels!]));
}

/** Returns whether images [N, C, ...] count as channels last: they lie so without gaps, those of one pixel each, which lie both ways, among them. */
export function isChannelsLast(layout: Layout): boolean {
  const [, channels, ...sizes] = layout.shape;
  if (sizes.every((size) => size === 1)) return channels! > 1 && isDense(layout);
  return !isDense(layout) && isDenseIn(layout, channelsLast(layout.shape));
}

/** Images [N, C, ..] of up to three axes, dense and channels last, as [N, D, H, W, C], row-major. */
export function channelsBehind({ buffer, layout }: Value): Value {
  const [batch, channels, ...rest] = layout.shape.keys();
  const last = inOrder(layout, [batch!, ...rest, channels!]);
  const [N, ...others] = last.shape as [number, ...number[]];
  return reshaped({ buffer, layout: last }, [N, ...Array.from({ length: 4 - others.length }, () => 1), ...others]);
}

/** Returns whether a layout has no gaps in that order; undefined stands for row-major. */
export function isDenseIn(layout: Layout, order: Order | undefined): boolean {
  return order === undefined ? isDense(layout) : isDense(inOrder(layout, order));
}

/** Returns whether the elements of one dimension lie side by side. */
export function hasUnitStride({ shape, strides }: Layout): boolean {
  const own = strides.filter((stride, d) => shape[d] !== 1 && stride !== 0);
  return own.length === 0 || shape.includes(0) || Math.min(...own) === 1;
}

/**
 * The order that an op, element by element, leaves its result in: that of its operands of the result's shape where they agree, else row-major. Those that are broadcast have no
 * say. A rule of one op, so that it does not matter with which others it is compiled.
 */
export function commonOrder(operands: readonly Layout[], shape: Shape): Order | undefined {
  let common: Order | undefined;
  for (const layout of operands) {
    if (!sameShape(layout.shape, shape) || layout.strides.some((stride, d) => stride === 0 && shape[d] !== 1)) continue;
    const order = orderOf(layout);
    if (order === undefined || (common !== undefined && !sameShape(common, order))) return undefined;
    common = order;
  }
  return common;
}

/** The same elements with their dimensions in that order: what was dense in it is row-major. */
export function inOrder(layout: Layout, order: Order): Layout {
  return permutedLayout(layout, [...layout.shape.keys()].filter((d) => !order.includes(d)).concat(order));
}

/** Returns whether two orders, or two lists of strides, are the same; undefined stands for row-major. */
export function sameOrder(a: readonly number[] | undefined, b: readonly number[] | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && sameShape(a, b));
}

function stridesIn(shape: Shape, order: Order): number[] {
  const strides = shape.map(() => 0);
  let stride = 1;
  for (const d of order.toReversed()) {
    strides[d] = stride;
    stride *= shape[d]!;
  }
  return strides;
}

/** A dense value with the same elements in another shape. */
export function reshaped(value: Value, shape: Shape): Value;
export function reshaped(value: Value | undefined, shape: Shape): Value | undefined;
export function reshaped(value: Value | undefined, shape: Shape): Value | undefined {
  return value === undefined ? undefined : { buffer: value.buffer, layout: { ...denseLayout(shape), offset: value.layout.offset } };
}

/** The same elements for a shape that `value` broadcasts to, by NumPy's rules. */
export function broadcastTo(value: Value, shape: Shape): Value {
  return sameShape(value.layout.shape, shape) ? value : { buffer: value.buffer, layout: broadcastLayout(value.layout, shape) };
}

/** Strides of `layout` for a shape that it broadcasts to. */
export function broadcastLayout(layout: Layout, shape: Shape): Layout {
  const missing = shape.length - layout.shape.length;
  const strides = shape.map((dim, d) => (d < missing || (layout.shape[d - missing] === 1 && dim !== 1) ? 0 : layout.strides[d - missing]!));
  return { shape, strides, offset: layout.offset };
}

/** The layout with its dimensions in another order. */
export function permutedLayout({ shape, strides, offset }: Layout, axes: readonly number[]): Layout {
  return { shape: axes.map((axis) => shape[axis]!), strides: axes.map((axis) => strides[axis]!), offset };
}

/** Returns whether gemm can read it: rows or columns of the last two dimensions lie side by side, and no element twice. */
export function isMatrix(layout: Layout): boolean {
  return matrixStrides(layout) !== undefined;
}

/** The same matrices with one of the last two strides exactly 1, which for a dimension of size 1 is free to say. */
export function asMatrix(layout: Layout): Layout {
  const [row, column] = matrixStrides(layout)!;
  return { ...layout, strides: [...layout.strides.slice(0, -2), row, column] };
}

function matrixStrides({ shape, strides }: Layout): [number, number] | undefined {
  const rank = shape.length;
  const [M, N] = [shape[rank - 2]!, shape[rank - 1]!];
  const [row, column] = [strides[rank - 2]!, strides[rank - 1]!];
  if (M === 0 || N === 0) return [Math.max(N, 1), 1];
  if (M === 1 && N === 1) return [1, 1];
  if (N === 1) return row >= 1 ? [row, 1] : undefined;
  if (M === 1) return column === 1 ? [N, 1] : column >= 1 ? [1, column] : undefined;
  if ((column === 1 && row >= N) || (row === 1 && column >= M)) return [row, column];
  return undefined;
}

/**
 * Strides that show the elements of `layout` in another shape of the same size, or undefined where no strides can.
 * Runs of dimensions that lie side by side are split and merged freely; a new dimension must not straddle two runs.
 */
export function reshapedLayout(layout: Layout, shape: Shape): Layout | undefined {
  if (isDense(layout)) return { ...denseLayout(shape), offset: layout.offset };
  const runs = runsOf(layout);
  const strides: number[] = Array.from({ length: shape.length }, () => 1);
  let run = runs.length - 1;
  let left = runs[run]?.size ?? 1;
  let stride = runs[run]?.stride ?? 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    const dim = shape[d]!;
    if (dim === 1) continue;
    if (left === 1) {
      run--;
      left = runs[run]!.size;
      stride = runs[run]!.stride;
    }
    if (left % dim !== 0) return undefined;
    strides[d] = stride;
    stride *= dim;
    left /= dim;
  }
  return { shape, strides, offset: layout.offset };
}

/** Maximal runs of dimensions that one stride walks through, outermost first. */
function runsOf({ shape, strides }: Layout): { size: number; stride: number }[] {
  const runs: { size: number; stride: number }[] = [];
  for (let d = 0; d < shape.length; d++) {
    if (shape[d] === 1) continue;
    const last = runs[runs.length - 1];
    if (last !== undefined && last.stride === strides[d]! * shape[d]!) {
      last.size *= shape[d]!;
      last.stride = strides[d]!;
    } else {
      runs.push({ size: shape[d]!, stride: strides[d]! });
    }
  }
  return runs;
}
