import type * as Os from 'node:os';
import { describeValue } from '../describe-value.js';
import { ArgumentError } from '../errors.js';
import { lazyRequire } from '../lazy-require.js';
import { checkOptions } from '../options.js';
import type { ExampleShape } from '../records.js';
import type { Shape } from '../shape.js';
import { AsyncLoader } from './async-loader.js';
import { BatchOrigin } from './batch-origin.js';
import type { DefaultDType, DTypes, TargetDType } from './dataset.js';
import { type AnyFetched, fetchBatches } from './fetch-batches.js';
import type { FetchedDataset } from './fetched-dataset.js';
import type { BatchRun } from './loader.js';
import { checkEpoch, checkPrefetch, checkWhole, type LoaderOptions, type Prefetched, setupOf } from './loader-options.js';
import { ascending, shuffledOrder } from './order.js';
import type { LoaderSetup, Pass } from './position.js';

const os = lazyRequire<typeof Os>('node:os');

export interface FetchedLoaderOptions extends LoaderOptions {
  /** Batches that are prepared while a step runs: 0, 1 or 2. Default 1. */
  readonly prefetch?: Prefetched | undefined;
  /**
   * Images that are read and decoded at once, whatever batches they belong to. More than libuv has threads (UV_THREADPOOL_SIZE, 4 if it is not set) wait there.
   * Changes times, never bytes. Default: one for each core, at most 4.
   */
  readonly concurrency?: number | undefined;
}

/** Examples that are fetched at once where nobody says. */
export function defaultConcurrency(): number {
  return Math.min(os().availableParallelism(), 4);
}

export function checkConcurrency(op: string, concurrency: number): void {
  if (Number.isSafeInteger(concurrency) && concurrency >= 1) return;
  throw new ArgumentError(`[${op}] concurrency: got ${describeValue(concurrency)}, expected an integer of at least 1.`, { op });
}

/** The batches of a FetchedDataset, such as a folder of images. The next ones are fetched while a step runs. */
export class FetchedLoader<X extends ExampleShape = Shape, Y extends ExampleShape = Shape, D extends DTypes = TargetDType, E extends DTypes = DefaultDType<X>> extends AsyncLoader<X, Y, D, E> {
  readonly dataset: FetchedDataset<X, Y, D, E>;
  readonly shape: X;
  readonly batchSize: number;
  readonly length: number;
  readonly size: number;
  readonly #setup: LoaderSetup;
  readonly #prefetch: number;
  readonly #concurrency: number;

  constructor(dataset: FetchedDataset<X, Y, D, E>, options: FetchedLoaderOptions) {
    checkOptions('data.loader', options, ['batchSize', 'shuffle', 'seed', 'dropLast', 'prefetch', 'concurrency']);
    const setup = setupOf(options, dataset.size);
    const { prefetch = 1, concurrency = defaultConcurrency() } = options;
    checkPrefetch(prefetch);
    checkConcurrency('data.loader', concurrency);
    const { batchSize, dropLast, size } = setup;
    const whole = Math.floor(size / batchSize);
    checkWhole(whole, setup, dataset.name);
    super(setup);
    this.dataset = dataset;
    this.shape = dataset.shape;
    this.batchSize = batchSize;
    this.length = dropLast ? whole : Math.ceil(size / batchSize);
    this.size = dropLast ? whole * batchSize : size;
    this.#setup = setup;
    this.#prefetch = prefetch;
    this.#concurrency = concurrency;
  }

  /** Returns whether every epoch has another order. */
  get shuffle(): boolean {
    return this.#setup.shuffle;
  }

  /** The numbers of the examples, in the whole of which the dataset may be a part, in the order in which an epoch visits them. */
  order(epoch: number): Int32Array {
    checkEpoch(epoch);
    const { shuffle, size, seed } = this.#setup;
    return this.dataset.toRows$(shuffle ? shuffledOrder(size, seed, epoch) : ascending(size));
  }

  /** One pass. A batch of which all examples are left out is not handed out. */
  protected async *runs(pass: Pass, inOrder: boolean): AsyncGenerator<BatchRun<X, Y, D, E>, void, undefined> {
    const { dataset, batchSize, length } = this;
    const order = inOrder ? dataset.toRows$(ascending(this.#setup.size)) : this.order(pass.epoch);
    const options = { batchSize, first: pass.first, count: length, prefetch: this.#prefetch, concurrency: this.#concurrency, partners: dataset.mixes$ && !inOrder };
    for await (const { step, ...fetched } of fetchBatches(dataset as unknown as AnyFetched, order.subarray(0, this.size), options)) {
      const { rows, own } = fetched;
      if (own.length === 0) continue;
      const origin = new BatchOrigin(dataset.name, pass.epoch, step, own.map((place) => rows[place]!));
      const batch = dataset.batch$(fetched, origin, inOrder ? undefined : { seed: this.#setup.seed, epoch: pass.epoch });
      yield { batch, maxSteps: 1, consume: () => pass.handedOut(step + 1) };
    }
  }

  /** Returns a description: options and position. */
  toJSON(): object {
    return { dataset: this.dataset.name, length: this.length, ...this.stateDict() };
  }

  get builtin(): boolean {
    return this.hasOwnWay(FetchedLoader.prototype);
  }
}
