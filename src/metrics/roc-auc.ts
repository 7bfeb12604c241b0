import { ShapeError } from '../errors.js';
import { activationOf } from '../losses/output-activation.js';
import { argmax, cast, concat, logSoftmax, reshape, slice, sub, where } from '../ops/index.js';
import { takeAlongAxis } from '../ops/take-along-axis.js';
import { checkChoice, checkOptions } from '../options.js';
import { showShape, sizeOf } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { checkNothingIgnored, checkSame, isNumber, isSingle, labelledRows, rowsOf, type LabelledRows } from './decisions.js';
import type { Accumulator, AccumulatorState, AnyMetric, Measured, Metric, NameOption } from './metric.js';
import type { Score } from './precision-recall.js';

export interface RocAucOptions<N extends string, A extends 'macro' | 'none'> extends NameOption<N> {
  /** Of more than two classes: 'macro', the default, is the mean over the classes, 'none' gives one number a class. */
  readonly average?: A | undefined;
  /** The axis of the classes. Default -1, the last. */
  readonly axis?: number | undefined;
  /**
   * Kind of the outputs of more than two classes; logits become probabilities first, because they are compared across examples. Default 'logits', or
   * 'probabilities' where the outputs come from softmax or a sigmoid.
   */
  readonly outputs?: 'logits' | 'probabilities' | undefined;
  /** True: classes do not exclude each other: targets float32 of the outputs' shape, each 0 or 1. Default false. */
  readonly multilabel?: boolean | undefined;
  /** Examples with this label are not looked at. For int32 labels. Default: none. */
  readonly ignoreIndex?: number | undefined;
}

/**
 * The area under the receiver operating characteristic: the probability that an example of the class scores higher than one that is
 * not, where equal scores count half; exact, with the scores of all batches together.
 *
 * Two classes: outputs [...] or [..., 1] beside float32 targets of the same shape, or outputs [..., 2] and labels [...] int32: one number, of class 1.
 * More, or `multilabel`: one class against the rest, joined by `average`; classes of which there are no examples, or nothing else, are
 * left out ('none' gives them NaN). NaN where nothing is left, and everywhere where a score or a target is NaN.
 *
 * It keeps every score until it is asked: 4 (C + 1) bytes an example of C classes (8 bytes with one output, 8 C with `multilabel`), up to
 * twice that while it grows, and about as much again while the result is computed, in O(n log n). Equals sklearn.metrics.roc_auc_score with multi_class='ovr'.
 * Throws ShapeError where outputs and targets do not belong together; IndexError when the step runs and a label is out of range.
 */
export function rocAuc<const N extends string = 'rocAuc', const A extends 'macro' | 'none' = 'macro'>(
  options: RocAucOptions<N, A> = {},
): Metric<N, Score<A>> {
  const op = 'rocAuc';
  checkOptions(`metrics.${op}`, options, ['average', 'axis', 'outputs', 'multilabel', 'ignoreIndex', 'name']);
  const { average = 'macro', outputs: kind, multilabel = false } = options;
  checkChoice(op, 'average', average, ['macro', 'none']);
  if (kind !== undefined) checkChoice(op, 'outputs', kind, ['logits', 'probabilities']);
  const measure = (outputs: Tensor, targets: Tensor): Measured => {
    if (multilabel || targets.dtype === 'float32') checkNothingIgnored(op, options.ignoreIndex);
    const { scores, labels, count } = multilabel ? labelScores(op, outputs, targets, options.axis) : classScores(op, outputs, targets, options);
    return { sum: concat([scores, labels], 1), count };
  };
  const common = { name: options.name ?? (op as N), builtin: true, measure };
  const layout = { multilabel, ignoring: options.ignoreIndex !== undefined };
  const metric: AnyMetric =
    average === 'none' ? { ...common, accumulator: () => new Scores((areas) => areas, layout) } : { ...common, mode: 'max', accumulator: () => new Scores(meanOf, layout) };
  return metric as Metric<N, Score<A>>;
}

/** A row an example: scores of classes, and which of them are right: a class index, or a 0 or 1 for each. */
interface Scored {
  readonly scores: Tensor;
  readonly labels: Tensor;
  readonly count: number;
}

function labelScores(op: string, outputs: Tensor, targets: Tensor, axis = -1): Scored {
  checkSame(op, outputs, targets);
  const scores = rowsOf(outputs, axis);
  return { scores, labels: rowsOf(cast(targets, 'float32'), axis), count: scores.shape[0]! };
}

function classScores(op: string, outputs: Tensor, targets: Tensor, options: Pick<RocAucOptions<string, 'macro'>, 'axis' | 'outputs' | 'ignoreIndex'>): Scored {
  if (targets.dtype === 'float32') checkSame(op, outputs, targets);
  if (targets.dtype === 'float32' && isSingle(outputs.shape)) {
    const count = sizeOf(outputs.shape);
    return { scores: reshape(outputs, [count, 1]), labels: reshape(targets, [count, 1]), count };
  }
  const { rows, labels, looked } = targets.dtype === 'float32' ? greatest(op, outputs, targets, options.axis) : labelledRows(op, outputs, targets, options);
  const [count, C] = rows.shape as [number, number];
  const column = (c: number): Tensor => slice(rows, c, c + 1, { axis: 1 }) as Tensor;
  // Of two classes the difference of logits orders examples as their probabilities do.
  const scores = C === 2 ? sub(column(1), column(0)) : isLogits(outputs, options) ? logSoftmax(rows) : rows;
  // Of a label out of range there is no score: that fails.
  const named = where(isNumber(takeAlongAxis(rows, labels)), cast(labels, 'float32') as Floats, NaN);
  return { scores, labels: reshape(looked === undefined ? named : where(looked, named, IGNORED), [count, 1]), count };
}

