import type { DType } from '../dtype.js';
import { ArgumentError } from '../errors.js';
import { describeValue } from '../describe-value.js';
import { checkShape } from '../ops/check.js';
import { unflatten as unflattenOp } from '../ops/index.js';
import { sizeOf, type Shape } from '../shape.js';
import type { Differ, Unflatten as Unflattened } from '../shape-types.js';
import type { Tensor } from '../tensor.js';
import { Layer, type LayerCall } from './layer.js';
import type { Product } from '../multiply-types.js';
import { ShapeMismatch, type InferredShape } from './shape-inference.js';
import type { Show, ShapeFunction, ShapeMismatch as Mismatch } from './shape-mismatch.js';

/** unflatten(A, T): dimension A, counted with the batch, becomes the dimensions T. */
export interface UnflattenedExample<A extends number, T extends Shape> extends ShapeFunction {
  readonly out: this['in'] extends Shape ? Parts<[number, ...this['in']], A, T> : Shape;
}

type Parts<S extends Shape, A extends number, T extends Shape> = `${A}` extends keyof S
  ? -1 extends T[number]
    ? Rest<Unflattened<S, A, T>>
    : S[`${A}`] extends infer Size extends number
      ? Differ<Size, Product<T>> extends true
        ? Mismatch<`unflatten(${A}, ${Show<T>}) expects ${Product<T>} elements`, Size>
        : Rest<Unflattened<S, A, T>>
      : Shape
  : Shape;
type Rest<S extends Shape> = number extends S['length'] ? Shape : S extends readonly [number, ...infer R extends number[]] ? R : Shape;

/** See unflatten(). */
export class Unflatten<A extends number = number, T extends Shape = Shape> extends Layer<Shape, Shape, UnflattenedExample<A, T>> {
  readonly axis: A;
  readonly sizes: T;

  constructor(axis: A, sizes: T) {
    super();
    if (!Number.isInteger(axis)) throw new ArgumentError(`[unflatten] axis: got ${describeValue(axis)}, expected a whole number. Count with the batch: 1 is the first dimension of an example.`, { op: 'unflatten' });
    checkShape('unflatten', sizes, -1);
    this.axis = axis;
    this.sizes = sizes;
  }

  override forward<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<Unflattened<S, A, T>, D> {
    return unflattenOp(x, this.axis, this.sizes);
  }

  override outcome$(shape: Shape): InferredShape {
    const { axis, sizes } = this;
    const size = shape[axis - 1];
    if (!this.builtin || size === undefined) return undefined;
    const known = sizeOf(sizes.filter((n) => n !== -1));
    const fits = sizes.includes(-1) ? known > 0 && size % known === 0 : known === size;
    if (!fits) return new ShapeMismatch(`${this.toString()} expects ${sizes.includes(-1) ? `a multiple of ${known}` : known} elements`, size);
    return [...shape.slice(0, axis - 1), ...sizes.map((n) => (n === -1 ? size / known : n)), ...shape.slice(axis)];
  }

  override get call$(): LayerCall {
    return { name: 'unflatten', args: [this.axis, this.sizes] };
  }
}

/**
 * Makes dimension `axis`, counted with the batch, several, of which one may be -1: unflatten(1, [64, 7, 7]) of [N, 3136] gives [N, 64, 7, 7]. As torch.nn.Unflatten.
 * Throws ArgumentError for what are no sizes, ShapeError where their product is not the dimension.
 *
 *     const decoder = nn.sequential([16], nn.linear(16, 3136), nn.unflatten(1, [64, 7, 7]), nn.convTranspose2d(64, 1, 4, { stride: 4 }));
 */
export function unflatten<const A extends number, const T extends Shape>(axis: A, sizes: T): Unflatten<A, T> {
  return new Unflatten<A, T>(axis, sizes);
}
