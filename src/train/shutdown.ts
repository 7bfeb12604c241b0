import type * as Threads from 'node:worker_threads';
import { lazyRequire } from '../lazy-require.js';

const threads = lazyRequire<typeof Threads>('node:worker_threads');

type Signal = 'SIGTERM' | 'SIGINT';
const SIGNALS: readonly Signal[] = ['SIGTERM', 'SIGINT'];
/** Time for a last checkpoint, after which the process ends whatever is under way. */
const GRACE_MS = 1800;

/** Reason of a stop: the system, or somebody at the terminal, asked the process to end. */
export class Terminated extends Error {
  constructor(readonly signal: Signal) {
    super(`the process was asked to end by ${signal}`);
    this.name = 'Terminated';
  }
}

/** Trainings of this process that want a last checkpoint before it ends. */
const waiting = new Set<Shutdown>();
let received: { readonly signal: Signal; readonly timer: NodeJS.Timeout } | undefined;

/**
 * Makes of SIGTERM and SIGINT a signal that stops a training. Once all that wait have come to their end, the process ends as it would have without; a second signal does that at
 * once. Where the program listens itself, all of this is its business: training stops, and that is all.
 */
export class Shutdown {
  readonly #controller = new AbortController();

  constructor() {
    if (waiting.size === 0 && threads().isMainThread) for (const signal of SIGNALS) process.on(signal, onSignal);
    waiting.add(this);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  stop(signal: Signal): void {
    this.#controller.abort(new Terminated(signal));
  }

  /** Called when the last checkpoint is there, or none is needed. Does not return where the process was to end. */
  end(): void {
    waiting.delete(this);
    if (waiting.size > 0) return;
    if (received === undefined) removeListeners();
    else endBy(received.signal);
  }
}

function onSignal(signal: Signal): void {
  const others = process.listenerCount(signal) > 1;
  if (!others && received !== undefined) return endBy(signal);
  if (!others) received = { signal, timer: setTimeout(() => endBy(signal), GRACE_MS) };
  for (const shutdown of waiting) shutdown.stop(signal);
}

/** Ends the process as the signal does where nobody listens, so that whoever has started it is told of the signal. */
function endBy(signal: Signal): void {
  if (received !== undefined) clearTimeout(received.timer);
  received = undefined;
  removeListeners();
  process.kill(process.pid, signal);
}

function removeListeners(): void {
  for (const signal of SIGNALS) process.off(signal, onSignal);
}
