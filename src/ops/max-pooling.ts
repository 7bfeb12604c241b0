import type { DType } from '../dtype.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { outputOf, record } from '../graph/recorder.js';
import { checkOptions } from '../options.js';
import { showShape, sizeOf, type Shape } from '../shape.js';
import type { PerAxis, Pooled, SpatialRank, WindowOptions } from '../window-types.js';
import type { Tensor } from '../tensor.js';
import { checkTensor, MAX_ELEMENTS } from './check.js';
import { windowsCost } from './costs.js';
import type { Emitter } from './emitter.js';
import { example } from './examples.js';
import { poolExamples } from './pool-examples.js';
import { elementsOfWindows, imagesLike, imagesOf, inferPooled, pooledShape, poolOrder, poolWindows, type PoolWindows } from './pool-windows.js';
import type { PoolFits } from './pooling.js';
import type { Example, KernelRecord } from './record.js';
import { EXACT, SUMS } from './tolerance.js';
import { arange } from './constructors.js';
import { cast } from './cast.js';
import { expand } from './broadcasting.js';
import { reshape, squeeze } from './views.js';
import { asBatch, perAxis, three } from './windows.js';

export type MaxPoolAttrs = PoolWindows & { readonly dilation: readonly number[] };
type GradAttrs = MaxPoolAttrs & { readonly size: Shape };

/** Places of a kernel that a byte can number. */
const BYTE = 256;
const indexDType = ({ kernel }: PoolWindows): DType => (sizeOf(kernel) <= BYTE ? 'uint8' : 'int32');

/**
 * Max pooling over the last `rank` dimensions of [N, C, ..], its gradient, and the gradient of that. The index of a window, an auxiliary output, is the number
 * of the place in the kernel where its maximum stands. All work in the layout of x, which the index has too.
 */
function maxPooling(rank: SpatialRank) {
  const name = `maxPool${rank}d`;
  const gradOp: KernelRecord<GradAttrs> = {
    name: `${name}Grad`,
    calledBy: name,
    kind: 'kernel',
    infer: ([dy], { size }) => ({ shape: [...dy!.shape.slice(0, -rank), ...size], dtype: dy!.dtype }),
    order: poolOrder(1),
    emit: (e, attrs) => emitByIndex(e, 'max_pool_grad', attrs),
    gradient: ([ddx], { inputs: [, index] }, attrs) => [record(takeOp, [ddx, index!], attrs), undefined],
    saves: { inputs: [1] },
    tolerance: SUMS,
    examples: () => maxExamples(rank).map(({ inputs: [x], attrs }) => {
      const shape = pooledShape(x!.shape, attrs as MaxPoolAttrs)!;
      return example([{ shape }, indices(shape, attrs as MaxPoolAttrs)], { ...attrs, size: x!.shape.slice(-rank) });
    }),
  };
  const takeOp: KernelRecord<MaxPoolAttrs> = {
    name: `${name}Take`,
    calledBy: name,
    kind: 'kernel',
    infer: ([x, index]) => ({ shape: index!.shape, dtype: x!.dtype }),
    order: poolOrder(1),
    emit: (e, attrs) => emitByIndex(e, 'max_pool_take', attrs),
    gradient: ([dy], { inputs: [x, index] }, attrs) => [record(gradOp, [dy, index!], { ...attrs, size: x!.shape.slice(-rank) }), undefined],
    saves: { inputs: [1] },
    tolerance: EXACT,
    examples: () => maxExamples(rank).map(({ inputs: [x], attrs }) => example([x!, indices(pooledShape(x!.shape, attrs as MaxPoolAttrs)!, attrs as MaxPoolAttrs)], attrs)),
  };
  const op: KernelRecord<MaxPoolAttrs> = {
    name,
    kind: 'kernel',
    infer: ([x], attrs) => {
      const shape = inferPooled(name, x!, attrs);
      return { shape, dtype: x!.dtype, more: [{ shape, dtype: indexDType(attrs), auxiliary: true }] };
    },
    order: poolOrder(),
    emit: (e, attrs) => {
      const { images, operand } = imagesOf(e, 0);
      const shape = pooledShape(e.shape(0), attrs)!;
      const index = images.seen(e.output(1));
      // Where only the index is read, maxima are for nobody.
      const y = images.seen(e.output(0)) ?? e.temporary(index!.layout.shape, 'float32');
      e.instruction('max_pool', [y, index], [operand], words(attrs), cost(e, shape, attrs));
    },
    gradient: ([dy], node, attrs) => [record(gradOp, [dy, outputOf(node, 1)], { ...attrs, size: node.inputs[0]!.shape.slice(-rank) })],
    saves: { outputs: [1] },
    tolerance: EXACT,
    examples: () => maxExamples(rank),
  };
  return { op, gradOp, takeOp };
}

