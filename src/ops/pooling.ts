import { describeValue } from '../describe-value.js';
import type { DType } from '../dtype.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { record } from '../graph/recorder.js';
import { checkFlags, checkOptions } from '../options.js';
import { showShape, sizeOf, type Shape } from '../shape.js';
import type { Pair, Pooled, ShowPerAxis, WindowOptions } from '../window-types.js';
import type { Tensor } from '../tensor.js';
import { checkDType, FLOAT } from './check.js';
import { codes } from './codes.js';
import { windowsCost } from './costs.js';
import type { Emitter } from './emitter.js';
import { example } from './examples.js';
import { reshaped } from './layout.js';
import type { Example, KernelRecord } from './record.js';
import { SUMS } from './tolerance.js';
import { describeSizes, perAxis } from './windows.js';

/** Windows over the last dimensions, one entry for each; 0 for `divisor`: the number of elements that count. */
export type PoolAttrs = {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly ceilMode: boolean;
  readonly countIncludePad: boolean;
  readonly divisor: number;
};
type GradAttrs = PoolAttrs & { readonly size: Shape };

/** The number of windows along an axis of n elements, as torch counts: with ceilMode one more that is not whole, unless it would start in the padding behind. */
function windowsAlong(n: number, { kernel, stride, padding, ceilMode }: PoolAttrs, axis: number): number {
  const [k, s, p] = [kernel[axis]!, stride[axis]!, padding[axis]!];
  const steps = (n + 2 * p - k) / s;
  const windows = (ceilMode ? Math.ceil(steps) : Math.floor(steps)) + 1;
  return (windows - 1) * s >= n + p ? windows - 1 : windows;
}

/** The shape [.., windows] of what windows make of x, or undefined where a kernel is larger than what it goes over. */
export function pooledShape(shape: Shape, attrs: PoolAttrs): Shape | undefined {
  const front = shape.length - attrs.kernel.length;
  const fits = attrs.kernel.every((k, axis) => shape[front + axis]! > 0 && shape[front + axis]! + 2 * attrs.padding[axis]! >= k);
  return fits ? [...shape.slice(0, front), ...attrs.kernel.map((_, axis) => windowsAlong(shape[front + axis]!, attrs, axis))] : undefined;
}

/** Average pooling over the last `rank` dimensions, and its gradient, of [N, C, ..]. */
function averagePooling(name: string, rank: number) {
  const expected = ['N', 'C', ...['D', 'H', 'W'].slice(3 - rank)].join(',');
  const gradOp: KernelRecord<GradAttrs> = {
    name: `${name}Grad`,
    calledBy: name,
    kind: 'kernel',
    infer: ([dy], { size }) => ({ shape: [...dy!.shape.slice(0, -rank), ...size], dtype: dy!.dtype }),
    emit: (e, attrs) => emitPool(e, 'pool_grad', [...e.shape(0).slice(0, -rank), ...attrs.size], attrs),
    gradient: ([ddx], _node, attrs) => [record(op, [ddx], attrs)],
    tolerance: SUMS,
    examples: poolExamples().map(({ inputs: [x], attrs }) => example([{ shape: pooledShape(x!.shape, attrs as PoolAttrs)! }], { ...attrs, size: x!.shape.slice(-rank) })),
  };
  const op: KernelRecord<PoolAttrs> = {
    name,
    kind: 'kernel',
    infer: ([x], attrs) => {
      checkDType(name, x!, FLOAT);
      const { shape } = x!;
      if (shape.length !== rank + 2) {
        throw new ShapeError(`[${name}] the shape does not fit: got x ${showShape(shape)}, expected [${expected}]. Put what is missing in front: x.unsqueeze(0).`, { op: name, shapes: [shape] });
      }
      const pooled = pooledShape(shape, attrs);
      if (pooled === undefined) throw kernelTooLarge(name, shape, attrs);
      return { shape: pooled, dtype: x!.dtype };
    },
    flops: (_inputs, { shape }) => sizeOf(shape),
    emit: (e, attrs) => emitPool(e, 'pool', pooledShape(e.shape(0), attrs)!, attrs),
    gradient: ([dy], { inputs: [x] }, attrs) => [record(gradOp, [dy], { ...attrs, size: x!.shape.slice(-rank) })],
    tolerance: SUMS,
    examples: poolExamples(),
  };
  return { op, gradOp };
}

function kernelTooLarge(name: string, shape: Shape, { kernel, padding }: PoolAttrs): ShapeError {
  const least = kernel.map((k, axis) => Math.max(k - 2 * padding[axis]!, 1)).join('x');
  return new ShapeError(`[${name}] the kernel ${showShape(kernel)} is larger than the padded image: got x ${showShape(shape)}, padding ${showShape(padding)}, expected at least ${least}. Take a smaller kernel.`, {
    op: name,
    shapes: [shape],
  });
}

/** Rows of the family `pooling` see planes of three dimensions. */
function emitPool(e: Emitter, row: 'pool' | 'pool_grad', made: Shape, attrs: PoolAttrs): void {
  const { kernel, stride, padding, countIncludePad, divisor } = attrs;
  const three = (some: readonly number[], missing: number): number[] => [...Array.from({ length: 3 - kernel.length }, () => missing), ...some];
  const planes = (shape: Shape): Shape => [sizeOf(shape.slice(0, -kernel.length)), ...three(shape.slice(-kernel.length), 1)];
  const windows = row === 'pool' ? made : e.shape(0);
  const words = [codes.reductions.mean, ...three(kernel, 1), ...three(stride, 1), ...three(padding, 0), countIncludePad ? 1 : 0, new Uint32Array(Float32Array.of(divisor).buffer)[0]!];
  e.instruction(row, [e.output(0, planes(made))], [reshaped(e.input(0), planes(e.shape(0)))], words, windowsCost(sizeOf(made) + sizeOf(e.shape(0)), sizeOf(windows) * sizeOf(kernel)));
}

