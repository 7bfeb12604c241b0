import { ShapeError } from '../errors.js';
import { argmax, cast, concat, flatten, logSoftmax, reshape, slice, sub } from '../ops/index.js';
import { checkChoice, checkOptions } from '../options.js';
import { sameShape, sizeOf } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { checkSame, classesLast, isSingle, misfit } from './decisions.js';
import type { Accumulator, AnyMetric, Measured, Metric, NameOption } from './metric.js';
import type { Score } from './precision-recall.js';

export interface RocAucOptions<N extends string, A extends 'macro' | 'none'> extends NameOption<N> {
  /** Of more than two classes: 'macro', the default, is the mean over the classes, 'none' gives one number a class. */
  readonly average?: A | undefined;
  /** The axis of the classes. Default -1, the last. */
  readonly axis?: number | undefined;
  /** What outputs of more than two classes are; logits become probabilities first, because they are compared across examples. Default 'logits'. */
  readonly outputs?: 'logits' | 'probabilities' | undefined;
  /** Whether the classes do not exclude each other: targets float32 of the outputs' shape, each 0 or 1. Default false. */
  readonly multilabel?: boolean | undefined;
}

/**
 * The area under the receiver operating characteristic: the probability that an example of the class scores higher than one that is
 * not, where equal scores count half; exact, with the scores of all batches together.
 *
 * Two classes: outputs [...] or [..., 1] beside float32 targets of the same shape, or outputs [..., 2] and labels [...] int32: one number, of class 1.
 * More, or `multilabel`: one class against the rest, joined by `average`; classes of which there are no examples, or nothing else, are
 * left out ('none' gives them NaN). NaN where nothing is left, and where a score is NaN.
 *
 * It keeps every score until it is asked: 4 (C + 1) bytes an example of C classes (8 bytes with one output, 8 C with `multilabel`), up to
 * twice that while it grows, and about as much again while the result is computed, in O(n log n). Equals sklearn.metrics.roc_auc_score with multi_class='ovr'.
 */
export function rocAuc<const N extends string = 'rocAuc', const A extends 'macro' | 'none' = 'macro'>(
  options: RocAucOptions<N, A> = {},
): Metric<N, Score<A>> {
  const op = 'rocAuc';
  checkOptions(`metrics.${op}`, options, ['average', 'axis', 'outputs', 'multilabel', 'name']);
  const { average = 'macro', axis = -1, outputs: kind = 'logits', multilabel = false } = options;
  checkChoice(op, 'average', average, ['macro', 'none']);
  checkChoice(op, 'outputs', kind, ['logits', 'probabilities']);
  const measure = (outputs: Tensor, targets: Tensor): Measured => {
    const { scores, labels, count } = multilabel ? labelScores(op, outputs, targets, axis) : classScores(op, outputs, targets, axis, kind === 'logits');
    return { sum: concat([scores, labels], 1), count };
  };
  const common = { name: options.name ?? (op as N), builtin: true, measure };
  const metric: AnyMetric =
    average === 'none' ? { ...common, accumulator: () => new Scores((areas) => areas, multilabel) } : { ...common, mode: 'max', accumulator: () => new Scores(meanOf, multilabel) };
  return metric as Metric<N, Score<A>>;
}

/** A row an example: scores of classes, and which of them are right: a class index, or a 0 or 1 for each. */
interface Scored {
  readonly scores: Tensor;
  readonly labels: Tensor;
  readonly count: number;
}

function labelScores(op: string, outputs: Tensor, targets: Tensor, axis: number): Scored {
  checkSame(op, outputs, targets);
  const scores = classesLast(outputs, axis);
  return { scores, labels: cast(classesLast(targets, axis), 'float32'), count: scores.shape[0]! };
}

function classScores(op: string, outputs: Tensor, targets: Tensor, axis: number, logits: boolean): Scored {
  const single = targets.dtype === 'float32' && isSingle(outputs.shape);
  if (targets.dtype === 'float32') checkSame(op, outputs, targets);
  if (single) {
    const count = sizeOf(outputs.shape);
    return { scores: reshape(outputs, [count, 1]), labels: reshape(targets, [count, 1]), count };
  }
  const labels = targets.dtype === 'float32' ? (argmax(targets, { axis }) as Tensor) : targets;
  if (!sameShape(outputs.shape.toSpliced(axis, 1), labels.shape)) throw misfit(op, outputs, targets);
  const rows = classesLast(outputs, axis);
  const [count, C] = rows.shape as [number, number];
  if (C < 2) throw new ShapeError(`[${op}] got outputs of ${C} class, expected at least 2, or float32 targets of the outputs\u2019 shape.`, { op, shapes: [outputs.shape] });
  const column = (c: number): Tensor => slice(rows, c, c + 1, { axis: 1 }) as Tensor;
  // Of two classes the difference of logits orders examples as their probabilities do.
  const scores = C === 2 ? sub(column(1), column(0)) : logits ? logSoftmax(rows) : rows;
  return { scores, labels: reshape(cast(flatten(labels), 'float32'), [count, 1]), count };
}

/** All scores so far. */
class Scores<R> implements Accumulator<R> {
  readonly #finish: (areas: number[]) => R;
  readonly #multilabel: boolean;
  #rows = new Float32Array();
  #filled = 0;
  #count = 0;

  constructor(finish: (areas: number[]) => R, multilabel: boolean) {
    this.#finish = finish;
    this.#multilabel = multilabel;
  }

  add(values: ArrayLike<number>, count: number): void {
    const filled = this.#filled + values.length;
    if (filled > this.#rows.length) {
      const rows = new Float32Array(Math.max(filled, 2 * this.#rows.length));
      rows.set(this.#rows);
      this.#rows = rows;
    }
    this.#rows.set(values, this.#filled);
    this.#filled = filled;
    this.#count += count;
  }

  result(): R {
    const width = this.#count === 0 ? 0 : this.#filled / this.#count;
    const columns = this.#multilabel ? width / 2 : width - 1;
    if (columns < 1) return this.#finish([NaN]);
    const areas = Array.from({ length: columns }, (_, c) => this.#area(c, columns, width));
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
  // Sorting leaves NaN at the end.
  if (Number.isNaN(inside.at(-1)) || Number.isNaN(outside.at(-1))) return NaN;
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