function words({ kernel, stride, padding, dilation }: MaxPoolAttrs): number[] {
  return [...three(kernel, 1), ...three(stride, 1), ...three(padding, 0), ...three(dilation, 1)];
}

function cost(e: Emitter, pooled: Shape, attrs: MaxPoolAttrs): number {
  return windowsCost(sizeOf(e.shape(0)) + sizeOf(pooled), elementsOfWindows(pooled, attrs));
}

/** Rows whose second operand is an index. */
function emitByIndex(e: Emitter, row: 'max_pool_grad' | 'max_pool_take', attrs: MaxPoolAttrs): void {
  const { images, operand: index } = imagesOf(e, 1);
  const from = imagesLike(e, 0, images);
  e.instruction(row, [images.seen(e.output(0))], [from, index], words(attrs), cost(e, e.shape(1), attrs));
}

function indices(shape: Shape, attrs: MaxPoolAttrs): Example['inputs'][number] {
  return { shape, dtype: indexDType(attrs), from: 0, to: sizeOf(attrs.kernel) };
}

function maxExamples(rank: SpatialRank): Example[] {
  const each = (value: number): readonly number[] => Array.from({ length: rank }, () => value);
  const near = poolExamples(rank).map(({ inputs, attrs }) => example(inputs, { ...attrs, dilation: each(1) }));
  const apart = { stride: each(2), padding: each(1), dilation: each(2), ceilMode: true };
  // The second kernel has more places than a byte can number.
  return [...near, example([{ shape: [2, 3, ...each(7)] }], { kernel: each(3), ...apart }), example([{ shape: [1, 1, ...each(1).slice(1), 300] }], { kernel: [...each(1).slice(1), 258], ...apart, stride: each(40), padding: each(0), dilation: each(1) })];
}

const ofRank = { 1: maxPooling(1), 2: maxPooling(2), 3: maxPooling(3) };

export interface MaxPoolOptions<R extends SpatialRank = SpatialRank> extends WindowOptions<R> {
  /** Distance of windows. Default: the size of the kernel. */
  readonly stride?: PerAxis<R> | undefined;
  /** Elements of -infinity on either side of an image, at most half of the kernel. Default 0. */
  readonly padding?: PerAxis<R> | undefined;
  /** Distance of the elements of a window. Default 1. */
  readonly dilation?: PerAxis<R> | undefined;
  /** Takes windows in that are not whole at the end, but none that starts in the padding. Default false. */
  readonly ceilMode?: boolean | undefined;
}

/** Maxima, and where each stands: its place among all elements of its channel, row-major. */
export interface MaximaAt<S extends Shape = Shape, D extends DType = DType> {
  readonly values: Tensor<S, D>;
  readonly indices: Tensor<S, 'int32'>;
}

/** Checks arguments of a max pooling. */
export function maxPoolAttrs<R extends SpatialRank>(op: string, rank: R, kernelSize: PerAxis<R>, options: MaxPoolOptions<R> | undefined): MaxPoolAttrs {
  checkOptions(op, options, ['stride', 'padding', 'dilation', 'ceilMode']);
  const windows = poolWindows(op, rank, kernelSize, options);
  const { kernel } = windows;
  if (sizeOf(kernel) > MAX_ELEMENTS) throw new ArgumentError(`[${op}] kernelSize: got ${showShape(kernel)}, expected at most ${MAX_ELEMENTS} elements. Take a smaller kernel.`, { op });
  return { ...windows, dilation: perAxis(op, 'dilation', options?.dilation ?? 1, rank, 1) };
}

