import type { DType } from '../dtype.js';
import { ShapeError } from '../errors.js';
import { anyLayout, bitsOf, COPY, type Emitter, type Value } from './emitter.js';
import { denseLayout, hasUnitStride, inOrder, orderOf } from './layout.js';
import { record } from '../graph/recorder.js';
import { showShape, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { checkDType } from './check.js';
import { example } from './examples.js';
import type { Example, KernelRecord, Tolerance } from './record.js';

/** Axes in ascending order; `correction` is var's. */
export type ReduceAttrs = { readonly axes: readonly number[]; readonly keepdim: boolean; readonly correction?: number };

/** Particulars of one reduction. */
export interface Reduction {
  readonly name: string;
  /** The number that row `reduce` knows it by. */
  readonly kind: number;
  readonly takes: readonly DType[];
  readonly gives?: DType;
  /** True of one that has no value for no elements. */
  readonly needsOne?: true;
  /** Its value is a position among the elements: it takes them row-major only. */
  readonly position?: true;
  readonly gradient: KernelRecord<ReduceAttrs>['gradient'];
  readonly saves?: NonNullable<KernelRecord['saves']>;
  readonly tolerance: Tolerance;
  /** The opcode that adds up the values of parts, where it is a sum of them. */
  readonly pairwise?: string;
  /** Dtype of the examples. Default 'float32'. */
  readonly dtype?: DType;
  /** Attributes of the examples besides axes and keepdim. */
  readonly exampleAttrs?: { readonly correction: number };
}

/** A record for the row `reduce`. */
export function reduction(op: Reduction): KernelRecord<ReduceAttrs> {
  const { name, kind, takes, gives, needsOne, position = false, pairwise, dtype, exampleAttrs = {}, ...rest } = op;
  return {
    ...rest,
    name,
    kind: 'reduction',
    infer: ([x], attrs) => {
      checkDType(name, x!, takes);
      if (needsOne && attrs.axes.some((axis) => x!.shape[axis] === 0)) throw nothingToReduce(name, x!.shape);
      return { shape: attrs.keepdim ? keptShape(x!.shape, attrs.axes) : leftShape(x!.shape, attrs.axes), dtype: gives ?? x!.dtype };
    },
    emit: (e, attrs) => emitReduction(e, attrs, kind, position),
    chunking: ([x], { axes }) => (pairwise !== undefined && x!.shape.length === 2 && axes.length === 1 && axes[0] === 0 ? { cut: ['first'], result: { pairwise } } : undefined),
    examples: () => reductionExamples(dtype ?? 'float32', needsOne === true, exampleAttrs),
  };
}

/** Records a reduction over `axes`. */
export function reduce<T extends Tensor>(op: KernelRecord<ReduceAttrs>, x: Tensor, axes: readonly number[], keepdim: boolean): T {
  return record(op, [x], { axes, keepdim });
}

/**
 * The kernel takes an input and an output of one rank, of at least 1. It picks the order of a sum by what lies side by side: where nothing does, a copy in the same order has its say.
 * What is reduced as a whole is so in the order in which it lies.
 */
function emitReduction(e: Emitter, { axes, correction }: ReduceAttrs, kind: number, position: boolean): void {
  const shape = e.shape(0);
  const given = sideBySide(e, e.input(0, anyLayout));
  const order = position || axes.length < shape.length ? undefined : orderOf(given.layout);
  const x = atLeastOneDimension(order === undefined ? given : { buffer: given.buffer, layout: inOrder(given.layout, order) });
  const out = e.output(0, shape.length === 0 ? [1] : keptShape(shape, axes));
  e.instruction('reduce', [out], [x], [kind, bitsOf(correction ?? 0), 0]);
}

function sideBySide(e: Emitter, value: Value): Value {
  if (hasUnitStride(value.layout)) return value;
  const copy = { buffer: e.temporary(value.layout.shape, value.buffer.dtype as DType).buffer, layout: denseLayout(value.layout.shape, orderOf(value.layout)) };
  e.instruction(COPY, [copy], [value]);
  return copy;
}

function atLeastOneDimension(value: Value): Value {
  if (value.layout.shape.length > 0) return value;
  return { buffer: value.buffer, layout: { shape: [1], strides: [1], offset: value.layout.offset } };
}

/** The shape with 1 for every reduced axis. */
export function keptShape(shape: Shape, axes: readonly number[]): Shape {
  return shape.map((dim, d) => (axes.includes(d) ? 1 : dim));
}

function leftShape(shape: Shape, axes: readonly number[]): Shape {
  return axes.length === shape.length ? [] : shape.filter((_, d) => !axes.includes(d));
}

export function nothingToReduce(op: string, shape: Shape): ShapeError {
  return new ShapeError(`[${op}] there is nothing to choose from: got ${showShape(shape)}, expected at least one element along the reduced axes. Check for an empty batch.`, {
    op,
    shapes: [shape],
  });
}

function reductionExamples(dtype: DType, needsOne: boolean, attrs: object): Example[] {
  const range = dtype === 'float32' ? {} : { dtype, from: dtype === 'bool' ? 0 : -5, to: dtype === 'bool' ? 2 : 6 };
  const cases: [Shape, readonly number[], boolean][] = [
    ...[1, 7, 8, 9, 15, 16, 17, 101].map((size): [Shape, number[], boolean] => [[size], [0], false]),
    [[], [], false],
    [[3, 5], [0], false],
    [[3, 5], [1], true],
    [[3, 5], [0, 1], true],
    [[2, 3, 17], [0, 2], false],
    [[4, 1, 5], [1], false],
    [[0, 3], [1], false],
    ...(needsOne ? [] : [[[0], [0], false], [[2, 0, 3], [1], true]] as [Shape, number[], boolean][]),
  ];
  const examples = cases.map(([shape, axes, keepdim]): Example => example([{ shape, ...range }], { axes, keepdim, ...attrs }));
  return [...examples, ...[0, 1].map((axis) => example([{ shape: [9, 7], ...range, as: 'view' }], { axes: [axis], keepdim: false, ...attrs }))];
}
