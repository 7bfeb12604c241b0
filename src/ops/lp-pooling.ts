import { describeValue } from '../describe-value.js';
import type { DType } from '../dtype.js';
import { ArgumentError } from '../errors.js';
import { record } from '../graph/recorder.js';
import { checkOptions } from '../options.js';
import { sizeOf, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { PerAxis, Pooled } from '../window-types.js';
import { relu } from './activations.js';
import { abs, mul, sign } from './arithmetic.js';
import { checkTensor } from './check.js';
import { composite } from './composite.js';
import { example } from './examples.js';
import { pow } from './exponential.js';
import { inferPooled, poolWindows, type PoolWindows } from './pool-windows.js';
import { recordAvgPool, type PoolFits } from './pooling.js';
import type { CompositeRecord } from './record.js';
import { asBatch } from './windows.js';

export type LpPoolAttrs = PoolWindows & { readonly normType: number };

/** Norms of windows, from their means: of windows that are not whole, as if the others were like them, as in torch. */
function lpPooling(rank: 1 | 2): CompositeRecord<LpPoolAttrs> {
  const name = `lpPool${rank}d`;
  const each = (value: number): readonly number[] => Array.from({ length: rank }, () => value);
  const shape = (size: number): Shape => [2, 3, ...each(size).map((n, axis) => n + axis)];
  const windows = { kernel: each(2), stride: each(2), padding: each(0), ceilMode: false };
  return composite<LpPoolAttrs>({
    name,
    infer: ([x], attrs) => ({ shape: inferPooled(name, x!, attrs), dtype: x!.dtype }),
    decompose: ([x], { normType, ...attrs }) => {
      const means = recordAvgPool(rank, pow(x!, normType) as Tensor, { ...attrs, countIncludePad: true, divisor: 0 });
      const sums = mul(mul(sign(means), relu(abs(means))), sizeOf(attrs.kernel));
      return pow(sums, 1 / normType) as Tensor;
    },
    tolerance: { absolute: 2e-6, relative: 2e-6 },
    examples: () => [
      example([{ shape: shape(4), from: 0.5, to: 2 }], { ...windows, normType: 2 }),
      example([{ shape: shape(5), from: 0.5, to: 2 }], { ...windows, kernel: each(3), ceilMode: true, normType: 3 }),
      example([{ shape: shape(5), from: 0.5, to: 2 }], { ...windows, stride: each(1), normType: 1.5 }),
      example([{ shape: [0, 3, ...each(4)] }], { ...windows, normType: 1 }),
    ],
  });
}

const ofRank = { 1: lpPooling(1), 2: lpPooling(2) };

export interface LpPoolOptions<R extends 1 | 2 = 1 | 2> {
  /** Distance of windows. Default: the size of the kernel. */
  readonly stride?: PerAxis<R> | undefined;
  /** Takes windows in that are not whole at the end. Default false. */
  readonly ceilMode?: boolean | undefined;
}

/** Checks arguments of a pooling by norms. */
export function lpPoolAttrs<R extends 1 | 2>(rank: R, normType: number, kernelSize: PerAxis<R>, options: LpPoolOptions<R> | undefined): LpPoolAttrs {
  const op = `lpPool${rank}d`;
  checkOptions(op, options, ['stride', 'ceilMode']);
  if (!(Number.isFinite(normType) && normType !== 0)) throw new ArgumentError(`[${op}] normType: got ${describeValue(normType)}, expected a number that is not 0, such as 2. For maxima there is maxPool${rank}d().`, { op });
  return { ...poolWindows(op, rank, kernelSize, options), normType };
}

/** Records a pooling by norms, whose attributes have been checked. */
export function recordLpPool(rank: 1 | 2, x: Tensor, attrs: LpPoolAttrs): Tensor {
  checkTensor(`lpPool${rank}d`, x, 'x');
  return asBatch(rank, x, (batch) => record(ofRank[rank], [batch], attrs));
}

/** Norms of windows of sequences: x [N, C, L]. See lpPool2d(). As torch.nn.functional.lp_pool1d. */
export function lpPool1d<S extends Shape, D extends DType, const K extends PerAxis<1>, const O extends LpPoolOptions<1> = {}>(
  x: Tensor<S, D> & PoolFits<'lpPool1d', 1, S, K, O>,
  normType: number,
  kernelSize: K,
  options?: O,
): Tensor<Pooled<1, S, K, O>, D> {
  return recordLpPool(1, x as Tensor, lpPoolAttrs(1, normType, kernelSize, options)) as unknown as Tensor<Pooled<1, S, K, O>, D>;
}

/**
 * Norms of windows: y = (sum of x^p over the window)^(1/p), p = normType; 1 for sums, 2 for lengths. x [N, C, H, W] float32 gives [N, C, H', W'] as avgPool2d() does. The gradient is NaN
 * where a sum is 0 and p is not 1, and the value where the root of a negative sum is none. As torch.nn.functional.lp_pool2d. Throws ArgumentError for arguments that are wrong, ShapeError
 * where the kernel is larger than an image.
 *
 *     const lengths = lpPool2d(tensor([[[[3, 4], [0, 0]]]]), 2, 2);       // [[[[5]]]]
 */
export function lpPool2d<S extends Shape, D extends DType, const K extends PerAxis<2>, const O extends LpPoolOptions<2> = {}>(
  x: Tensor<S, D> & PoolFits<'lpPool2d', 2, S, K, O>,
  normType: number,
  kernelSize: K,
  options?: O,
): Tensor<Pooled<2, S, K, O>, D> {
  return recordLpPool(2, x as Tensor, lpPoolAttrs(2, normType, kernelSize, options)) as unknown as Tensor<Pooled<2, S, K, O>, D>;
}

export const lpPoolingOps = { lpPool1d: ofRank[1], lpPool2d: ofRank[2] };
