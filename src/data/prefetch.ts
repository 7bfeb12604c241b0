/** Calls `pull` ahead of need, at most `ahead` times, one call after the other; `pull` gives undefined at the end. */
export class Prefetch<T> {
  readonly #pull: () => Promise<T | undefined>;
  readonly #ahead: number;
  readonly #queue: Promise<T | undefined>[] = [];
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(pull: () => Promise<T | undefined>, ahead: number) {
    this.#pull = pull;
    this.#ahead = ahead;
  }

  /** The next value. Further ones are pulled from the event loop's next turn on, when the caller's step is on its way. */
  next(): Promise<T | undefined> {
    const value = this.#queue.shift() ?? this.#start();
    if (this.#ahead > 0) setImmediate(() => this.#fill());
    return value;
  }

  /** Stops pulling. What is under way is left alone and its outcome ignored. */
  close(): void {
    this.#closed = true;
  }

  #fill(): void {
    while (!this.#closed && this.#queue.length < this.#ahead) this.#queue.push(this.#start());
  }

  #start(): Promise<T | undefined> {
    const value = this.#last.then(() => (this.#closed ? undefined : this.#pull()));
    // An error belongs to the call of next() that receives this promise, and must not count as unhandled until then.
    this.#last = value.catch(() => undefined);
    return value;
  }
}
