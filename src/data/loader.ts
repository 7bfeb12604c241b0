import { ArgumentError } from '../errors.js';
import { inspected, labelled, type Inspect } from '../inspect.js';
import { checkOptions } from '../options.js';
import { describeValue } from '../describe-value.js';
import type { ExampleShape } from '../records.js';
import type { Shape } from '../shape.js';
import { Dataset, type Batch, type DefaultDType, type DTypes, type TargetDType, type TrainingRows } from './dataset.js';
import { bucketedOrder } from './buckets.js';
import { ascending, predecessors, shuffledOrder } from './order.js';
import { BatchOrigin } from './batch-origin.js';
import { FetchedDataset } from './fetched-dataset.js';
import { FetchedLoader, type FetchedLoaderOptions } from './fetched-loader.js';
import { checkBatchSize, checkEpoch, checkWhole, type LoaderOptions, setupOf } from './loader-options.js';
import { Position, type LoaderSetup, type LoaderState, type Pass, type TakenPass } from './position.js';
import { Stream } from './stream.js';
import { StreamLoader, type StreamLoaderOptions } from './stream-loader.js';

/** Batches of a dataset, epoch after epoch: each iteration is one pass. */
export interface Loader<X extends ExampleShape = Shape, Y extends ExampleShape = Shape, D extends DTypes = TargetDType, E extends DTypes = DefaultDType<X>> extends AsyncIterable<Batch<X, Y, D, E>> {
  readonly shape: X;
  /** Batches in an epoch; undefined for a stream, whose end is not known. */
  readonly length: number | undefined;
  /** Examples in an epoch; undefined for a stream. */
  readonly size: number | undefined;
  readonly batchSize: number;
  /** The epoch that is under way or comes next, from 0. */
  readonly epoch: number;
  /** Returns the loader's position; loadStateDict() goes on with the batch after the last one that was handed out. */
  stateDict(): LoaderState;
  loadStateDict(state: LoaderState): void;
}

/** Several batches as one, of which a step reads the first and its repetitions those behind it. */
export interface BatchRun<X extends ExampleShape = Shape, Y extends ExampleShape = Shape, D extends DTypes = TargetDType, E extends DTypes = DefaultDType<X>> {
  readonly batch: Batch<X, Y, D, E>;
  /** Number of batches in it. */
  readonly maxSteps: number;
  /** Says how many of them are used, at least one; the next run begins behind them. */
  consume(count: number): void;
}

/** The rows of an epoch, and what training sees of them. */
interface EpochOrder extends TrainingRows {
  readonly order: Int32Array;
}

