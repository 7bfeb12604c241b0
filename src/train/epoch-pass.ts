import { StreamLoader, type Loader, type BatchRun } from '../data/index.js';
import type { AnyBatch } from './step.js';
import { inMemory } from './stepwise.js';
import { until } from './until.js';

/** The batches of a step, or of as many as there may be, one after the other. */
export interface Group extends Pick<BatchRun, 'maxSteps' | 'consume'> {
  readonly group: readonly AnyBatch[];
}

interface PassOptions {
  /** Another epoch follows. */
  readonly more: boolean;
  /** Batches of a step. */
  readonly accumulate: number;
  readonly signal: AbortSignal | undefined;
}

/** A pass over a loader; of a loader of the user's own the batches are counted as they come. */
interface Told {
  readonly first: number;
  readonly length: number | undefined;
  handedOut(count: number): void;
  complete(): void;
  readonly batches: Iterable<BatchRun> | AsyncIterable<BatchRun>;
}

/** A pass over a loader that trains: batches count as handed out when their step is submitted, so that none is lost where training stops. */
export class EpochPass {
  readonly #pass: Told;
  readonly #accumulate: number;
  #taken = 0;

  constructor(loader: Loader, options: PassOptions) {
    this.#pass = passOver(loader, options);
    this.#accumulate = options.accumulate;
  }

  /** The batch of the epoch that it begins with. */
  get first(): number {
    return this.#pass.first;
  }

  /** The number of the first step. */
  get firstStep(): number {
    return Math.floor(this.first / this.#accumulate);
  }

  /** Returns whether all batches were taken, where their number is known before. */
  get over(): boolean {
    return this.first + this.#taken >= (this.#pass.length ?? Infinity);
  }

  /** Yields what there is to train on: as many batches at once as there are, or one by one, or as many as a step adds up. */
  groups(): Iterator<Group, void> | AsyncIterator<Group, void> {
    const { batches } = this.#pass;
    if (this.#accumulate > 1) return grouped(batches, this.#accumulate);
    return Symbol.iterator in batches ? ungrouped(batches) : grouped(batches, 1);
  }

  /** Says that the step of a group was submitted, so many times. */
  take({ group, consume }: Group, count: number): void {
    this.#taken += group.length * count;
    consume(count);
  }

  /** Says that training has come to the end of a step, though the batches of further ones were taken. */
  cameTo(step: number): void {
    const count = this.first + (step + 1 - this.firstStep) * this.#accumulate;
    if (count < this.first + this.#taken) this.#pass.handedOut(count);
  }

  /** Says that all that belongs to the epoch is done. */
  complete(): void {
    this.#pass.complete();
  }
}

function passOver(loader: Loader, { more, accumulate, signal }: PassOptions): Told {
  const { length } = loader;
  if (inMemory(loader)) return { ...loader.pass$({ more, single: accumulate > 1 }), length };
  if (loader instanceof StreamLoader && loader.builtin) {
    const pass = (loader as StreamLoader).pass$();
    return { ...pass, length, batches: until(pass.batches as AsyncIterable<BatchRun>, signal) };
  }
  return { first: 0, length: undefined, handedOut: nothing, complete: nothing, batches: singly(until(loader, signal)) };
}

const nothing = (): void => undefined;

function* ungrouped(runs: Iterable<BatchRun>): Generator<Group, void> {
  for (const { batch, maxSteps, consume } of runs) yield { group: [batch], maxSteps, consume };
}

/** So many batches at a time; fewer at the end. */
async function* grouped(runs: AsyncIterable<BatchRun> | Iterable<BatchRun>, size: number): AsyncGenerator<Group, void> {
  let some: BatchRun[] = [];
  const step = (all: readonly BatchRun[]): Group => ({ group: all.map(({ batch }) => batch), maxSteps: 1, consume: () => all.forEach(({ consume }) => consume(1)) });
  for await (const run of runs) {
    some.push(run);
    if (some.length < size) continue;
    yield step(some);
    some = [];
  }
  if (some.length > 0) yield step(some);
}

async function* singly(batches: AsyncIterable<AnyBatch>): AsyncGenerator<BatchRun, void> {
  for await (const batch of batches) yield { batch: batch as BatchRun['batch'], maxSteps: 1, consume: nothing };
}
