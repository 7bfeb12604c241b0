import { ArgumentError, ShapeError } from '../errors.js';
import { checkFlags } from '../options.js';
import { showShape, sizeOf, type Shape } from '../shape.js';
import type { PerAxis, SpatialRank } from '../window-types.js';
import type { Tensor } from '../tensor.js';
import { checkDType, FLOAT } from './check.js';
import type { Emitter, Value } from './emitter.js';
import { channelsBehind, channelsLast, isChannelsLast, isDense, reshaped, type Layout, type Order } from './layout.js';
import { checkImages, describeSizes, perAxis, three } from './windows.js';

/** Windows of a pooling over the last dimensions, one entry for each; elements lie side by side where there is no dilation. */
export type PoolWindows = {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation?: readonly number[];
  readonly ceilMode: boolean;
};

/** Elements from the first to the last of a window. */
const reachOf = ({ kernel, dilation }: PoolWindows): readonly number[] => kernel.map((k, axis) => (k - 1) * (dilation?.[axis] ?? 1) + 1);

/** The number of windows along an axis of n elements, as torch counts: with ceilMode one more that is not whole, unless it would start in the padding behind. */
function windowsAlong(n: number, reach: number, s: number, p: number, ceilMode: boolean): number {
  const steps = (n + 2 * p - reach) / s;
  const windows = (ceilMode ? Math.ceil(steps) : Math.floor(steps)) + 1;
  return (windows - 1) * s >= n + p ? windows - 1 : windows;
}

/** The shape [.., windows] of what windows make of x, or undefined where a kernel is larger than what it goes over. */
export function pooledShape(shape: Shape, windows: PoolWindows): Shape | undefined {
  const { stride, padding, ceilMode } = windows;
  const reach = reachOf(windows);
  const front = shape.length - reach.length;
  const fits = reach.every((r, axis) => shape[front + axis]! > 0 && shape[front + axis]! + 2 * padding[axis]! >= r);
  return fits ? [...shape.slice(0, front), ...reach.map((r, axis) => windowsAlong(shape[front + axis]!, r, stride[axis]!, padding[axis]!, ceilMode))] : undefined;
}

/** The shape of what windows make of images [N, C, ..]. Throws ShapeError, DTypeError for what does not fit. */
export function inferPooled(op: string, x: Tensor, windows: PoolWindows): Shape {
  checkDType(op, x, FLOAT);
  const { shape } = x;
  checkImages(op, windows.kernel.length, shape);
  const pooled = pooledShape(shape, windows);
  if (pooled === undefined) throw kernelTooLarge(op, shape, windows);
  return pooled;
}

function kernelTooLarge(op: string, shape: Shape, windows: PoolWindows): ShapeError {
  const { kernel, padding, dilation } = windows;
  const least = reachOf(windows).map((r, axis) => Math.max(r - 2 * padding[axis]!, 1)).join('x');
  const spread = dilation?.some((d) => d > 1) === true ? ` with dilation ${showShape(dilation)}` : '';
  return new ShapeError(
    `[${op}] the kernel ${showShape(kernel)}${spread} is larger than the padded image: got x ${showShape(shape)}, padding ${showShape(padding)}, expected at least ${least}. Take a smaller kernel.`,
    { op, shapes: [shape] },
  );
}

/** Options that all poolings have. */
interface Given {
  readonly stride?: PerAxis | undefined;
  readonly padding?: PerAxis | undefined;
  readonly ceilMode?: boolean | undefined;
}

/** Checks the windows of a pooling over images of that rank. */
export function poolWindows(op: string, rank: SpatialRank, kernelSize: PerAxis, options: Given | undefined): PoolWindows {
  const { ceilMode = false } = options ?? {};
  checkFlags(op, { ceilMode }, ['ceilMode']);
  const kernel = perAxis(op, 'kernelSize', kernelSize, rank, 1);
  const stride = options?.stride === undefined ? kernel : perAxis(op, 'stride', options.stride, rank, 1);
  const padding = options?.padding === undefined ? kernel.map(() => 0) : perAxis(op, 'padding', options.padding, rank, 0);
  if (padding.some((p, axis) => p > kernel[axis]! / 2)) {
    throw new ArgumentError(`[${op}] padding: got ${describeSizes(options!.padding)} for kernelSize ${describeSizes(kernelSize)}, expected at most half of the kernel. Pad the images first: pad().`, { op });
  }
  return { kernel, stride, padding, ceilMode };
}

/** The order that a pooling leaves its results in: channels last where operand `of` is, else row-major. */
export function poolOrder(of = 0): (shape: Shape, inputs: readonly Layout[]) => Order | undefined {
  return (shape, inputs) => (isChannelsLast(inputs[of]!) ? channelsLast(shape) : undefined);
}

/** Images [N, C, ..] as rows of the family see them: [N, D, H, W, C] channels last, or planes [N C, D, H, W]. */
export interface Images {
  readonly channelsLast: boolean;
  seen(value: Value): Value;
  seen(value: Value | undefined): Value | undefined;
}

/** The layout that a pooling works in, that of its operand i, and this operand. */
export function imagesOf(e: Emitter, i: number): { readonly images: Images; readonly operand: Value } {
  // By the layout that poolOrder() goes by, and not that of a copy.
  let last = false;
  const operand = e.input(i, (layout) => (last = isChannelsLast(layout)) || isDense(layout));
  const seen = (value: Value | undefined): Value | undefined => value && (last ? channelsBehind(value) : reshaped(value, planes(value.layout.shape)));
  return { images: { channelsLast: last, seen: seen as Images['seen'] }, operand: seen(operand)! };
}

function planes([N, C, ...sizes]: Shape): Shape {
  return [N! * C!, ...three(sizes, 1)];
}

/** Another operand in the layout that a pooling works in. */
export function imagesLike(e: Emitter, i: number, images: Images): Value {
  return images.seen(e.input(i, undefined, images.channelsLast ? channelsLast(e.shape(i)) : undefined));
}

/** Elements of all windows of images of that shape. */
export function elementsOfWindows(pooled: Shape, { kernel }: PoolWindows): number {
  return sizeOf(pooled) * sizeOf(kernel);
}
