import { ArgumentError, ShapeError } from '../errors.js';
import { arange, argmax, cast, equal, flatten, full, greater, mul, notEqual, permute, reshape, scatterAdd, stack, sum, where } from '../ops/index.js';
import { sameShape, showShape, sizeOf, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';

/** How outputs become decisions. */
export interface DecisionOptions {
  /** The axis of the classes. Default -1, the last. */
  readonly axis?: number | undefined;
  /**
   * Where targets are float32 of the outputs' shape, with one output per example or `multilabel`: an output above it says yes. Default 0, for
   * logits; 0.5 for probabilities.
   */
  readonly threshold?: number | undefined;
  /** Whether the classes do not exclude each other, so that each output is a decision of its own, and each target 0 or 1. Default false. */
  readonly multilabel?: boolean | undefined;
  /** Examples with this label are not looked at. Default: none. */
  readonly ignoreIndex?: number | undefined;
}

export const DECISION_OPTIONS = ['axis', 'threshold', 'multilabel', 'ignoreIndex', 'name'] as const;

type Ints = Tensor<readonly number[], 'int32'>;
type Floats = Tensor<readonly number[], 'float32'>;

/** One class an example: what was predicted and what is right, int32 [M] in [0, classes). */
export interface ClassDecisions {
  readonly predicted: Ints;
  readonly actual: Ints;
  readonly classes: number;
  /** 1 for what is looked at, 0 for what is not: float32 [M]. Undefined for all. */
  readonly looked: Floats | undefined;
  readonly count: number;
}

/** Several classes an example, float32 [M, classes] of 0 and 1. */
export interface LabelDecisions {
  readonly predicted: Floats;
  readonly actual: Floats;
  readonly classes: number;
  readonly count: number;
}

/**
 * The class that outputs decide for, and the right one. Labels int32 [...] beside outputs [..., C]: the greatest output. Targets float32 of
 * the outputs' shape: yes or no where there is one output per example, else the greatest of both (one-hot targets, or probabilities).
 */
export function classesOf(op: string, outputs: Tensor, targets: Tensor, { axis = -1, threshold = 0, ignoreIndex }: DecisionOptions): ClassDecisions {
  const count = sizeOf(targets.shape);
  if (targets.dtype === 'float32') {
    checkSame(op, outputs, targets);
    if (isSingle(outputs.shape)) return { predicted: yes(outputs, threshold), actual: yes(targets, 0.5), classes: 2, looked: undefined, count };
    const both = [outputs, targets].map((tensor) => flatten(argmax(tensor, { axis })) as Ints) as [Ints, Ints];
    return { predicted: both[0], actual: both[1], classes: outputs.shape.at(axis)!, looked: undefined, count: both[0].shape[0]! };
  }
  const predicted = argmax(outputs, { axis }) as Tensor;
  if (!sameShape(predicted.shape, targets.shape)) throw misfit(op, outputs, targets);
  const labels = flatten(targets) as Ints;
  const looked = ignoreIndex === undefined ? undefined : (cast(notEqual(labels, ignoreIndex), 'float32') as Floats);
  const actual = ignoreIndex === undefined ? labels : (where(equal(labels, ignoreIndex), 0, labels) as Ints);
  return { predicted: flatten(predicted) as Ints, actual, classes: outputs.shape.at(axis)!, looked, count };
}

/** Of outputs and targets [.., C] that do not exclude each other. */
export function labelsOf(op: string, outputs: Tensor, targets: Tensor, { axis = -1, threshold = 0 }: DecisionOptions): LabelDecisions {
  checkSame(op, outputs, targets);
  const rows = (tensor: Tensor): Floats => classesLast(tensor, axis) as Floats;
  const said = rows(outputs);
  const [count, classes] = said.shape as [number, number];
  return { predicted: cast(greater(said, threshold), 'float32'), actual: cast(greater(rows(targets), 0.5), 'float32'), classes, count };
}

/** 1 for what was decided right and looked at, else 0. */
export function hits({ predicted, actual, looked }: ClassDecisions): Floats {
  const hit = cast(equal(predicted, actual), 'float32') as Floats;
  return looked === undefined ? hit : mul(hit, looked);
}

/** How often each class was predicted rightly, predicted, and right: [3, classes]. */
export function countsOf(decisions: ClassDecisions): Tensor {
  const { predicted, actual, classes } = decisions;
  const each = looks(decisions);
  return stack([scatterAdd(hits(decisions), actual, classes), scatterAdd(each, predicted, classes), scatterAdd(each, actual, classes)]);
}

/** The same of decisions that do not exclude each other. */
export function labelCounts({ predicted, actual }: LabelDecisions): Tensor {
  return stack([sum(mul(predicted, actual), { axis: 0 }), sum(predicted, { axis: 0 }), sum(actual, { axis: 0 })]);
}

/** How often each class was taken for each: [classes * classes], the right one first. */
export function pairCounts(decisions: ClassDecisions): Tensor {
  const { predicted, actual, classes } = decisions;
  const pairs = actual.mul(classes).add(predicted) as Ints;
  return scatterAdd(looks(decisions), pairs, classes * classes);
}

/** A matrix [M, C] of a tensor whose axis of classes is anywhere. */
export function classesLast(tensor: Tensor, axis: number): Tensor {
  const rank = tensor.shape.length;
  const at = axis < 0 ? axis + rank : axis;
  const last = at === rank - 1 ? tensor : permute(tensor, [...tensor.shape.keys()].filter((d) => d !== at).concat(at));
  const C = last.shape.at(-1)!;
  return reshape(last, [sizeOf(last.shape) / Math.max(C, 1), C]);
}

/** Is there one output per example, so that it says yes or no? */
export function isSingle(shape: Shape): boolean {
  return shape.length === 1 || shape.at(-1) === 1;
}

export function checkSame(op: string, outputs: Tensor, targets: Tensor): void {
  if (sameShape(outputs.shape, targets.shape)) return;
  throw misfit(op, outputs, targets);
}

export function misfit(op: string, outputs: Tensor, targets: Tensor): ShapeError {
  const expected = targets.dtype === 'float32' ? 'float32 targets of the outputs\u2019 shape, or int32 labels [...] beside outputs [...,C]' : 'outputs [...,C] and labels [...] of class indices';
  return new ShapeError(
    `[${op}] the shapes do not fit: got outputs ${showShape(outputs.shape)}, ${targets.dtype === 'float32' ? 'targets' : 'labels'} ${showShape(targets.shape)}, expected ${expected}.`,
    { op, shapes: [outputs.shape, targets.shape] },
  );
}

export function checkThreshold(op: string, threshold: number | undefined): void {
  if (threshold === undefined || Number.isFinite(threshold)) return;
  throw new ArgumentError(`[${op}] threshold: got ${String(threshold)}, expected a finite number: 0 for logits, 0.5 for probabilities.`, { op });
}

function yes(tensor: Tensor, threshold: number): Ints {
  return flatten(cast(greater(tensor, threshold), 'int32')) as Ints;
}

function looks({ predicted, looked }: ClassDecisions): Floats {
  return looked ?? (full([predicted.shape[0]!], 1) as Floats);
}

/** 0, 1, ..., classes - 1. */
export function indices(classes: number): Ints {
  return arange(classes) as Ints;
}
