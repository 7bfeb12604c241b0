import { ArgumentError } from '../../errors.js';
import { schedule as plotOf, type SchedulePlotOptions } from '../../plot/schedule.js';
import { describeValue } from '../../describe-value.js';

/** A number that changes as training goes on (a learning rate, a momentum): a pure function of the steps done so far, from 0. */
export type Schedule = (step: number) => number;

/** A schedule of this library: it knows how long it goes on, and says what it is. */
export interface DescribedSchedule extends Schedule {
  /** Steps after which it stays as it is or repeats itself; Infinity where it goes on changing. */
  readonly steps: number;
  /** Schedules that it is made of. */
  readonly parts: readonly Schedule[];
  /** Description, as in `cosine(0.001, 1000)`. */
  toString(): string;
}

/** One that is known beforehand, and so can be drawn. */
export interface NamedSchedule extends DescribedSchedule {
  /** An SVG picture of its values, over `steps` steps (default: its own). Needs echarts: see plot.schedule. */
  plot(options?: SchedulePlotOptions): string;
}

/** Gives a function of the step what a NamedSchedule has. `text` is how it was asked for, `parts` what it is made of. */
export function named(text: string, steps: number, at: Schedule, parts: readonly Schedule[] = []): NamedSchedule {
  const schedule: NamedSchedule = Object.assign((step: number) => at(step), {
    steps,
    parts,
    toString: () => text,
    plot: (options?: SchedulePlotOptions) => plotOf(schedule, options),
  });
  return schedule;
}

/** Returns how many steps a schedule takes; Infinity for a function of the user's own. */
export function stepsOf(schedule: Schedule): number {
  return (schedule as Partial<DescribedSchedule>).steps ?? Infinity;
}

export function checkSteps(op: string, name: string, value: unknown, least: number): void {
  if (Number.isInteger(value) && (value as number) >= least) return;
  throw new ArgumentError(`[${op}] ${name}: got ${describeValue(value)}, expected an integer of at least ${least}.`, { op });
}

/** A finite number in [low, high]. */
export function checkRate(op: string, name: string, value: unknown, low = -Infinity, high = Infinity): void {
  if (typeof value === 'number' && Number.isFinite(value) && value >= low && value <= high) return;
  const range = low === -Infinity ? '' : high === Infinity ? ` of at least ${low}` : ` in [${low}, ${high}]`;
  throw new ArgumentError(`[${op}] ${name}: got ${describeValue(value)}, expected a finite number${range}.`, { op });
}

export function checkSchedule(op: string, name: string, value: unknown): asserts value is Schedule {
  if (typeof value === 'function') return;
  const advice = typeof value === 'number' ? ` For a rate that stays take schedules.constant(${value}).` : '';
  throw new ArgumentError(`[${op}] ${name}: got ${describeValue(value)}, expected a schedule, a function of the step.${advice}`, { op });
}
