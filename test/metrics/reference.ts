// Metrics of whole data sets, by their definitions, one example at a time: what streaming ones are compared with.

/** Numbers that look random, in [0, 1). */
export function stream(from: number): () => number {
  let state = from;
  return () => (state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff) / 0x80000000;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
export const mean = (values: readonly number[]): number => sum(values) / values.length;
export const argmax = (row: readonly number[]): number => row.indexOf(Math.max(...row));

export function confusion(predicted: readonly number[], actual: readonly number[], classes: number): number[][] {
  return Array.from({ length: classes }, (_, a) => Array.from({ length: classes }, (_, p) => actual.filter((label, i) => label === a && predicted[i] === p).length));
}

/** Of class `c`, among decisions and truths of yes and no. */
function scores(said: readonly boolean[], is: readonly boolean[]) {
  const hits = said.filter((yes, i) => yes && is[i]).length;
  const predicted = said.filter(Boolean).length;
  const actual = is.filter(Boolean).length;
  const precision = predicted === 0 ? 0 : hits / predicted;
  const recall = actual === 0 ? 0 : hits / actual;
  return { precision, recall, f1: precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall), predicted, actual };
}

export type Score = 'precision' | 'recall' | 'f1';

export function perClass(predicted: readonly number[], actual: readonly number[], classes: number) {
  return Array.from({ length: classes }, (_, c) => scores(predicted.map((p) => p === c), actual.map((a) => a === c)));
}

export function macro(score: Score, predicted: readonly number[], actual: readonly number[], classes: number): number {
  return mean(perClass(predicted, actual, classes).filter((one) => one.predicted + one.actual > 0).map((one) => one[score]));
}

export function weighted(score: Score, predicted: readonly number[], actual: readonly number[], classes: number): number {
  return sum(perClass(predicted, actual, classes).map((one) => one[score] * one.actual)) / actual.length;
}

/** All decisions as one class. */
export function micro(score: Score, said: readonly boolean[], is: readonly boolean[]): number {
  return scores(said, is)[score];
}

/** By its meaning: over all pairs of one that is and one that is not. */
export function auc(score: readonly number[], is: readonly boolean[]): number {
  const inside = score.filter((_, i) => is[i]);
  const outside = score.filter((_, i) => !is[i]);
  return mean(inside.flatMap((a) => outside.map((b) => (a > b ? 1 : a === b ? 0.5 : 0))));
}

export function r2(outputs: readonly number[], targets: readonly number[]): number {
  const center = mean(targets);
  return 1 - sum(outputs.map((y, i) => (y - targets[i]!) ** 2)) / sum(targets.map((t) => (t - center) ** 2));
}

export function softmax(row: readonly number[]): number[] {
  const most = Math.max(...row);
  const powers = row.map((x) => Math.exp(x - most));
  return powers.map((power) => power / sum(powers));
}
