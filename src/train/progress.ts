import { checkOptions } from '../options.js';
import type { Callback, Results, StepEvent } from './events.js';
import type { History } from './history.js';
import { bar, lines, type Display, type Progress } from './progress-display.js';

/** A stream of text, by what is used of it: declarations of this library need no types of Node.js. */
export interface TextStream {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

export interface ProgressOptions {
  /** Where to. Default process.stdout. */
  readonly stream?: TextStream | undefined;
  /** Milliseconds between two lines of an epoch where the stream is no terminal. Default 60 000: one line for each epoch that takes less. */
  readonly interval?: number | undefined;
  /** Milliseconds on some clock. Default performance.now. */
  readonly now?: (() => number) | undefined;
}

/**
 * A callback that shows how training goes: epoch, step, loss, metrics, examples/s and the time left; a live bar on a terminal; plain lines
 * elsewhere, one an epoch, and one a minute in longer ones. The loss and the metrics are of the epoch so far; those that are no numbers are
 * left out. A last line says why training was stopped early.
 *
 *     await trainer.fit(data, { epochs: 5, callbacks: [train.progress()] });
 */
export function progress(options: ProgressOptions = {}): Callback {
  checkOptions('train.progress', options, ['stream', 'interval', 'now']);
  const { stream = process.stdout, interval = 60_000, now = () => performance.now() } = options;
  const output = stream as NodeJS.WritableStream;
  const report = new Report(stream.isTTY === true ? bar(output) : lines(output, interval), now);
  return {
    passive: true,
    onFitStart: () => report.start(),
    onEpochStart: () => report.epoch(),
    onStep: (event) => report.step(event),
    onEpochEnd: ({ record }) => report.end(record.validation),
    onFitEnd: ({ history }) => report.close(history),
  };
}

/** Turns the events of one fit() into what a display shows. */
class Report {
  readonly #display: Display;
  readonly #now: () => number;
  #started = 0;
  /** Steps of all epochs since the start. */
  #steps = 0;
  #shown = 0;
  /** The last step of the epoch that is under way. */
  #last: StepEvent | undefined;

  constructor(display: Display, now: () => number) {
    this.#display = display;
    this.#now = now;
  }

  start(): void {
    this.#started = this.#now();
    this.#steps = 0;
    this.#last = undefined;
  }

  epoch(): void {
    this.#shown = this.#now();
    this.#last = undefined;
  }

  /** Steps may come a hundred thousand times a second: most of them only leave their event. */
  step(event: StepEvent): void {
    this.#last = event;
    this.#steps++;
    const time = this.#now();
    if (time - this.#shown < this.#display.interval) return;
    this.#shown = time;
    this.#display.show(this.#progress(event));
  }

  /** Ends the line of an epoch, complete or not; without an epoch under way it does nothing. */
  end(validation?: Results): void {
    if (this.#last === undefined) return;
    const last = this.#progress(this.#last);
    const validated = Object.entries(numbers(validation ?? {})).map(([name, value]) => [`validation ${name}`, value]);
    this.#display.finish({ ...last, values: { ...last.values, ...Object.fromEntries(validated) } });
    this.#last = undefined;
  }

  /** Ends the last line, and says why it is the last one before its time. */
  close({ stopped }: History): void {
    this.end();
    if (stopped !== undefined) this.#display.say(`stopped: ${stopped}`);
  }

  #progress(event: StepEvent): Progress {
    return {
      epoch: event.epoch + 1,
      epochs: event.epochs,
      step: event.step + 1,
      steps: event.stepsPerEpoch,
      values: numbers(event.results),
      examplesPerSecond: event.seconds > 0 ? event.examples / event.seconds : 0,
      secondsLeft: this.#secondsLeft(event),
    };
  }

  /** A step that is left takes as long as one that was done, with its share of the validation. */
  #secondsLeft({ epoch, step, epochs, stepsPerEpoch }: StepEvent): number | undefined {
    if (stepsPerEpoch === undefined) return undefined;
    const left = (epochs - epoch) * stepsPerEpoch - (step + 1);
    return ((this.#now() - this.#started) / 1000 / this.#steps) * left;
  }
}

/** Those of the results that fit into a line. */
function numbers(results: object): Record<string, number> {
  return Object.fromEntries(Object.entries(results).filter((entry): entry is [string, number] => typeof entry[1] === 'number'));
}
