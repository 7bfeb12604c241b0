import type { DType } from '../dtype.js';
import { record } from '../graph/recorder.js';
import type { Shape } from '../shape.js';
import type { AdaptivePooled, Pair } from '../window-types.js';
import type { Tensor } from '../tensor.js';
import { checkTensor } from './check.js';
import { composite } from './composite.js';
import { example } from './examples.js';
import { concat } from './joining.js';
import { inferPooled, type PoolWindows } from './pool-windows.js';
import { avgPool2dOp } from './pooling.js';
import type { Example } from './record.js';
import { slice } from './slicing.js';
import { SUMS } from './tolerance.js';
import { perAxis } from './windows.js';

export type AdaptiveAttrs = { readonly outputSize: readonly number[] };

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

/** Means over windows of a kernel. */
function means(x: Tensor, kernel: readonly number[], stride: readonly number[]): Tensor {
  return record(avgPool2dOp, [x], { kernel, stride, padding: [0, 0], ceilMode: false, countIncludePad: true, divisor: 0 });
}

/** Means along one axis of the images, other ones as they are. */
function meansAlong(x: Tensor, axis: number, windows: number): Tensor {
  const along = (size: number): readonly number[] => [0, 1].map((i) => (i === axis ? size : 1));
  const parts = bounds(x.shape[2 + axis]!, windows).map(([first, end]) => means(slice(x, first, end, { axis: 2 + axis }) as Tensor, along(end - first), along(1)));
  return concat(parts, 2 + axis) as Tensor;
}

/** One pooling where its windows are regular along both axes; else height, then width, window by window. */
export const adaptiveAvgPool2dOp = composite<AdaptiveAttrs>({
  name: 'adaptiveAvgPool2d',
  infer: ([x], { outputSize }) => {
    const pixel: PoolWindows = { kernel: [1, 1], stride: [1, 1], padding: [0, 0], ceilMode: false };
    return { shape: [...inferPooled('adaptiveAvgPool2d', x!, pixel).slice(0, 2), ...outputSize], dtype: x!.dtype };
  },
  decompose: ([x], { outputSize }) => {
    const axes = outputSize.map((windows, axis) => regular(x!.shape[2 + axis]!, windows));
    const [height, width] = axes;
    if (height !== undefined && width !== undefined) return means(x!, [height[0], width[0]], [height[1], width[1]]);
    return outputSize.reduce((part, windows, axis) => meansAlong(part, axis, windows), x!);
  },
  tolerance: SUMS,
  examples: adaptiveExamples(),
});

function adaptiveExamples(): Example[] {
  const cases: [shape: Shape, outputSize: readonly number[]][] = [
    [[1, 1, 1, 1], [1, 1]],
    [[2, 3, 7, 5], [1, 1]],
    [[2, 3, 6, 4], [3, 2]],
    [[1, 17, 5, 7], [2, 3]],
    [[1, 2, 3, 2], [5, 2]],
    [[0, 3, 4, 4], [2, 2]],
  ];
  return cases.map(([shape, outputSize]) => example([{ shape }], { outputSize }));
}

/** Checks the sizes that an adaptive pooling over images is to leave. */
export function adaptiveAttrs(op: string, outputSize: Pair): AdaptiveAttrs {
  return { outputSize: perAxis(op, 'outputSize', outputSize, 2, 1) };
}

/**
 * Means over as many windows as outputSize says, a number or [height, width]: window i of h along H elements is those from floor(i H / h) to ceil((i + 1) H / h).
 * x [N, C, H, W] float32 gives [N, C, h, w]; outputSize 1 the mean of each channel. As torch.nn.functional.adaptive_avg_pool2d. Throws ArgumentError for sizes
 * that are wrong, ShapeError for what are no images.
 *
 *     const features = zeros([32, 64, 7, 7]);
 *     const y = adaptiveAvgPool2d(features, 1);       // [32, 64, 1, 1]
 */
export function adaptiveAvgPool2d<S extends Shape, D extends DType, const K extends Pair>(x: Tensor<S, D>, outputSize: K): Tensor<AdaptivePooled<S, K>, D> {
  checkTensor('adaptiveAvgPool2d', x, 'x');
  return record(adaptiveAvgPool2dOp, [x as Tensor], adaptiveAttrs('adaptiveAvgPool2d', outputSize));
}

export const adaptivePoolingOps = { adaptiveAvgPool2d: adaptiveAvgPool2dOp };