/** Records a max pooling, whose attributes have been checked. */
export function recordMaxPool(rank: SpatialRank, x: Tensor, attrs: MaxPoolAttrs): Tensor {
  checkTensor(`maxPool${rank}d`, x, 'x');
  return asBatch(rank, x, (batch) => record(ofRank[rank].op, [batch], attrs));
}

/** Whole numbers from which on float32 passes over some. */
const WHOLE = 2 ** 24;

/** Numbers of the elements of each channel of x, as float32. */
function positionsIn(op: string, rank: SpatialRank, { shape }: Tensor): Tensor {
  const sizes = shape.slice(-rank);
  if (sizeOf(sizes) > WHOLE) throw new ShapeError(`[${op}] the images are too large for indices: got x ${showShape(shape)}, expected at most ${WHOLE} elements in a channel. Cut them.`, { op, shapes: [shape] });
  return expand(reshape(cast(arange(sizeOf(sizes)), 'float32') as Tensor, sizes) as Tensor, shape) as Tensor;
}

/** Maxima of a batch, and what `positions`, which is like it, has in their places. */
export function maximaWith(rank: SpatialRank, batch: Tensor, positions: Tensor, attrs: MaxPoolAttrs): readonly [maxima: Tensor, at: Tensor] {
  const maxima = record(ofRank[rank].op, [batch], attrs);
  return [maxima, record(ofRank[rank].takeOp, [positions, outputOf(maxima, 1)], attrs)];
}

/** Maxima of images with or without a batch, and where they stand, of a pooling of batches that takes the positions of their elements along. */
export function maximaAt(op: string, rank: SpatialRank, x: Tensor, pooling: (batch: Tensor, positions: Tensor) => readonly [maxima: Tensor, at: Tensor]): MaximaAt {
  checkTensor(op, x, 'x');
  let at: Tensor | undefined;
  const values = asBatch(rank, x, (batch) => {
    const [maxima, positions] = pooling(batch, positionsIn(op, rank, batch));
    at = cast(positions, 'int32') as Tensor;
    return maxima;
  });
  return { values, indices: (values.shape.length === at!.shape.length ? at! : squeeze(at!, 0)) as Tensor<Shape, 'int32'> };
}

/** Records a max pooling with its indices, whose attributes have been checked. */
export function recordMaxPoolAt(rank: SpatialRank, x: Tensor, attrs: MaxPoolAttrs): MaximaAt {
  return maximaAt(`maxPool${rank}d`, rank, x, (batch, positions) => maximaWith(rank, batch, positions, attrs));
}

/** Maxima of windows of sequences: x [N, C, L]. See maxPool2d(). As torch.nn.functional.max_pool1d. */
export function maxPool1d<S extends Shape, D extends DType, const K extends PerAxis<1>, const O extends MaxPoolOptions<1> = {}>(
  x: Tensor<S, D> & PoolFits<'maxPool1d', 1, S, K, O>,
  kernelSize: K,
  options?: O,
): Tensor<Pooled<1, S, K, O>, D> {
  return recordMaxPool(1, x as Tensor, maxPoolAttrs('maxPool1d', 1, kernelSize, options)) as unknown as Tensor<Pooled<1, S, K, O>, D>;
}

/**
 * Maxima of windows: y[n, c, i, j] = max over (u, v) in the kernel of x[n, c, i stride - padding + u dilation, j stride - padding + v dilation]. x [N, C, H, W]
 * float32 gives [N, C, H', W'] with H' = floor((H + 2 padding - dilation (kernel - 1) - 1) / stride) + 1, or ceil for `ceilMode`; [C, H, W] gives [C, H', W']. Padding is
 * -infinity. A NaN wins. The gradient goes to the first of equals. As torch.nn.functional.max_pool2d; its indices are those of maxPool2dWithIndices(). Throws ArgumentError for
 * options that are wrong, ShapeError where the kernel is larger than a padded image.
 *
 *     const photos = zeros([32, 3, 28, 28]);
 *     const y = maxPool2d(photos, 2);                                 // [32, 3, 14, 14]
 *     const z = maxPool2d(photos, 3, { stride: 2, padding: 1 });      // [32, 3, 14, 14]
 */
