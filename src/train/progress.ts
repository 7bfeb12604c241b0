import { ArgumentError } from '../errors.js';
import { checkOptions } from '../options.js';
import { describeValue } from '../describe-value.js';
import type { Callback, Results, StepEvent } from './events.js';
import type { History } from './history.js';
import { bar, lines, type Display, type Progress } from './progress-display.js';

/** A stream of text, by what is used of it: declarations of this library need no types of Node.js. */
export interface TextStream {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

export interface ProgressOptions {
  /** Stream that is written to. Default process.stdout. */
  readonly stream?: TextStream | undefined;
  /** Milliseconds between two lines of an epoch where the stream is no terminal. Default 60 000: one line for each epoch that takes less. */
  readonly interval?: number | undefined;
  /**
   * Keeps the line of every so many epochs, and of the last one; on a terminal the others are overwritten. Default: of all on a terminal; elsewhere of all that end
   * at least a second after the line before.
   */
  readonly every?: number | undefined;
  /** Milliseconds on some clock. Default performance.now. */
  readonly now?: (() => number) | undefined;
}

/**
 * A callback that shows how training goes: epoch, step, loss, metrics, examples/s and the time left; a live bar on a terminal; plain lines
 * elsewhere, one an epoch, but at most one a second, and one a minute in longer epochs. The loss and the metrics are of the epoch so far; those that are no numbers
 * are left out, and so is what matters least where a terminal is narrow. `epoch 4 (5/10)` is number 4, from 0, and the fifth of ten of this fit(). What else is
 * written to the terminal meanwhile appears above the bar. A first line says how images are augmented, a last one why training was stopped early. Throws ArgumentError, AnnealError for an unknown option.
 *
 *     await trainer.fit(dataset, { epochs: 5, callbacks: [train.progress()] });
 */
export function progress(options: ProgressOptions = {}): Callback {
  checkOptions('train.progress', options, ['stream', 'interval', 'every', 'now']);
  const { stream = process.stdout, interval = 60_000, every, now = () => performance.now() } = options;
  if (every !== undefined && !(Number.isSafeInteger(every) && every >= 1)) {
    throw new ArgumentError(`[train.progress] every: got ${describeValue(every)}, expected an integer of at least 1.`, { op: 'train.progress' });
  }
  const output = stream as NodeJS.WritableStream;
  const live = stream.isTTY === true ? bar(output) : undefined;
  const report = new Report(live ?? lines(output, interval), now, { every, least: live === undefined ? A_SECOND : 0 });
  return {
    passive: true,
    onFitStart: ({ augmentation }) => report.start(augmentation),
    onEpochStart: () => report.epoch(),
    onStep: (event) => report.step(event),
    onEpochEnd: ({ epoch, firstEpoch, epochs, record }) => report.end(epoch + 1 === firstEpoch + epochs, record.validation),
    onFitEnd: ({ history }) => report.close(history),
  };
}

const A_SECOND = 1000;

/** Epochs that leave a line: every so many, or those that end so many milliseconds after the line before. */
interface Kept {
  readonly every: number | undefined;
  readonly least: number;
}

/** Turns the events of one fit() into what a display shows. */
class Report {
  readonly #display: Display;
  readonly #now: () => number;
  readonly #kept: Kept;
  /** Time at which the last line was kept. */
  #keptAt = -Infinity;
  #started = 0;
  /** Steps of all epochs since the start. */
  #steps = 0;
  #shown = 0;
  /** The last step of the epoch that is under way. */
  #last: StepEvent | undefined;

  constructor(display: Display, now: () => number, kept: Kept) {
    this.#display = display;
    this.#now = now;
    this.#kept = kept;
  }

  start(augmentation: string | undefined): void {
    if (augmentation !== undefined) this.#display.say(`augmented: ${augmentation}`);
    this.#started = this.#now();
    this.#steps = 0;
    this.#keptAt = -Infinity;
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
  end(isLast: boolean, validation?: Results): void {
    if (this.#last === undefined) return;
    const stays = isLast || this.#keeps(this.#last);
    if (stays) this.#keptAt = this.#now();
    const last = this.#progress(this.#last);
    const validated = Object.entries(numbers(validation ?? {})).map(([name, value]) => [`validation ${name}`, value]);
    this.#display.finish({ ...last, values: { ...last.values, ...Object.fromEntries(validated) } }, stays);
    this.#last = undefined;
  }

  /** Ends the last line, and says why it is the last one before its time. */
  close({ stopped }: History): void {
    this.end(true);
    this.#display.close();
    if (stopped !== undefined) this.#display.say(`stopped: ${stopped}`);
  }

  #keeps({ epoch, firstEpoch }: StepEvent): boolean {
    const { every, least } = this.#kept;
    return every === undefined ? this.#now() - this.#keptAt >= least : (epoch - firstEpoch + 1) % every === 0;
  }

  #progress(event: StepEvent): Progress {
    return {
      epoch: event.epoch,
      place: event.epoch - event.firstEpoch + 1,
      epochs: event.epochs,
      step: event.step + 1,
      steps: event.stepsPerEpoch,
      values: numbers(event.results),
      examplesPerSecond: event.seconds > 0 ? event.examples / event.seconds : 0,
      secondsLeft: this.#secondsLeft(event),
    };
  }

  /** A step that is left takes as long as one that was done, with its share of the validation. */
  #secondsLeft({ epoch, firstEpoch, step, epochs, stepsPerEpoch }: StepEvent): number | undefined {
    if (stepsPerEpoch === undefined) return undefined;
    const left = (firstEpoch + epochs - epoch) * stepsPerEpoch - (step + 1);
    return ((this.#now() - this.#started) / 1000 / this.#steps) * left;
  }
}

/** Results that fit into a line. */
function numbers(results: object): Record<string, number> {
  return Object.fromEntries(Object.entries(results).filter((entry): entry is [string, number] => typeof entry[1] === 'number'));
}
