import { precisionRecallCurveOf, rocCurveOf } from '../metrics/score-curves.js';
import { isScores, noScores, type Scores } from '../metrics/scores.js';
import { checkOptions } from '../options.js';
import { draw } from './draw.js';
import type { Line, PlotOptions, Point } from './figure.js';

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
    const { falsePositiveRate, truePositiveRate, area } = rocCurveOf(op, scores);
    return { name, points: Array.from(truePositiveRate, (rate, i): Point => [falsePositiveRate[i]!, rate]), area };
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
    const { precision, recall, averagePrecision } = precisionRecallCurveOf(op, scores);
    // Where all are taken for positive.
    share = precision.at(-1)!;
    const points = Array.from(recall, (one, i): Point => [one, precision[i]!]);
    return { name, points: [[0, precision[0]!] as const, ...points], area: averagePrecision };
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
  const named = isScores(scored) ? [['', scored] as const] : typeof scored === 'object' && scored !== null ? Object.entries(scored) : [];
  if (named.length > 0 && named.every(([, value]) => isScores(value))) return named;
  throw noScores(op, ', or several of them by name');
}
