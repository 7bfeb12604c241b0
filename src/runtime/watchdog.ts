import { ArgumentError } from '../errors.js';
import { describeValue } from '../describe-value.js';
import { warnOnce } from '../warn.js';

/** Longest time that a timer of Node.js can be set to, in s. */
const LONGEST = 2_147_483;

let seconds = 60;

/** Sets after how many seconds a run is said to hang; Infinity: never. */
export function watchAfter(given: number): void {
  if (!(typeof given === 'number' && given > 0)) {
    throw new ArgumentError(`[configure] watchdogSeconds: got ${describeValue(given)}, expected a number above 0; Infinity for no watchdog.`, { op: 'configure' });
  }
  seconds = given;
}

/** Says once where a run that was queued does not end. Its timer keeps no process alive, and there is none while nothing runs. */
export class Watchdog {
  /** Estimated ns of the runs that are under way, in their order. */
  private readonly running: number[] = [];
  /** Since when the first of them has been it, by performance.now(). */
  private since = 0;
  private timer: NodeJS.Timeout | undefined;
  /** The time that the timer was made for. */
  private watched = seconds;

  started(ns: number): void {
    if (this.running.push(ns) > 1) return;
    this.since = performance.now();
    if (this.watched !== seconds) this.stop();
    if (this.timer === undefined && seconds <= LONGEST) this.wait(seconds * 1000);
  }

  ended(): void {
    this.running.shift();
    this.since = performance.now();
  }

  private stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.watched = seconds;
  }

  private wait(ms: number): void {
    // Timers come behind what the event loop has polled: it knows of an end that it was too busy to hear of before.
    this.timer = setTimeout(() => this.look(), ms);
    this.timer.unref();
  }

  private look(): void {
    this.timer = undefined;
    const [estimate] = this.running;
    if (estimate === undefined) return;
    const passed = (performance.now() - this.since) / 1000;
    if (passed < seconds) return this.wait((seconds - passed) * 1000);
    warnOnce(
      'ANNEAL_STEP_HANGS',
      `[step] a step or prediction does not end: it has run for ${passed.toFixed(1)} s, and was estimated at ${(estimate / 1e9).toPrecision(2)} s. It goes on. Other processes may have its cores, ` +
        'or its memory may be swapped out (memory().rss says how much there is); or it is only large: a smaller batch ends sooner. This is said once; configure({ watchdogSeconds }) sets after what time.',
    );
  }
}
