import type { DType } from '../dtype.js';
import { adaptedSizes, adaptiveSizes, recordAdaptive, recordAdaptiveAt, type AdaptiveSizes, type Reducer } from '../ops/adaptive-pooling.js';
import { lpPoolAttrs, recordLpPool, type LpPoolOptions } from '../ops/lp-pooling.js';
import { maxPoolAttrs, recordMaxPool, recordMaxPoolAt, type MaximaAt, type MaxPoolOptions } from '../ops/max-pooling.js';
import { pooledShape, type PoolWindows } from '../ops/pool-windows.js';
import { avgPoolAttrs, recordAvgPool, type AvgPoolOptions, type PoolFits } from '../ops/pooling.js';
import { showShape, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { AdaptivePooled, AdaptiveSize, PerAxis, Pooled, ShowPerAxis, SpatialRank } from '../window-types.js';
import { noExamples, type NoExamples } from './examples.js';
import { Layer, type LayerCall } from './layer.js';
import { ShapeMismatch, type InferredShape } from './shape-inference.js';
import type { Show, ShapeFunction, ShapeMismatch as Mismatch } from './shape-mismatch.js';

/** Examples of R spatial axes become what `Out` says of them. */
type OfExamples<R extends SpatialRank, S, Layer extends string, Out> = S extends Shape
  ? number extends S['length']
    ? Shape
    : S extends readonly [number, ...infer Spatial extends number[]]
      ? Spatial['length'] extends R
        ? Out
        : NoExamples<Layer, R, S>
      : NoExamples<Layer, R, S>
  : Shape;

/** A pooling by windows of K: examples become smaller. */
export interface PooledExample<Name extends string, R extends SpatialRank, K extends PerAxis<R>, O> extends ShapeFunction {
  readonly out: OfExamples<R, this['in'], `${Name}(${ShowPerAxis<K>})`, OrTooLarge<Name, K, this['in'], this['in'] extends Shape ? Pooled<R, this['in'], K, O> : never>>;
}

type OrTooLarge<Name extends string, K, S, Out> = [Out] extends [never] ? Mismatch<`${Name}(${ShowPerAxis<K>}) expects images that are not smaller than its kernel`, Show<S extends Shape ? S : Shape>> : Out;

/** A layer that makes one number of each window, by a reducer: maximum, mean or norm. See maxPool2d(), avgPool2d() and lpPool2d(). */
export class Pool<Name extends string = string, R extends SpatialRank = SpatialRank, K extends PerAxis<R> = PerAxis<R>, O = unknown> extends Layer<Shape, Shape, PooledExample<Name, R, K, O>> {
  readonly name: Name;
  readonly rank: R;
  readonly kernelSize: K;
  readonly #windows: PoolWindows;
  readonly #reduce: (x: Tensor) => Tensor;
  readonly #call: LayerCall<Name>;

  constructor(call: LayerCall<Name>, rank: R, kernelSize: K, windows: PoolWindows, reduce: (x: Tensor) => Tensor) {
    super();
    this.name = call.name;
    this.rank = rank;
    this.kernelSize = kernelSize;
    this.#call = call;
    this.#windows = windows;
    this.#reduce = reduce;
  }

  override forward<S extends Shape, D extends DType>(x: Tensor<S, D> & PoolFits<Name, R, S, K, O>): Tensor<Pooled<R, S, K, O>, D> {
    return this.#reduce(x as Tensor) as unknown as Tensor<Pooled<R, S, K, O>, D>;
  }

  override outcome$(shape: Shape): InferredShape {
    if (!this.builtin) return undefined;
    const tooLarge = new ShapeMismatch(`${this.toString()} expects images that are not smaller than its kernel`, showShape(shape), 'Take a smaller kernel, or padding.');
    return noExamples(this.toString(), this.rank, shape) ?? pooledShape(shape, this.#windows) ?? tooLarge;
  }

  override get call$(): LayerCall {
    return this.#call;
  }
}

/** A pooling to the size K, whatever size examples have. */
export interface AdaptivePooledExample<Name extends string, R extends SpatialRank, K extends AdaptiveSize<R>> extends ShapeFunction {
  readonly out: OfExamples<R, this['in'], `${Name}(${ShowPerAxis<K>})`, this['in'] extends Shape ? AdaptivePooled<R, this['in'], K> : never>;
}

/** See adaptiveAvgPool2d() and adaptiveMaxPool2d(). */
export class AdaptivePool<A extends Reducer = Reducer, R extends SpatialRank = SpatialRank, K extends AdaptiveSize<R> = AdaptiveSize<R>> extends Layer<Shape, Shape, AdaptivePooledExample<`adaptive${A}Pool${R}d`, R, K>> {
  readonly reducer: A;
  readonly rank: R;
  readonly outputSize: K;
  readonly #sizes: AdaptiveSizes;

  constructor(reducer: A, rank: R, outputSize: K) {
    super();
    this.reducer = reducer;
    this.rank = rank;
    this.outputSize = outputSize;
    this.#sizes = adaptiveSizes(reducer, rank, outputSize);
  }

  override forward<S extends Shape, D extends DType>(x: Tensor<S, D>): Tensor<AdaptivePooled<R, S, K>, D> {
    return recordAdaptive(this.reducer, this.rank, x as Tensor, this.#sizes) as unknown as Tensor<AdaptivePooled<R, S, K>, D>;
  }

  override outcome$(shape: Shape): InferredShape {
    if (!this.builtin) return undefined;
    return noExamples(this.toString(), this.rank, shape) ?? [shape[0]!, ...adaptedSizes(this.#sizes, shape)];
  }

  override get call$(): LayerCall {
    return { name: `adaptive${this.reducer}Pool${this.rank}d`, args: [this.outputSize] };
  }
}

/** A max pooling that says where each maximum stands. See maxPool2dWithIndices() and adaptiveMaxPool2dWithIndices(). */
export class PoolWithIndices extends Layer<Shape, { values: Shape; indices: Shape }> {
  readonly #call: LayerCall;
  readonly #pool: (x: Tensor) => MaximaAt;

  constructor(call: LayerCall, pool: (x: Tensor) => MaximaAt) {
    super();
    this.#call = call;
    this.#pool = pool;
  }

  override forward(x: Tensor): { values: Tensor; indices: Tensor } {
    return this.#pool(x) as { values: Tensor; indices: Tensor };
  }

  override get call$(): LayerCall {
    return this.#call;
  }
}

function callOf<const N extends string>(name: N, args: readonly unknown[], options: object | undefined): LayerCall<N> {
  return { name, args, options: options && { ...options } };
}

/** Average pooling of sequences [N, C, L]. See avgPool2d(). As torch.nn.AvgPool1d. */
export function avgPool1d<const K extends PerAxis<1>, const O extends AvgPoolOptions<1> = {}>(kernelSize: K, options?: O): Pool<'avgPool1d', 1, K, O> {
  const attrs = avgPoolAttrs(1, kernelSize, options);
  return new Pool(callOf('avgPool1d', [kernelSize], options), 1, kernelSize, attrs, (x) => recordAvgPool(1, x, attrs));
}

/**
 * Average pooling of images: the mean of each window of kernelSize, a number or [height, width]. x [N, C, H, W] float32 gives [N, C, H', W']; see
 * ops.avgPool2d for sizes and options. As torch.nn.AvgPool2d. Throws ArgumentError for options that are wrong, and ShapeError where the
 * kernel is larger than a padded image.
 *
 *     const model = nn.sequential([1, 28, 28], nn.avgPool2d(2), nn.flatten(), nn.linear(196, 10));
 */
export function avgPool2d<const K extends PerAxis<2>, const O extends AvgPoolOptions<2> = {}>(kernelSize: K, options?: O): Pool<'avgPool2d', 2, K, O> {
  const attrs = avgPoolAttrs(2, kernelSize, options);
  return new Pool(callOf('avgPool2d', [kernelSize], options), 2, kernelSize, attrs, (x) => recordAvgPool(2, x, attrs));
}

/** Average pooling of volumes [N, C, D, H, W]. See avgPool2d(). As torch.nn.AvgPool3d. */
export function avgPool3d<const K extends PerAxis<3>, const O extends AvgPoolOptions<3> = {}>(kernelSize: K, options?: O): Pool<'avgPool3d', 3, K, O> {
  const attrs = avgPoolAttrs(3, kernelSize, options);
  return new Pool(callOf('avgPool3d', [kernelSize], options), 3, kernelSize, attrs, (x) => recordAvgPool(3, x, attrs));
}

/** Max pooling of sequences [N, C, L]. See maxPool2d(). As torch.nn.MaxPool1d. */
export function maxPool1d<const K extends PerAxis<1>, const O extends MaxPoolOptions<1> = {}>(kernelSize: K, options?: O): Pool<'maxPool1d', 1, K, O> {
  const attrs = maxPoolAttrs('maxPool1d', 1, kernelSize, options);
  return new Pool(callOf('maxPool1d', [kernelSize], options), 1, kernelSize, attrs, (x) => recordMaxPool(1, x, attrs));
}

/**
 * Max pooling of images: the maximum of each window of kernelSize, a number or [height, width]. x [N, C, H, W] float32 gives [N, C, H', W']; see
 * ops.maxPool2d for sizes and options. As torch.nn.MaxPool2d. Throws ArgumentError for options that are wrong, and ShapeError where the
 * kernel is larger than a padded image.
 *
 *     const model = nn.sequential([1, 28, 28], nn.conv2d(1, 8, 3, { padding: 1 }), nn.relu(), nn.maxPool2d(2), nn.flatten(), nn.linear(1568, 10));
 */
export function maxPool2d<const K extends PerAxis<2>, const O extends MaxPoolOptions<2> = {}>(kernelSize: K, options?: O): Pool<'maxPool2d', 2, K, O> {
  const attrs = maxPoolAttrs('maxPool2d', 2, kernelSize, options);
  return new Pool(callOf('maxPool2d', [kernelSize], options), 2, kernelSize, attrs, (x) => recordMaxPool(2, x, attrs));
}

/** Max pooling of volumes [N, C, D, H, W]. See maxPool2d(). As torch.nn.MaxPool3d. */
export function maxPool3d<const K extends PerAxis<3>, const O extends MaxPoolOptions<3> = {}>(kernelSize: K, options?: O): Pool<'maxPool3d', 3, K, O> {
  const attrs = maxPoolAttrs('maxPool3d', 3, kernelSize, options);
  return new Pool(callOf('maxPool3d', [kernelSize], options), 3, kernelSize, attrs, (x) => recordMaxPool(3, x, attrs));
}

/** Norms of windows of sequences [N, C, L]. See lpPool2d(). As torch.nn.LPPool1d. */
export function lpPool1d<const K extends PerAxis<1>, const O extends LpPoolOptions<1> = {}>(normType: number, kernelSize: K, options?: O): Pool<'lpPool1d', 1, K, O> {
  const attrs = lpPoolAttrs(1, normType, kernelSize, options);
  return new Pool(callOf('lpPool1d', [normType, kernelSize], options), 1, kernelSize, attrs, (x) => recordLpPool(1, x, attrs));
}

/**
 * Norms of windows of images: (sum of x^p over a window)^(1/p), p = normType. x [N, C, H, W] float32 gives [N, C, H', W']; see ops.lpPool2d. As torch.nn.LPPool2d. Throws ArgumentError for
 * arguments that are wrong, and ShapeError where the kernel is larger than an image.
 *
 *     const model = nn.sequential([1, 28, 28], nn.lpPool2d(2, 4), nn.flatten(), nn.linear(49, 10));
 */
export function lpPool2d<const K extends PerAxis<2>, const O extends LpPoolOptions<2> = {}>(normType: number, kernelSize: K, options?: O): Pool<'lpPool2d', 2, K, O> {
  const attrs = lpPoolAttrs(2, normType, kernelSize, options);
  return new Pool(callOf('lpPool2d', [normType, kernelSize], options), 2, kernelSize, attrs, (x) => recordLpPool(2, x, attrs));
}

/** Average pooling of sequences [N, C, L] to a size. See adaptiveAvgPool2d(). As torch.nn.AdaptiveAvgPool1d. */
export function adaptiveAvgPool1d<const K extends AdaptiveSize<1>>(outputSize: K): AdaptivePool<'Avg', 1, K> {
  return new AdaptivePool('Avg', 1, outputSize);
}

/**
 * Average pooling of images to a size, a number or [height, width], whatever size they have; null leaves it. x [N, C, H, W] float32 gives [N, C, h, w]; see ops.adaptiveAvgPool2d.
 * As torch.nn.AdaptiveAvgPool2d. Throws ArgumentError for a size that is wrong.
 *
 *     const model = nn.sequential([3, 32, 32], nn.conv2d(3, 16, 3), nn.relu(), nn.adaptiveAvgPool2d(1), nn.flatten(), nn.linear(16, 10));
 */
export function adaptiveAvgPool2d<const K extends AdaptiveSize<2>>(outputSize: K): AdaptivePool<'Avg', 2, K> {
  return new AdaptivePool('Avg', 2, outputSize);
}

/** Average pooling of volumes [N, C, D, H, W] to a size. See adaptiveAvgPool2d(). As torch.nn.AdaptiveAvgPool3d. */
export function adaptiveAvgPool3d<const K extends AdaptiveSize<3>>(outputSize: K): AdaptivePool<'Avg', 3, K> {
  return new AdaptivePool('Avg', 3, outputSize);
}

/** Max pooling of sequences [N, C, L] to a size. See adaptiveMaxPool2d(). As torch.nn.AdaptiveMaxPool1d. */
export function adaptiveMaxPool1d<const K extends AdaptiveSize<1>>(outputSize: K): AdaptivePool<'Max', 1, K> {
  return new AdaptivePool('Max', 1, outputSize);
}

/** Max pooling of images [N, C, H, W] to a size. See adaptiveAvgPool2d(), and ops.adaptiveMaxPool2d. As torch.nn.AdaptiveMaxPool2d. */
export function adaptiveMaxPool2d<const K extends AdaptiveSize<2>>(outputSize: K): AdaptivePool<'Max', 2, K> {
  return new AdaptivePool('Max', 2, outputSize);
}

/** Max pooling of volumes [N, C, D, H, W] to a size. See adaptiveMaxPool2d(). As torch.nn.AdaptiveMaxPool3d. */
export function adaptiveMaxPool3d<const K extends AdaptiveSize<3>>(outputSize: K): AdaptivePool<'Max', 3, K> {
  return new AdaptivePool('Max', 3, outputSize);
}

function maxima<R extends SpatialRank>(rank: R, kernelSize: PerAxis<R>, options: MaxPoolOptions<R> | undefined): PoolWithIndices {
  const attrs = maxPoolAttrs(`maxPool${rank}d`, rank, kernelSize, options);
  return new PoolWithIndices(callOf(`maxPool${rank}dWithIndices`, [kernelSize], options), (x) => recordMaxPoolAt(rank, x, attrs));
}

function adaptiveMaxima<R extends SpatialRank>(rank: R, outputSize: AdaptiveSize<R>): PoolWithIndices {
  const sizes = adaptiveSizes('Max', rank, outputSize);
  return new PoolWithIndices({ name: `adaptiveMaxPool${rank}dWithIndices`, args: [outputSize] }, (x) => recordAdaptiveAt(rank, x, sizes));
}

/** Max pooling of sequences [N, C, L] with indices. See maxPool2dWithIndices(). As torch.nn.MaxPool1d with return_indices. */
export function maxPool1dWithIndices(kernelSize: PerAxis<1>, options?: MaxPoolOptions<1>): PoolWithIndices {
  return maxima(1, kernelSize, options);
}

/**
 * Max pooling of images whose forward() gives { values, indices }, for a model of yours that hands `indices` to maxUnpool2d(); see ops.maxPool2dWithIndices. As torch.nn.MaxPool2d with
 * return_indices. Throws ArgumentError for options that are wrong.
 *
 *     const { values, indices } = nn.maxPool2dWithIndices(2).forward(zeros([2, 3, 8, 8]) as Tensor);
 *     const back = nn.maxUnpool2d(2).forward(values, indices);                  // [2, 3, 8, 8]
 */
export function maxPool2dWithIndices(kernelSize: PerAxis<2>, options?: MaxPoolOptions<2>): PoolWithIndices {
  return maxima(2, kernelSize, options);
}

/** Max pooling of volumes [N, C, D, H, W] with indices. See maxPool2dWithIndices(). As torch.nn.MaxPool3d with return_indices. */
export function maxPool3dWithIndices(kernelSize: PerAxis<3>, options?: MaxPoolOptions<3>): PoolWithIndices {
  return maxima(3, kernelSize, options);
}

/** Max pooling of sequences [N, C, L] to a size, with indices. See adaptiveMaxPool2dWithIndices(). As torch.nn.AdaptiveMaxPool1d with return_indices. */
export function adaptiveMaxPool1dWithIndices(outputSize: AdaptiveSize<1>): PoolWithIndices {
  return adaptiveMaxima(1, outputSize);
}

/** Max pooling of images [N, C, H, W] to a size, whose forward() gives { values, indices }; see ops.adaptiveMaxPool2dWithIndices. As torch.nn.AdaptiveMaxPool2d with return_indices. */
export function adaptiveMaxPool2dWithIndices(outputSize: AdaptiveSize<2>): PoolWithIndices {
  return adaptiveMaxima(2, outputSize);
}

/** Max pooling of volumes [N, C, D, H, W] to a size, with indices. See adaptiveMaxPool2dWithIndices(). As torch.nn.AdaptiveMaxPool3d with return_indices. */
export function adaptiveMaxPool3dWithIndices(outputSize: AdaptiveSize<3>): PoolWithIndices {
  return adaptiveMaxima(3, outputSize);
}
