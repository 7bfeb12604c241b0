/** Steps that were submitted together. */
export interface Submitted {
  /** Resolves when they have run; undefined where they have run already. */
  readonly done: Promise<unknown> | undefined;
  /** Called then, also after a failure, in the order of submission. */
  complete(): Promise<void>;
}

/** Number of submissions that may be under way: while one runs, the next is recorded, and waits behind it. */
const MOST = 2;

/** Submissions under way, oldest first. */
export class StepPipeline {
  readonly #steps: Submitted[] = [];
  #failed = false;

  /** Takes off. Resolves when more may be submitted; rejects with the failure of an earlier one, in its turn. */
  async add(step: Submitted): Promise<void> {
    this.#steps.push(step);
    step.done?.catch(() => (this.#failed = true));
    // What has failed by now is known after this turn: no step may follow it.
    await Promise.resolve();
    if (this.#failed) return this.drain();
    if (this.#steps.length >= MOST) await this.#complete();
  }

  /** Lands all. */
  async drain(): Promise<void> {
    while (this.#steps.length > 0) await this.#complete();
  }

  /** Waits for what is under way, whatever becomes of it. */
  async abandon(): Promise<void> {
    await Promise.allSettled(this.#steps.splice(0).map(({ done }) => done ?? Promise.resolve()));
  }

  async #complete(): Promise<void> {
    const step = this.#steps.shift()!;
    try {
      await step.done;
    } finally {
      await step.complete();
    }
  }
}
