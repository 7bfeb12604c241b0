import { ArgumentError } from '../errors.js';
import { checkOptions } from '../options.js';
import type { DescribedSchedule, Schedule } from '../optim/schedules/schedule.js';
import { draw } from './draw.js';
import type { Line, PlotOptions, Point } from './figure.js';

export interface SchedulePlotOptions extends PlotOptions {
  /** Number of steps to draw. Default: as many as the schedule takes; needed where it never ends. */
  readonly steps?: number | undefined;
  /** Name of what is scheduled. Default 'learning rate'. */
  readonly of?: string | undefined;
}

/** Of longer schedules every so-many-th step is looked at. */
const MOST_POINTS = 20_000;
/** A logarithmic axis shows more where the lowest value is so far below the highest, and so large a share of the steps below this part of it: not where it only ends there. */
const WIDE = 1000;
const LOW = { part: 1 / 100, share: 1 / 4 };

/**
 * A schedule's values over its steps as an SVG picture; of several by name, one line each.
 *
 *     await writeFile('rate.svg', plot.schedule(optim.schedules.cosine(1e-3, 1000)));
 *     const { cosine, linear } = optim.schedules;
 *     plot.schedule({ cosine: cosine(1e-3, 1000), line: linear(1e-3, 0, 1000) }, { steps: 1200 });
 *
 * Throws ArgumentError for a schedule without end and no `steps`; AnnealError (ANNEAL_OPTIONAL_MISSING) without echarts.
 */
export function schedule(schedules: Schedule | Readonly<Record<string, Schedule>>, options: SchedulePlotOptions = {}): string {
  checkOptions(OP, options, ['steps', 'of', 'title', 'width', 'height']);
  const { of = 'learning rate', steps: asked, ...size } = options;
  const named = typeof schedules === 'function' ? { [nameOf(schedules)]: schedules } : schedules;
  const entries = Object.entries(named);
  const steps = stepsFor(
    entries.map(([, at]) => at),
    asked,
  );
  const lines = entries.map(([name, at]): Line => ({ name, points: pointsOf(at, steps), dots: false }));
  const values = lines.flatMap(({ points }) => points.map(([, value]) => value));
  const low = values.reduce((a, b) => Math.min(a, b), Infinity);
  const high = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const lowShare = values.filter((value) => value < high * LOW.part).length / values.length;
  const scale = low > 0 && high / low >= WIDE && lowShare >= LOW.share ? 'log' : 'linear';
  const title = entries.length === 1 ? entries[0]![0] : `The ${of} by step`;
  return draw({ title, panels: [{ x: { name: 'step', whole: true }, y: { name: of, scale }, lines }] }, size);
}

const OP = 'plot.schedule';

/** A schedule of the library says what it is, a user's own function has a name at best. */
function nameOf(at: Schedule): string {
  return 'steps' in at ? String(at) : at.name === '' ? 'schedule' : at.name;
}

function stepsFor(schedules: readonly Schedule[], asked: number | undefined): number {
  if (schedules.length === 0 || schedules.some((at) => typeof at !== 'function')) {
    throw new ArgumentError(`[${OP}] got ${schedules.length === 0 ? 'no schedules' : String(schedules.find((at) => typeof at !== 'function'))}, expected a function of the step, or several by name.`, { op: OP });
  }
  const own = Math.max(...schedules.map((at) => (at as Partial<DescribedSchedule>).steps ?? Infinity));
  const steps = asked ?? own;
  if (Number.isInteger(steps) && steps >= 1) return steps;
  const why = asked === undefined ? 'this schedule never ends. Pass how many steps to draw: { steps: 1000 }' : `got ${String(asked)}, expected an integer of at least 1`;
  throw new ArgumentError(`[${OP}] steps: ${why}.`, { op: OP });
}

/** From the first step to the one after the last, where it shows what the schedule ends as. */
function pointsOf(at: Schedule, steps: number): Point[] {
  const every = Math.ceil(steps / MOST_POINTS);
  const count = Math.floor(steps / every) + 1;
  return Array.from({ length: count }, (_, i) => [i * every, at(i * every)]);
}