type Floats = Tensor<readonly number[], 'float32'>;

/** Stands for a label that is not looked at, where there are such. */
const IGNORED = -1;

/** The classes that one-hot targets, or probabilities, name; NaN as one of the scores where a target is. */
function greatest(op: string, outputs: Tensor, targets: Tensor, axis = -1): LabelledRows {
  const [rows, right] = [rowsOf(outputs, axis), rowsOf(targets, axis)];
  if (rows.shape[1]! < 2) throw new ShapeError(`[${op}] got outputs ${showShape(outputs.shape)} of one class, expected at least 2, or one output at the end: reshape them to [N,1].`, { op, shapes: [outputs.shape] });
  const labels = argmax(right, { axis: 1 }) as LabelledRows['labels'];
  const known = reshape(isNumber(takeAlongAxis(right, labels)), [rows.shape[0]!, 1]);
  return { rows: where(known as Tensor<readonly number[], 'bool'>, rows, NaN) as Floats, labels, looked: undefined };
}

function isLogits(outputs: Tensor, { outputs: kind }: { readonly outputs?: 'logits' | 'probabilities' | undefined }): boolean {
  if (kind !== undefined) return kind === 'logits';
  const activation = activationOf(outputs);
  return activation !== 'softmax' && activation !== 'sigmoid';
}

/** All scores so far. */
class Scores<R> implements Accumulator<R> {
  readonly #finish: (areas: number[]) => R;
  readonly #multilabel: boolean;
  readonly #ignoring: boolean;
  #rows = new Float32Array();
  #filled = 0;
  #count = 0;
  /** True if a score or a target is NaN that is looked at. */
  #unknown = false;

  constructor(finish: (areas: number[]) => R, { multilabel, ignoring }: { readonly multilabel: boolean; readonly ignoring: boolean }) {
    this.#finish = finish;
    this.#ignoring = ignoring;
    this.#multilabel = multilabel;
  }

  add(values: ArrayLike<number>, count: number): void {
    const most = this.#filled + values.length;
    if (most > this.#rows.length) {
      const rows = new Float32Array(Math.max(most, 2 * this.#rows.length));
      rows.set(this.#rows);
      this.#rows = rows;
    }
    const width = values.length / count;
    for (let row = 0; row < count; row++) {
      if (this.#ignoring && values[(row + 1) * width - 1] === IGNORED) continue;
      for (let at = row * width; at < (row + 1) * width; at++) {
        const value = values[at]!;
        if (Number.isNaN(value)) this.#unknown = true;
        this.#rows[this.#filled++] = value;
      }
      this.#count++;
    }
  }

  stateDict(): AccumulatorState {
    return { rows: this.#rows.slice(0, this.#filled), count: this.#count, unknown: this.#unknown };
  }

  loadStateDict({ rows, count, unknown }: AccumulatorState): void {
    this.#rows = Float32Array.from(rows as Float32Array);
    this.#filled = this.#rows.length;
    this.#count = count as number;
    this.#unknown = unknown as boolean;
  }

  result(): R {
    const width = this.#count === 0 ? 0 : this.#filled / this.#count;
    const columns = this.#multilabel ? width / 2 : width - 1;
    if (columns < 1) return this.#finish([NaN]);
    const areas = Array.from({ length: columns }, (_, c) => (this.#unknown ? NaN : this.#area(c, columns, width)));
    return this.#finish(areas);
  }

  /** Of column `c` among `columns`, which one score alone has for class 1. */
  #area(c: number, columns: number, width: number): number {
    const isPositive = (row: number): boolean => {
      if (this.#multilabel) return this.#rows[row + columns + c]! > 0.5;
      const label = this.#rows[row + columns]!;
      return columns === 1 ? label > 0.5 : label === c;
    };
    let positives = 0;
    for (let row = 0; row < this.#filled; row += width) if (isPositive(row)) positives++;
    const inside = new Float32Array(positives);
    const outside = new Float32Array(this.#count - positives);
    let i = 0;
    let o = 0;
    for (let row = 0; row < this.#filled; row += width) {
      const score = this.#rows[row + c]!;
      if (isPositive(row)) inside[i++] = score;
      else outside[o++] = score;
    }
    return areaOf(inside, outside);
  }
}

/** The share of pairs in which the one inside scores higher, equal ones counting half. */
function areaOf(inside: Float32Array, outside: Float32Array): number {
  inside.sort();
  outside.sort();
  let below = 0;
  let upTo = 0;
  let halves = 0;
  for (const score of inside) {
    while (below < outside.length && outside[below]! < score) below++;
    while (upTo < outside.length && outside[upTo]! <= score) upTo++;
    halves += below + upTo;
  }
  return halves / 2 / inside.length / outside.length;
}

/** Over the classes that have an area. */
function meanOf(areas: number[]): number {
  const known = areas.filter((area) => !Number.isNaN(area));
  return known.reduce((sum, area) => sum + area, 0) / known.length;
}
