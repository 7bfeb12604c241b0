import type { DType } from '../dtype.js';
import { record } from '../graph/recorder.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { AdaptivePooled, AdaptiveSize, SpatialRank } from '../window-types.js';
import { checkLimits, checkTensor, MAX_ELEMENTS } from './check.js';
import { composite } from './composite.js';
import { example } from './examples.js';
import { concat } from './joining.js';
import { maximaAt, maximaWith, recordMaxPool, type MaximaAt } from './max-pooling.js';
import { inferPooled } from './pool-windows.js';
import { recordAvgPool } from './pooling.js';
import type { CompositeRecord, Example } from './record.js';
import { slice } from './slicing.js';
import { SUMS } from './tolerance.js';
import { asBatch, perAxis } from './windows.js';

type AdaptiveAttrs = { readonly outputSize: readonly number[] };
/** Way to make one number of the elements of a window. */
export type Reducer = 'Avg' | 'Max';

/** Windows that divide n elements among `windows`, from floor(i n / windows) to ceil((i + 1) n / windows). */
function bounds(n: number, windows: number): readonly (readonly [first: number, end: number])[] {
  return Array.from({ length: windows }, (_, i) => [Math.floor((i * n) / windows), Math.ceil(((i + 1) * n) / windows)]);
}

/** Kernel and stride of such windows where all are of one size and as far from each other; undefined: they are not. */
function regular(n: number, windows: number): readonly [kernel: number, stride: number] | undefined {
  const all = bounds(n, windows);
  const [kernel, stride] = [all[0]![1], all[1]?.[0] ?? n];
  return stride > 0 && all.every(([first, end], i) => first === i * stride && end - first === kernel) ? [kernel, stride] : undefined;
}

/** A pooling of batches that belong together, images and their positions, by windows of one size. */
type Pooling = (batches: readonly Tensor[], kernel: readonly number[], stride: readonly number[]) => readonly Tensor[];

const windowsOf = (kernel: readonly number[], stride: readonly number[]) => ({ kernel, stride, padding: kernel.map(() => 0), ceilMode: false });
const rankOf = (kernel: readonly number[]) => kernel.length as SpatialRank;
const dilation = (kernel: readonly number[]): readonly number[] => kernel.map(() => 1);

const poolings: Readonly<Record<Reducer, Pooling>> = {
  Avg: ([x], kernel, stride) => [recordAvgPool(rankOf(kernel), x!, { ...windowsOf(kernel, stride), countIncludePad: true, divisor: 0 })],
  Max: ([x], kernel, stride) => [recordMaxPool(rankOf(kernel), x!, { ...windowsOf(kernel, stride), dilation: dilation(kernel) })],
};
const maximaAndPositions: Pooling = ([x, positions], kernel, stride) => maximaWith(rankOf(kernel), x!, positions!, { ...windowsOf(kernel, stride), dilation: dilation(kernel) });

/** The pooling along one of the spatial axes, other ones as they are. */
function pooledAlong(pooling: Pooling, rank: number, batches: readonly Tensor[], axis: number, windows: number): readonly Tensor[] {
  const along = (size: number): readonly number[] => Array.from({ length: rank }, (_, i) => (i === axis ? size : 1));
  const parts = bounds(batches[0]!.shape[2 + axis]!, windows).map(([first, end]) => pooling(batches.map((x) => slice(x, first, end, { axis: 2 + axis }) as Tensor), along(end - first), along(1)));
  return batches.map((_, i) => concat(parts.map((part) => part[i]!), 2 + axis) as Tensor);
}

/** One pooling where its windows are regular along all axes; else axis by axis and window by window, the last axis first, so that of equal maxima the first one counts, row by row. */
function divided(pooling: Pooling, batches: readonly Tensor[], outputSize: readonly number[]): readonly Tensor[] {
  const { shape } = batches[0]!;
  const axes = outputSize.flatMap((windows, axis) => [regular(shape[2 + axis]!, windows) ?? []]);
  if (axes.every((one) => one.length === 2)) return pooling(batches, axes.map(([kernel]) => kernel!), axes.map(([, stride]) => stride!));
  return outputSize.reduceRight((parts, windows, axis) => pooledAlong(pooling, outputSize.length, parts, axis, windows), batches);
}

function adaptivePooling(reducer: Reducer, rank: SpatialRank): CompositeRecord<AdaptiveAttrs> {
  const name = `adaptive${reducer}Pool${rank}d`;
  const ones = Array.from({ length: rank }, () => 1);
  return composite<AdaptiveAttrs>({
    name,
    infer: ([x], { outputSize }) => {
      return { shape: [...inferPooled(name, x!, windowsOf(ones, ones)).slice(0, 2), ...outputSize], dtype: x!.dtype };
    },
    decompose: ([x], { outputSize }) => divided(poolings[reducer], [x!], outputSize)[0]!,
    tolerance: SUMS,
    examples: () => adaptiveExamples(rank),
  });
}

