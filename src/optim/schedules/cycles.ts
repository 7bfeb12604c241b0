import { ArgumentError } from '../../errors.js';
import { checkChoice, checkOptions } from '../../options.js';
import { cosineOfHalfTurns, power } from './exact.js';
import { checkRate, checkSteps, named, type NamedSchedule } from './schedule.js';
import { describeList } from '../../describe-value.js';

export interface CyclicOptions {
  /** Steps from `base` to `peak`. Default 2000. */
  readonly up?: number | undefined;
  /** Steps back. Default `up`. */
  readonly down?: number | undefined;
  /** Course of the height: 'triangular' keeps it, 'triangular2' halves it with each cycle, 'exponential' multiplies it by gamma with each step. */
  readonly mode?: 'triangular' | 'triangular2' | 'exponential' | undefined;
  /** Default 1. */
  readonly gamma?: number | undefined;
}

/**
 * Up in a line from `base` to `peak` and down again, for ever. With a `peak` below `base` it is the momentum's course beside it.
 * As torch.optim.lr_scheduler.CyclicLR ('exponential' is its exp_range). Source: Smith, arXiv:1506.01186.
 *
 *     optim.sgd(model.parameters(), { lr: optim.schedules.cyclic(1e-3, 1e-2), momentum: optim.schedules.cyclic(0.9, 0.8) });
 */
export function cyclic(base: number, peak: number, options: CyclicOptions = {}): NamedSchedule {
  const op = 'schedules.cyclic';
  checkOptions(op, options, ['up', 'down', 'mode', 'gamma']);
  const { up = 2000, down = up, mode = 'triangular', gamma = 1 } = options;
  checkRate(op, 'base', base);
  checkRate(op, 'peak', peak);
  checkSteps(op, 'up', up, 1);
  checkSteps(op, 'down', down, 1);
  checkChoice(op, 'mode', mode, ['triangular', 'triangular2', 'exponential']);
  checkRate(op, 'gamma', gamma, 0);
  const length = up + down;
  const height = (step: number): number =>
    mode === 'triangular' ? 1 : mode === 'triangular2' ? power(0.5, Math.floor(step / length)) : power(gamma, step);
  const text = `cyclic(${base}, ${peak}, { up: ${up}, down: ${down}, mode: '${mode}', gamma: ${gamma} })`;
  return named(text, mode === 'triangular' ? length : Infinity, (step) => {
    const at = step % length;
    return base + (peak - base) * (at <= up ? at / up : (length - at) / down) * height(step);
  });
}

export interface OneCycleOptions {
  /** The share of the steps in which the rate rises. Default 0.3. */
  readonly rise?: number | undefined;
  /** Default 'cosine'. */
  readonly shape?: 'cosine' | 'linear' | undefined;
  /** The first rate is peak / divide. Default 25. */
  readonly divide?: number | undefined;
  /** The last rate is the first one / finalDivide. Default 1e4. */
  readonly finalDivide?: number | undefined;
  /** Falls to the first rate as slowly as it rose, and only then to the last. Default false. */
  readonly threePhases?: boolean | undefined;
  /** The momentum at the peak of the rate, and at both ends. Default [0.85, 0.95]. */
  readonly momentum?: readonly [atPeak: number, atEnds: number] | undefined;
}

/** Two schedules that belong together. */
export interface OneCycle {
  readonly lr: NamedSchedule;
  /** Falls while the rate rises. */
  readonly momentum: NamedSchedule;
}

/**
 * One cycle: the rate rises to `peak`, then falls far below its beginning, over `steps` steps; the momentum goes the other way.
 * As torch.optim.lr_scheduler.OneCycleLR (pct_start is `rise`, div_factor `divide`). Source: Smith and Topin, arXiv:1708.07120.
 *
 *     const { lr, momentum } = optim.schedules.oneCycle(0.1, epochs * loader.length);
 *     optim.sgd(model.parameters(), { lr, momentum });          // for Adam: betas: [momentum, 0.999]
 */
export function oneCycle(peak: number, steps: number, options: OneCycleOptions = {}): OneCycle {
  const op = 'schedules.oneCycle';
  checkOptions(op, options, ['rise', 'shape', 'divide', 'finalDivide', 'threePhases', 'momentum']);
  const { rise = 0.3, shape = 'cosine', divide = 25, finalDivide = 1e4, threePhases = false, momentum = [0.85, 0.95] } = options;
  checkRate(op, 'peak', peak);
  checkSteps(op, 'steps', steps, 2);
  checkRate(op, 'rise', rise, 0, threePhases ? 0.5 : 1);
  checkChoice(op, 'shape', shape, ['cosine', 'linear']);
  checkRate(op, 'divide', divide, 1);
  checkRate(op, 'finalDivide', finalDivide, 1);
  if (!Array.isArray(momentum) || momentum.length !== 2) throw new ArgumentError(`[${op}] momentum: got ${describeList(momentum)}, expected two numbers, as in [0.85, 0.95].`, { op });
  const [atPeak, atEnds] = momentum;
  checkRate(op, 'momentum[0]', atPeak);
  checkRate(op, 'momentum[1]', atEnds);
  const first = peak / divide;
  const last = first / finalDivide;
  const up = rise * steps - 1;
  const ends = threePhases ? [up, 2 * rise * steps - 2, steps - 1] : [up, steps - 1];
  const course = (values: readonly number[]) => (step: number) => along(ends, values, shape, Math.min(step, steps - 1));
  const text = `oneCycle(${peak}, ${steps})`;
  return {
    lr: named(`${text}.lr`, steps, course(threePhases ? [first, peak, first, last] : [first, peak, last])),
    momentum: named(`${text}.momentum`, steps, course(threePhases ? [atEnds, atPeak, atEnds, atEnds] : [atEnds, atPeak, atEnds])),
  };
}

/** Through `values` at step 0 and at each of `ends`, by lines or half cosines. */
function along(ends: readonly number[], values: readonly number[], shape: 'cosine' | 'linear', step: number): number {
  const phase = Math.min(ends.filter((end) => step > end).length, ends.length - 1);
  const begin = phase === 0 ? 0 : ends[phase - 1]!;
  const length = ends[phase]! - begin;
  const t = length <= 0 ? 1 : (step - begin) / length;
  const [from, to] = [values[phase]!, values[phase + 1]!];
  if (t === 1) return to;
  return shape === 'linear' ? from + (to - from) * t : to + ((from - to) * (1 + cosineOfHalfTurns(t))) / 2;
}
