import { ArgumentError } from '../errors.js';
import { checkOptions } from '../options.js';

/** A learning rate as a pure function of the number of steps done so far, from 0. */
export type Schedule = (step: number) => number;

/**
 * cos(pi t) for t in [0, 1] by the Taylor series of sin(pi (1/2 - t)), in additions and multiplications only: the last bits of
 * Math.cos differ between versions of the engine, and a learning rate must not.
 */
function cosineOfHalfTurns(t: number): number {
  const x = Math.PI * (0.5 - t);
  const square = x * x;
  let sum = 0;
  for (let n = 23; n > 1; n -= 2) sum = (1 + sum) * (-square / (n * (n - 1)));
  return x * (1 + sum);
}

function checkSteps(op: string, name: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least) return;
  throw new ArgumentError(`[${op}] ${name}: got ${String(value)}, expected an integer of at least ${least}.`, { op });
}

/** Always `base`. */
export function constant(base: number): Schedule {
  return () => base;
}

export interface CosineOptions {
  /** The rate at the end. Default 0. */
  readonly min?: number;
  /** Steps at the beginning in which the rate rises in a line to `base`. Default 0. */
  readonly warmup?: number;
}

/**
 * Half a cosine from `base` to `min` over `steps` steps, and `min` after them:
 * lr(s) = min + (base - min) (1 + cos(pi (s - warmup) / (steps - warmup))) / 2; before, lr(s) = base (s + 1) / warmup.
 * Without warmup as torch.optim.lr_scheduler.CosineAnnealingLR in closed form. Source: Loshchilov and Hutter, arXiv:1608.03983.
 *
 *     optim.adam(model.parameters(), { lr: optim.schedules.cosine(1e-3, 5 * loader.length) });
 */
export function cosine(base: number, steps: number, options: CosineOptions = {}): Schedule {
  checkOptions('schedules.cosine', options, ['min', 'warmup']);
  const { min = 0, warmup = 0 } = options;
  checkSteps('schedules.cosine', 'steps', steps, 1);
  checkSteps('schedules.cosine', 'warmup', warmup, 0);
  return (step) => {
    if (step < warmup) return (base * (step + 1)) / warmup;
    if (step >= steps) return min;
    return min + ((base - min) * (1 + cosineOfHalfTurns((step - warmup) / (steps - warmup)))) / 2;
  };
}

/** `base`, multiplied by `gamma` after every `every` steps. As torch.optim.lr_scheduler.StepLR, by steps instead of epochs. */
export function step(base: number, every: number, options: { /** Default 0.1. */ readonly gamma?: number } = {}): Schedule {
  checkOptions('schedules.step', options, ['gamma']);
  const { gamma = 0.1 } = options;
  checkSteps('schedules.step', 'every', every, 1);
  return (at) => {
    let rate = base;
    for (let n = Math.floor(at / every); n > 0; n--) rate *= gamma;
    return rate;
  };
}
