import type * as CliProgress from 'cli-progress';
import { lazily } from '../lazily.js';

const cliProgress = lazily<typeof CliProgress>('cli-progress');

/** How far training is. */
export interface Progress {
  /** From 1. */
  readonly epoch: number;
  readonly epochs: number;
  /** Steps of this epoch that are done. */
  readonly step: number;
  /** Steps of an epoch, where that is known. */
  readonly steps: number | undefined;
  /** What is known of this epoch by now: loss, accuracy, ... */
  readonly values: { readonly [name: string]: number };
  readonly examplesPerSecond: number;
  /** Seconds until the last epoch ends, where that can be known. */
  readonly secondsLeft: number | undefined;
}

/** The words of a progress line: epoch, step, loss, accuracy, examples/s, time left. */
export function progressLine({ epoch, epochs, step, steps, values, examplesPerSecond, secondsLeft }: Progress): string {
  const parts = [`epoch ${epoch}/${epochs}`, `step ${step}${steps === undefined ? '' : `/${steps}`}`];
  for (const [name, value] of Object.entries(values)) parts.push(`${name} ${showValue(name, value)}`);
  parts.push(`${Math.round(examplesPerSecond)} examples/s`);
  if (secondsLeft !== undefined) parts.push(`${showTime(secondsLeft)} left`);
  return parts.join('  ');
}

function showValue(name: string, value: number): string {
  if (/accuracy/i.test(name)) return `${(100 * value).toFixed(2)} %`;
  return value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential(3) : value.toFixed(4);
}

function showTime(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Where progress is shown. */
export interface Display {
  /** Milliseconds between two calls of show(). */
  readonly interval: number;
  show(progress: Progress): void;
  /** The epoch is complete, or training was stopped in it: what is shown stays. */
  finish(progress: Progress): void;
  /** A line of its own, between epochs. */
  say(text: string): void;
}

/** Plain lines, for files and pipes: some in an epoch, and one at its end. */
export function lines(stream: NodeJS.WritableStream, interval: number): Display {
  const say = (text: string): void => void stream.write(`${text}\n`);
  const write = (progress: Progress): void => say(progressLine(progress));
  const show = (progress: Progress): void => {
    if (progress.step !== progress.steps) write(progress); // the last step's line is that of the epoch
  };
  return { interval, show, finish: write, say };
}

/** A live bar, for terminals: one line an epoch. It does not keep the process alive when training is over or has failed. */
export function bar(stream: NodeJS.WritableStream): Display {
  const { SingleBar, Format } = cliProgress();
  class LiveBar extends SingleBar {
    override render(): void {
      super.render();
      (this as unknown as { timer: NodeJS.Timeout | null }).timer?.unref();
    }
  }
  const live = new LiveBar({
    stream,
    // Cut long lines instead of changing the terminal's settings, which a crash would leave behind.
    linewrap: true,
    hideCursor: null,
    barsize: 20,
    barCompleteChar: '\u2588',
    barIncompleteChar: '\u2591',
    format: (options, { progress }, shown: Progress) => `${Format.BarFormat(progress, options)} ${progressLine(shown)}`,
  });
  let active = false;
  const show = (progress: Progress): void => {
    // Of a stream the end is not known: the bar stays empty until it is reached.
    const total = progress.steps ?? Infinity;
    if (!active) live.start(total, progress.step, { ...progress });
    else live.update(progress.step, progress);
    active = true;
  };
  return {
    interval: 50,
    show,
    finish: (progress) => {
      show(progress);
      live.stop();
      active = false;
    },
    say: (text) => void stream.write(`${text}\n`),
  };
}
