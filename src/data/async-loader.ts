import { inspected, labelled, type Inspect } from '../inspect.js';
import type { ExampleShape } from '../records.js';
import type { Shape } from '../shape.js';
import type { Batch, DefaultDType, DTypes, TargetDType } from './dataset.js';
import type { BatchRun, Loader } from './loader.js';
import { Position, type LoaderSetup, type LoaderState, type Pass, type TakenPass } from './position.js';

/** A loader whose batches come from outside of memory, so that they have to be waited for. */
export abstract class AsyncLoader<X extends ExampleShape = Shape, Y extends ExampleShape = Shape, D extends DTypes = TargetDType, E extends DTypes = DefaultDType<X>> implements Loader<X, Y, D, E> {
  abstract readonly shape: X;
  abstract readonly length: number | undefined;
  abstract readonly size: number | undefined;
  abstract readonly batchSize: number;
  readonly #setup: LoaderSetup;
  readonly #position = new Position();

  protected constructor(setup: LoaderSetup) {
    this.#setup = setup;
  }

  /** The batches of a pass, from its first one on; `inOrder`: in the order of the data, whatever the loader's is. */
  protected abstract runs(pass: Pass, inOrder: boolean): AsyncGenerator<BatchRun<X, Y, D, E>, void, undefined>;

  /** Returns whether it gives what its data does: no subclass of a user's, and nothing replaced. */
  abstract get builtin(): boolean;

  /** Returns whether its class is that of `prototype`, and iterates as that does. */
  protected hasOwnWay(prototype: object): boolean {
    return Object.getPrototypeOf(this) === prototype && !Object.hasOwn(this, Symbol.asyncIterator);
  }

  abstract toJSON(): object;

  [inspected](depth: number, options: object, inspect: Inspect): string {
    return labelled('Loader', this.toJSON(), depth, options, inspect);
  }

  get epoch(): number {
    return this.#position.epoch;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Batch<X, Y, D, E>, void, undefined> {
    const pass = this.#position.begin();
    for await (const { batch, consume } of this.runs(pass, false)) {
      consume(1);
      yield batch;
    }
    pass.complete();
  }

  /** One epoch for those who take batches when they use them. */
  pass$(): TakenPass<BatchRun<X, Y, D, E>> {
    const pass = this.#position.begin();
    return { ...pass, batches: this.runs(pass, false) };
  }

  /** All batches in the order of the data, read anew, without moving on. */
  async *inOrder$(): AsyncGenerator<Batch<X, Y, D, E>, void, undefined> {
    for await (const { batch } of this.runs({ epoch: this.epoch, first: 0, handedOut: nothing, complete: nothing }, true)) yield batch;
  }

  stateDict(): LoaderState {
    return this.#position.stateDict(this.#setup);
  }

  /** Goes on after the batches that were handed out. */
  loadStateDict(state: LoaderState): void {
    this.#position.loadStateDict(state, this.#setup);
  }
}

const nothing = (): void => undefined;
