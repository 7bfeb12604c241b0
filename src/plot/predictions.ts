import { ArgumentError } from '../errors.js';
import { checkOptions } from '../options.js';
import { draw } from './draw.js';
import type { PlotOptions, Point } from './figure.js';

/** So many points are drawn at most, evenly spread over the examples. */
const MOST = 5000;
const OP = 'plot.predictions';

/**
 * Draws what a model of numbers predicts over what is true, a point for each example, as an SVG picture; on the dashed line the two are
 * equal. The subtitle has the root mean squared error and R² = 1 - sum (t - p)² / sum (t - mean t)².
 *
 *     const outputs = await trainer.predict(test);                       // [N, 1]
 *     await writeFile('predictions.svg', plot.predictions(await outputs.data(), targets));
 *
 * Throws ArgumentError where there are none, or not as many of both; AnnealError (ANNEAL_OPTIONAL_MISSING) without echarts.
 */
export function predictions(predicted: ArrayLike<number>, targets: ArrayLike<number>, options: PlotOptions = {}): string {
  checkOptions(OP, options, ['title', 'width', 'height']);
  const count = predicted?.length ?? 0;
  if (count === 0 || count !== targets?.length) {
    throw new ArgumentError(`[${OP}] got ${count} predictions and ${targets?.length ?? 0} targets, expected a target for each. Read a tensor first: await outputs.data().`, { op: OP });
  }
  const every = Math.ceil(count / MOST);
  const points = Array.from({ length: Math.ceil(count / every) }, (_, i): Point => [targets[i * every]!, predicted[i * every]!]);
  const known = Array.from(targets).filter(Number.isFinite);
  const [low, high] = [known.reduce((a, b) => Math.min(a, b), Infinity), known.reduce((a, b) => Math.max(a, b), -Infinity)];
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  let [errors, spread] = [0, 0];
  for (let i = 0; i < count; i++) {
    errors += (targets[i]! - predicted[i]!) ** 2;
    spread += (targets[i]! - mean) ** 2;
  }
  const subtitle = `Root mean squared error ${Number(Math.sqrt(errors / count).toPrecision(4))}, R² ${Number((1 - errors / spread).toPrecision(4))}, ${count.toLocaleString('en-US')} examples`;
  const lines = [
    { name: 'examples', points, style: 'dots' as const },
    { name: 'equal', points: [[low, low], [high, high]] as const, style: 'dashed' as const, dots: false },
  ];
  return draw({ title: 'Predicted and true values', subtitle, panels: [{ x: { name: 'true' }, y: { name: 'predicted' }, lines }] }, options);
}
