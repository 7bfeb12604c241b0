import { checkOptions } from '../options.js';
import { draw } from '../plot/draw.js';
import type { Line, Panel, PlotOptions, Point } from '../plot/figure.js';
import { mean } from './halving.js';
import type { Comparison, StrategyRow } from './strategies.js';

type Found = Omit<Comparison, 'plot' | 'toString'>;

/** The rows as text, in columns. */
export function tableOf({ by, rows, seeds }: Found): string {
  const head = ['strategy', by, `spread over ${seeds.length} ${seeds.length === 1 ? 'seed' : 'seeds'}`, 'worst to best', 'epochs', 's/epoch', ''];
  const lines = rows.map(({ name, mean: value, deviation, values, epochs, secondsPerEpoch, stopped, diverged }) => {
    const sorted = values.toSorted((a, b) => a - b);
    const note = diverged !== undefined ? 'diverged' : stopped ? 'stopped early' : '';
    const spread = Number.isNaN(value) ? ['-', '-'] : [`± ${short(deviation)}`, `${short(sorted[0]!)} to ${short(sorted.at(-1)!)}`];
    return [name, short(value), ...spread, String(epochs), short(secondsPerEpoch), note];
  });
  const widths = head.map((title, i) => Math.max(title.length, ...lines.map((line) => line[i]!.length)));
  const text = [head, widths.map((width) => '-'.repeat(width)), ...lines].map((line) => line.map((cell, i) => cell.padEnd(widths[i]!)).join('  ').trimEnd());
  const reasons = rows.flatMap(({ name, diverged }) => (diverged === undefined ? [] : ['', `${name}: ${diverged}`]));
  return [...text, ...reasons].join('\n');
}

const short = (value: number): string => (Number.isNaN(value) ? '-' : String(Number(value.toPrecision(4))));

/** From this ratio of the largest value to the smallest one on, a logarithmic axis shows more. */
const WIDE = 50;

/** The measure by epoch, and, where that is another, the training loss: of each strategy the mean over its seeds, in the band of all of them. */
export function plotStrategies({ by, rows, seeds }: Found, options: PlotOptions = {}): string {
  checkOptions('compareStrategies.plot', options, ['title', 'width', 'height']);
  const losses = rows.every(({ trainingLosses }, i) => JSON.stringify(trainingLosses) === JSON.stringify(rows[i]!.curves));
  const measured = panel(rows, by, ({ curves }) => curves);
  const panels = losses ? [measured] : [measured, panel(rows, 'training loss', ({ trainingLosses }) => trainingLosses)];
  const subtitle = seeds.length > 1 ? `Lines are means over ${seeds.length} seeds, bands reach from the lowest to the highest.` : 'Of a single seed.';
  return draw({ title: 'Strategies compared', subtitle, panels }, options);
}

function panel(rows: readonly StrategyRow[], name: string, pick: (row: StrategyRow) => readonly (readonly number[])[]): Panel {
  const lines = rows.map((row) => lineOf(row.name, pick(row)));
  const values = lines.flatMap(({ points }) => points.map(([, y]) => y)).filter((value) => Number.isFinite(value));
  const scale = values.every((value) => value > 0) && Math.max(...values) / Math.min(...values) >= WIDE ? 'log' : 'linear';
  return { x: { name: 'epoch', whole: true }, y: { name, scale }, lines };
}

/** Returns the results up to the epoch that all seeds have reached. */
function lineOf(name: string, curves: readonly (readonly number[])[]): Line {
  const length = curves.reduce((least, curve) => Math.min(least, curve.length), Infinity);
  const at = Array.from({ length }, (_, epoch) => curves.map((curve) => curve[epoch]!));
  const points = at.map((values, epoch): Point => [epoch, mean(values)]);
  return { name, points, ...(curves.length > 1 ? { band: { low: at.map((values) => Math.min(...values)), high: at.map((values) => Math.max(...values)) } } : {}) };
}
