// The gradient of a slice, whose gradient is a slice: the two ops stand in one file.
import type { DType } from '../dtype.js';
import { ArgumentError } from '../errors.js';
import { anyLayout, part } from './emitter.js';
import { record } from '../graph/recorder.js';
import { checkOptions } from '../options.js';
import { sizeOf, type Shape } from '../shape.js';
import type { Resize } from '../shape-types.js';
import { describeValue } from '../describe-value.js';
import type { Tensor } from '../tensor.js';
import { checkTensor, resolveAxis } from './check.js';
import { example } from './examples.js';
import { fromArray, inputLeaf } from './leaf.js';
import type { KernelRecord, Meta, ViewRecord } from './record.js';
import { EXACT } from './tolerance.js';

/** Every `step`-th element from `start` on, `size` of them, along one axis. */
export type SliceAttrs = { readonly axis: number; readonly start: number; readonly size: number; readonly step: number };

export const sliceOp: ViewRecord<SliceAttrs> = {
  name: 'slice',
  kind: 'view',
  infer: ([x], { axis, size }): Meta => ({ shape: x!.shape.map((dim, d) => (d === axis ? size : dim)), dtype: x!.dtype }),
  view: ({ strides, offset }, node, { axis, start, step }) => ({
    shape: node.shape,
    strides: strides.map((stride, d) => (d === axis ? stride * step : stride)),
    offset: node.shape[axis] === 0 ? offset : offset + start * strides[axis]!,
  }),
  gradient: ([dy], { inputs: [x] }, { axis, start, step }) => [record(sliceGradOp, [dy], { axis, starts: [start], steps: [step], size: x!.shape[axis]! })],
  tolerance: EXACT,
  examples: () => [
    example([{ shape: [17] }], { axis: 0, start: 3, size: 8, step: 1 }),
    example([{ shape: [5, 9] }], { axis: 1, start: 1, size: 4, step: 2 }),
    example([{ shape: [5, 9], as: 'view' }], { axis: 0, start: 1, size: 3, step: 1 }),
    example([{ shape: [5, 9] }], { axis: 0, start: 2, size: 0, step: 1 }),
  ],
};

/** `size` elements along an axis: those of the i-th input at starts[i], starts[i] + steps[i], ..., where no two meet, and zeros. */
type SliceGradAttrs = { readonly axis: number; readonly starts: readonly number[]; readonly steps: readonly number[]; readonly size: number };

/** The gradient of slices of one tensor: zeros, with their gradients in their places. */
export const sliceGradOp: KernelRecord<SliceGradAttrs> = {
  name: 'sliceGrad',
  calledBy: 'slice',
  kind: 'kernel',
  infer: ([x], { axis, size }) => ({ shape: x!.shape.map((dim, d) => (d === axis ? size : dim)), dtype: x!.dtype }),
  emit: (e, { axis, starts, steps, size }) => {
    const out = e.output()!;
    const lengths = starts.map((_, i) => e.shape(i)[axis]!);
    if (lengths.reduce((sum, length) => sum + length) < size) e.instruction('fill', [out], [e.constant(0, out.buffer.dtype as DType)]);
    lengths.forEach((length, i) => {
      if (length > 0) e.instruction('copy', [part(out, axis, starts[i]!, length, steps[i]!)], [e.input(i, anyLayout)]);
    });
  },
  join: joinGradients,
  gradient: ([dy], { inputs }, { axis, starts, steps }) => inputs.map(({ shape }, i) => record(sliceOp, [dy], { axis, start: starts[i]!, step: steps[i]!, size: shape[axis]! })),
  tolerance: EXACT,
  examples: () => [
    example([{ shape: [7] }], { axis: 0, starts: [1], steps: [1], size: 9 }),
    example([{ shape: [3, 4] }], { axis: 1, starts: [1], steps: [2], size: 9 }),
    example([{ shape: [3, 4], as: 'view' }], { axis: 0, starts: [0], steps: [1], size: 5 }),
    example([{ shape: [0, 4] }], { axis: 0, starts: [0], steps: [1], size: 2 }),
    example([{ shape: [2, 3] }, { shape: [2, 4], as: 'view' }], { axis: 1, starts: [5, 0], steps: [1, 1], size: 9 }),
    example([{ shape: [2, 3] }, { shape: [2, 3] }], { axis: 1, starts: [1, 0], steps: [2, 2], size: 6 }),
  ],
};

