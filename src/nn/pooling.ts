import type { DType } from '../dtype.js';
import { record } from '../graph/recorder.js';
import { adaptiveAttrs, adaptiveAvgPool2d as pooledTo, type AdaptiveAttrs } from '../ops/adaptive-pooling.js';
import { maxPool2dOp, maxPoolAttrs, type MaxPool2dOptions } from '../ops/max-pooling.js';
import { pooledShape, type PoolWindows } from '../ops/pool-windows.js';
import { avgPool2dOp, avgPoolAttrs, type AvgPool2dOptions, type PoolFits } from '../ops/pooling.js';
import type { KernelRecord } from '../ops/record.js';
import { showShape, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { AdaptivePooled, Pair, Pooled, ShowPerAxis } from '../window-types.js';
import { Module } from './module.js';
import { ShapeMismatch, type InferredShape } from './shape-inference.js';
import type { Show, ShapeFunction, ShapeMismatch as Mismatch } from './shape-mismatch.js';

/** A pooling by windows of K: images [C, H, W] become smaller. */
export interface Pooled2d<Name extends string, K extends Pair, O> extends ShapeFunction {
  readonly out: this['in'] extends Shape
    ? number extends this['in']['length']
      ? Shape
      : this['in'] extends readonly [number, number, number]
        ? [Pooled<this['in'], K, O>] extends [never]
          ? Mismatch<`${Name}(${ShowPerAxis<K>}) expects images that are not smaller than its kernel`, Show<this['in']>>
          : Pooled<this['in'], K, O>
        : Mismatch<`${Name}(${ShowPerAxis<K>}) expects images [C,H,W]`, Show<this['in']>>
    : Shape;
}

/** A layer that makes one number of each window of an image, by an op over windows. */
export abstract class Pool2d<Name extends string, K extends Pair, O> extends Module<Shape, Shape, Pooled2d<Name, K, O>> {
  readonly kernelSize: K;
  readonly #op: KernelRecord<never>;
  readonly #windows: PoolWindows;

  protected constructor(op: KernelRecord<never>, kernelSize: K, windows: PoolWindows) {
    super();
    this.kernelSize = kernelSize;
    this.#op = op;
    this.#windows = windows;
  }

  override forward<S extends Shape, D extends DType>(x: Tensor<S, D> & PoolFits<Name, S, K, O>): Tensor<Pooled<S, K, O>, D> {
    return record(this.#op, [x as Tensor], this.#windows);
  }

  override outcome$(shape: Shape): InferredShape {
    if (!this.builtin) return undefined;
    if (shape.length !== 3) return new ShapeMismatch(`${this.toString()} expects images [C,H,W]`, showShape(shape), 'Put a layer that makes such in front.');
    const mismatch = new ShapeMismatch(`${this.toString()} expects images that are not smaller than its kernel`, showShape(shape), 'Take a smaller kernel, or padding.');
    return pooledShape(shape, this.#windows) ?? mismatch;
  }

  override toString(): string {
    return `${this.#op.name}(${Array.isArray(this.kernelSize) ? showShape(this.kernelSize) : String(this.kernelSize)})`;
  }
}

/** See avgPool2d(). */
export class AvgPool2d<K extends Pair = Pair, O extends AvgPool2dOptions = AvgPool2dOptions> extends Pool2d<'avgPool2d', K, O> {
  constructor(kernelSize: K, options?: O) {
    super(avgPool2dOp, kernelSize, avgPoolAttrs('avgPool2d', 2, kernelSize, options));
  }

  override get builtin(): boolean {
    return this.isPlain(AvgPool2d);
  }
}

/** See maxPool2d(). */
export class MaxPool2d<K extends Pair = Pair, O extends MaxPool2dOptions = MaxPool2dOptions> extends Pool2d<'maxPool2d', K, O> {
  constructor(kernelSize: K, options?: O) {
    super(maxPool2dOp, kernelSize, maxPoolAttrs('maxPool2d', 2, kernelSize, options));
  }

  override get builtin(): boolean {
    return this.isPlain(MaxPool2d);
  }
}

/** adaptiveAvgPool2d(K): images [C, H, W] become [C, h, w]. */
export interface AdaptivePooled2d<K extends Pair> extends ShapeFunction {
  readonly out: this['in'] extends Shape
    ? number extends this['in']['length']
      ? Shape
      : this['in'] extends readonly [number, number, number]
        ? AdaptivePooled<this['in'], K>
        : Mismatch<`adaptiveAvgPool2d(${ShowPerAxis<K>}) expects images [C,H,W]`, Show<this['in']>>
    : Shape;
}

/** See adaptiveAvgPool2d(). */
export class AdaptiveAvgPool2d<K extends Pair = Pair> extends Module<Shape, Shape, AdaptivePooled2d<K>> {
  readonly outputSize: K;
  readonly #attrs: AdaptiveAttrs;

  constructor(outputSize: K) {
    super();
    this.outputSize = outputSize;
    this.#attrs = adaptiveAttrs('adaptiveAvgPool2d', outputSize);
  }

  override forward<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<AdaptivePooled<S, K>, D> {
    return pooledTo(x, this.outputSize);
  }

  override outcome$(shape: Shape): InferredShape {
    if (!this.builtin) return undefined;
    if (shape.length !== 3 || shape.includes(0)) return new ShapeMismatch(`${this.toString()} expects images [C,H,W]`, showShape(shape), 'Put a layer that makes such in front.');
    return [shape[0]!, ...this.#attrs.outputSize];
  }

  override get builtin(): boolean {
    return this.isPlain(AdaptiveAvgPool2d);
  }

  override toString(): string {
    return `adaptiveAvgPool2d(${Array.isArray(this.outputSize) ? showShape(this.outputSize) : String(this.outputSize)})`;
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

/**
 * Max pooling of images: the maximum of each window of kernelSize, a number or [height, width]. x [N, C, H, W] float32 gives [N, C, H', W']; see
 * ops.maxPool2d for sizes and options. As torch.nn.MaxPool2d. Throws ArgumentError for options that are wrong, and ShapeError where the
 * kernel is larger than a padded image.
 *
 *     const model = nn.sequential([1, 28, 28], nn.conv2d(1, 8, 3, { padding: 1 }), nn.relu(), nn.maxPool2d(2), nn.flatten(), nn.linear(1568, 10));
 */
export function maxPool2d<const K extends Pair, const O extends MaxPool2dOptions = {}>(kernelSize: K, options?: O): MaxPool2d<K, O> {
  return new MaxPool2d<K, O>(kernelSize, options);
}

/**
 * Average pooling of images to a size, a number or [height, width], whatever size they have. x [N, C, H, W] float32 gives [N, C, h, w]; see ops.adaptiveAvgPool2d.
 * As torch.nn.AdaptiveAvgPool2d. Throws ArgumentError for a size that is wrong.
 *
 *     const model = nn.sequential([3, 32, 32], nn.conv2d(3, 16, 3), nn.relu(), nn.adaptiveAvgPool2d(1), nn.flatten(), nn.linear(16, 10));
 */
export function adaptiveAvgPool2d<const K extends Pair>(outputSize: K): AdaptiveAvgPool2d<K> {
  return new AdaptiveAvgPool2d<K>(outputSize);
}
