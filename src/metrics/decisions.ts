// What classification metrics have in common: how outputs become decisions, which labels are mistakes, what NaN makes of it. The rules stand in docs/guide.md.
import { ArgumentError, ShapeError } from '../errors.js';
import { activationOf } from '../losses/output-activation.js';
import { arange, argmax, cast, concat, equal, flatten, full, greater, lessEqual, logicalAnd, logicalNot, notEqual, permute, reshape, scatterAdd, stack, sum, where } from '../ops/index.js';
import { takeAlongAxis } from '../ops/take-along-axis.js';
import { sameShape, showShape, sizeOf, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { countType, type Counts } from './counting.js';

/** Options of the rule by which outputs become decisions. */
export interface DecisionOptions {
  /** The axis of the classes. Default -1, the last. */
  readonly axis?: number | undefined;
  /**
   * Threshold where one output decides, as targets are float32 of the outputs' shape with one output per example, or `multilabel`: an output above it
   * says yes. Default 0, for logits, or 0.5 where the outputs come from a sigmoid. Beside several outputs of which the greatest decides it is an error.
   */
  readonly threshold?: number | undefined;
  /** True: classes do not exclude each other, so that each output is a decision of its own, and each target 0 or 1. Default false. */
  readonly multilabel?: boolean | undefined;
  /** Examples with this label are not looked at. For int32 labels. Default: none. */
  readonly ignoreIndex?: number | undefined;
}

export const DECISION_OPTIONS = ['axis', 'threshold', 'multilabel', 'ignoreIndex', 'name'] as const;

type Ints = Tensor<readonly number[], 'int32'>;
type Floats = Tensor<readonly number[], 'float32'>;
type Truths = Tensor<readonly number[], 'bool'>;

/** One class an example: what was predicted and what is right, int32 [M] in [0, classes). */
export interface ClassDecisions {
  readonly predicted: Ints;
  readonly actual: Ints;
  readonly classes: number;
  /** True for each example that is looked at, [M]; undefined for all. */
  readonly looked: Truths | undefined;
  /** True for each example without a NaN in outputs and targets, [M]. What depends on it fails for a label out of range. */
  readonly decided: Truths;
  readonly count: number;
}

/** Several classes an example, bool [M, classes]. */
export interface LabelDecisions {
  readonly predicted: Truths;
  readonly actual: Truths;
  readonly decided: Truths;
  readonly classes: number;
  readonly count: number;
}

/**
 * The class that outputs decide for, and the right one. Labels int32 [...] beside outputs [..., C]: the greatest output. Targets float32 of
 * the outputs' shape: yes or no where there is one output per example, else the greatest of both (one-hot targets, or probabilities).
 */
export function classesOf(op: string, outputs: Tensor, targets: Tensor, options: DecisionOptions): ClassDecisions {
  const { axis = -1, ignoreIndex } = options;
  if (targets.dtype === 'float32') {
    checkSame(op, outputs, targets);
    checkNothingIgnored(op, ignoreIndex);
    if (isSingle(outputs.shape)) {
      const predicted = flatten(greater(outputs, thresholdFor(op, outputs, options))) as Truths;
      const actual = flatten(greater(targets, 0.5)) as Truths;
      const decided = logicalAnd(isNumber(flatten(outputs)), isNumber(flatten(targets))) as Truths;
      return { predicted: cast(predicted, 'int32'), actual: cast(actual, 'int32'), classes: 2, looked: undefined, decided, count: sizeOf(targets.shape) };
    }
    checkNoThreshold(op, outputs, axis, options);
    const [said, right] = [rowsOf(outputs, axis), rowsOf(targets, axis)];
    const [predicted, actual] = [argmax(said, { axis: 1 }), argmax(right, { axis: 1 })] as [Ints, Ints];
    const decided = logicalAnd(isNumber(takeAlongAxis(said, predicted)), isNumber(takeAlongAxis(right, actual))) as Truths;
    return { predicted, actual, classes: said.shape[1]!, looked: undefined, decided, count: said.shape[0]! };
  }
  checkNoThreshold(op, outputs, axis, options);
  const { rows, labels, looked } = labelledRows(op, outputs, targets, options);
  const predicted = argmax(rows, { axis: 1 }) as Ints;
  // The greatest is NaN where one is; it is never less than the label's.
  const decided = lessEqual(takeAlongAxis(rows, labels), takeAlongAxis(rows, predicted)) as Truths;
  return { predicted, actual: labels, classes: rows.shape[1]!, looked, decided, count: labels.shape[0]! };
}

/** Outputs [M, C] and labels [M] of what was [..., C] and [...]. Labels that are not looked at are 0 instead. */
export interface LabelledRows {
  readonly rows: Floats;
  readonly labels: Ints;
  readonly looked: Truths | undefined;
}

/** Throws ShapeError where outputs and labels do not belong together, or where there is one class only. */
export function labelledRows(op: string, outputs: Tensor, labels: Tensor, { axis = -1, ignoreIndex }: Pick<DecisionOptions, 'axis' | 'ignoreIndex'>): LabelledRows {
  if (labels.dtype !== 'int32' || !sameShape(outputs.shape.toSpliced(axis, 1), labels.shape)) throw shapeMismatch(op, outputs, labels);
  const rows = rowsOf(outputs, axis);
  if (rows.shape[1]! < 2) {
    throw new ShapeError(
      `[${op}] got outputs ${showShape(outputs.shape)}, one for each label, of which each is the greatest; expected outputs of at least 2 classes. For yes or no give float32 targets of the outputs\u2019 shape: targetShape: [1] of the data.`,
      { op, shapes: [outputs.shape, labels.shape] },
    );
  }
  const given = flatten(labels) as Ints;
  if (ignoreIndex === undefined) return { rows, labels: given, looked: undefined };
  const looked = notEqual(given, ignoreIndex) as Truths;
  return { rows, labels: where(looked, given, 0) as Ints, looked };
}

/** Of outputs and targets [.., C] that do not exclude each other. */
export function labelsOf(op: string, outputs: Tensor, targets: Tensor, options: DecisionOptions): LabelDecisions {
  checkSame(op, outputs, targets);
  checkNothingIgnored(op, options.ignoreIndex);
  const { axis = -1 } = options;
  const [said, right] = [rowsOf(outputs, axis), rowsOf(cast(targets, 'float32'), axis)];
  const [count, classes] = said.shape as [number, number];
  const decided = logicalAnd(isNumber(said), isNumber(right)) as Truths;
  return { predicted: greater(said, thresholdFor(op, outputs, options)), actual: greater(right, 0.5), decided, classes, count };
}

/** Returns whether each was decided rightly and looked at. */
export function hits({ predicted, actual, looked }: ClassDecisions): Truths {
  const hit = equal(predicted, actual) as Truths;
  return looked === undefined ? hit : (logicalAnd(hit, looked) as Truths);
}

/** Counts how many of those looked at hold, over how many there are; see shares(). */
export function shareOf(holds: Truths, { decided, looked }: Pick<ClassDecisions, 'decided' | 'looked'>): Tensor {
  const type = countType(sizeOf(holds.shape));
  const open = undecided(decided, looked);
  if (type === 'int32') return stack([holds, looked ?? (full(holds.shape, 1, { dtype: 'bool' }) as Truths), open].map((truths) => sum(truths) as Tensor));
  // NaN for one that is undecided is NaN for all.
  const right = sum(where(open, NaN, cast(holds, 'float32') as Floats)) as Tensor;
  return looked === undefined ? right : stack([right, sum(cast(looked, 'float32')) as Tensor]);
}

/** Counts how often each class was predicted rightly, predicted, and right, [3 * classes], and behind how many are undecided. */
export function countsOf(decisions: ClassDecisions): Counts {
  const { predicted, actual, classes, count, decided, looked } = decisions;
  const type = countType(count);
  const each = looks(decisions, type);
  // A label out of range fails where it is read, before it counts anywhere.
  const right = where(decided, actual, 0) as Ints;
  return concat([scatterAdd(cast(hits(decisions), type), right, classes), scatterAdd(each, predicted, classes), scatterAdd(each, right, classes), counted(undecided(decided, looked), type)] as Tensor[]) as Counts;
}

/** The same of decisions that do not exclude each other. */
export function labelCounts({ predicted, actual, decided, count }: LabelDecisions): Counts {
  const type = countType(count);
  const over = (truths: Truths): Tensor => sum(cast(truths, type), { axis: 0 }) as Tensor;
  return concat([over(logicalAnd(predicted, actual) as Truths), over(predicted), over(actual), counted(undecided(decided, undefined), type)]) as Counts;
}

/** Counts how often each class was taken for each, [classes * classes], the right one first, and behind how many are undecided. */
export function pairCounts(op: string, decisions: ClassDecisions): Counts {
  const { predicted, actual, classes, count, decided, looked } = decisions;
  if (classes * classes >= 2 ** 31) throw new ArgumentError(`[${op}] got ${classes} classes, expected at most 46340: there is a count for each pair of them.`, { op });
  const type = countType(count);
  const pairs = where(decided, actual.mul(classes).add(predicted) as Ints, 0) as Ints;
  return concat([scatterAdd(looks(decisions, type), pairs, classes * classes), counted(undecided(decided, looked), type)] as Tensor[]) as Counts;
}

/** A matrix [M, C] of a tensor whose axis of classes is anywhere. */
export function rowsOf(tensor: Tensor, axis: number): Floats {
  const rank = tensor.shape.length;
  const at = axis < 0 ? axis + rank : axis;
  const last = at === rank - 1 ? tensor : permute(tensor, [...tensor.shape.keys()].filter((d) => d !== at).concat(at));
  const C = last.shape.at(-1)!;
  return reshape(last, [sizeOf(last.shape) / Math.max(C, 1), C]) as Tensor as Floats;
}

/** Returns whether there is one output per example, so that it says yes or no. */
export function isSingle(shape: Shape): boolean {
  return shape.length === 1 || shape.at(-1) === 1;
}

/** Returns whether each element is no NaN. */
export function isNumber(tensor: Tensor): Truths {
  return equal(tensor, tensor) as Truths;
}

export function checkSame(op: string, outputs: Tensor, targets: Tensor): void {
  if (sameShape(outputs.shape, targets.shape)) return;
  throw shapeMismatch(op, outputs, targets);
}

export function shapeMismatch(op: string, outputs: Tensor, targets: Tensor): ShapeError {
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

/** Returns the threshold above which an output says yes. Throws ArgumentError for one that is no probability, where the outputs are. */
function thresholdFor(op: string, outputs: Tensor, { threshold }: DecisionOptions): number {
  const probabilities = activationOf(outputs) !== undefined && activationOf(outputs) !== 'logSoftmax';
  if (probabilities && threshold !== undefined && !(threshold >= 0 && threshold < 1)) {
    throw new ArgumentError(`[${op}] threshold: got ${threshold} beside outputs of ${activationOf(outputs)}, expected a probability in [0, 1): no output is above it.`, { op });
  }
  return threshold ?? (probabilities ? 0.5 : 0);
}

function checkNoThreshold(op: string, outputs: Tensor, axis: number, { threshold }: DecisionOptions): void {
  if (threshold === undefined) return;
  throw new ArgumentError(
    `[${op}] threshold: got ${threshold} beside ${outputs.shape.at(axis)} outputs an example, of which the greatest decides; expected one output, or multilabel: true. Leave it out, or let the model end with one output and give float32 targets.`,
    { op, shapes: [outputs.shape] },
  );
}

export function checkNothingIgnored(op: string, ignoreIndex: number | undefined): void {
  if (ignoreIndex === undefined) return;
  throw new ArgumentError(`[${op}] ignoreIndex: got ${ignoreIndex} beside targets that are no class indices, expected int32 labels. Leave it out, and such examples out of the data.`, { op });
}

/** Returns which examples that are looked at have a NaN. */
function undecided(decided: Truths, looked: Truths | undefined): Truths {
  const open = logicalNot(decided) as Truths;
  return looked === undefined ? open : (logicalAnd(open, looked) as Truths);
}

/** Counts how many hold, [1]. */
function counted(truths: Truths, type: 'int32' | 'float32'): Tensor {
  return reshape(sum(cast(truths, type)), [1]) as Tensor;
}

function looks({ predicted, looked }: ClassDecisions, type: 'int32' | 'float32'): Tensor {
  return looked === undefined ? (full([predicted.shape[0]!], 1, { dtype: type }) as Tensor) : (cast(looked, type) as Tensor);
}

/** 0, 1, ..., classes - 1. */
export function indices(classes: number): Ints {
  return arange(classes) as Ints;
}
