import type { DType } from '../dtype.js';
import { ArgumentError } from '../errors.js';
import { record } from '../graph/recorder.js';
import { checkOptions } from '../options.js';
import type { Shape } from '../shape.js';
import type { Reduce } from '../shape-types.js';
import { describeValue } from '../describe-value.js';
import type { Tensor } from '../tensor.js';
import { div, mul, sub } from './arithmetic.js';
import { spread, sumOp } from './broadcasting.js';
import { cast } from './cast.js';
import { checkTensor, FLOAT, NUMERIC, rankOrOne, resolveAxes, resolveAxis } from './check.js';
import { equal } from './compare.js';
import { codes } from './codes.js';
import type { GradientRule, KernelRecord } from './record.js';
import { reduce, reduction, type ReduceAttrs } from './reduction.js';
import { EXACT, SUMS } from './tolerance.js';
import { reshape } from './views.js';

function count(x: Tensor, axes: readonly number[]): number {
  return axes.reduce((size, axis) => size * x.shape[axis]!, 1);
}

/** The gradient of max and min: shared evenly among the elements that are the result, as in torch.amax. */
const shareAmongWinners: GradientRule<ReduceAttrs> = ([dy], node, { axes }) => {
  const x = node.inputs[0]!;
  const won = cast(equal(x, spread(node, x, axes)), 'float32');
  const winners = reduce(sumOp, won, axes, true);
  return [mul(won, spread(div(reshape(dy, winners.shape), winners), x, axes))];
};

export const meanOp = reduction({
  name: 'mean',
  kind: codes.reductions.mean,
  takes: FLOAT,
  gradient: ([dy], { inputs: [x] }, { axes }) => [spread(div(dy, count(x!, axes)), x!, axes)],
  tolerance: SUMS,
});

export const maxOp = reduction({
  name: 'max',
  kind: codes.reductions.max,
  takes: NUMERIC,
  needsOne: true,
  gradient: shareAmongWinners,
  saves: { inputs: [0], outputs: [0] },
  tolerance: EXACT,
});

export const minOp = reduction({
  name: 'min',
  kind: codes.reductions.min,
  takes: NUMERIC,
  needsOne: true,
  gradient: shareAmongWinners,
  saves: { inputs: [0], outputs: [0] },
  tolerance: EXACT,
});

const AN_INDEX = { none: 'an index has no slope' };

export const argmaxOp = reduction({ name: 'argmax', kind: codes.reductions.argmax, takes: NUMERIC, gives: 'int32', needsOne: true, position: true, gradient: AN_INDEX, tolerance: EXACT });
export const argminOp = reduction({ name: 'argmin', kind: codes.reductions.argmin, takes: NUMERIC, gives: 'int32', needsOne: true, position: true, gradient: AN_INDEX, tolerance: EXACT });

export const varOp = reduction({
  name: 'var',
  kind: codes.reductions.var,
  takes: FLOAT,
  gradient: ([dy], { inputs: [x] }, { axes, correction }) => {
    const distance = sub(x!, reduce(meanOp, x!, axes, true));
    const scale = 2 / Math.max(count(x!, axes) - (correction ?? 1), 0);
    return [mul(spread(mul(dy, scale), x!, axes), distance)];
  },
  saves: { inputs: [0] },
  tolerance: SUMS,
  exampleAttrs: { correction: 1 },
});

const A_TRUTH = { none: 'a truth value has no slope' };

export const anyOp = reduction({ name: 'any', kind: codes.reductions.any, takes: ['bool'], gradient: A_TRUTH, tolerance: EXACT, dtype: 'bool' });
export const allOp = reduction({ name: 'all', kind: codes.reductions.all, takes: ['bool'], gradient: A_TRUTH, tolerance: EXACT, dtype: 'bool' });

/** The axes to reduce (default: all), and whether they stay with size 1. */
export interface ReduceOptions<A extends number | readonly number[] | undefined = number | readonly number[] | undefined, K extends boolean = boolean> {
  readonly axis?: A | undefined;
  readonly keepdim?: K | undefined;
}

export type Axis = number | readonly number[] | undefined;

const KNOWN = ['axis', 'keepdim'];

function reduceBy<T extends Tensor>(op: KernelRecord<ReduceAttrs>, x: Tensor, options: ReduceOptions | undefined): T {
  checkTensor(op.name, x);
  checkOptions(op.name, options, KNOWN);
  return reduce(op, x, resolveAxes(op.name, options?.axis, x.shape), options?.keepdim ?? false);
}

/** reduceBy() of truth values and bytes as whole numbers. */
function reduceWhole<T extends Tensor>(op: KernelRecord<ReduceAttrs>, x: Tensor, options: ReduceOptions | undefined): T {
  checkTensor(op.name, x);
  return reduceBy(op, x.dtype === 'bool' || x.dtype === 'uint8' ? cast(x, 'int32') : x, options);
}

/** reduceBy() of what is not 0. */
function reduceTruth<T extends Tensor>(op: KernelRecord<ReduceAttrs>, x: Tensor, options: ReduceOptions | undefined): T {
  checkTensor(op.name, x);
  return reduceBy(op, cast(x, 'bool'), options);
}

