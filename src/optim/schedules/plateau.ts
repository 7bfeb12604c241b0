import { ArgumentError } from '../../errors.js';
import { checkChoice, checkOptions } from '../../options.js';
import { checkRate, checkSteps, type DescribedSchedule } from './schedule.js';
import { describeValue } from '../../describe-value.js';

export interface PlateauOptions {
  /** Direction in which the metric improves. Default 'min'. */
  readonly mode?: 'min' | 'max' | undefined;
  /** Factor by which the rate is multiplied. Default 0.1. */
  readonly factor?: number | undefined;
  /** Number of observations without improvement that are borne; the one after them lowers the rate. Default 10. */
  readonly patience?: number | undefined;
  /** Margin by which an observation has to be better than the best one to count. Default 1e-4. */
  readonly threshold?: number | undefined;
  /** Meaning of `threshold`: a share of the best observation, or a difference. Default 'relative'. */
  readonly thresholdMode?: 'relative' | 'absolute' | undefined;
  /** Observations after a reduction in which none is counted as bad. Default 0. */
  readonly cooldown?: number | undefined;
  /** The rate never falls below it. Default 0. */
  readonly min?: number | undefined;
  /** A reduction by less than this is left out. Default 1e-8. */
  readonly eps?: number | undefined;
  /** Result that fit() lets it observe after each epoch, such as `validation.accuracy`. Default: the validation loss, or `loss` without validation. */
  readonly monitor?: string | undefined;
}

/** State of a plateau schedule. */
export interface PlateauState {
  readonly rate: number;
  /** The best observation; null before the first. */
  readonly best: number | null;
  readonly bad: number;
  readonly cooling: number;
}

/** A rate that falls when a metric stops getting better. Not a function of the step: it changes by observe(). */
export interface PlateauSchedule extends DescribedSchedule {
  /** Result that fit() is to let it observe; undefined for the validation loss, or `loss` without validation. */
  readonly monitor: string | undefined;
  /** Tells it the metric, once per epoch, say. Returns whether the rate was lowered. */
  observe(metric: number): boolean;
  stateDict(): PlateauState;
  loadStateDict(state: PlateauState): void;
}

/**
 * `base`, multiplied by `factor` when the observed metric has not improved for more than `patience` observations.
 * As torch.optim.lr_scheduler.ReduceLROnPlateau. After each epoch fit() lets it observe the validation loss (the loss without validation data), or `monitor`.
 *
 *     const lr = optim.schedules.reduceOnPlateau(0.1, { patience: 3 });
 *     const optimizer = optim.sgd(model.parameters(), { lr });
 *     lr.observe(validationLoss);                               // after each epoch of a loop of your own
 */
export function reduceOnPlateau(base: number, options: PlateauOptions = {}): PlateauSchedule {
  const op = 'schedules.reduceOnPlateau';
  checkOptions(op, options, ['mode', 'factor', 'patience', 'threshold', 'thresholdMode', 'cooldown', 'min', 'eps', 'monitor']);
  const { mode = 'min', factor = 0.1, patience = 10, threshold = 1e-4, thresholdMode = 'relative', cooldown = 0, min = 0, eps = 1e-8, monitor } = options;
  checkRate(op, 'base', base);
  checkChoice(op, 'mode', mode, ['min', 'max']);
  checkRate(op, 'factor', factor, 0);
  if (factor >= 1) throw new ArgumentError(`[${op}] factor: got ${factor}, expected a number in [0, 1).`, { op });
  checkSteps(op, 'patience', patience, 0);
  checkRate(op, 'threshold', threshold, 0);
  checkChoice(op, 'thresholdMode', thresholdMode, ['relative', 'absolute']);
  checkSteps(op, 'cooldown', cooldown, 0);
  checkRate(op, 'min', min, 0);
  checkRate(op, 'eps', eps, 0);

  let state: PlateauState = { rate: base, best: null, bad: 0, cooling: 0 };
  const sign = mode === 'min' ? -1 : 1;
  const better = (metric: number, best: number): boolean =>
    sign * metric > sign * (thresholdMode === 'relative' ? best * (1 + sign * threshold) : best + sign * threshold);

  const observe = (metric: number): boolean => {
    if (typeof metric !== 'number') throw new ArgumentError(`[${op}] observe: got ${describeValue(metric)}, expected a number. Read a tensor first: await loss.item().`, { op });
    // Before the first, the best one is as bad as can be: an infinite loss is no better.
    const improved = state.best === null ? sign * metric > -Infinity : better(metric, state.best);
    const best = improved ? metric : state.best;
    const bad = improved || state.cooling > 0 ? 0 : state.bad + 1;
    const cooling = Math.max(0, state.cooling - 1);
    if (bad <= patience) {
      state = { ...state, best, bad, cooling };
      return false;
    }
    const lowered = Math.max(state.rate * factor, min);
    const lowers = state.rate - lowered > eps;
    state = { best, bad: 0, cooling: cooldown, rate: lowers ? lowered : state.rate };
    return lowers;
  };
  return Object.assign(() => state.rate, {
    steps: Infinity,
    parts: [],
    toString: () => `reduceOnPlateau(${base}, { factor: ${factor}, patience: ${patience} })`,
    monitor,
    observe,
    stateDict: () => state,
    loadStateDict: (given: PlateauState) => {
      checkPlateauState(given);
      state = { rate: given.rate, best: given.best, bad: given.bad, cooling: given.cooling };
    },
  });
}

/** Throws ArgumentError for what is no state of such a schedule. */
export function checkPlateauState(given: unknown): void {
  const { rate, best, bad, cooling } = (given ?? {}) as Partial<Record<keyof PlateauState, unknown>>;
  const known = typeof rate === 'number' && Number.isFinite(rate) && (best === null || typeof best === 'number');
  if (known && Number.isInteger(bad) && Number.isInteger(cooling)) return;
  const op = 'schedules.reduceOnPlateau';
  throw new ArgumentError(`[${op}] loadStateDict: got ${JSON.stringify(given) ?? String(given)}, expected { rate, best, bad, cooling }. Pass what stateDict() gave.`, { op });
}
