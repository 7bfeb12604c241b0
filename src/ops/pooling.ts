import { describeValue } from '../describe-value.js';
import type { DType } from '../dtype.js';
import { ArgumentError } from '../errors.js';
import { record } from '../graph/recorder.js';
import { checkFlags, checkOptions } from '../options.js';
import { sizeOf, type Shape } from '../shape.js';
import type { PerAxis, Pooled, ShowPerAxis, SpatialRank, WindowOptions } from '../window-types.js';
import type { Tensor } from '../tensor.js';
import { checkTensor } from './check.js';
import { codes } from './codes.js';
import { windowsCost } from './costs.js';
import { bitsOf, type Emitter } from './emitter.js';
import { example } from './examples.js';
import { poolExamples } from './pool-examples.js';
import { elementsOfWindows, imagesOf, inferPooled, pooledShape, poolOrder, poolWindows, type PoolWindows } from './pool-windows.js';
import type { Example, KernelRecord } from './record.js';
import { SUMS } from './tolerance.js';
import { asBatch, three } from './windows.js';

/** 0 for `divisor`: the number of elements that count. */
export type PoolAttrs = PoolWindows & {
  readonly countIncludePad: boolean;
  readonly divisor: number;
};
type GradAttrs = PoolAttrs & { readonly size: Shape };

/** Average pooling over the last `rank` dimensions, and its gradient, of [N, C, ..]. */
function averagePooling(rank: SpatialRank) {
  const name = `avgPool${rank}d`;
  const gradOp: KernelRecord<GradAttrs> = {
    name: `${name}Grad`,
    calledBy: name,
    kind: 'kernel',
    infer: ([dy], { size }) => ({ shape: [...dy!.shape.slice(0, -rank), ...size], dtype: dy!.dtype }),
    order: poolOrder(),
    emit: (e, attrs) => emitPool(e, 'pool_grad', attrs),
    gradient: ([ddx], _node, attrs) => [record(op, [ddx], attrs)],
    tolerance: SUMS,
    examples: () => averageExamples(rank).map(({ inputs: [x], attrs }) => example([{ shape: pooledShape(x!.shape, attrs as PoolAttrs)! }], { ...attrs, size: x!.shape.slice(-rank) })),
  };
  const op: KernelRecord<PoolAttrs> = {
    name,
    kind: 'kernel',
    infer: ([x], attrs) => ({ shape: inferPooled(name, x!, attrs), dtype: x!.dtype }),
    order: poolOrder(),
    flops: (_inputs, { shape }) => sizeOf(shape),
    emit: (e, attrs) => emitPool(e, 'pool', attrs),
    gradient: ([dy], { inputs: [x] }, attrs) => [record(gradOp, [dy], { ...attrs, size: x!.shape.slice(-rank) })],
    tolerance: SUMS,
    examples: () => averageExamples(rank),
  };
  return { op, gradOp };
}

function emitPool(e: Emitter, row: 'pool' | 'pool_grad', attrs: PoolAttrs): void {
  const { kernel, stride, padding, countIncludePad, divisor } = attrs;
  const { images, operand } = imagesOf(e, 0);
  const out = e.output(0)!;
  const made = out.layout.shape;
  const words = [codes.reductions.mean, ...three(kernel, 1), ...three(stride, 1), ...three(padding, 0), countIncludePad ? 1 : 0, bitsOf(divisor)];
  e.instruction(row, [images.seen(out)], [operand], words, windowsCost(sizeOf(made) + sizeOf(e.shape(0)), elementsOfWindows(row === 'pool' ? made : e.shape(0), attrs)));
}

function averageExamples(rank: SpatialRank): Example[] {
  const plain = { countIncludePad: true, divisor: 0 };
  return poolExamples(rank).flatMap(({ inputs, attrs }, i) => {
    const windows = attrs as PoolWindows;
    const variants = windows.padding.some((p) => p > 0) ? [plain, { ...plain, countIncludePad: false }] : i === 1 ? [plain, { ...plain, divisor: 4 }] : [plain];
    return variants.map((more) => example(inputs, { ...attrs, ...more }));
  });
}

const ofRank = { 1: averagePooling(1), 2: averagePooling(2), 3: averagePooling(3) };

export interface AvgPoolOptions<R extends SpatialRank = SpatialRank> extends Omit<WindowOptions<R>, 'dilation'> {
  /** Distance of windows. Default: the size of the kernel. */
  readonly stride?: PerAxis<R> | undefined;
  /** Zeros on either side of an image, at most half of the kernel. Default 0. */
  readonly padding?: PerAxis<R> | undefined;
  /** Takes windows in that are not whole at the end, but none that starts in the padding. Default false. */
  readonly ceilMode?: boolean | undefined;
  /** Counts padding as elements of a window. Default true. */
  readonly countIncludePad?: boolean | undefined;
  /** Divisor of every window, a whole number that is not 0. Default: the number of elements of the window. */
  readonly divisorOverride?: number | undefined;
}

