import type { DType } from '../dtype.js';
import { record } from '../graph/recorder.js';
import type { Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { AdaptivePooled, PerAxis, SpatialRank } from '../window-types.js';
import { checkTensor } from './check.js';
import { composite } from './composite.js';
import { example } from './examples.js';
import { concat } from './joining.js';
import { recordMaxPool } from './max-pooling.js';
import { inferPooled } from './pool-windows.js';
import { recordAvgPool } from './pooling.js';
import type { CompositeRecord, Example } from './record.js';
import { slice } from './slicing.js';
import { SUMS } from './tolerance.js';
import { asBatch, perAxis } from './windows.js';

export type AdaptiveAttrs = { readonly outputSize: readonly number[] };
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

/** The pooling of a batch by windows of that kernel. */
function pooled(reducer: Reducer, x: Tensor, kernel: readonly number[], stride: readonly number[]): Tensor {
  const rank = kernel.length as SpatialRank;
  const windows = { kernel, stride, padding: kernel.map(() => 0), ceilMode: false };
  return reducer === 'Avg' ? recordAvgPool(rank, x, { ...windows, countIncludePad: true, divisor: 0 }) : recordMaxPool(rank, x, { ...windows, dilation: kernel.map(() => 1) });
}

/** The pooling along one of the spatial axes, other ones as they are. */
function pooledAlong(reducer: Reducer, rank: number, x: Tensor, axis: number, windows: number): Tensor {
  const along = (size: number): readonly number[] => Array.from({ length: rank }, (_, i) => (i === axis ? size : 1));
  const parts = bounds(x.shape[2 + axis]!, windows).map(([first, end]) => pooled(reducer, slice(x, first, end, { axis: 2 + axis }) as Tensor, along(end - first), along(1)));
  return concat(parts, 2 + axis) as Tensor;
}

/** One pooling where its windows are regular along all axes; else axis by axis and window by window, the last axis first, so that of equal maxima the first one, row by row, has the gradient. */
function adaptivePooling(reducer: Reducer, rank: SpatialRank): CompositeRecord<AdaptiveAttrs> {
  const name = `adaptive${reducer}Pool${rank}d`;
  const ones = Array.from({ length: rank }, () => 1);
  return composite<AdaptiveAttrs>({
    name,
    infer: ([x], { outputSize }) => {
      const pixel = { kernel: ones, stride: ones, padding: ones.map(() => 0), ceilMode: false };
      return { shape: [...inferPooled(name, x!, pixel).slice(0, 2), ...outputSize], dtype: x!.dtype };
    },
    decompose: ([x], { outputSize }) => {
      const axes = outputSize.flatMap((windows, axis) => [regular(x!.shape[2 + axis]!, windows) ?? []]);
      if (axes.every((one) => one.length === 2)) return pooled(reducer, x!, axes.map(([kernel]) => kernel!), axes.map(([, stride]) => stride!));
      return outputSize.reduceRight((part, windows, axis) => pooledAlong(reducer, rank, part, axis, windows), x!);
    },
    tolerance: SUMS,
    examples: adaptiveExamples(rank),
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

/** Checks the sizes that an adaptive pooling is to leave. */
export function adaptiveAttrs<R extends SpatialRank>(reducer: Reducer, rank: R, outputSize: PerAxis<R>): AdaptiveAttrs {
  return { outputSize: perAxis(`adaptive${reducer}Pool${rank}d`, 'outputSize', outputSize, rank, 1) };
}

/** Records an adaptive pooling, whose attributes have been checked. */
export function recordAdaptive(reducer: Reducer, rank: SpatialRank, x: Tensor, attrs: AdaptiveAttrs): Tensor {
  checkTensor(`adaptive${reducer}Pool${rank}d`, x, 'x');
  return asBatch(rank, x, (batch) => record(ofRank[reducer][rank], [batch], attrs));
}

/** Means over as many windows as outputSize says, of sequences [N, C, L]. See adaptiveAvgPool2d(). As torch.nn.functional.adaptive_avg_pool1d. */
export function adaptiveAvgPool1d<S extends Shape, D extends DType, const K extends PerAxis<1>>(x: Tensor<S, D>, outputSize: K): Tensor<AdaptivePooled<1, S, K>, D> {
  return recordAdaptive('Avg', 1, x as Tensor, adaptiveAttrs('Avg', 1, outputSize)) as unknown as Tensor<AdaptivePooled<1, S, K>, D>;
}

/**
 * Means over as many windows as outputSize says, a number or [height, width]: window i of h along H elements is those from floor(i H / h) to ceil((i + 1) H / h).
 * x [N, C, H, W] float32 gives [N, C, h, w], [C, H, W] gives [C, h, w]; outputSize 1 the mean of each channel. As torch.nn.functional.adaptive_avg_pool2d. Throws ArgumentError for
 * sizes that are wrong, ShapeError for what are no images.
 *
 *     const features = zeros([32, 64, 7, 7]);
 *     const y = adaptiveAvgPool2d(features, 1);       // [32, 64, 1, 1]
 */
export function adaptiveAvgPool2d<S extends Shape, D extends DType, const K extends PerAxis<2>>(x: Tensor<S, D>, outputSize: K): Tensor<AdaptivePooled<2, S, K>, D> {
  return recordAdaptive('Avg', 2, x as Tensor, adaptiveAttrs('Avg', 2, outputSize)) as unknown as Tensor<AdaptivePooled<2, S, K>, D>;
}

/** Means over as many windows as outputSize says, of volumes [N, C, D, H, W]. See adaptiveAvgPool2d(). As torch.nn.functional.adaptive_avg_pool3d. */
export function adaptiveAvgPool3d<S extends Shape, D extends DType, const K extends PerAxis<3>>(x: Tensor<S, D>, outputSize: K): Tensor<AdaptivePooled<3, S, K>, D> {
  return recordAdaptive('Avg', 3, x as Tensor, adaptiveAttrs('Avg', 3, outputSize)) as unknown as Tensor<AdaptivePooled<3, S, K>, D>;
}

/** Maxima of as many windows as outputSize says, of sequences [N, C, L]. See adaptiveMaxPool2d(). As torch.nn.functional.adaptive_max_pool1d. */
export function adaptiveMaxPool1d<S extends Shape, D extends DType, const K extends PerAxis<1>>(x: Tensor<S, D>, outputSize: K): Tensor<AdaptivePooled<1, S, K>, D> {
  return recordAdaptive('Max', 1, x as Tensor, adaptiveAttrs('Max', 1, outputSize)) as unknown as Tensor<AdaptivePooled<1, S, K>, D>;
}

/**
 * Maxima of as many windows as outputSize says, a number or [height, width], which divide images as those of adaptiveAvgPool2d() do. x [N, C, H, W] float32 gives [N, C, h, w]. A NaN
 * wins, and the gradient goes to the first of equals. As torch.nn.functional.adaptive_max_pool2d. Throws ArgumentError for sizes that are wrong, ShapeError for what are no images.
 *
 *     const strongest = adaptiveMaxPool2d(zeros([32, 64, 7, 7]), 1);       // [32, 64, 1, 1]
 */
export function adaptiveMaxPool2d<S extends Shape, D extends DType, const K extends PerAxis<2>>(x: Tensor<S, D>, outputSize: K): Tensor<AdaptivePooled<2, S, K>, D> {
  return recordAdaptive('Max', 2, x as Tensor, adaptiveAttrs('Max', 2, outputSize)) as unknown as Tensor<AdaptivePooled<2, S, K>, D>;
}

/** Maxima of as many windows as outputSize says, of volumes [N, C, D, H, W]. See adaptiveMaxPool2d(). As torch.nn.functional.adaptive_max_pool3d. */
export function adaptiveMaxPool3d<S extends Shape, D extends DType, const K extends PerAxis<3>>(x: Tensor<S, D>, outputSize: K): Tensor<AdaptivePooled<3, S, K>, D> {
  return recordAdaptive('Max', 3, x as Tensor, adaptiveAttrs('Max', 3, outputSize)) as unknown as Tensor<AdaptivePooled<3, S, K>, D>;
}

export const adaptivePoolingOps = {
  adaptiveAvgPool1d: ofRank.Avg[1],
  adaptiveAvgPool2d: ofRank.Avg[2],
  adaptiveAvgPool3d: ofRank.Avg[3],
  adaptiveMaxPool1d: ofRank.Max[1],
  adaptiveMaxPool2d: ofRank.Max[2],
  adaptiveMaxPool3d: ofRank.Max[3],
};
