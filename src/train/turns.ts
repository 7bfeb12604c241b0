/** Longest time that a loop of small steps keeps the event loop waiting, in ms. */
const TURN = 4;

/** Lets the event loop have its turn, if it has waited for long: a bare await never yields to timers and sockets. */
export class EventLoopTurns {
  #last = performance.now();

  yieldToEventLoop(): Promise<void> | undefined {
    if (performance.now() - this.#last < TURN) return undefined;
    return new Promise((resolve) =>
      setImmediate(() => {
        this.#last = performance.now();
        resolve();
      }),
    );
  }
}
