import { ArgumentError } from '../errors.js';
import { checkOptions } from '../options.js';
import type { EpochRecord } from '../train/events.js';
import { draw } from './draw.js';
import type { Line, Mark, Panel, PlotOptions, Point } from './figure.js';

/** What a record has besides its means. */
const COUNTS: readonly string[] = ['epoch', 'steps', 'examples', 'seconds', 'examplesPerSecond'] satisfies (keyof EpochRecord)[];
const WIDE = 100;

/**
 * Loss and metrics by epoch, of training and of validation, as an SVG picture; the epoch of the lowest validation loss is marked.
 *
 *     const history = await trainer.fit(train, { epochs: 20, validation });
 *     await writeFile('curves.svg', plot.learningCurves(history));
 *
 * Throws ArgumentError for a history without epochs; AnnealError (ANNEAL_OPTIONAL_MISSING) without echarts.
 */
export function learningCurves(history: readonly EpochRecord[], options: PlotOptions = {}): string {
  const op = 'plot.learningCurves';
  checkOptions(op, options, ['title', 'width', 'height']);
  const [first] = Array.isArray(history) ? history : [];
  if (first === undefined) throw new ArgumentError(`[${op}] got no epochs, expected what fit() resolved with, or trainer.history, after at least one.`, { op });
  const names = ['loss', ...Object.keys(first).filter((name) => name !== 'loss' && !COUNTS.includes(name) && typeof valueOf(first, name) === 'number')];
  const best = bestEpoch(history);
  const panels = names.map((name) => panelOf(history, name, best));
  return draw({ title: 'Learning curves', panels }, options);
}

function panelOf(records: readonly EpochRecord[], name: string, best: (Mark & { readonly x: number }) | undefined): Panel {
  const training: Line = { name: 'training', points: pointsOf(records, (record) => valueOf(record, name)) };
  const held: Line = { name: 'validation', points: pointsOf(records, (record) => valueOf(record.validation, name)) };
  const lines = held.points.length === 0 ? [training] : [training, held];
  const values = lines.flatMap(({ points }) => points.map(([, value]) => value));
  const scale = name === 'loss' && Math.max(...values) / Math.min(...values) >= WIDE ? 'log' : 'linear';
  return { x: { name: 'epoch', whole: true }, y: { name, scale }, lines, ...(best === undefined ? {} : { marks: [name === 'loss' ? best : { x: best.x }] }) };
}

function pointsOf(records: readonly EpochRecord[], value: (record: EpochRecord) => number | undefined): Point[] {
  return records.flatMap((record): Point[] => {
    const at = value(record);
    return at === undefined ? [] : [[record.epoch + 1, at]];
  });
}

const valueOf = (results: object | undefined, name: string): number | undefined => (results as Record<string, number> | undefined)?.[name];

function bestEpoch(records: readonly EpochRecord[]): (Mark & { readonly x: number }) | undefined {
  const [best] = records.filter(({ validation }) => validation !== undefined).toSorted((a, b) => a.validation!.loss - b.validation!.loss);
  return best && { x: best.epoch + 1, text: `lowest validation loss: epoch ${best.epoch + 1}` };
}
