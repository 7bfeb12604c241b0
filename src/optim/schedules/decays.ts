import { ArgumentError } from '../../errors.js';
import { checkOptions } from '../../options.js';
import { cosineOfHalfTurns, power } from './exact.js';
import { checkRate, checkSteps, named, type NamedSchedule } from './schedule.js';
import { describeList } from '../../describe-value.js';

/** Always `base`. */
export function constant(base: number): NamedSchedule {
  checkRate('schedules.constant', 'base', base);
  return named(`constant(${base})`, 0, () => base);
}

/**
 * A line from `from` to `to` over `steps` steps, and `to` after them: lr(s) = from + (to - from) s / steps.
 * As torch.optim.lr_scheduler.LinearLR, which says factors of a base instead of rates.
 */
export function linear(from: number, to: number, steps: number): NamedSchedule {
  const op = 'schedules.linear';
  checkRate(op, 'from', from);
  checkRate(op, 'to', to);
  checkSteps(op, 'steps', steps, 1);
  return named(`linear(${from}, ${to}, ${steps})`, steps, (step) => (step >= steps ? to : from + ((to - from) * step) / steps));
}

/** `base`, multiplied by `gamma` after every `every` steps. As torch.optim.lr_scheduler.StepLR, by steps instead of epochs. */
export function step(base: number, every: number, options: { /** Default 0.1. */ readonly gamma?: number } = {}): NamedSchedule {
  const op = 'schedules.step';
  checkOptions(op, options, ['gamma']);
  const { gamma = 0.1 } = options;
  checkRate(op, 'base', base);
  checkSteps(op, 'every', every, 1);
  checkRate(op, 'gamma', gamma, 0);
  return named(`step(${base}, ${every}, { gamma: ${gamma} })`, Infinity, (at) => base * power(gamma, Math.floor(at / every)));
}

/** `base`, multiplied by `gamma` at each of the `milestones`, which rise. As torch.optim.lr_scheduler.MultiStepLR, by steps instead of epochs. */
export function multiStep(base: number, milestones: readonly number[], options: { /** Default 0.1. */ readonly gamma?: number } = {}): NamedSchedule {
  const op = 'schedules.multiStep';
  checkOptions(op, options, ['gamma']);
  const { gamma = 0.1 } = options;
  checkRate(op, 'base', base);
  checkRate(op, 'gamma', gamma, 0);
  const at = checkMilestones(op, milestones);
  return named(`multiStep(${base}, [${at.join(', ')}], { gamma: ${gamma} })`, at.at(-1)!, (step) => base * power(gamma, passed(at, step)));
}

function checkMilestones(op: string, milestones: readonly number[]): readonly number[] {
  const rising = Array.isArray(milestones) && milestones.length > 0 && milestones.every((at, i) => Number.isInteger(at) && at > (milestones[i - 1] ?? -1));
  if (rising) return [...milestones];
  throw new ArgumentError(`[${op}] milestones: got ${describeList(milestones)}, expected whole steps that rise, as in [1000, 2000].`, { op });
}

const passed = (milestones: readonly number[], step: number): number => milestones.filter((at) => step >= at).length;

/** lr(s) = base gamma^s. As torch.optim.lr_scheduler.ExponentialLR, by steps instead of epochs: gamma is 0.9999 rather than 0.9. */
export function exponential(base: number, gamma: number): NamedSchedule {
  const op = 'schedules.exponential';
  checkRate(op, 'base', base);
  checkRate(op, 'gamma', gamma, 0);
  return named(`exponential(${base}, ${gamma})`, Infinity, (step) => base * power(gamma, step));
}

export interface PolynomialOptions {
  /** Default 1: a line. */
  readonly power?: number | undefined;
  /** The rate at the end. Default 0. */
  readonly min?: number | undefined;
}

/**
 * lr(s) = min + (base - min) (1 - s / steps)^power over `steps` steps, and `min` after them.
 * As torch.optim.lr_scheduler.PolynomialLR, whose end is 0.
 */