function adaptiveExamples(rank: SpatialRank): Example[] {
  const cases: [shape: Shape, outputSize: readonly number[]][] = [
    [[1, 1, 1, 1, 1], [1, 1, 1]],
    [[2, 3, 2, 7, 5], [1, 1, 1]],
    [[2, 3, 4, 6, 4], [2, 3, 2]],
    [[1, 17, 3, 5, 7], [2, 2, 3]],
    [[1, 2, 2, 3, 2], [3, 5, 2]],
    [[0, 3, 2, 4, 4], [1, 2, 2]],
  ];
  return cases.map(([[N, C, ...sizes], outputSize]) => example([{ shape: [N!, C!, ...sizes.slice(-rank)] }], { outputSize: outputSize.slice(-rank) }));
}

const ofRank = {
  Avg: { 1: adaptivePooling('Avg', 1), 2: adaptivePooling('Avg', 2), 3: adaptivePooling('Avg', 3) },
  Max: { 1: adaptivePooling('Max', 1), 2: adaptivePooling('Max', 2), 3: adaptivePooling('Max', 3) },
};

/** Sizes that an adaptive pooling is to leave, checked; null: that of the images. */
export type AdaptiveSizes = readonly (number | null)[];

/** Checks the sizes that an adaptive pooling is to leave. */
export function adaptiveSizes<R extends SpatialRank>(reducer: Reducer, rank: R, outputSize: AdaptiveSize<R>): AdaptiveSizes {
  const each: AdaptiveSizes = Array.isArray(outputSize) ? outputSize : Array.from({ length: rank }, () => outputSize as number | null);
  // Numbers are what is wrong where something is.
  const fine = each.length === rank && each.every((size) => size === null || (Number.isInteger(size) && size >= 1 && size <= MAX_ELEMENTS));
  return fine ? [...each] : perAxis(`adaptive${reducer}Pool${rank}d`, 'outputSize', outputSize, rank, 1);
}

/** Sizes of the results for images of that shape. */
export function adaptedSizes(sizes: AdaptiveSizes, shape: Shape): number[] {
  return sizes.map((size, i) => size ?? shape[shape.length - sizes.length + i]!);
}

/** Records an adaptive pooling, whose sizes have been checked. */
export function recordAdaptive(reducer: Reducer, rank: SpatialRank, x: Tensor, sizes: AdaptiveSizes): Tensor {
  checkTensor(`adaptive${reducer}Pool${rank}d`, x, 'x');
  return asBatch(rank, x, (batch) => record(ofRank[reducer][rank], [batch], { outputSize: adaptedSizes(sizes, batch.shape) }));
}

/** Records an adaptive max pooling with its indices, whose sizes have been checked. */
export function recordAdaptiveAt(rank: SpatialRank, x: Tensor, sizes: AdaptiveSizes): MaximaAt {
  const op = `adaptiveMaxPool${rank}d`;
  return maximaAt(op, rank, x, (batch, positions) => {
    const ones = sizes.map(() => 1);
    const outputSize = adaptedSizes(sizes, batch.shape);
    checkLimits(op, [...inferPooled(op, batch, windowsOf(ones, ones)).slice(0, 2), ...outputSize], [batch]);
    return divided(maximaAndPositions, [batch, positions], outputSize) as readonly [Tensor, Tensor];
  });
}

/** Means over as many windows as outputSize says, of sequences [N, C, L]. See adaptiveAvgPool2d(). As torch.nn.functional.adaptive_avg_pool1d. */
export function adaptiveAvgPool1d<S extends Shape, D extends DType, const K extends AdaptiveSize<1>>(x: Tensor<S, D>, outputSize: K): Tensor<AdaptivePooled<1, S, K>, D> {
  return recordAdaptive('Avg', 1, x as Tensor, adaptiveSizes('Avg', 1, outputSize)) as unknown as Tensor<AdaptivePooled<1, S, K>, D>;
}

/**
 * Means over as many windows as outputSize says, a number or [height, width], where null is the size of the images: window i of h along H elements is those from floor(i H / h) to ceil((i + 1) H / h).
 * x [N, C, H, W] float32 gives [N, C, h, w], [C, H, W] gives [C, h, w]; outputSize 1 the mean of each channel. As torch.nn.functional.adaptive_avg_pool2d. Throws ArgumentError for
 * sizes that are wrong, ShapeError for what are no images.
 *
 *     const features = zeros([32, 64, 7, 7]);
 *     const y = adaptiveAvgPool2d(features, 1);       // [32, 64, 1, 1]
 */
export function adaptiveAvgPool2d<S extends Shape, D extends DType, const K extends AdaptiveSize<2>>(x: Tensor<S, D>, outputSize: K): Tensor<AdaptivePooled<2, S, K>, D> {
  return recordAdaptive('Avg', 2, x as Tensor, adaptiveSizes('Avg', 2, outputSize)) as unknown as Tensor<AdaptivePooled<2, S, K>, D>;
}