/** The dtype that truth values and bytes are reduced in. */
export type Whole<D extends DType> = D extends 'bool' | 'uint8' ? 'int32' : D;

/**
 * The sum over `axis`; 0 of nothing. bool and uint8 count as int32. Whole numbers are added in 64 bits, as in torch, whose result has those
 * too: here the step fails with ANNEAL_OVERFLOW where int32 does not hold it. As torch.sum.
 */
export function sum<S extends Shape, D extends DType, const A extends Axis = undefined, const K extends boolean = false>(
  x: Tensor<S, D>,
  options?: ReduceOptions<A, K>,
): Tensor<Reduce<S, A, K>, Whole<D>> {
  return reduceWhole(sumOp, x, options);
}

/** The mean over `axis`; float32 only. NaN of nothing. As torch.mean. */
export function mean<S extends Shape, D extends DType, const A extends Axis = undefined, const K extends boolean = false>(
  x: Tensor<S, D>,
  options?: ReduceOptions<A, K>,
): Tensor<Reduce<S, A, K>, D> {
  return reduceBy(meanOp, x, options);
}

/** The greatest element over `axis`; NaN where there is one. Equal ones share the gradient evenly. As torch.amax. */
export function max<S extends Shape, D extends DType, const A extends Axis = undefined, const K extends boolean = false>(
  x: Tensor<S, D>,
  options?: ReduceOptions<A, K>,
): Tensor<Reduce<S, A, K>, Whole<D>> {
  return reduceWhole(maxOp, x, options);
}

/** The least element over `axis`; NaN where there is one. Equal ones share the gradient evenly. As torch.amin. */
export function min<S extends Shape, D extends DType, const A extends Axis = undefined, const K extends boolean = false>(
  x: Tensor<S, D>,
  options?: ReduceOptions<A, K>,
): Tensor<Reduce<S, A, K>, Whole<D>> {
  return reduceWhole(minOp, x, options);
}

/** The index of the first greatest element along `axis` (default: of all, flattened); int32. NaN counts as greatest. As torch.argmax. */
export function argmax<S extends Shape, const A extends number | undefined = undefined, const K extends boolean = false>(
  x: Tensor<S>,
  options?: ReduceOptions<A, K>,
): Tensor<Reduce<S, A, K>, 'int32'> {
  return argReduce(argmaxOp, x, options);
}

/** The index of the first least element along `axis` (default: of all, flattened); int32. NaN counts as least. As torch.argmin. */
export function argmin<S extends Shape, const A extends number | undefined = undefined, const K extends boolean = false>(
  x: Tensor<S>,
  options?: ReduceOptions<A, K>,
): Tensor<Reduce<S, A, K>, 'int32'> {
  return argReduce(argminOp, x, options);
}

function argReduce<T extends Tensor>(op: KernelRecord<ReduceAttrs>, x: Tensor, options: ReduceOptions | undefined): T {
  checkTensor(op.name, x);
  checkOptions(op.name, options, KNOWN);
  if (options?.axis !== undefined) resolveAxis(op.name, options.axis as number, x.shape, rankOrOne(x.shape));
  return reduceWhole(op, x, options);
}

export interface VarianceOptions<A extends Axis = Axis, K extends boolean = boolean> extends ReduceOptions<A, K> {
  /** The divisor is the number of elements minus this, at least 0; fractions are allowed. Default 1, as in torch.var. */
  readonly correction?: number | undefined;
}

/** The variance over `axis`: sum((x - mean)^2) / (n - correction); float32. As torch.var. */
export function variance<S extends Shape, D extends DType, const A extends Axis = undefined, const K extends boolean = false>(
  x: Tensor<S, D>,
  options?: VarianceOptions<A, K>,
): Tensor<Reduce<S, A, K>, D> {
  checkTensor('var', x);
  checkOptions('var', options, [...KNOWN, 'correction']);
  const correction = options?.correction ?? 1;
  if (!Number.isFinite(correction)) {
    throw new ArgumentError(`[var] correction is wrong: got ${describeValue(correction)}, expected a finite number. Use 0 or 1.`, { op: 'var' });
  }
  return record(varOp, [x], { axes: resolveAxes('var', options?.axis, x.shape), keepdim: options?.keepdim ?? false, correction });
}

/** Tells whether any element along `axis` is true (not 0); false of nothing. As torch.any. */
export function any<S extends Shape, const A extends Axis = undefined, const K extends boolean = false>(
  x: Tensor<S>,
  options?: ReduceOptions<A, K>,
): Tensor<Reduce<S, A, K>, 'bool'> {
  return reduceTruth(anyOp, x, options);
}

/** Tells whether all elements along `axis` are true (not 0); true of nothing. As torch.all. */
export function all<S extends Shape, const A extends Axis = undefined, const K extends boolean = false>(
  x: Tensor<S>,
  options?: ReduceOptions<A, K>,
): Tensor<Reduce<S, A, K>, 'bool'> {
  return reduceTruth(allOp, x, options);
}

export const reductionOps = {
  mean: meanOp,
  max: maxOp,
  min: minOp,
  argmax: argmaxOp,
  argmin: argminOp,
  var: varOp,
  any: anyOp,
  all: allOp,
};
