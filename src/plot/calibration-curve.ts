import { calibrationCurve as curveOf, type BinsOption, type CalibrationCurve } from '../metrics/calibration.js';
import { checkOptions } from '../options.js';
import { draw } from './draw.js';
import type { Line, PlotOptions, Point } from './figure.js';

type Labelled = Parameters<typeof curveOf>[0];

/**
 * Draws how often what has a probability happens, as an SVG picture: on the dashed line probabilities mean what they say; a course below it is too sure. The subtitle has the expected calibration error. Of several
 * models by name, a line each.
 *
 *     await writeFile('calibration.svg', plot.calibrationCurve({ probabilities: [0.1, 0.4, 0.35, 0.8], labels: [0, 0, 1, 1] }, { bins: 5 }));
 *
 * As sklearn.calibration.CalibrationDisplay. Throws as metrics.calibrationCurve(); AnnealError (ANNEAL_OPTIONAL_MISSING) without echarts.
 */
export function calibrationCurve(given: Labelled | Readonly<Record<string, Labelled>>, options: PlotOptions & BinsOption = {}): string {
  checkOptions('plot.calibrationCurve', options, ['bins', 'title', 'width', 'height']);
  const { bins, ...size } = options;
  const isOne = typeof given !== 'object' || given === null || 'probabilities' in given || Object.keys(given).length === 0;
  const named = Object.entries(isOne ? { model: given as Labelled } : (given as Readonly<Record<string, Labelled>>));
  const curves = named.map(([name, one]): readonly [string, CalibrationCurve] => [name, curveOf(one, bins === undefined ? {} : { bins })]);
  const lines = curves.map(([name, curve]): Line => ({ name, points: curve.bins.filter(({ count }) => count > 0).map(({ confidence, accuracy }): Point => [confidence, accuracy]), dots: true }));
  const equal: Line = { name: 'as it says', points: [[0, 0], [1, 1]], style: 'dashed', dots: false };
  const subtitle = `Expected calibration error: ${curves.map(([name, { error }]) => `${isOne ? '' : `${name} `}${error.toFixed(4)}`).join(', ')}`;
  return draw({ title: 'Calibration', subtitle, panels: [{ x: { name: 'probability' }, y: { name: 'share that is of the class' }, lines: [...lines, equal] }] }, size);
}