export function maxPool2d<S extends Shape, D extends DType, const K extends PerAxis<2>, const O extends MaxPoolOptions<2> = {}>(
  x: Tensor<S, D> & PoolFits<'maxPool2d', 2, S, K, O>,
  kernelSize: K,
  options?: O,
): Tensor<Pooled<2, S, K, O>, D> {
  return recordMaxPool(2, x as Tensor, maxPoolAttrs('maxPool2d', 2, kernelSize, options)) as unknown as Tensor<Pooled<2, S, K, O>, D>;
}

/** Maxima of windows of volumes: x [N, C, D, H, W]. See maxPool2d(). As torch.nn.functional.max_pool3d. */
export function maxPool3d<S extends Shape, D extends DType, const K extends PerAxis<3>, const O extends MaxPoolOptions<3> = {}>(
  x: Tensor<S, D> & PoolFits<'maxPool3d', 3, S, K, O>,
  kernelSize: K,
  options?: O,
): Tensor<Pooled<3, S, K, O>, D> {
  return recordMaxPool(3, x as Tensor, maxPoolAttrs('maxPool3d', 3, kernelSize, options)) as unknown as Tensor<Pooled<3, S, K, O>, D>;
}

/** Maxima of windows of sequences, and where each stands, for maxUnpool1d(). See maxPool2dWithIndices(). */
export function maxPool1dWithIndices<S extends Shape, D extends DType, const K extends PerAxis<1>, const O extends MaxPoolOptions<1> = {}>(
  x: Tensor<S, D> & PoolFits<'maxPool1d', 1, S, K, O>,
  kernelSize: K,
  options?: O,
): MaximaAt<Pooled<1, S, K, O>, D> {
  return recordMaxPoolAt(1, x as Tensor, maxPoolAttrs('maxPool1d', 1, kernelSize, options)) as unknown as MaximaAt<Pooled<1, S, K, O>, D>;
}

/**
 * Maxima of windows, `values`, as maxPool2d() has them, and `indices`, int32 of the same shape: the place of each among all elements of its channel, row-major, for maxUnpool2d().
 * As torch.nn.functional.max_pool2d_with_indices. Throws as maxPool2d(), and ShapeError for channels of more than 2^24 elements.
 *
 *     const { values, indices } = maxPool2dWithIndices(tensor([[[[1, 2], [4, 3]]]]), 2);     // [[[[4]]]] and [[[[2]]]]
 */
export function maxPool2dWithIndices<S extends Shape, D extends DType, const K extends PerAxis<2>, const O extends MaxPoolOptions<2> = {}>(
  x: Tensor<S, D> & PoolFits<'maxPool2d', 2, S, K, O>,
  kernelSize: K,
  options?: O,
): MaximaAt<Pooled<2, S, K, O>, D> {
  return recordMaxPoolAt(2, x as Tensor, maxPoolAttrs('maxPool2d', 2, kernelSize, options)) as unknown as MaximaAt<Pooled<2, S, K, O>, D>;
}

/** Maxima of windows of volumes, and where each stands, for maxUnpool3d(). See maxPool2dWithIndices(). */
export function maxPool3dWithIndices<S extends Shape, D extends DType, const K extends PerAxis<3>, const O extends MaxPoolOptions<3> = {}>(
  x: Tensor<S, D> & PoolFits<'maxPool3d', 3, S, K, O>,
  kernelSize: K,
  options?: O,
): MaximaAt<Pooled<3, S, K, O>, D> {
  return recordMaxPoolAt(3, x as Tensor, maxPoolAttrs('maxPool3d', 3, kernelSize, options)) as unknown as MaximaAt<Pooled<3, S, K, O>, D>;
}

export const maxPoolingOps = {
  maxPool1d: ofRank[1].op,
  maxPool1dGrad: ofRank[1].gradOp,
  maxPool1dTake: ofRank[1].takeOp,
  maxPool2d: ofRank[2].op,
  maxPool2dGrad: ofRank[2].gradOp,
  maxPool2dTake: ofRank[2].takeOp,
  maxPool3d: ofRank[3].op,
  maxPool3dGrad: ofRank[3].gradOp,
  maxPool3dTake: ofRank[3].takeOp,
};
