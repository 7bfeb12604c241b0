import { allocate } from '../numeric-array.js';
import type { ExampleShape } from '../records.js';
import type { DTypes } from './dataset.js';
import type { FetchedDataset } from './fetched-dataset.js';
import { Prefetch } from './prefetch.js';

/** A FetchedDataset of any shapes. */
export type AnyFetched = FetchedDataset<ExampleShape, ExampleShape, DTypes, DTypes>;

/** Examples that have arrived. */
export interface FetchedExamples {
  /** Examples that there are. */
  readonly rows: Int32Array;
  readonly bytes: Uint8Array;
  /** Places of the batch's examples among them, and of the examples before each; without `partners` all, and none. */
  readonly own: Int32Array;
  readonly partners: Int32Array | undefined;
}

/** A batch whose examples have arrived, but for those that were left out; there may be none. */
export interface FetchedBatch extends FetchedExamples {
  /** Its number in the order. */
  readonly step: number;
}

export interface FetchOptions {
  readonly batchSize: number;
  /** The batch to begin with, and the number of all. */
  readonly first: number;
  readonly count: number;
  /** Batches that are fetched ahead. */
  readonly prefetch: number;
  /** Examples that are fetched at once. */
  readonly concurrency: number;
  /** Fetches the example before the batch, too, before the first of all the last one, so that each has a partner: the one before it, or itself where that was left out. */
  readonly partners?: boolean | undefined;
}

/**
 * Yields the batches of an order, examples of further ones being fetched meanwhile. What arrives first makes no difference: bytes lie where the order has them, and of
 * several errors in a batch that of the first example is thrown.
 */
export async function* fetchBatches(dataset: AnyFetched, order: Int32Array, { batchSize, first, count, prefetch, concurrency, partners = false }: FetchOptions): AsyncGenerator<FetchedBatch, void, undefined> {
  const limit = new Limit(concurrency);
  let begun = first;
  const begin = (): { readonly fetched: Promise<Fetched> } | undefined => {
    if (begun === count) return undefined;
    const rows = order.subarray(begun * batchSize, ++begun * batchSize);
    const before = begun === 1 ? order.at(-1)! : order[(begun - 1) * batchSize - 1]!;
    return { fetched: fetch(dataset, partners ? Int32Array.of(before, ...rows) : rows, limit) };
  };
  // A pull begins a batch and does not wait for it, so that those ahead keep all places busy.
  const queue = new Prefetch(async () => begin(), prefetch);
  try {
    for (let step = first; step < count; step++) {
      const { fetched } = (await queue.next())!;
      yield { step, ...arrived(dataset, await fetched, partners) };
    }
  } finally {
    queue.close();
    limit.close();
  }
}

type Outcome = Awaited<ReturnType<AnyFetched['fetch$']>>;

interface Fetched {
  readonly rows: Int32Array;
  readonly bytes: Uint8Array;
  readonly outcomes: readonly PromiseSettledResult<Outcome>[];
}

async function fetch(dataset: AnyFetched, rows: Int32Array, limit: Limit): Promise<Fetched> {
  const one = dataset.bytes$;
  const bytes = allocate('data.loader', `a batch of dataset '${dataset.name}'`, rows.length * one, () => new Uint8Array(rows.length * one));
  const outcomes = await Promise.allSettled(Array.from(rows, (row, i) => limit.run(() => dataset.fetch$(row, bytes.subarray(i * one, (i + 1) * one)))));
  return { rows, bytes, outcomes };
}

/** The examples without those that are to be left out. Throws the error of the first that has failed. */
function arrived(dataset: AnyFetched, { rows, bytes, outcomes }: Fetched, partners: boolean): FetchedExamples {
  const one = dataset.bytes$;
  const kept: number[] = [];
  outcomes.forEach((outcome, i) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    if (outcome.value === undefined) kept.push(i);
    else dataset.skip$(rows[i]!, outcome.value);
  });
  if (kept.length < rows.length) kept.forEach((from, to) => bytes.copyWithin(to * one, from * one, (from + 1) * one));
  const places = [...kept.keys()];
  const own = Int32Array.from(partners ? places.filter((place) => kept[place]! > 0) : places);
  return {
    rows: Int32Array.from(kept, (i) => rows[i]!),
    bytes: bytes.subarray(0, kept.length * one),
    own,
    partners: partners ? own.map((place) => (kept[place - 1] === kept[place]! - 1 ? place - 1 : place)) : undefined,
  };
}

/** Runs functions in the order in which they come, so many at once. */
class Limit {
  readonly #most: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #closed = false;

  constructor(most: number) {
    this.#most = most;
  }

  async run<T>(fn: () => Promise<T>): Promise<T> {
    if (this.#running === this.#most) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      if (this.#closed) throw new Error('nobody waits for this any more');
      return await fn();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  /** Begins nothing more. What is under way is left alone and its outcome ignored. */
  close(): void {
    this.#closed = true;
  }
}
