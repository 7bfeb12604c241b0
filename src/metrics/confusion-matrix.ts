import { checkOptions } from '../options.js';
import { sums } from './accumulators.js';
import { checkThreshold, classesOf, DECISION_OPTIONS, pairCounts, type DecisionOptions } from './decisions.js';
import type { Metric, NameOption } from './metric.js';

/** How often each class was taken for each: a row for each right class, a column for each predicted one. */
export class ConfusionMatrix {
  /** The number of classes, C. */
  readonly classes: number;
  /** [C, C], row-major. */
  readonly counts: Float64Array;

  constructor(counts: Float64Array) {
    this.classes = Math.sqrt(counts.length);
    this.counts = counts;
  }

  /** How many examples of class `actual` were predicted to be of class `predicted`. */
  at(actual: number, predicted: number): number {
    return this.counts[actual * this.classes + predicted] ?? NaN;
  }

  /** How many examples there are. */
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
}

export type ConfusionMatrixOptions<N extends string = 'confusionMatrix'> = Omit<DecisionOptions, 'multilabel'> & NameOption<N>;

/**
 * How often each class was taken for each, over all examples: see ConfusionMatrix. outputs [..., C] of any scale and labels [...] int32, or
 * float32 targets as in accuracy(). Equals sklearn.metrics.confusion_matrix with all C classes as its labels.
 *
 *     const { confusionMatrix } = await trainer.evaluate(test);
 *     console.log(String(confusionMatrix), confusionMatrix.at(3, 5));     // threes that were taken for fives
 *
 * Throws ShapeError where outputs and targets do not belong together, and IndexError when the step runs and a label is out of range.
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
      return { sum: pairCounts(decisions), count: decisions.count };
    },
    accumulator: () => sums((counts) => new ConfusionMatrix(counts.slice())),
  };
}