export function polynomial(base: number, steps: number, options: PolynomialOptions = {}): NamedSchedule {
  const op = 'schedules.polynomial';
  checkOptions(op, options, ['power', 'min']);
  const { power: exponent = 1, min = 0 } = options;
  checkRate(op, 'base', base);
  checkSteps(op, 'steps', steps, 1);
  checkRate(op, 'power', exponent, 0);
  checkRate(op, 'min', min);
  const text = `polynomial(${base}, ${steps}, { power: ${exponent}, min: ${min} })`;
  return named(text, steps, (step) => (step >= steps ? min : min + (base - min) * power(1 - step / steps, exponent)));
}

/**
 * lr(s) = base sqrt(timescale / (timescale + s)), which never ends. After a warm-up of `timescale` steps it is the
 * schedule of Vaswani et al., arXiv:1706.03762: warmup(4000, inverseSquareRoot(1e-3, 4000)).
 */
export function inverseSquareRoot(base: number, timescale: number): NamedSchedule {
  const op = 'schedules.inverseSquareRoot';
  checkRate(op, 'base', base);
  checkSteps(op, 'timescale', timescale, 1);
  return named(`inverseSquareRoot(${base}, ${timescale})`, Infinity, (step) => base * Math.sqrt(timescale / (timescale + step)));
}

export interface CosineOptions {
  /** The rate at the end. Default 0. */
  readonly min?: number | undefined;
}

/** From `base` to `min` by half a cosine, as t goes from 0 to 1. */
const halfCosine = (base: number, min: number, t: number): number => min + ((base - min) * (1 + cosineOfHalfTurns(t))) / 2;

/**
 * Half a cosine from `base` to `min` over `steps` steps, and `min` after them: lr(s) = min + (base - min) (1 + cos(pi s / steps)) / 2.
 * As torch.optim.lr_scheduler.CosineAnnealingLR, which rises again after the end. Source: Loshchilov and Hutter, arXiv:1608.03983.
 *
 *     optim.adam(model.parameters(), { lr: optim.schedules.cosine(1e-3, 5 * loader.length) });
 */
export function cosine(base: number, steps: number, options: CosineOptions = {}): NamedSchedule {
  const op = 'schedules.cosine';
  checkOptions(op, options, ['min']);
  const { min = 0 } = options;
  checkRate(op, 'base', base);
  checkSteps(op, 'steps', steps, 1);
  checkRate(op, 'min', min);
  return named(`cosine(${base}, ${steps}, { min: ${min} })`, steps, (step) => (step >= steps ? min : halfCosine(base, min, step / steps)));
}

export interface RestartOptions extends CosineOptions {
  /** Factor by which each cycle is longer than the one before: a whole number. Default 1. */
  readonly factor?: number | undefined;
}

/**
 * Cosines that start again: the first cycle takes `steps` steps, each later one `factor` times its predecessor.
 * As torch.optim.lr_scheduler.CosineAnnealingWarmRestarts (T_0 is `steps`, T_mult `factor`). Source: Loshchilov and Hutter, arXiv:1608.03983.
 */
export function cosineRestarts(base: number, steps: number, options: RestartOptions = {}): NamedSchedule {
  const op = 'schedules.cosineRestarts';
  checkOptions(op, options, ['min', 'factor']);
  const { min = 0, factor = 1 } = options;
  checkRate(op, 'base', base);
  checkSteps(op, 'steps', steps, 1);
  checkRate(op, 'min', min);
  checkSteps(op, 'factor', factor, 1);
  return named(`cosineRestarts(${base}, ${steps}, { min: ${min}, factor: ${factor} })`, factor === 1 ? steps : Infinity, (step) => {
    let at = step;
    let cycle = steps;
    if (factor === 1) at %= steps;
    else for (; at >= cycle; cycle *= factor) at -= cycle;
    return halfCosine(base, min, at / cycle);
  });
}