/** The batches of a Dataset. Lazy: a batch is a gather by index for each array, which run natively in the step that uses them. */
export class ArrayLoader<X extends ExampleShape = Shape, Y extends ExampleShape = Shape, D extends DTypes = TargetDType, E extends DTypes = DefaultDType<X>>
  implements Loader<X, Y, D, E>, Iterable<Batch<X, Y, D, E>>
{
  readonly dataset: Dataset<X, Y, D, E>;
  readonly shape: X;
  readonly batchSize: number;
  readonly length: number;
  readonly size: number;
  readonly #setup: LoaderSetup;
  readonly #position = new Position();
  /** The bucket of each example, and the places at which batches begin, which are of one bucket each; undefined where they are of any examples. */
  readonly #buckets: { readonly of: Int32Array; readonly starts: Int32Array } | undefined;
  /** The order of an epoch that was prepared. */
  #ahead: { readonly epoch: number; readonly order: Int32Array } | undefined = undefined;

  constructor(dataset: Dataset<X, Y, D, E>, options: LoaderOptions) {
    checkOptions('data.loader', options, ['batchSize', 'shuffle', 'seed', 'dropLast']);
    this.#setup = setupOf(options, dataset.size);
    const { batchSize, dropLast } = this.#setup;
    const buckets = dataset.buckets$();
    const bucketed = buckets && bucketedOrder(ascending(dataset.size), buckets, batchSize);
    const whole = bucketed?.full ?? Math.floor(dataset.size / batchSize);
    checkWhole(whole, this.#setup, dataset.name);
    this.dataset = dataset;
    this.shape = dataset.shape;
    this.batchSize = batchSize;
    this.length = dropLast ? whole : bucketed === undefined ? Math.ceil(dataset.size / batchSize) : bucketed.starts.length - 1;
    this.size = dropLast ? this.length * batchSize : dataset.size;
    this.#buckets = bucketed && { of: buckets!, starts: bucketed.starts };
  }

  get epoch(): number {
    return this.#position.epoch;
  }

  /** Returns a description: options and position. */
  toJSON(): object {
    return { dataset: this.dataset.name, length: this.length, ...this.stateDict() };
  }

  [inspected](depth: number, options: object, inspect: Inspect): string {
    return labelled('Loader', this.toJSON(), depth, options, inspect);
  }

  /** Returns whether every epoch has another order. */
  get shuffle(): boolean {
    return this.#setup.shuffle;
  }

  /** The rows of the dataset's arrays in the order in which an epoch visits them. */
  order(epoch: number): Int32Array {
    checkEpoch(epoch);
    const { shuffle, size, seed, batchSize } = this.#setup;
    const positions = shuffle ? shuffledOrder(size, seed, epoch) : ascending(size);
    return this.dataset.toRows$(this.#buckets === undefined ? positions : bucketedOrder(positions, this.#buckets.of, batchSize).order);
  }

  /** One epoch, synchronously; `for await` does the same. */
  *[Symbol.iterator](): Generator<Batch<X, Y, D, E>, void, undefined> {
    const pass = this.#position.begin();
    const order = this.#training(this.order(pass.epoch), pass.epoch);
    if (pass.first >= this.length) pass.complete();
    for (let step = pass.first; step < this.length; step++) {
      pass.handedOut(step + 1);
      if (step + 1 === this.length) pass.complete();
      yield this.#batch(order, step);
    }
  }

  /** All batches in the order of the dataset, whatever the loader's is, without moving on. */
  *inOrder$(): Generator<Batch<X, Y, D, E>, void, undefined> {
    const { batchSize, size } = this;
    const order = this.dataset.toRows$(ascending(this.#setup.size));
    for (let step = 0; step * batchSize < size; step++) {
      const rows = order.subarray(step * batchSize, Math.min((step + 1) * batchSize, size));
      yield this.dataset.batch$(rows, new BatchOrigin(this.dataset.name, this.epoch, step, rows));
    }
  }

  /** The order of an epoch with what its batches are augmented by: partners are the examples before each, and before the first the last one. */
  #training(order: Int32Array, epoch: number): EpochOrder {
    return { order, seed: this.#setup.seed, epoch, partners: this.dataset.mixes$ ? predecessors(order.subarray(0, this.size)) : undefined };
  }

  #batch(epoch: EpochOrder, step: number): Batch<X, Y, D, E> {
    const starts = this.#buckets?.starts;
    const [start, end] = [starts?.[step] ?? step * this.batchSize, starts?.[step + 1] ?? (step + 1) * this.batchSize];
    const rows = epoch.order.subarray(start, end);
    return this.dataset.batch$(rows, new BatchOrigin(this.dataset.name, epoch.epoch, step, rows), { ...epoch, partners: epoch.partners?.subarray(start, end) });
  }

  /** The batch of a step, without moving on. */
  batchAt$(epoch: number, step: number): Batch<X, Y, D, E> {
    return this.#batch(this.#training(this.order(epoch), epoch), step);
  }

  /**
   * One epoch for those who run several steps in one call, or only `single` ones; `more`: another one follows, whose order is prepared while the
   * last steps run.
   */
  pass$(options: { readonly more: boolean; readonly single: boolean }): TakenPass<BatchRun<X, Y, D, E>> {
    const pass = this.#position.begin();
    return { ...pass, batches: this.#runs(pass, options) };
  }

  *#runs(pass: Pass, { more, single }: { readonly more: boolean; readonly single: boolean }): Generator<BatchRun<X, Y, D, E>, void, undefined> {
    const { dataset, batchSize, length } = this;
    const order = this.#ahead?.epoch === pass.epoch ? this.#ahead.order : this.order(pass.epoch);
    const epoch = this.#training(order, pass.epoch);
    const whole = Math.floor(order.length / batchSize);
    const padded = dataset.padded$;
    for (let step = pass.first; step < length; ) {
      const first = step;
      const size = Math.min(batchSize, order.length - first * batchSize);
      const maxSteps = single || padded ? 1 : Math.max(whole - first, 1);
      const [start, end] = [first * batchSize, first * batchSize + maxSteps * size];
      const rows = order.subarray(start, end);
      step++;
      const consume = (count: number): void => {
        step = first + count;
        pass.handedOut(step);
      };
      const batch = padded ? this.#batch(epoch, first) : dataset.batches$(rows, size, new BatchOrigin(dataset.name, pass.epoch, first, rows, size), { ...epoch, partners: epoch.partners?.subarray(start, end) });
      yield { batch, maxSteps, consume };
    }
    this.#ahead = more ? { epoch: pass.epoch + 1, order: this.order(pass.epoch + 1) } : undefined;
  }

  /** Returns whether it gives what the options say: no subclass, and nothing replaced. */
  get builtin(): boolean {
    return Object.getPrototypeOf(this) === ArrayLoader.prototype && !Object.hasOwn(this, Symbol.iterator) && !Object.hasOwn(this, Symbol.asyncIterator);
  }

  /** One epoch. No async generator: its promises would cost more than a small model's whole step. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Batch<X, Y, D, E>, void, undefined> {
    const batches = this[Symbol.iterator]();
    return {
      next: async () => batches.next(),
      return: async () => batches.return(),
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  stateDict(): LoaderState {
    return this.#position.stateDict(this.#setup);
  }

  loadStateDict(state: LoaderState): void {
    this.#position.loadStateDict(state, this.#setup);
  }
}

/**
 * Batches [inputs, targets] of a dataset, a folder of images or a stream: inputs [B, ...shape] float32, targets [B] int32 or [B, ...targetShape]
 * float32; of data with several arrays, records of such tensors. Each iteration is an epoch, in another order where `shuffle` is set. The last batch may be smaller, unless dropLast.
 *
 *     const loader = data.loader(train, { batchSize: 128, shuffle: true, seed: 1 });
 *     for await (const [inputs, labels] of loader) console.log(inputs.shape, labels.shape);
 *
 * Follows torch.utils.data.DataLoader, but the order is a function of (seed, epoch). Of a stream or a folder, the next batch is prepared
 * while a step runs, and an error of the source is thrown in the loop. Throws ArgumentError; AnnealError for an unknown option.
 */
export function loader<X extends ExampleShape, Y extends ExampleShape, D extends DTypes, E extends DTypes = DefaultDType<X>>(dataset: Dataset<X, Y, D, E>, options?: LoaderOptions): ArrayLoader<X, Y, D, E>;
export function loader<X extends ExampleShape, Y extends ExampleShape, D extends DTypes, E extends DTypes = DefaultDType<X>>(folder: FetchedDataset<X, Y, D, E>, options?: FetchedLoaderOptions): FetchedLoader<X, Y, D, E>;
export function loader<X extends ExampleShape, Y extends ExampleShape, D extends DTypes, E extends DTypes = DefaultDType<X>>(stream: Stream<X, Y, D, E>, options?: StreamLoaderOptions): StreamLoader<X, Y, D, E>;
export function loader<X extends ExampleShape, Y extends ExampleShape, D extends DTypes, E extends DTypes = DefaultDType<X>>(
  source: Dataset<X, Y, D, E> | FetchedDataset<X, Y, D, E> | Stream<X, Y, D, E>,
  options: LoaderOptions | FetchedLoaderOptions | StreamLoaderOptions = {},
): Loader<X, Y, D, E> {
  if (source instanceof Dataset) return new ArrayLoader(source, options);
  if (source instanceof FetchedDataset) return new FetchedLoader(source, options);
  if (!(source instanceof Stream)) throw new ArgumentError(`[data.loader] data: got ${describeValue(source)}, expected a dataset, a folder of images or a stream. Make one: data.fromArrays({ x, y, shape }).`, { op: 'data.loader' });
  checkOptions('data.loader', options ?? null, ['batchSize', 'dropLast', 'prefetch', 'shuffle', 'seed']);
  const { batchSize } = options;
  if (batchSize !== undefined) checkBatchSize(batchSize);
  return new StreamLoader(source, options);
}