function poolExamples(): Example[] {
  const plain = { ceilMode: false, countIncludePad: true, divisor: 0 };
  const square = (k: number, s: number, p: number, more = {}): PoolAttrs => ({ ...plain, kernel: [k, k], stride: [s, s], padding: [p, p], ...more });
  return [
    example([{ shape: [1, 1, 1, 1] }], square(1, 1, 0)),
    example([{ shape: [2, 3, 4, 4] }], square(2, 2, 0)),
    example([{ shape: [1, 17, 7, 5] }], square(3, 2, 1)),
    example([{ shape: [1, 17, 7, 5] }], square(3, 2, 1, { countIncludePad: false, ceilMode: true })),
    example([{ shape: [7, 1, 5, 18] }], square(3, 1, 1, { countIncludePad: false })),
    example([{ shape: [1, 2, 3, 42] }], square(2, 2, 1, { ceilMode: true })),
    example([{ shape: [1, 2, 8, 9] }], { ...plain, kernel: [1, 2], stride: [3, 4], padding: [0, 1] }),
    example([{ shape: [1, 2, 4, 5] }], square(3, 2, 0, { divisor: 4, ceilMode: true })),
    example([{ shape: [1, 3, 6, 6] }], { ...plain, kernel: [6, 6], stride: [6, 6], padding: [0, 0] }),
    example([{ shape: [0, 3, 4, 4] }], square(2, 2, 0)),
    example([{ shape: [3, 4, 2, 2], as: 'view' }], square(2, 1, 0)),
  ];
}

export const { op: avgPool2dOp, gradOp: avgPool2dGradOp } = averagePooling('avgPool2d', 2);

export interface AvgPool2dOptions extends WindowOptions<2> {
  /** Distance of windows. Default: the size of the kernel. */
  readonly stride?: Pair | undefined;
  /** Zeros on either side of an image, at most half of the kernel. Default 0. */
  readonly padding?: Pair | undefined;
  /** Takes windows in that are not whole at the end, but none that starts in the padding. Default false. */
  readonly ceilMode?: boolean | undefined;
  /** Counts padding as elements of a window. Default true. */
  readonly countIncludePad?: boolean | undefined;
  /** Divisor of every window, a whole number that is not 0. Default: the number of elements of the window. */
  readonly divisorOverride?: number | undefined;
}

/** Checks arguments of a pooling over images. */
export function poolAttrs(op: string, kernelSize: Pair, options: AvgPool2dOptions | undefined): PoolAttrs {
  checkOptions(op, options, ['stride', 'padding', 'ceilMode', 'countIncludePad', 'divisorOverride']);
  const { ceilMode = false, countIncludePad = true, divisorOverride } = options ?? {};
  checkFlags(op, { ceilMode, countIncludePad }, ['ceilMode', 'countIncludePad']);
  const kernel = perAxis(op, 'kernelSize', kernelSize, 2, 1);
  const stride = options?.stride === undefined ? kernel : perAxis(op, 'stride', options.stride, 2, 1);
  const padding = options?.padding === undefined ? [0, 0] : perAxis(op, 'padding', options.padding, 2, 0);
  if (padding.some((p, axis) => p > kernel[axis]! / 2)) {
    throw new ArgumentError(`[${op}] padding: got ${describeSizes(options!.padding)} for kernelSize ${describeSizes(kernelSize)}, expected at most half of the kernel. Pad the images first: pad().`, { op });
  }
  if (divisorOverride !== undefined && !(Number.isSafeInteger(divisorOverride) && divisorOverride !== 0)) {
    throw new ArgumentError(`[${op}] divisorOverride: got ${describeValue(divisorOverride)}, expected a whole number that is not 0. Leave it out for the mean.`, { op });
  }
  return { kernel, stride, padding, ceilMode, countIncludePad, divisor: divisorOverride ?? 0 };
}

/** `unknown` where the kernel fits into the padded images, else the reason why not. */
export type PoolFits<S extends Shape, K extends Pair, O> = [Pooled<S, K, O>] extends [never] ? `[avgPool2d] the kernel ${ShowPerAxis<K>} is larger than the padded image` : unknown;

/**
 * Means of windows: y[n, c, i, j] = sum of x over the window at (i, j) / the number of its elements. x [N, C, H, W] float32 gives
 * [N, C, H', W'] with H' = floor((H + 2 padding - kernel) / stride) + 1, or ceil for `ceilMode`. Padding is 0 and counts, unless `countIncludePad` is
 * false. As torch.nn.functional.avg_pool2d. Throws ArgumentError for options that are wrong, ShapeError where the kernel is larger than a padded image.
 *
 *     const images = zeros([32, 3, 28, 28]);
 *     const y = avgPool2d(images, 2);                                 // [32, 3, 14, 14]
 *     const z = avgPool2d(images, 3, { stride: 2, padding: 1 });      // [32, 3, 14, 14]
 */
export function avgPool2d<S extends Shape, D extends DType, const K extends Pair, const O extends AvgPool2dOptions = {}>(
  x: Tensor<S, D> & PoolFits<S, K, O>,
  kernelSize: K,
  options?: O,
): Tensor<Pooled<S, K, O>, D> {
  return record(avgPool2dOp, [x as Tensor], poolAttrs('avgPool2d', kernelSize, options));
}

export const poolingOps = { avgPool2d: avgPool2dOp, avgPool2dGrad: avgPool2dGradOp };
