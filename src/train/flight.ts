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

  /** Takes off. Resolves when another step may be submitted; rejects with the failure of an earlier one. */
  async add(step: Submitted): Promise<void> {
    // A failure is reported when it is the step's turn to land, not before.
    step.done.catch(() => undefined);
    this.#steps.push(step);
    if (this.#steps.length >= MOST) await this.#land();
  }

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
