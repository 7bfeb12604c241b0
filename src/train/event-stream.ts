import type { AnyMetric } from '../metrics/index.js';
import type { Callback, TrainEvent } from './events.js';

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
    this.#latest?.stop('its events were not asked for any more');
    this.#goOn();
  }

  #goOn(): void {
    this.#release?.();
    this.#release = undefined;
  }
}
