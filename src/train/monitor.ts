import { describeValue } from '../describe-value.js';
import { ArgumentError } from '../errors.js';
import type { Optimizer } from '../optim/index.js';
import type { DescribedSchedule, PlateauSchedule, Schedule } from '../optim/schedules/index.js';
import { suggestion } from '../options.js';
import type { EpochRecord, FitStartEvent } from './events.js';

const PLATEAU = 'schedules.reduceOnPlateau';

/** Results that exist after each epoch. */
export type Monitorable = Pick<FitStartEvent, 'metrics' | 'validated'>;

/** Returns the result that is monitored by default: the validation loss, or without validation the loss. Throws ArgumentError for what there is not. */
export function monitorFor(op: string, { metrics, validated }: Monitorable, monitor: string | undefined): string {
  if (monitor === undefined) return validated ? 'validation.loss' : 'loss';
  const names = ['loss', ...metrics.map(({ name }) => name)];
  const known = [...names, ...(validated ? names.map((name) => `validation.${name}`) : [])];
  if (known.includes(monitor)) return monitor;
  // What Keras calls val_loss.
  const meant = String(monitor).replace(/^val[._]/, 'validation.');
  const advice = !validated && names.some((name) => meant === `validation.${name}`) ? ' Give fit() validation data.' : suggestion(meant, known, "'");
  throw new ArgumentError(`[${op}] monitor: got ${describeValue(monitor)}, expected one of ${known.join(', ')}.${advice}`, { op });
}

/** The number of an epoch that `monitor` names, such as `loss` or `validation.accuracy`. Throws ArgumentError where it is none. */
export function monitored(op: string, record: Partial<EpochRecord>, monitor: string): number {
  const held = isValidation(monitor);
  const results: object = held ? record.validation! : record;
  const value = (results as Record<string, unknown>)[held ? monitor.slice('validation.'.length) : monitor];
  if (typeof value === 'number') return value;
  throw new ArgumentError(`[${op}] monitor: '${monitor}' gives no number, expected a metric that does.`, { op });
}

/** Returns whether the monitored result is one of validation. */
export const isValidation = (monitor: string): boolean => monitor.startsWith('validation.');

/** The plateau schedules among an optimizer's rates, each once. */
export function plateausOf(optimizer: Optimizer): PlateauSchedule[] {
  const rates = optimizer.groups.flatMap(({ lr }) => (typeof lr === 'function' ? within(lr) : []));
  return [...new Set(rates)].filter(isPlateau);
}

/** Throws ArgumentError for one whose `monitor` there is not. */
export function checkPlateaus(optimizer: Optimizer, known: Monitorable): void {
  for (const { monitor } of plateausOf(optimizer)) monitorFor(PLATEAU, known, monitor);
}

/** Tells those that watch the results of training, or of validation, how an epoch went. */
export function observePlateaus(optimizer: Optimizer, known: Monitorable, record: Partial<EpochRecord>, of: 'training' | 'validation'): void {
  for (const plateau of plateausOf(optimizer)) {
    const monitor = monitorFor(PLATEAU, known, plateau.monitor);
    if (isValidation(monitor) === (of === 'validation')) plateau.observe(monitored(PLATEAU, record, monitor));
  }
}

function isPlateau(schedule: Schedule): schedule is PlateauSchedule {
  return typeof (schedule as Partial<PlateauSchedule>).observe === 'function';
}

/** The schedule, and those that it is made of. */
function within(schedule: Schedule): Schedule[] {
  const { parts = [] } = schedule as Partial<DescribedSchedule>;
  return [schedule, ...parts.flatMap(within)];
}
