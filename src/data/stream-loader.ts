import { ArgumentError } from '../errors.js';
import { checkOptions, withoutUndefined } from '../options.js';
import type { ExampleShape } from '../records.js';
import type { Shape } from '../shape.js';
import { Assembler, type BatchArrays } from './assemble.js';
import { AsyncLoader } from './async-loader.js';
import { BatchOrigin } from './batch-origin.js';
import type { DefaultDType, DTypes, TargetDType } from './dataset.js';
import type { BatchRun } from './loader.js';
import { checkPrefetch, type Prefetched, setupOf } from './loader-options.js';
import type { Pass } from './position.js';
import { Prefetch } from './prefetch.js';
import type { Stream, AnyItem, StreamPosition } from './stream.js';

export interface StreamLoaderOptions {
  /** Examples in a batch. Default 1; not for a stream of ready batches. */
  readonly batchSize?: number | undefined;
  /** Leaves out the last batch where it is smaller than the others. Default false. */
  readonly dropLast?: boolean | undefined;
  /** Batches that are prepared while a step runs: 0, 1 or 2. Default 1. */
  readonly prefetch?: Prefetched | undefined;
}

/** The batches of a Stream. The next one is prepared while a step runs; leaving the loop early closes the source. */
export class StreamLoader<X extends ExampleShape = Shape, Y extends ExampleShape = Shape, D extends DTypes = TargetDType, E extends DTypes = DefaultDType<X>> extends AsyncLoader<X, Y, D, E> {
  readonly stream: Stream<X, Y, D, E>;
  readonly shape: X;
  readonly length = undefined;
  readonly size = undefined;
  readonly batchSize: number;
  readonly #prefetch: number;
  readonly #dropLast: boolean;

  constructor(stream: Stream<X, Y, D, E>, options: StreamLoaderOptions) {
    const asked: object = withoutUndefined(options);
    if ('shuffle' in asked || 'seed' in asked) {
      throw new ArgumentError(`[data.loader] ${'shuffle' in asked ? 'shuffle' : 'seed'}: a stream comes in its own order. Shuffle in the source, as data.fromText(source, { shuffle: true }) does, or load it whole with data.fromArrays.`, { op: 'data.loader' });
    }
    checkOptions('data.loader', asked, ['batchSize', 'dropLast', 'prefetch']);
    const setup = setupOf(options, 0);
    const { prefetch = 1 } = options;
    checkPrefetch(prefetch);
    if (stream.batches && (options.batchSize !== undefined || setup.dropLast)) {
      throw new ArgumentError(`[data.loader] stream '${stream.name}' gives ready batches: expected no batchSize and no dropLast.`, { op: 'data.loader' });
    }
    super(setup);
    this.stream = stream;
    this.shape = stream.shape;
    this.batchSize = setup.batchSize;
    this.#prefetch = prefetch;
    this.#dropLast = setup.dropLast;
  }

  /** One pass over the source. After loadStateDict(), the batches that were handed out are not asked for where the source is seekable, else read again, and left out. */
  protected async *runs(pass: Pass): AsyncGenerator<BatchRun<X, Y, D, E>, void, undefined> {
    const begun = this.stream.seekable ? pass.first : 0;
    const first = begun * (this.stream.batches ? 1 : this.batchSize);
    const reader = new Reader(this.stream as unknown as Stream, this.batchSize, this.#dropLast, { epoch: pass.epoch, first });
    const prefetch = new Prefetch(() => reader.pull(), this.#prefetch);
    try {
      for (let step = begun; ; step++) {
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

  get builtin(): boolean {
    return this.hasOwnWay(StreamLoader.prototype);
  }
}

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

  constructor(stream: Stream, batchSize: number, dropLast: boolean, at: StreamPosition) {
    this.#stream = stream;
    this.#dropLast = dropLast;
    this.#batchSize = batchSize;
    this.#assembler = new Assembler(stream, batchSize, stream.batches ? 0 : at.first);
    this.#source = stream.open$(at);
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