/** Means over as many windows as outputSize says, of volumes [N, C, D, H, W]. See adaptiveAvgPool2d(). As torch.nn.functional.adaptive_avg_pool3d. */
export function adaptiveAvgPool3d<S extends Shape, D extends DType, const K extends AdaptiveSize<3>>(x: Tensor<S, D>, outputSize: K): Tensor<AdaptivePooled<3, S, K>, D> {
  return recordAdaptive('Avg', 3, x as Tensor, adaptiveSizes('Avg', 3, outputSize)) as unknown as Tensor<AdaptivePooled<3, S, K>, D>;
}

/** Maxima of as many windows as outputSize says, of sequences [N, C, L]. See adaptiveMaxPool2d(). As torch.nn.functional.adaptive_max_pool1d. */
export function adaptiveMaxPool1d<S extends Shape, D extends DType, const K extends AdaptiveSize<1>>(x: Tensor<S, D>, outputSize: K): Tensor<AdaptivePooled<1, S, K>, D> {
  return recordAdaptive('Max', 1, x as Tensor, adaptiveSizes('Max', 1, outputSize)) as unknown as Tensor<AdaptivePooled<1, S, K>, D>;
}

/**
 * Maxima of as many windows as outputSize says, a number or [height, width], which divide images as those of adaptiveAvgPool2d() do. x [N, C, H, W] float32 gives [N, C, h, w]. A NaN
 * wins, and the gradient goes to the first of equals. As torch.nn.functional.adaptive_max_pool2d. Throws ArgumentError for sizes that are wrong, ShapeError for what are no images.
 *
 *     const strongest = adaptiveMaxPool2d(zeros([32, 64, 7, 7]), 1);       // [32, 64, 1, 1]
 */
export function adaptiveMaxPool2d<S extends Shape, D extends DType, const K extends AdaptiveSize<2>>(x: Tensor<S, D>, outputSize: K): Tensor<AdaptivePooled<2, S, K>, D> {
  return recordAdaptive('Max', 2, x as Tensor, adaptiveSizes('Max', 2, outputSize)) as unknown as Tensor<AdaptivePooled<2, S, K>, D>;
}

/** Maxima of as many windows as outputSize says, of volumes [N, C, D, H, W]. See adaptiveMaxPool2d(). As torch.nn.functional.adaptive_max_pool3d. */
export function adaptiveMaxPool3d<S extends Shape, D extends DType, const K extends AdaptiveSize<3>>(x: Tensor<S, D>, outputSize: K): Tensor<AdaptivePooled<3, S, K>, D> {
  return recordAdaptive('Max', 3, x as Tensor, adaptiveSizes('Max', 3, outputSize)) as unknown as Tensor<AdaptivePooled<3, S, K>, D>;
}

/** Maxima of as many windows as outputSize says, of sequences, and where each stands. See adaptiveMaxPool2dWithIndices(). */
export function adaptiveMaxPool1dWithIndices<S extends Shape, D extends DType, const K extends AdaptiveSize<1>>(x: Tensor<S, D>, outputSize: K): MaximaAt<AdaptivePooled<1, S, K>, D> {
  return recordAdaptiveAt(1, x as Tensor, adaptiveSizes('Max', 1, outputSize)) as unknown as MaximaAt<AdaptivePooled<1, S, K>, D>;
}

/**
 * Maxima of as many windows as outputSize says, `values`, as adaptiveMaxPool2d() has them, and `indices`, int32 of the same shape: the place of each among all elements of its channel,
 * row-major, for maxUnpool2d(). As torch.nn.functional.adaptive_max_pool2d_with_indices. Throws as adaptiveMaxPool2d(), and ShapeError for channels of more than 2^24 elements.
 *
 *     const { values, indices } = adaptiveMaxPool2dWithIndices(tensor([[[[1, 2], [4, 3]]]]), 1);     // [[[[4]]]] and [[[[2]]]]
 */
export function adaptiveMaxPool2dWithIndices<S extends Shape, D extends DType, const K extends AdaptiveSize<2>>(x: Tensor<S, D>, outputSize: K): MaximaAt<AdaptivePooled<2, S, K>, D> {
  return recordAdaptiveAt(2, x as Tensor, adaptiveSizes('Max', 2, outputSize)) as unknown as MaximaAt<AdaptivePooled<2, S, K>, D>;
}

/** Maxima of as many windows as outputSize says, of volumes, and where each stands. See adaptiveMaxPool2dWithIndices(). */
export function adaptiveMaxPool3dWithIndices<S extends Shape, D extends DType, const K extends AdaptiveSize<3>>(x: Tensor<S, D>, outputSize: K): MaximaAt<AdaptivePooled<3, S, K>, D> {
  return recordAdaptiveAt(3, x as Tensor, adaptiveSizes('Max', 3, outputSize)) as unknown as MaximaAt<AdaptivePooled<3, S, K>, D>;
}

export const adaptivePoolingOps = {
  adaptiveAvgPool1d: ofRank.Avg[1],
  adaptiveAvgPool2d: ofRank.Avg[2],
  adaptiveAvgPool3d: ofRank.Avg[3],
  adaptiveMaxPool1d: ofRank.Max[1],
  adaptiveMaxPool2d: ofRank.Max[2],
  adaptiveMaxPool3d: ofRank.Max[3],
};
