import { ArgumentError } from '../errors.js';
import { checkChoice, checkOptions } from '../options.js';
import type { TypedArray } from '../dtype.js';
import type { Module } from '../nn/module.js';
import type { Callback, EpochEndEvent, FitStartEvent } from './events.js';
import { monitored, monitorFor } from './monitor.js';
import { describeValue } from '../describe-value.js';

export interface EarlyStoppingOptions {
  /** Result that is monitored after each epoch, such as `loss` or `validation.accuracy`. Default: the validation loss, or `loss` without validation. */
  readonly monitor?: string | undefined;
  /** After how many epochs in a row without improvement training stops. Default 0, which is as 1. */
  readonly patience?: number | undefined;
  /** By how much it has to be better than the best one to count. Default 0. */
  readonly minDelta?: number | undefined;
  /** Direction that is better. Default: what the metric says of itself; 'min' for the loss. */
  readonly mode?: 'min' | 'max' | undefined;
  /** True: the model has the parameters and buffers of the best epoch when fit() ends, in whatever way it ends without an error. Default true. */
  readonly restoreBest?: boolean | undefined;
}

const OP = 'train.earlyStopping';

/**
 * A callback that stops training when it does not get better any more, and gives the model the weights of its best epoch.
 *
 *     const history = await trainer.fit(dataset, { epochs: 100, validationSplit: 0.1, callbacks: [train.earlyStopping({ patience: 5 })] });
 *     console.log(history.best?.epoch, history.stopped);
 *
 * The weights of the best epoch are kept in memory once, and copied at each epoch that is better. The optimizer's state, the random streams and
 * the rate stay as the last step left them: to go on training from the best weights make a new optimizer. A value that is NaN is no
 * improvement. As keras.callbacks.EarlyStopping, but that `restoreBest` is on by default.
 * Throws ArgumentError, here or, for a `monitor` that there is not, when training begins.
 */
export function earlyStopping(options: EarlyStoppingOptions = {}): Callback {
  checkOptions(OP, options, ['monitor', 'patience', 'minDelta', 'mode', 'restoreBest']);
  const { patience = 0, minDelta = 0 } = options;
  if (!Number.isSafeInteger(patience) || patience < 0) throw new ArgumentError(`[${OP}] patience: got ${describeValue(patience)}, expected an integer of at least 0.`, { op: OP });
  if (!(minDelta >= 0 && minDelta < Infinity)) throw new ArgumentError(`[${OP}] minDelta: got ${describeValue(minDelta)}, expected a finite number of at least 0.`, { op: OP });
  if (options.mode !== undefined) checkChoice(OP, 'mode', options.mode, ['min', 'max']);
  let search: Search | undefined;
  return {
    onFitStart: (event) => void (search = new Search(options, event)),
    onEpochEnd: (event) => search!.look(event),
    onFitEnd: ({ error }) => (error === undefined ? search?.restore() : undefined),
    stateDict: () => search?.stateDict() ?? {},
    loadStateDict: (state) => search!.loadStateDict(state),
  };
}

interface Best {
  readonly epoch: number;
  readonly value: number;
}

/** The best epoch of one fit(). */
class Search {
  readonly #options: EarlyStoppingOptions;
  readonly #model: Module;
  readonly #monitor: string;
  readonly #mode: 'min' | 'max';
  #best: Best | undefined;
  #weights: Map<string, TypedArray> | undefined;
  #waited = 0;

  constructor(options: EarlyStoppingOptions, event: FitStartEvent) {
    this.#options = options;
    this.#model = event.model;
    this.#monitor = monitorFor(OP, event, options.monitor);
    this.#mode = options.mode ?? modeOf(OP, event.metrics, this.#monitor);
  }

  async look({ epoch, firstEpoch, record, markBest, stop }: EpochEndEvent): Promise<void> {
    const monitor = this.#monitor;
    const value = monitored(OP, record, monitor);
    this.#waited++;
    const better = this.#isBetter(value);
    if (better || this.#best === undefined) {
      this.#best = { epoch, value };
      markBest();
      if (this.#options.restoreBest ?? true) this.#weights = await weightsOf(this.#model);
    }
    if (better) this.#waited = 0;
    const { patience = 0 } = this.#options;
    if (this.#waited < Math.max(patience, 1) || epoch === firstEpoch) return;
    const epochs = this.#waited === 1 ? 'an epoch' : `${this.#waited} epochs`;
    stop(`${monitor} has not improved for ${epochs}: it was best in epoch ${this.#best.epoch} (from 0), with ${this.#best.value}`);
  }

  stateDict(): object {
    return { best: this.#best ?? null, waited: this.#waited, weights: this.#weights === undefined ? null : Object.fromEntries(this.#weights) };
  }

  loadStateDict({ best, waited, weights }: { readonly [name: string]: unknown }): void {
    this.#best = (best as Best | null) ?? undefined;
    this.#waited = waited as number;
    this.#weights = weights === null ? undefined : new Map(Object.entries(weights as Record<string, TypedArray>));
  }

  async restore(): Promise<void> {
    if (this.#weights !== undefined) await this.#model.loadStateDict(this.#weights);
    this.#weights = undefined;
  }

  #isBetter(value: number): boolean {
    const sign = this.#mode === 'min' ? -1 : 1;
    const best = this.#best === undefined || Number.isNaN(this.#best.value) ? -Infinity : sign * this.#best.value;
    return sign * value - (this.#options.minDelta ?? 0) > best;
  }
}

/** Returns which direction of a monitored result is better. Throws ArgumentError where its metric does not say. */
export function modeOf(op: string, metrics: FitStartEvent['metrics'], monitor: string): 'min' | 'max' {
  const name = monitor.replace(/^validation\./, '');
  const mode = name === 'loss' ? 'min' : metrics.find((metric) => metric.name === name)?.mode;
  if (mode !== undefined) return mode;
  throw new ArgumentError(`[${op}] mode: the metric ${name} does not say whether less of it is better or more: expected mode 'min' or 'max'.`, { op });
}

async function weightsOf(model: Module): Promise<Map<string, TypedArray>> {
  const entries = [...model.stateDict()].map(async ([name, tensor]): Promise<[string, TypedArray]> => [name, await tensor.data()]);
  return new Map(await Promise.all(entries));
}
