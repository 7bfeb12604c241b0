import { ArgumentError } from '../errors.js';
import { checkOptions } from '../options.js';
import { draw } from './draw.js';
import type { Line, PlotOptions, Point } from './figure.js';

/** Scores of examples, the higher the more likely positive (logits and probabilities alike), and which of them are: 1 or 0. */
export interface Scores {
  readonly scores: ArrayLike<number>;
  readonly labels: ArrayLike<number | boolean>;
}

/**
 * The receiver operating characteristic as an SVG picture: the share of positives that is found over the share of negatives that is taken for positive, at every threshold,
 * and the area below it. Of several models by name, a line each.
 *
 *     const outputs = await trainer.predict(test);                       // [N, 1]
 *     await writeFile('roc.svg', plot.rocCurve({ scores: await outputs.data(), labels }));
 *
 * As sklearn.metrics.roc_curve. Throws ArgumentError for scores that are not finite, labels that are neither 0 nor 1, or of one class only; AnnealError
 * (ANNEAL_OPTIONAL_MISSING) without echarts.
 */
export function rocCurve(scored: Scores | Readonly<Record<string, Scores>>, options: PlotOptions = {}): string {
  const op = 'plot.rocCurve';
  checkOptions(op, options, ['title', 'width', 'height']);
  const curves = namedScores(op, scored).map(([name, scores]) => {
    const { found, wrong } = countsOf(op, scores);
    const [positives, negatives] = [found.at(-1)!, wrong.at(-1)!];
    const points = found.map((count, i): Point => [wrong[i]! / negatives, count / positives]);
    return { name, points, area: trapezoids(points) };
  });
  const chance: Line = { name: 'by chance', points: [[0, 0], [1, 1]], style: 'dashed', dots: false };
  const panels = [{ x: { name: 'false positive rate' }, y: { name: 'true positive rate' }, lines: [...linesOf(curves), chance] }];
  return draw({ title: 'ROC curve', subtitle: areasOf('Area under the curve', curves), panels }, options);
}

/**
 * Precision over recall at every threshold, as an SVG picture, and the average precision, sum (R_n - R_n-1) P_n. Of several models by name, a line each. The
 * dashed line is the share of positives: the precision of guessing.
 *
 *     plot.precisionRecallCurve({ scores: await outputs.data(), labels });
 *
 * As sklearn.metrics.precision_recall_curve and average_precision_score. Throws as rocCurve().
 */
export function precisionRecallCurve(scored: Scores | Readonly<Record<string, Scores>>, options: PlotOptions = {}): string {
  const op = 'plot.precisionRecallCurve';
  checkOptions(op, options, ['title', 'width', 'height']);
  let share = 0;
  const curves = namedScores(op, scored).map(([name, scores]) => {
    const { found, wrong } = countsOf(op, scores);
    const positives = found.at(-1)!;
    share = positives / (positives + wrong.at(-1)!);
    const points = found.slice(1).map((count, i): Point => [count / positives, count / (count + wrong[i + 1]!)]);
    const area = points.reduce((sum, [recall, precision], i) => sum + (recall - (points[i - 1]?.[0] ?? 0)) * precision, 0);
    return { name, points: [[0, points[0]![1]] as const, ...points], area };
  });
  const guessing: Line = { name: 'by chance', points: [[0, share], [1, share]], style: 'dashed', dots: false };
  const panels = [{ x: { name: 'recall' }, y: { name: 'precision' }, lines: [...linesOf(curves), ...(curves.length === 1 ? [guessing] : [])] }];
  return draw({ title: 'Precision and recall', subtitle: areasOf('Average precision', curves), panels }, options);
}

interface Curve {
  readonly name: string;
  readonly points: readonly Point[];
  readonly area: number;
}

const linesOf = (curves: readonly Curve[]): Line[] => curves.map(({ name, points }) => ({ name: name === '' ? 'model' : name, points, dots: false }));

function areasOf(what: string, curves: readonly Curve[]): string {
  return `${what}: ${curves.map(({ name, area }) => `${name === '' ? '' : `${name} `}${area.toFixed(4)}`).join(', ')}`;
}

function namedScores(op: string, scored: Scores | Readonly<Record<string, Scores>>): (readonly [string, Scores])[] {
  const isOne = (value: unknown): value is Scores => typeof value === 'object' && value !== null && 'scores' in value && 'labels' in value && hasLength(value.scores) && hasLength(value.labels);
  const named = isOne(scored) ? [['', scored] as const] : typeof scored === 'object' && scored !== null ? Object.entries(scored) : [];
  if (named.length > 0 && named.every(([, value]) => isOne(value))) return named;
  throw new ArgumentError(`[${op}] got no scores, expected { scores, labels }, or several of them by name. Read a tensor first: await outputs.data().`, { op });
}

const hasLength = (value: unknown): boolean => typeof value === 'object' && value !== null && typeof (value as { length?: unknown }).length === 'number';

/** Positives and negatives among the examples with the highest scores, as more and more are taken: those of one score together. Begins with none. */
function countsOf(op: string, { scores, labels }: Scores): { readonly found: number[]; readonly wrong: number[] } {
  if (scores.length !== labels.length) throw new ArgumentError(`[${op}] got ${scores.length} scores and ${labels.length} labels, expected one label for each score: the column of the positive class.`, { op });
  const order = Array.from({ length: scores.length }, (_, i) => i).sort((a, b) => scores[b]! - scores[a]!);
  const found = [0];
  const wrong = [0];
  order.forEach((example, i) => {
    const [score, label] = [scores[example]!, Number(labels[example])];
    if (Number.isNaN(score)) throw new ArgumentError(`[${op}] scores[${example}]: got NaN, expected a number.`, { op });
    if (label !== 0 && label !== 1) throw new ArgumentError(`[${op}] labels[${example}]: got ${label}, expected 0 or 1. Of several classes compare one with the others.`, { op });
    if (i === 0 || score !== scores[order[i - 1]!]) {
      found.push(found.at(-1)!);
      wrong.push(wrong.at(-1)!);
    }
    const counts = label === 1 ? found : wrong;
    counts[counts.length - 1]!++;
  });
  if (found.at(-1) === 0 || wrong.at(-1) === 0) throw new ArgumentError(`[${op}] labels: got one class only, expected examples with 0 and with 1.`, { op });
  return { found, wrong };
}

function trapezoids(points: readonly Point[]): number {
  return points.slice(1).reduce((sum, [x, y], i) => sum + ((x - points[i]![0]) * (y + points[i]![1])) / 2, 0);
}
