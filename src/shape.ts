/** The sizes of a tensor's dimensions, outermost first. A scalar has the shape []. */
export type Shape = readonly number[];

/** Returns the number of elements of a tensor of this shape. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const dim of shape) size *= dim;
  return size;
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** The shape of `a op b` by NumPy's rules, or undefined where they do not fit. */
export function broadcastShapes(a: Shape, b: Shape): Shape | undefined {
  if (sameShape(a, b)) return a;
  const rank = Math.max(a.length, b.length);
  const shape: number[] = Array.from({ length: rank });
  for (let i = 1; i <= rank; i++) {
    const x = a[a.length - i] ?? 1;
    const y = b[b.length - i] ?? 1;
    if (x !== y && x !== 1 && y !== 1) return undefined;
    shape[rank - i] = x === 1 ? y : x;
  }
  return shape;
}

/** The strides, in elements, of a row-major tensor without gaps. */
export function denseStrides(shape: Shape): number[] {
  const strides: number[] = Array.from({ length: shape.length });
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= shape[i]!;
  }
  return strides;
}

/** A shape as it stands in messages: [32,784]. */
export function showShape(shape: Shape): string {
  return `[${shape.join(',')}]`;
}
