import type { DType } from '../dtype.js';
import { record } from '../graph/recorder.js';
import { avgPool2dOp, poolAttrs, pooledShape, type AvgPool2dOptions, type PoolAttrs, type PoolFits } from '../ops/pooling.js';
import { showShape, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { Pair, Pooled, ShowPerAxis } from '../window-types.js';
import { Module } from './module.js';
import { ShapeMismatch, type InferredShape } from './shape-inference.js';
import type { Show, ShapeFunction, ShapeMismatch as Mismatch } from './shape-mismatch.js';

/** avgPool2d(K, O): images [C, H, W] become smaller. */
export interface Pooled2d<K extends Pair, O> extends ShapeFunction {
  readonly out: this['in'] extends Shape
    ? number extends this['in']['length']
      ? Shape
      : this['in'] extends readonly [number, number, number]
        ? [Pooled<this['in'], K, O>] extends [never]
          ? Mismatch<`avgPool2d(${ShowPerAxis<K>}) expects images that are not smaller than its kernel`, Show<this['in']>>
          : Pooled<this['in'], K, O>
        : Mismatch<`avgPool2d(${ShowPerAxis<K>}) expects images [C,H,W]`, Show<this['in']>>
    : Shape;
}

/** See avgPool2d(). */
export class AvgPool2d<K extends Pair = Pair, O extends AvgPool2dOptions = AvgPool2dOptions> extends Module<Shape, Shape, Pooled2d<K, O>> {
  readonly kernelSize: K;
  readonly #attrs: PoolAttrs;

  constructor(kernelSize: K, options?: O) {
    super();
    this.kernelSize = kernelSize;
    this.#attrs = poolAttrs('avgPool2d', kernelSize, options);
  }

  override forward<S extends Shape, D extends DType>(x: Tensor<S, D> & PoolFits<S, K, O>): Tensor<Pooled<S, K, O>, D> {
    return record(avgPool2dOp, [x as Tensor], this.#attrs);
  }

  override outcome$(shape: Shape): InferredShape {
    if (!this.builtin) return undefined;
    if (shape.length !== 3) return new ShapeMismatch(`${this.toString()} expects images [C,H,W]`, showShape(shape), 'Put a layer that makes such in front.');
    const mismatch = new ShapeMismatch(`${this.toString()} expects images that are not smaller than its kernel`, showShape(shape), 'Take a smaller kernel, or padding.');
    return pooledShape(shape, this.#attrs) ?? mismatch;
  }

  override get builtin(): boolean {
    return this.isPlain(AvgPool2d);
  }

  override toString(): string {
    return `avgPool2d(${Array.isArray(this.kernelSize) ? showShape(this.kernelSize) : String(this.kernelSize)})`;
  }
}

/**
 * Average pooling of images: the mean of each window of kernelSize, a number or [height, width]. x [N, C, H, W] float32 gives [N, C, H', W']; see
 * ops.avgPool2d for sizes and options. As torch.nn.AvgPool2d. Throws ArgumentError for options that are wrong, and ShapeError where the
 * kernel is larger than a padded image.
 *
 *     const model = nn.sequential([1, 28, 28], nn.avgPool2d(2), nn.flatten(), nn.linear(196, 10));
 */
export function avgPool2d<const K extends Pair, const O extends AvgPool2dOptions = {}>(kernelSize: K, options?: O): AvgPool2d<K, O> {
  return new AvgPool2d<K, O>(kernelSize, options);
}
