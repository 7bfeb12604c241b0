import { inspected } from '../inspect.js';
import { checkOptions } from '../options.js';
import { totals } from './counting.js';
import { checkThreshold, classesOf, DECISION_OPTIONS, pairCounts, type DecisionOptions } from './decisions.js';
import type { Metric, NameOption } from './metric.js';

/** Counts of how often each class was taken for each: a row for each right class, a column for each predicted one. */
export class ConfusionMatrix {
  /** The number of classes, C. */
  readonly classes: number;
  /** [C, C], row-major; all NaN where an output was. */
  readonly counts: Float64Array;

  constructor(counts: Float64Array) {
    this.classes = Math.sqrt(counts.length);
    this.counts = counts;
  }

  /** Returns how many examples of class `actual` were predicted to be of class `predicted`. */
  at(actual: number, predicted: number): number {
    return this.counts[actual * this.classes + predicted] ?? NaN;
  }

  /** Number of examples. */
  get total(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  /** Rows of counts, as sklearn.metrics.confusion_matrix gives them. */
  toJSON(): number[][] {
    return Array.from({ length: this.classes }, (_, row) => [...this.counts.subarray(row * this.classes, (row + 1) * this.classes)]);
  }

  /** A table for people: right classes down, predicted ones across. */
  toString(): string {
    const header = ['', ...Array.from({ length: this.classes }, (_, i) => String(i))];
    const rows = [header, ...this.toJSON().map((row, i) => [String(i), ...row.map(String)])];
    const width = Math.max(...rows.flat().map((text) => text.length));
    return rows.map((row) => row.map((text) => text.padStart(width)).join('  ')).join('\n');
  }

  [inspected](): string {
    return `ConfusionMatrix\n${this.toString()}`;
  }
}

export type ConfusionMatrixOptions<N extends string = 'confusionMatrix'> = Omit<DecisionOptions, 'multilabel'> & NameOption<N>;

/**
 * Counts of how often each class was taken for each, over all examples: see ConfusionMatrix. outputs [..., C] of any scale and labels [...] int32, or
 * float32 targets as in accuracy(). Equals sklearn.metrics.confusion_matrix with all C classes as its labels.
 *
 *     const { confusionMatrix } = await trainer.evaluate(test);
 *     console.log(String(confusionMatrix), confusionMatrix.at(3, 5));     // threes that were taken for fives
 *
 * Throws as accuracy(), and ArgumentError of more than 46340 classes.
 */
export function confusionMatrix<const N extends string = 'confusionMatrix'>(options: ConfusionMatrixOptions<N> = {}): Metric<N, ConfusionMatrix> {
  const op = 'confusionMatrix';
  checkOptions(`metrics.${op}`, options, DECISION_OPTIONS.filter((name) => name !== 'multilabel'));
  checkThreshold(op, options.threshold);
  return {
    name: options.name ?? ('confusionMatrix' as N),
    builtin: true,
    measure(outputs, targets) {
      const decisions = classesOf(op, outputs, targets, options);
      return { sum: pairCounts(op, decisions), count: decisions.count };
    },
    accumulator: () => totals((counts) => new ConfusionMatrix(counts)),
  };
}
