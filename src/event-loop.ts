/** Longest time that a loop of small steps keeps the event loop waiting, in ms. */
const TURN_MS = 4;

/** Turns that a loop of small steps gives to the event loop: a bare await never yields to timers and sockets. */
export class EventLoopTurns {
  #last = performance.now();

  /** Waits for a turn, where the last one is long ago; undefined where it is not. */
  yieldToEventLoop(): Promise<void> | undefined {
    if (performance.now() - this.#last < TURN_MS) return undefined;
    return new Promise((resolve) =>
      setImmediate(() => {
        this.had();
        resolve();
      }),
    );
  }

  /** Says that the event loop has had its turn. */
  had(): void {
    this.#last = performance.now();
  }
}
