import { denseStrides, sameShape, type Shape } from '../shape.js';

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

/** The order of a layout without gaps that is not row-major; undefined for any other. */
export function orderOf(layout: Layout): Order | undefined {
  if (isDense(layout)) return undefined;
  const { shape, strides } = layout;
  const order = shape.flatMap((dim, d) => (dim === 1 ? [] : [d])).sort((a, b) => strides[b]! - strides[a]!);
  let stride = 1;
  for (const d of order.toReversed()) {
    if (strides[d] !== stride) return undefined;
    stride *= shape[d]!;
  }
  return order;
}

/**
 * The order that an op, element by element, leaves its result in: that of its operands of the result's shape which have no gaps, where they
 * agree; else row-major. A rule of one op, so that it does not matter with which others it is compiled.
 */
export function commonOrder(operands: readonly Layout[], shape: Shape): Order | undefined {
  let common: Order | undefined;
  for (const layout of operands) {
    if (!sameShape(layout.shape, shape)) continue;
    const order = orderOf(layout);
    if (order === undefined) {
      if (isDense(layout)) return undefined;
    } else if (common !== undefined && !sameShape(common, order)) return undefined;
    else common = order;
  }
  return common;
}

/** The same elements with their dimensions in that order: what was dense in it is row-major. */
export function inOrder({ shape, strides, offset }: Layout, order: Order): Layout {
  const all = [...shape.keys()].filter((d) => !order.includes(d)).concat(order);
  return { shape: all.map((d) => shape[d]!), strides: all.map((d) => strides[d]!), offset };
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
