import { ArgumentError } from '../errors.js';
import { checkOptions } from '../options.js';
import type { EpochRecord } from '../train/events.js';
import { draw } from './draw.js';
import type { Line, Mark, Panel, PlotOptions, Point } from './figure.js';

/** The epochs of one training run, as fit() resolves with them. */
export type Run = readonly EpochRecord[] & { readonly best?: EpochRecord | undefined };

/** Fields of a record besides its means. */
const COUNTS: readonly string[] = ['epoch', 'steps', 'examples', 'seconds', 'examplesPerSecond'] satisfies (keyof EpochRecord)[];
const WIDE = 100;
const OP = 'plot.learningCurves';

/**
 * Loss and metrics by epoch, of training and of validation, as an SVG picture. The best epoch is marked, as early stopping has found it; where nobody
 * has looked for one, that of the lowest validation loss. Of several runs by name: a colour each, training dashed beside validation.
 *
 *     const history = await trainer.fit(train, { epochs: 20, validation });
 *     await writeFile('curves.svg', plot.learningCurves(history));
 *     plot.learningCurves({ adam: first, sgd: second });
 *
 * Throws ArgumentError for a history without epochs; AnnealError (ANNEAL_OPTIONAL_MISSING) without echarts.
 */
export function learningCurves(history: Run | Readonly<Record<string, Run>>, options: PlotOptions = {}): string {
  checkOptions(OP, options, ['title', 'width', 'height']);
  const runs: readonly (readonly [string, Run])[] = Array.isArray(history) || typeof history !== 'object' || history === null ? [['', history as Run]] : Object.entries(history as Readonly<Record<string, Run>>);
  const records = runs.flatMap(([, run]) => (Array.isArray(run) ? (run as Run) : []));
  if (records.length === 0) throw new ArgumentError(`[${OP}] got no epochs, expected what fit() resolved with, or trainer.history, after at least one; or several of them by name.`, { op: OP });
  const empty = runs.find(([, run]) => !Array.isArray(run) || run.length === 0);
  if (empty !== undefined) throw new ArgumentError(`[${OP}] run '${empty[0]}': got no epochs, expected a history with at least one. Leave it out.`, { op: OP });
  const names = ['loss', ...new Set(records.flatMap((record) => Object.keys(record).filter((name) => name !== 'loss' && !COUNTS.includes(name) && typeof valueOf(record, name) === 'number')))];
  const best = runs.length === 1 ? bestEpoch(runs[0]![1]) : undefined;
  const panels = names.map((name) => panelOf(runs, name, best));
  return draw({ title: 'Learning curves', panels }, options);
}

function panelOf(runs: readonly (readonly [string, Run])[], name: string, best: (Mark & { readonly x: number }) | undefined): Panel {
  const lines = runs.flatMap(([run, records]) => linesOf(run, records, name));
  const values = lines.flatMap(({ points }) => points.map(([, value]) => value));
  const scale = name === 'loss' && Math.max(...values) / Math.min(...values) >= WIDE ? 'log' : 'linear';
  return { x: { name: 'epoch', whole: true }, y: { name, scale }, lines, ...(best === undefined ? {} : { marks: [name === 'loss' ? best : { x: best.x }] }) };
}

/** Of one run among several the validation carries its name; training stands beside it. */
function linesOf(run: string, records: Run, name: string): Line[] {
  const training = pointsOf(records, (record) => valueOf(record, name));
  const held = pointsOf(records, (record) => valueOf(record.validation, name));
  if (run === '') return [{ name: 'training', points: training }, ...(held.length === 0 ? [] : [{ name: 'validation', points: held }])];
  if (held.length === 0) return [{ name: run, points: training }];
  return [{ name: run, points: held }, { name: `${run}, training`, points: training, like: run, style: 'dashed' }];
}

function pointsOf(records: Run, value: (record: EpochRecord) => number | undefined): Point[] {
  return records.flatMap((record): Point[] => {
    const at = value(record);
    return at === undefined ? [] : [[record.epoch, at]];
  });
}

const valueOf = (results: object | undefined, name: string): number | undefined => (results as Record<string, number> | undefined)?.[name];

function bestEpoch(records: Run): (Mark & { readonly x: number }) | undefined {
  if (records.best !== undefined) return { x: records.best.epoch, text: `best epoch: ${records.best.epoch}` };
  const [lowest] = records.filter(({ validation }) => validation !== undefined).toSorted((a, b) => a.validation!.loss - b.validation!.loss);
  return lowest && { x: lowest.epoch, text: `lowest validation loss: epoch ${lowest.epoch}` };
}