/** Checks arguments of an average pooling. */
export function avgPoolAttrs<R extends SpatialRank>(rank: R, kernelSize: PerAxis<R>, options: AvgPoolOptions<R> | undefined): PoolAttrs {
  const op = `avgPool${rank}d`;
  checkOptions(op, options, ['stride', 'padding', 'ceilMode', 'countIncludePad', 'divisorOverride']);
  const { countIncludePad = true, divisorOverride } = options ?? {};
  checkFlags(op, { countIncludePad }, ['countIncludePad']);
  const windows = poolWindows(op, rank, kernelSize, options);
  if (divisorOverride !== undefined && !(Number.isSafeInteger(divisorOverride) && divisorOverride !== 0)) {
    throw new ArgumentError(`[${op}] divisorOverride: got ${describeValue(divisorOverride)}, expected a whole number that is not 0. Leave it out for the mean.`, { op });
  }
  return { ...windows, countIncludePad, divisor: divisorOverride ?? 0 };
}

/** Records an average pooling, whose attributes have been checked. */
export function recordAvgPool(rank: SpatialRank, x: Tensor, attrs: PoolAttrs): Tensor {
  checkTensor(`avgPool${rank}d`, x, 'x');
  return asBatch(rank, x, (batch) => record(ofRank[rank].op, [batch], attrs));
}

/** `unknown` where the kernel fits into the padded images, else the reason why not. */
export type PoolFits<Op extends string, R extends SpatialRank, S extends Shape, K extends PerAxis<R>, O> = [Pooled<R, S, K, O>] extends [never] ? `[${Op}] the kernel ${ShowPerAxis<K>} is larger than the padded image` : unknown;

/** Means of windows of sequences: x [N, C, L]. See avgPool2d(). As torch.nn.functional.avg_pool1d, with `divisorOverride` besides. */
export function avgPool1d<S extends Shape, D extends DType, const K extends PerAxis<1>, const O extends AvgPoolOptions<1> = {}>(
  x: Tensor<S, D> & PoolFits<'avgPool1d', 1, S, K, O>,
  kernelSize: K,
  options?: O,
): Tensor<Pooled<1, S, K, O>, D> {
  return recordAvgPool(1, x as Tensor, avgPoolAttrs(1, kernelSize, options)) as unknown as Tensor<Pooled<1, S, K, O>, D>;
}

/**
 * Means of windows: y[n, c, i, j] = sum of x over the window at (i, j) / the number of its elements. x [N, C, H, W] float32 gives
 * [N, C, H', W'] with H' = floor((H + 2 padding - kernel) / stride) + 1, or ceil for `ceilMode`; [C, H, W] gives [C, H', W']. Padding is 0 and counts, unless
 * `countIncludePad` is false. As torch.nn.functional.avg_pool2d. Throws ArgumentError for options that are wrong, ShapeError where the kernel is larger than a padded image.
 *
 *     const images = zeros([32, 3, 28, 28]);
 *     const y = avgPool2d(images, 2);                                 // [32, 3, 14, 14]
 *     const z = avgPool2d(images, 3, { stride: 2, padding: 1 });      // [32, 3, 14, 14]
 */
export function avgPool2d<S extends Shape, D extends DType, const K extends PerAxis<2>, const O extends AvgPoolOptions<2> = {}>(
  x: Tensor<S, D> & PoolFits<'avgPool2d', 2, S, K, O>,
  kernelSize: K,
  options?: O,
): Tensor<Pooled<2, S, K, O>, D> {
  return recordAvgPool(2, x as Tensor, avgPoolAttrs(2, kernelSize, options)) as unknown as Tensor<Pooled<2, S, K, O>, D>;
}

/** Means of windows of volumes: x [N, C, D, H, W]. See avgPool2d(). As torch.nn.functional.avg_pool3d. */
export function avgPool3d<S extends Shape, D extends DType, const K extends PerAxis<3>, const O extends AvgPoolOptions<3> = {}>(
  x: Tensor<S, D> & PoolFits<'avgPool3d', 3, S, K, O>,
  kernelSize: K,
  options?: O,
): Tensor<Pooled<3, S, K, O>, D> {
  return recordAvgPool(3, x as Tensor, avgPoolAttrs(3, kernelSize, options)) as unknown as Tensor<Pooled<3, S, K, O>, D>;
}

export const poolingOps = {
  avgPool1d: ofRank[1].op,
  avgPool1dGrad: ofRank[1].gradOp,
  avgPool2d: ofRank[2].op,
  avgPool2dGrad: ofRank[2].gradOp,
  avgPool3d: ofRank[3].op,
  avgPool3dGrad: ofRank[3].gradOp,
};
