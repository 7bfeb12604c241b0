import { ArgumentError } from '../errors.js';
import type { EpochRecord } from './events.js';

/** What is looked at where nobody says: the validation loss, or without validation the loss. */
export function monitorFor({ validation }: EpochRecord, monitor: string | undefined): string {
  return monitor ?? (validation === undefined ? 'loss' : 'validation.loss');
}

/** The number of an epoch that `monitor` names, such as `loss` or `validation.accuracy`. Throws ArgumentError where there is none. */
export function monitored(op: string, record: EpochRecord, monitor: string): number {
  const held = monitor.startsWith('validation.');
  const results: object | undefined = held ? record.validation : record;
  const value = (results as Record<string, unknown> | undefined)?.[held ? monitor.slice('validation.'.length) : monitor];
  if (typeof value === 'number') return value;
  const known = [...numbersOf(record), ...numbersOf(record.validation ?? {}).map((name) => `validation.${name}`)];
  const advice = held && record.validation === undefined ? ' Give fit() validation data.' : '';
  throw new ArgumentError(`[${op}] monitor: got '${monitor}', expected one of ${known.join(', ')}.${advice}`, { op });
}

const COUNTS = ['epoch', 'steps', 'examples', 'seconds', 'examplesPerSecond'];

function numbersOf(results: object): string[] {
  return Object.entries(results).flatMap(([name, value]) => (typeof value === 'number' && !COUNTS.includes(name) ? [name] : []));
}
