import { AnnealError } from '../errors.js';
import { describeValue } from '../describe-value.js';

/** Position of a loader, and what its order depends on: enough to go on in another process with the same batches. */
export interface LoaderState {
  /** Passes over the data that are complete. */
  readonly epoch: number;
  /** Batches of the current pass that were handed out: all of them where fit() has still to validate it. */
  readonly step: number;
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly seed: number;
  readonly dropLast: boolean;
  /** The number of examples; 0 for a stream. */
  readonly size: number;
}

export type LoaderSetup = Omit<LoaderState, 'epoch' | 'step'>;

/** One pass over the data. */
export interface Pass {
  readonly epoch: number;
  /** The batch to begin with: not 0 in the first pass after loadStateDict(). */
  readonly first: number;
  /** Says how many batches of the epoch are handed out. Without effect once another pass has begun, or another position was loaded. */
  handedOut(count: number): void;
  /** Says that the epoch is over: what comes next is the following one. */
  complete(): void;
}

/** A pass for those who take batches when they use them, and say themselves when its epoch is over. */
export interface TakenPass<T> extends Pass {
  readonly batches: Iterable<T> | AsyncIterable<T>;
}

/** Counts a loader's epochs and steps. A pass that is left early stays the state until another begins. */
export class Position {
  #state = { epoch: 0, step: 0 };
  /** Returns the position that the next pass begins with. */
  #next = { epoch: 0, step: 0 };
  #latest = 0;

  get epoch(): number {
    return this.#state.epoch;
  }

  begin(): Pass {
    const { epoch, step: first } = this.#next;
    const id = ++this.#latest;
    const after = { epoch: epoch + 1, step: 0 };
    this.#next = after;
    this.#state = { epoch, step: first };
    return {
      epoch,
      first,
      handedOut: (count) => {
        if (id === this.#latest) this.#state = { epoch, step: count };
      },
      complete: () => {
        if (id === this.#latest) this.#state = after;
      },
    };
  }

  stateDict(setup: LoaderSetup): LoaderState {
    return { ...this.#state, ...setup };
  }

  /** Throws AnnealError (ANNEAL_STATE_MISMATCH) for the state of a loader that gives other batches. */
  loadStateDict(state: LoaderState, setup: LoaderSetup): void {
    if (typeof state !== 'object' || state === null) throw mismatch(`got ${describeValue(state)}, expected what stateDict() gave. Pass that`);
    for (const name of Object.keys(setup) as (keyof LoaderSetup)[]) {
      if (state[name] === setup[name]) continue;
      throw mismatch(`${name} was ${describeValue(state[name])} when the state was saved, but is ${String(setup[name])} here. Make the loader with the same options and data`);
    }
    const { epoch, step } = state;
    if (!isCount(epoch) || !isCount(step)) throw mismatch(`epoch is ${describeValue(epoch)} and step ${describeValue(step)}, expected integers of at least 0. Load what stateDict() gave`);
    this.#latest++;
    this.#state = { epoch, step };
    this.#next = { epoch, step };
  }
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function mismatch(what: string): AnnealError {
  return new AnnealError('ANNEAL_STATE_MISMATCH', `[loadStateDict] the state does not fit the loader: ${what}.`, { op: 'loadStateDict' });
}
