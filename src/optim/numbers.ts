import { ArgumentError } from '../errors.js';
import { describeValue } from '../describe-value.js';
import type { Schedule } from './schedules/index.js';

/** A hyper-parameter: a number, or a pure function of the number of steps done so far. */
export type Scheduled = number | Schedule;

export function checkRate(op: string, lr: unknown): Scheduled {
  if (typeof lr === 'number' || typeof lr === 'function') return checkScheduled(op, 'lr', lr as Scheduled);
  throw new ArgumentError(`[${op}] lr: got ${describeValue(lr)}, expected a number or a function of the step. Give it, as in { lr: 1e-3 }.`, { op });
}

/** A hyper-parameter in [low, high), or a schedule, whose values are checked when their step comes. */
export function checkScheduled(op: string, name: string, value: Scheduled, low = 0, high = Infinity): Scheduled {
  return typeof value === 'function' ? value : checkNumber(op, name, value, low, high);
}

/** Two decays of averages, each in [0, 1). */
export function checkBetas(op: string, betas: readonly [Scheduled, Scheduled]): readonly [Scheduled, Scheduled] {
  if (!Array.isArray(betas) || betas.length !== 2) throw new ArgumentError(`[${op}] betas: got ${Array.isArray(betas) ? `${betas.length} numbers` : describeValue(betas)}, expected two numbers, as in [0.9, 0.999].`, { op });
  betas.forEach((beta, i) => checkScheduled(op, `betas[${i}]`, beta as Scheduled, 0, 1));
  return betas as unknown as readonly [Scheduled, Scheduled];
}

/** A hyper-parameter in [low, high) that stays. */
export function checkNumber(op: string, name: string, value: number, low = 0, high = Infinity): number {
  if (typeof value === 'number' && value >= low && value < high) return value;
  const range = high === Infinity ? `of at least ${low}` : `in [${low}, ${high})`;
  throw new ArgumentError(`[${op}] ${name}: got ${describeValue(value)}, expected a number ${range}.`, { op });
}

/** A hyper-parameter as JSON: a number, or the text of a schedule, which a function of the user's own has not. */
export function describeScheduled(value: Scheduled): number | string {
  if (typeof value === 'number') return value;
  return 'parts' in value ? String(value) : 'a function of the step';
}
