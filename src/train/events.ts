import type { AnyMetric, ResultsOf } from '../metrics/index.js';
import type { Module } from '../nn/module.js';
import type { Optimizer } from '../optim/index.js';
import type { History } from './history.js';
import type { LayerStatistics } from './inspection.js';

/** The mean loss over examples, and each metric by its name. */
export type Results<M extends AnyMetric = never> = { readonly loss: number } & ResultsOf<M>;

/** Record of an epoch of fit(). */
export type EpochRecord<M extends AnyMetric = never> = Results<M> & {
  /** From 0, counted through all fit() of a trainer, and on from a state that was loaded. */
  readonly epoch: number;
  readonly steps: number;
  readonly examples: number;
  /** Of training, without the validation. */
  readonly seconds: number;
  readonly examplesPerSecond: number;
  /** After the epoch, over the validation data; absent without. */
  readonly validation?: Results<M>;
  /** Statistics of the layers in the last step of the epoch that was looked into; absent without `inspect`. */
  readonly layers?: readonly LayerStatistics[];
};

/** Fields of every event of fit(). */
export interface FitEvent {
  /** Number of epochs that fit() was asked for. */
  readonly epochs: number;
  /** The number of the first of them: how many the trainer has completed before. */
  readonly firstEpoch: number;
  /** Steps in an epoch; undefined for a stream. */
  readonly stepsPerEpoch: number | undefined;
  /** Reason why each step is recorded and run by itself, in words; undefined where several run in one call. `NODE_DEBUG=anneal` prints it. */
  readonly stepwise: string | undefined;
  /** Ends fit() after the step that is under way; it resolves with the history up to there, whose `stopped` is the reason. */
  readonly stop: (reason?: string) => void;
}

export interface FitStartEvent extends FitEvent {
  readonly type: 'fitStart';
  readonly model: Module;
  readonly optimizer: Optimizer;
  readonly metrics: readonly AnyMetric[];
  /** True if there is validation data. */
  readonly validated: boolean;
  /** Transforms that the images are trained through, as text; undefined where there are none. */
  readonly augmentation: string | undefined;
}

export interface EpochEvent extends FitEvent {
  /** Its number, from 0, counted through all fit() of a trainer. */
  readonly epoch: number;
}

export interface EpochStartEvent extends EpochEvent {
  readonly type: 'epochStart';
}

export interface StepEvent<M extends AnyMetric = never> extends EpochEvent {
  readonly type: 'step';
  /** The number of the step in its epoch, from 0. */
  readonly step: number;
  /** Of this step's examples, before its update. */
  readonly loss: number;
  /** Over the epoch so far: computed when it is first looked at, so look while the event is told. */
  readonly results: Results<M>;
  /** Examples of the epoch so far, and how long they took. */
  readonly examples: number;
  readonly seconds: number;
  /** Statistics of the layers in this step, where `inspect` looked into it. */
  readonly layers?: readonly LayerStatistics[];
}

export interface EpochEndEvent<M extends AnyMetric = never> extends EpochEvent {
  readonly type: 'epochEnd';
  readonly record: EpochRecord<M>;
  /** Notes in the history that this is the best epoch so far. */
  readonly markBest: () => void;
}

export interface FitEndEvent<M extends AnyMetric = never> extends FitEvent {
  readonly type: 'fitEnd';
  readonly history: History<M>;
  /** Error that fit() is about to reject with; undefined where it ends well. */
  readonly error: unknown;
}

/** All events, told apart by their `type`. */
export type TrainEvent<M extends AnyMetric = never> = FitStartEvent | EpochStartEvent | StepEvent<M> | EpochEndEvent<M> | FitEndEvent<M>;

type Answer = void | Promise<void>;

/** A method, as far as types go: a callback for fewer metrics may hear of more. */
type Handler<E> = { told(event: E): Answer }['told'];

/**
 * Functions that fit() calls, in this order: onFitStart, for each epoch onEpochStart, onStep after every step, onEpochEnd after the
 * validation, and at last onFitEnd. An answer that is a promise is awaited; an error ends fit() with it.
 */
export interface Callback<M extends AnyMetric = never> {
  /**
   * Says that onStep only looks at its events, never at the model, the optimizer or the data, and changes nothing. Then fit() need
   * not pause for it: it may hear of many small steps at once, in their order, a few milliseconds after they have run.
   */
  readonly passive?: boolean | undefined;
  readonly onFitStart?: Handler<FitStartEvent> | undefined;
  readonly onEpochStart?: Handler<EpochStartEvent> | undefined;
  readonly onStep?: Handler<StepEvent<M>> | undefined;
  readonly onEpochEnd?: Handler<EpochEndEvent<M>> | undefined;
  /** Called however fit() ends. */
  readonly onFitEnd?: Handler<FitEndEvent<M>> | undefined;
  /**
   * Returns what it has to remember, so that fit() goes on from a checkpoint as if it had never ended: numbers, texts, typed arrays, and objects and arrays of them. Asked between two
   * steps, or after onEpochEnd.
   */
  readonly stateDict?: (() => object | Promise<object>) | undefined;
  /** Goes on from what stateDict() gave; called after onFitStart. */
  readonly loadStateDict?: Handler<{ readonly [name: string]: unknown }> | undefined;
}

/**
 * The events of a fit(), which `run` begins with a callback, one by one: training waits in each of them until the next one is asked for.
 * Leaving the loop stops it after the step that is under way.
 */
export async function* eventsOf<M extends AnyMetric>(run: (callback: Callback<M>) => Promise<unknown>, passive: boolean): AsyncGenerator<TrainEvent<M>, void, undefined> {
  const handover = new Handover<TrainEvent<M>>();
  const put = (event: TrainEvent<M>): Promise<void> => handover.put(event);
  const ended = run({ passive, onFitStart: put, onEpochStart: put, onStep: put, onEpochEnd: put, onFitEnd: put }).finally(() => handover.end());
  ended.catch(() => undefined);
  try {
    for (let event = await handover.take(); event !== undefined; event = await handover.take()) yield event;
  } finally {
    handover.close();
    await ended;
  }
}

/** Reason of a stop by those who have left the loop over events: the training may be gone on with. */
export const LEFT = 'its events were not asked for any more';

/** Passes things from one side to the other, which waits for each. The giver goes on when the taker comes back. */
class Handover<T extends { stop(reason?: string): void }> {
  #closed = false;
  #ended = false;
  #offered: T | undefined;
  #latest: T | undefined;
  /** Lets the giver go on. */
  #release: (() => void) | undefined;
  /** Wakes the taker. */
  #wake: (() => void) | undefined;

  put(item: T): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#offered = this.#latest = item;
    this.#wake?.();
    return new Promise((resolve) => (this.#release = resolve));
  }

  async take(): Promise<T | undefined> {
    if (this.#offered === undefined) this.#goOn();
    while (this.#offered === undefined && !this.#ended) await new Promise<void>((resolve) => (this.#wake = resolve));
    const item = this.#offered;
    this.#offered = undefined;
    return item;
  }

  /** Nothing more will be given. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** Nothing more will be taken. */
  close(): void {
    this.#closed = true;
    this.#latest?.stop(LEFT);
    this.#goOn();
  }

  #goOn(): void {
    this.#release?.();
    this.#release = undefined;
  }
}
