import { ArgumentError } from '../errors.js';
import { checkChoice, checkOptions } from '../options.js';
import type { Tensor } from '../tensor.js';
import { totals } from './counting.js';
import { checkThreshold, classesOf, countsOf, DECISION_OPTIONS, labelCounts, labelsOf, type DecisionOptions } from './decisions.js';
import type { Measured, Metric, NameOption } from './metric.js';

/** Rule by which the scores of several classes become one: see precision(). */
export type Average = 'binary' | 'micro' | 'macro' | 'weighted' | 'none';

/** Options of precision(), recall() and f1(). */
export interface ScoreOptions<N extends string, A extends Average> extends DecisionOptions, NameOption<N> {
  /**
   * 'binary', the default: of class 1 of two. 'micro': of all decisions together. 'macro': the mean over the classes, each counting
   * alike. 'weighted': the mean over the classes, each counting as often as it is right. 'none': one number a class.
   */
  readonly average?: A | undefined;
}

/** A number, or one for each class. */
export type Score<A extends Average> = A extends 'none' ? readonly number[] : number;

/** Counts of how often a class was predicted rightly, predicted, and right. */
type Formula = (hits: number, predicted: number, actual: number) => number;

/** A share of nothing is 0, as sklearn's zero_division by default. */
const share = (part: number, of: number): number => (of === 0 ? 0 : part / of);

/**
 * Of what was predicted to be of a class, the share that is: hits / predicted. outputs and targets as in accuracy(); with `multilabel` each
 * output is a decision.
 *
 *     const each = [metrics.precision({ average: 'macro' }), metrics.f1({ average: 'none', name: 'f1PerClass' })];
 *     new Trainer(model, { loss: losses.crossEntropy, optimizer, metrics: each });
 *
 * A class that was never predicted scores 0. 'macro' leaves out classes that occur neither in predictions nor in labels, unless they are
 * `multilabel`; 'none' gives those 0. NaN of no examples. Equals sklearn.metrics.precision_score.
 * Throws ArgumentError when the average is 'binary' and there are not two classes; else as accuracy().
 */
export function precision<const N extends string = 'precision', const A extends Average = 'binary'>(options: ScoreOptions<N, A> = {}): Metric<N, Score<A>> {
  return score('precision', (hits, predicted) => share(hits, predicted), options) as Metric<N, Score<A>>;
}

/**
 * Of what is of a class, the share that was found: hits / actual. A class that never occurs scores 0; else as precision().
 * Equals sklearn.metrics.recall_score.
 */
export function recall<const N extends string = 'recall', const A extends Average = 'binary'>(options: ScoreOptions<N, A> = {}): Metric<N, Score<A>> {
  return score('recall', (hits, _, actual) => share(hits, actual), options) as Metric<N, Score<A>>;
}

/**
 * The harmonic mean of precision and recall: 2 hits / (predicted + actual). A class that occurs nowhere scores 0; else as precision().
 * Equals sklearn.metrics.f1_score.
 */
export function f1<const N extends string = 'f1', const A extends Average = 'binary'>(options: ScoreOptions<N, A> = {}): Metric<N, Score<A>> {
  return score('f1', (hits, predicted, actual) => share(2 * hits, predicted + actual), options) as Metric<N, Score<A>>;
}

function score(op: string, formula: Formula, options: ScoreOptions<string, Average>): Metric<string, number | readonly number[]> {
  checkOptions(`metrics.${op}`, options, ['average', ...DECISION_OPTIONS]);
  checkThreshold(op, options.threshold);
  const { average = 'binary', multilabel = false } = options;
  checkChoice(op, 'average', average, ['binary', 'micro', 'macro', 'weighted', 'none']);
  if (multilabel && average === 'binary') throw notBinary(op, 'several classes that do not exclude each other');
  const measure = (outputs: Tensor, targets: Tensor): Measured => {
    if (multilabel) {
      const labels = labelsOf(op, outputs, targets, options);
      return { sum: labelCounts(labels), count: labels.count };
    }
    const decisions = classesOf(op, outputs, targets, options);
    if (average === 'binary' && decisions.classes !== 2) throw notBinary(op, `${decisions.classes} classes`);
    return { sum: countsOf(decisions), count: decisions.count };
  };
  const result = (counts: Float64Array, count: number): number | readonly number[] => averaged(counts, multilabel ? count : undefined, formula, average);
  return { name: options.name ?? op, builtin: true, ...(average === 'none' ? {} : { mode: 'max' }), measure, accumulator: () => totals(result) };
}

/** `examples` of decisions that do not exclude each other; else each has one right class, so that the counts tell. */
function averaged(counts: Float64Array, examples: number | undefined, formula: Formula, average: Average): number | readonly number[] {
  const C = counts.length / 3;
  const hits = counts.subarray(0, C);
  const predicted = counts.subarray(C, 2 * C);
  const actual = counts.subarray(2 * C);
  const total = (of: Float64Array): number => of.reduce((sum, value) => sum + value, 0);
  const none = (examples ?? total(actual)) === 0 || Number.isNaN(counts[0]);
  const each = Array.from(hits, (_, c) => (none ? NaN : formula(hits[c]!, predicted[c]!, actual[c]!)));
  if (average === 'none') return each;
  if (none) return NaN;
  if (average === 'binary') return each[1]!;
  if (average === 'micro') return formula(total(hits), total(predicted), total(actual));
  const weight = (c: number): number => (average === 'weighted' ? actual[c]! : examples !== undefined || predicted[c]! + actual[c]! > 0 ? 1 : 0);
  const weights = each.map((_, c) => weight(c));
  return share(each.reduce((sum, value, c) => sum + value * weights[c]!, 0), weights.reduce((sum, value) => sum + value, 0));
}

function notBinary(op: string, got: string): ArgumentError {
  return new ArgumentError(`[${op}] average: got 'binary' of ${got}, expected two classes. Say how to join them: metrics.${op}({ average: 'macro' }), or 'micro', 'weighted', 'none'.`, { op });
}
