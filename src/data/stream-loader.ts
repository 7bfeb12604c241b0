import { ArgumentError } from '../errors.js';
import { inspected, labelled, type Inspect } from '../inspect.js';
import { checkFlags, checkOptions, withoutUndefined } from '../options.js';
import type { ExampleShape } from '../records.js';
import type { Shape } from '../shape.js';
import { Assembler, type BatchArrays } from './assemble.js';
import type { Batch, DefaultDType, DTypes, TargetDType } from './dataset.js';
import type { Loader, BatchRun } from './loader.js';
import { BatchOrigin } from './batch-origin.js';
import { Position, type LoaderSetup, type LoaderState, type Pass, type TakenPass } from './position.js';
import { Prefetch } from './prefetch.js';
import type { Stream, AnyItem } from './stream.js';
import { describeValue } from '../describe-value.js';

export interface StreamLoaderOptions {
  /** Examples in a batch. Default 1; not for a stream of ready batches. */
  readonly batchSize?: number | undefined;
  /** Leaves out the last batch where it is smaller than the others. Default false. */
  readonly dropLast?: boolean | undefined;
  /** Batches that are prepared while a step runs: 0, 1 or 2. Default 1. */
  readonly prefetch?: 0 | 1 | 2 | undefined;
}

/** The batches of a Stream. The next one is prepared while a step runs; leaving the loop early closes the source. */
export class StreamLoader<X extends ExampleShape = Shape, Y extends ExampleShape = Shape, D extends DTypes = TargetDType, E extends DTypes = DefaultDType<X>> implements Loader<X, Y, D, E> {
  readonly stream: Stream<X, Y, D, E>;
  readonly shape: X;
  readonly length = undefined;
  readonly size = undefined;
  readonly batchSize: number;
  readonly #prefetch: number;
  readonly #setup: LoaderSetup;
  readonly #position = new Position();

  constructor(stream: Stream<X, Y, D, E>, options: StreamLoaderOptions) {
    const asked: object = withoutUndefined(options);
    if ('shuffle' in asked || 'seed' in asked) {
      throw new ArgumentError(`[data.loader] shuffle: a stream comes in its own order. Shuffle in the source, or load it whole with data.fromArrays.`, { op: 'data.loader' });
    }
    checkOptions('data.loader', asked, ['batchSize', 'dropLast', 'prefetch']);
    checkFlags('data.loader', asked, ['dropLast']);
    const { batchSize = 1, dropLast = false, prefetch = 1 } = options;
    if (![0, 1, 2].includes(prefetch)) throw new ArgumentError(`[data.loader] prefetch: got ${describeValue(prefetch)}, expected 0, 1 or 2.`, { op: 'data.loader' });
    if (stream.batches && (options.batchSize !== undefined || dropLast)) {
      throw new ArgumentError(`[data.loader] stream '${stream.name}' gives ready batches: expected no batchSize and no dropLast.`, { op: 'data.loader' });
    }
    this.stream = stream;
    this.shape = stream.shape;
    this.batchSize = batchSize;
    this.#prefetch = prefetch;
    this.#setup = { batchSize, shuffle: false, seed: 0, dropLast, size: 0 };
  }

  get epoch(): number {
    return this.#position.epoch;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Batch<X, Y, D, E>, void, undefined> {
    const pass = this.#position.begin();
    for await (const { batch, consume } of this.#runs(pass)) {
      consume(1);
      yield batch;
    }
    pass.complete();
  }

  /** One epoch for those who take batches when they use them. */
  pass$(): TakenPass<BatchRun<X, Y, D, E>> {
    const pass = this.#position.begin();
    return { ...pass, batches: this.#runs(pass) };
  }

  /** All batches, read anew, without moving on. */
  async *inOrder$(): AsyncGenerator<Batch<X, Y, D, E>, void, undefined> {
    for await (const { batch } of this.#runs({ epoch: this.epoch, first: 0, handedOut: nothing, complete: nothing })) yield batch;
  }

  async *#runs(pass: Pass): AsyncGenerator<BatchRun<X, Y, D, E>, void, undefined> {
    const reader = new Reader(this.stream as unknown as Stream, this.batchSize, this.#setup.dropLast);
    const prefetch = new Prefetch(() => reader.pull(), this.#prefetch);
    try {
      for (let step = 0; ; step++) {
        const arrays = await prefetch.next();
        if (arrays === undefined) return;
        if (step < pass.first) continue;
        const batch = this.stream.batch$(arrays, new BatchOrigin(this.stream.name, pass.epoch, step, arrays.first));
        yield { batch, maxSteps: 1, consume: () => pass.handedOut(step + 1) };
      }
    } finally {
      prefetch.close();
      await reader.close();
    }
  }

  /** Returns a description: options and position. */
  toJSON(): object {
    const { epoch, step, batchSize, dropLast } = this.stateDict();
    return { stream: this.stream.name, epoch, step, batchSize, dropLast };
  }

  [inspected](depth: number, options: object, inspect: Inspect): string {
    return labelled('Loader', this.toJSON(), depth, options, inspect);
  }

  /** Returns whether it gives what its stream does: no subclass, and nothing replaced. */
  get builtin(): boolean {
    return Object.getPrototypeOf(this) === StreamLoader.prototype && !Object.hasOwn(this, Symbol.asyncIterator);
  }

  stateDict(): LoaderState {
    return this.#position.stateDict(this.#setup);
  }

  /** Goes on after the batches that were handed out: they are read again, and left out. */
  loadStateDict(state: LoaderState): void {
    this.#position.loadStateDict(state, this.#setup);
  }
}

const nothing = (): void => undefined;

/** One pass over a stream's source. */
class Reader {
  readonly #stream: Stream;
  readonly #dropLast: boolean;
  readonly #batchSize: number;
  readonly #assembler: Assembler;
  readonly #source: Iterator<AnyItem> | AsyncIterator<AnyItem>;
  /** The source has ended or failed by itself. */
  #ended = false;
  #closed = false;

  constructor(stream: Stream, batchSize: number, dropLast: boolean) {
    this.#stream = stream;
    this.#dropLast = dropLast;
    this.#batchSize = batchSize;
    this.#assembler = new Assembler(stream, batchSize);
    this.#source = stream.open$();
  }

  /** The next batch, or undefined at the end. */
  async pull(): Promise<BatchArrays | undefined> {
    for (;;) {
      const item = await this.#next();
      if (item.done === true) break;
      if (this.#stream.batches) return this.#assembler.whole(item.value);
      if (this.#assembler.add(item.value)) return this.#assembler.take();
    }
    const rest = this.#assembler.take();
    return rest !== undefined && this.#dropLast && rest.size < this.#batchSize ? undefined : rest;
  }

  async #next(): Promise<IteratorResult<AnyItem>> {
    if (this.#ended || this.#closed) return { done: true, value: undefined };
    try {
      const item = await this.#source.next();
      if (item.done === true) this.#ended = true;
      return item;
    } catch (error) {
      this.#ended = true;
      throw error;
    }
  }

  /** Tells the source that nothing more is wanted, unless it has ended by itself. */
  async close(): Promise<void> {
    this.#closed = true;
    if (!this.#ended) await this.#source.return?.();
  }
}
