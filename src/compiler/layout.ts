import { denseStrides, type Shape } from '../shape.js';

/** How a tensor's elements lie in a buffer: element `i` is at offset + sum(i[d] * strides[d]), in elements. */
export interface Layout {
  readonly shape: Shape;
  readonly strides: readonly number[];
  readonly offset: number;
}

export function denseLayout(shape: Shape): Layout {
  return { shape, strides: denseStrides(shape), offset: 0 };
}

/** Row-major without gaps (dimensions of size 1 may have any stride, and so may all where there are no elements). */
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
