import { ArgumentError } from '../errors.js';

/** Scores of examples, the higher the more likely positive (logits and probabilities alike), and which of them are: 1 or 0. */
export interface Scores {
  readonly scores: ArrayLike<number>;
  readonly labels: ArrayLike<number | boolean>;
}

/** Positives and negatives among the examples with the highest scores, as more and more are taken: those of one score together. Begins with none, above all scores. */
export interface ScoreCounts {
  readonly found: readonly number[];
  readonly wrong: readonly number[];
  /** The lowest score that is taken, of each; Infinity of none. */
  readonly lowest: readonly number[];
  readonly positives: number;
  readonly negatives: number;
}

/** Returns whether it is { scores, labels }. */
export function isScores(value: unknown): value is Scores {
  return typeof value === 'object' && value !== null && 'scores' in value && 'labels' in value && hasLength(value.scores) && hasLength(value.labels);
}

const hasLength = (value: unknown): boolean => typeof value === 'object' && value !== null && typeof (value as { length?: unknown }).length === 'number';

/** The error of what are no scores. */
export function noScores(op: string, or = ''): ArgumentError {
  return new ArgumentError(`[${op}] got no scores, expected { scores, labels }${or}. Read a tensor first: await outputs.data().`, { op });
}

/** Throws ArgumentError unless there is a label for each of so many examples. */
export function checkLabels(op: string, what: string, count: number, labels: ArrayLike<unknown>): void {
  if (count !== labels.length) throw new ArgumentError(`[${op}] got ${count} ${what} and ${labels.length} labels, expected one label for each${what === 'scores' ? ' score: the column of the positive class' : ''}.`, { op });
}

/** Counts positives and negatives at every threshold. Throws ArgumentError for scores that are NaN, labels that are neither 0 nor 1, or of one class only. */
export function countsOf(op: string, scored: Scores): ScoreCounts {
  if (!isScores(scored)) throw noScores(op);
  const { scores, labels } = scored;
  checkLabels(op, 'scores', scores.length, labels);
  const order = Array.from({ length: scores.length }, (_, i) => i).sort((a, b) => scores[b]! - scores[a]!);
  const [found, wrong, lowest] = [[0], [0], [Infinity]];
  order.forEach((example, i) => {
    const [score, label] = [scores[example]!, Number(labels[example])];
    if (Number.isNaN(score)) throw new ArgumentError(`[${op}] scores[${example}]: got NaN, expected a number.`, { op });
    if (label !== 0 && label !== 1) throw new ArgumentError(`[${op}] labels[${example}]: got ${label}, expected 0 or 1. Of several classes compare one with the others.`, { op });
    if (i === 0 || score !== scores[order[i - 1]!]) {
      found.push(found.at(-1)!);
      wrong.push(wrong.at(-1)!);
      lowest.push(score);
    }
    const counts = label === 1 ? found : wrong;
    counts[counts.length - 1]!++;
  });
  const [positives, negatives] = [found.at(-1)!, wrong.at(-1)!];
  if (positives === 0 || negatives === 0) throw new ArgumentError(`[${op}] labels: got one class only, expected examples with 0 and with 1.`, { op });
  return { found, wrong, lowest, positives, negatives };
}