/** The sum of the gradients of slices of one tensor that share no element, as the gradient of all of them: zeros are neither written nor added. */
function joinGradients(sum: Tensor, term: Tensor): Tensor | undefined {
  const [a, b] = [sum, term].map(({ attrs }) => attrs as unknown as SliceGradAttrs) as [SliceGradAttrs, SliceGradAttrs];
  if (a.axis !== b.axis || !sum.inputs.every((_, i) => term.inputs.every((_, k) => areApart(placeOf(sum, i), placeOf(term, k))))) return undefined;
  return record(sliceGradOp, [...sum.inputs, ...term.inputs], { ...a, starts: [...a.starts, ...b.starts], steps: [...a.steps, ...b.steps] });
}

/** Indices along the axis that an input of a sliceGrad gets: every `step`-th, `length` of them. */
type Place = { readonly start: number; readonly step: number; readonly length: number };

function placeOf({ attrs, inputs }: Tensor, i: number): Place {
  const { axis, starts, steps } = attrs as unknown as SliceGradAttrs;
  return { start: starts[i]!, step: steps[i]!, length: inputs[i]!.shape[axis]! };
}

/** Returns whether two places have no index in common, as one lies behind the other or between the other's. */
function areApart(a: Place, b: Place): boolean {
  const last = ({ start, step, length }: Place): number => start + step * (length - 1);
  return last(a) < b.start || last(b) < a.start || (a.step === b.step && (a.start - b.start) % a.step !== 0);
}

/** `size` rows of an input from `start` on, over the same array. */
function rows(input: Tensor, start: number, size: number): Tensor {
  const [, ...shape] = input.shape;
  const each = sizeOf(shape);
  return fromArray(input.data$!.subarray(start * each, (start + size) * each), [size, ...shape], input.dtype);
}

export interface SliceOptions<A extends number = number> {
  /** Default 0. */
  readonly axis?: A | undefined;
  /** Every step-th element; at least 1. Default 1. */
  readonly step?: number | undefined;
}

/**
 * Elements from `start` up to, not including, `end` (default: to the last) along an axis; negative ones count from the back and
 * what lies outside is cut off, as in Array.prototype.slice and x[start:end:step].
 * Of an input that requires no gradient it is, along axis 0, an input again, over the same array, so a loop through one has one plan. Of anything else start and end are part of the
 * plan: to walk through that use gather, which takes positions as data.
 */
export function slice<S extends Shape, D extends DType, const A extends number = 0>(x: Tensor<S, D>, start: number, end?: number, options?: SliceOptions<A>): Tensor<Resize<S, A>, D> {
  checkTensor('slice', x);
  checkOptions('slice', options, ['axis', 'step']);
  const axis = resolveAxis('slice', options?.axis ?? 0, x.shape);
  const step = options?.step ?? 1;
  if (!Number.isInteger(start) || !(end === undefined || Number.isInteger(end)) || !Number.isInteger(step) || step < 1) {
    throw new ArgumentError(`[slice] the bounds are wrong: got start ${describeValue(start)}, end ${describeValue(end)}, step ${describeValue(step)}, expected whole numbers and a step of at least 1. Round them.`, { op: 'slice' });
  }
  const dim = x.shape[axis]!;
  const from = Math.min(start < 0 ? Math.max(start + dim, 0) : start, dim);
  const to = end === undefined ? dim : Math.min(end < 0 ? end + dim : end, dim);
  const size = Math.max(Math.ceil((to - from) / step), 0);
  if (x.op === inputLeaf && !x.requiresGrad && !x.stale && axis === 0 && step === 1) return rows(x, from, size) as unknown as Tensor<Resize<S, A>, D>;
  return record(sliceOp, [x], { axis, start: from, size, step });
}

export const slicingOps = { slice: sliceOp, sliceGrad: sliceGradOp };
