/** A step that was submitted. */
export interface Submitted {
  /** Resolves when it has run. */
  readonly done: Promise<unknown>;
  /** Called then, in the order of submission. */
  land(): Promise<void>;
}

/** How many steps may be under way: while one runs, the next is recorded, and waits behind it. */
const MOST = 2;

/** Steps that are under way, oldest first. */
export class Flight {
  readonly #steps: Submitted[] = [];
  #failed = false;

  /** Takes off. Resolves when another step may be submitted; rejects with the failure of an earlier one, in its turn. */
  async add(step: Submitted): Promise<void> {
    this.#steps.push(step);
    step.done.catch(() => (this.#failed = true));
    // What has failed by now is known after this turn: no step may follow it.
    await Promise.resolve();
    if (this.#failed) return this.drain();
    if (this.#steps.length >= MOST) await this.#land();
  }

  /** Lands all. */
  async drain(): Promise<void> {
    while (this.#steps.length > 0) await this.#land();
  }

  /** Waits for what is under way, whatever becomes of it. */
  async abandon(): Promise<void> {
    await Promise.allSettled(this.#steps.splice(0).map(({ done }) => done));
  }

  async #land(): Promise<void> {
    const step = this.#steps.shift()!;
    await step.done;
    await step.land();
  }
}
