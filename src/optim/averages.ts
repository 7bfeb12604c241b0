import { ArgumentError } from '../errors.js';
import { checkOptions, checkRequired } from '../options.js';
import { checkNumber, checkScheduled, describeScheduled, type Scheduled } from './numbers.js';
import { checkSteps } from './schedules/schedule.js';

/**
 * An average of weights: beside each parameter p an array a, which goes a += c (p - a) in some of the steps. c is a pure function of
 * the step, so that nothing but the arrays and the count of steps is state. An average counts the steps that it has seen itself: those
 * since the optimizer has it, whatever the optimizer had done before.
 */
export interface Average {
  /** Number of steps before the first one that is averaged. Until that is done, the average is the parameter. */
  readonly start: number;
  /** c right before and right after the step with this number of its own, from 0; 0 leaves the average alone, 1 copies the parameter. */
  coefficients(step: number): readonly [before: number, after: number];
  /** True: a parameter becomes its average whenever that has moved after a step. Default false. */
  readonly pulls?: boolean | undefined;
}

export interface ExponentialMovingAverageOptions {
  /** Share of the average that stays at each step: a number, or a function of the number of steps that the average has seen. Default 0.999. */
  readonly decay?: Scheduled | undefined;
  /** Steps that it sees before the first that is averaged. Default 0. */
  readonly start?: number | undefined;
  /** Averages after every so many steps. Default 1. */
  readonly every?: number | undefined;
  /** Forgets faster at first: decay is at most (1 + n) / (10 + n), n averages in. As tf.train.ExponentialMovingAverage. Default false. */
  readonly warmup?: boolean | undefined;
  /** Weighs as an average that began at 0 and is divided by 1 - decay^n, as Adam's do, instead of beginning as a copy. Default false. */
  readonly biasCorrection?: boolean | undefined;
}

/**
 * a = decay a + (1 - decay) p after each step; at the first one a = p. Matches torch.optim.swa_utils.AveragedModel with such an avg_fn.
 * Source: Polyak and Juditsky, 1992, https://doi.org/10.1137/0330046. Throws ArgumentError for numbers out of range.
 *
 *     const optimizer = optim.adam(model.parameters(), { average: optim.exponentialMovingAverage({ decay: 0.999 }) });
 *     const results = await optimizer.withAverage(() => trainer.evaluate(test));
 */
export function exponentialMovingAverage(options: ExponentialMovingAverageOptions = {}): Average {
  const op = 'exponentialMovingAverage';
  checkOptions(op, options, ['decay', 'start', 'every', 'warmup', 'biasCorrection']);
  const { decay = 0.999, start = 0, every = 1, warmup = false, biasCorrection = false } = options;
  checkScheduled(op, 'decay', decay, 0, 1);
  const place = places(op, start, every);
  /** The decay after n averages. */
  const decayAfter = (n: number): number => {
    const step = start + n * every;
    const given = typeof decay === 'number' ? decay : decay(step);
    if (!(given >= 0 && given <= 1)) throw new ArgumentError(`[${op}] decay of step ${step} is ${given}, expected a number in [0, 1]. Check the schedule.`, { op });
    return warmup ? Math.min(given, (1 + n) / (10 + n)) : given;
  };
  const remaining = products(decayAfter);
  const coefficient = (n: number): number => (n === 0 ? 1 : biasCorrection ? (1 - decayAfter(n)) / (1 - remaining(n)) : 1 - decayAfter(n));
  return described(op, { decay, start, every, warmup, biasCorrection }, { start, coefficients: (step) => [0, place(step, coefficient)] });
}

export interface StochasticWeightAveragingOptions {
  /** Steps that it sees before the first that is averaged: most of the training. */
  readonly start: number;
  /** Averages after every so many steps, commonly those of an epoch. Default 1. */
  readonly every?: number | undefined;
}

/**
 * The mean of the weights after steps `start`, `start + every`, ...: a += (p - a) / (n + 1), n averages in. Matches
 * torch.optim.swa_utils.AveragedModel. Go with a high rate meanwhile: schedules.constant or schedules.cyclic.
 * Source: Izmailov et al., arXiv:1803.05407. Throws ArgumentError for numbers out of range.
 */
export function stochasticWeightAveraging(options: StochasticWeightAveragingOptions): Average {
  const op = 'stochasticWeightAveraging';
  checkRequired(op, options, ['start', 'every']);
  const { start, every = 1 } = options;
  const place = places(op, start, every);
  return described(op, { start, every }, { start, coefficients: (step) => [0, place(step, (n) => 1 / (n + 1))] });
}

export interface LookaheadOptions {
  /** The steps of the fast weights between two of the slow ones, k in the paper. Default 5. */
  readonly every?: number | undefined;
  /** Share of the way that the slow weights go towards the fast ones. Default 0.5. */
  readonly alpha?: number | undefined;
}

/**
 * Slow weights s, which are the averages: after every k-th step s += alpha (p - s), p = s. Goes with any rule, whose own state stays.
 * Source: Zhang et al., arXiv:1907.08610. Throws ArgumentError for numbers out of range.
 */
export function lookahead(options: LookaheadOptions = {}): Average {
  const op = 'lookahead';
  checkOptions(op, options, ['every', 'alpha']);
  const { every = 5, alpha = 0.5 } = options;
  checkSteps(op, 'every', every, 1);
  if (alpha !== 1) checkNumber(op, 'alpha', alpha, 0, 1);
  return described(op, { every, alpha }, { start: 0, pulls: true, coefficients: (step) => [step === 0 ? 1 : 0, (step + 1) % every === 0 ? alpha : 0] });
}

/** The functions and options that averages were made by. */
const descriptions = new WeakMap<Average, { readonly op: string; readonly options: Readonly<Record<string, unknown>> }>();

function described(op: string, options: Readonly<Record<string, unknown>>, average: Average): Average {
  descriptions.set(average, { op, options });
  return average;
}

/** Returns by which function an average was made, and its options, as JSON. */
export function describeAverage(average: Average): object {
  const { op, options } = descriptions.get(average) ?? { op: 'an average of its own', options: { start: average.start } };
  return { by: op, ...Object.fromEntries(Object.entries(options).map(([name, value]) => [name, typeof value === 'function' ? describeScheduled(value as Scheduled) : value])) };
}

/** Returns whether two averages do the same: the same object, or made by the same function with equal options. A decay that is a function equals only itself. */
export function sameAverage(a: Average | undefined, b: Average | undefined): boolean {
  if (a === undefined || b === undefined || a === b) return a === b;
  const [one, other] = [descriptions.get(a), descriptions.get(b)];
  return one !== undefined && other !== undefined && one.op === other.op && Object.keys(one.options).every((name) => Object.is(one.options[name], other.options[name]));
}

/** Calls `coefficient` with the number of averages so far where a step is averaged. */
function places(op: string, start: number, every: number): (step: number, coefficient: (n: number) => number) => number {
  checkSteps(op, 'start', start, 0);
  checkSteps(op, 'every', every, 1);
  return (step, coefficient) => (step >= start && (step - start) % every === 0 ? coefficient((step - start) / every) : 0);
}

/** Products of the first n + 1 values of a sequence; asked for in order, each takes one multiplication. */
function products(of: (n: number) => number): (n: number) => number {
  let known = -1;
  let product = 1;
  return (n) => {
    if (n < known) [known, product] = [-1, 1];
    while (known < n) product *= of(++known);
    return product;
  };
}
