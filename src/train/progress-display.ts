import type * as CliProgress from 'cli-progress';
import { lazyRequire } from '../lazy-require.js';

const cliProgress = lazyRequire<typeof CliProgress>('cli-progress');

/** Progress of training. */
export interface Progress {
  /** Its number, from 0. */
  readonly epoch: number;
  /** Its place among the epochs of this fit(), from 1, and how many these are. */
  readonly place: number;
  readonly epochs: number;
  /** Steps of this epoch that are done. */
  readonly step: number;
  /** Steps of an epoch, where that is known. */
  readonly steps: number | undefined;
  /** Results of this epoch so far: loss, accuracy, ... */
  readonly values: { readonly [name: string]: number };
  readonly examplesPerSecond: number;
  /** Seconds until the last epoch ends, where that can be known. */
  readonly secondsLeft: number | undefined;
}

/** A piece of a line in its forms, each shorter than the one before. */
interface Piece {
  readonly forms: readonly string[];
  /** Priority from 0; the highest number goes first where there is no room. */
  readonly rank: number;
}

/**
 * The words of a progress line: epoch, step, loss, accuracy, examples/s, time left. What matters least is left out where `width` columns are too few: the
 * speed, the bar that `drawn` draws in some width, the time left, the step, the place of the epoch, then metrics; the losses last.
 */
export function progressLine(progress: Progress, width = Infinity, drawn?: (size: number) => string): string {
  const { epoch, place, epochs, step, steps, values, examplesPerSecond, secondsLeft } = progress;
  const pieces: Piece[] = [
    { forms: [`epoch ${epoch} (${place}/${epochs})`, `epoch ${epoch}`], rank: 4 },
    { forms: [`step ${step}${steps === undefined ? '' : `/${steps}`}`, ''], rank: 3 },
    ...Object.entries(values).map(([name, value]) => ({ forms: [`${name} ${showValue(name, value)}`, ''], rank: rankOf(name) })),
    { forms: [`${Math.round(examplesPerSecond)} examples/s`, ''], rank: 0 },
    { forms: [secondsLeft === undefined ? '' : `${showTime(secondsLeft)} left`, ''], rank: 2 },
  ];
  if (drawn !== undefined) pieces.unshift({ forms: [drawn(20), drawn(10), ''], rank: 1 });
  const form = pieces.map(() => 0);
  const line = (): string => pieces.map(({ forms }, i) => forms[form[i]!]!).filter((text) => text !== '').join('  ');
  for (let rank = 0; rank <= LAST; rank++) {
    // From the right: what stands first was put first by the user.
    for (let i = pieces.length - 1; i >= 0; i--) {
      if (pieces[i]!.rank !== rank) continue;
      while (line().length > width && form[i]! + 1 < pieces[i]!.forms.length) form[i]!++;
    }
  }
  return line();
}

/** The rank of the losses. */
const LAST = 7;

function rankOf(name: string): number {
  if (name === 'validation loss' || name === 'loss') return LAST;
  return name.startsWith('validation ') ? 6 : 5;
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

/** A display of progress. */
export interface Display {
  /** Milliseconds between two calls of show(). */
  readonly interval: number;
  show(progress: Progress): void;
  /** The epoch is complete, or training was stopped in it; `stays`: what is shown is not overwritten by what comes. */
  finish(progress: Progress, stays: boolean): void;
  /** A line of its own, between epochs. */
  say(text: string): void;
  /** Nothing more comes. */
  close(): void;
}

/** Plain lines, for files and pipes: some in an epoch, and one at its end. */
export function lines(stream: NodeJS.WritableStream, interval: number): Display {
  const say = (text: string): void => void stream.write(`${text}\n`);
  const write = (progress: Progress): void => say(progressLine(progress));
  return {
    interval,
    show: (progress) => (progress.step === progress.steps ? undefined : write(progress)), // the last step's line is that of the epoch
    finish: (progress, stays) => (stays ? write(progress) : undefined),
    say,
    close: () => undefined,
  };
}

/** The library that draws bars; undefined in a bundle that left it out. */
function drawing(): typeof CliProgress | undefined {
  try {
    return cliProgress();
  } catch {
    return undefined;
  }
}

/**
 * A live bar, for terminals: a line that stays for an epoch. It does not keep the process alive when training is over or has failed. Undefined where there
 * is nothing to draw it with.
 */
export function bar(stream: NodeJS.WritableStream & { readonly columns?: number }): Display | undefined {
  const library = drawing();
  if (library === undefined) return undefined;
  const { SingleBar, Format } = library;
  class LiveBar extends SingleBar {
    constructor(...options: ConstructorParameters<typeof SingleBar>) {
      super(...options);
      // Where the line began is not where it is, once other output has scrolled it.
      const { terminal } = this as unknown as { terminal: { cursorSave(): void; cursorRestore(): void } };
      terminal.cursorSave = terminal.cursorRestore = () => undefined;
    }

    override render(): void {
      around.drawing(() => super.render());
      (this as unknown as { timer: NodeJS.Timeout | null }).timer?.unref();
    }

    /** Draws it again, where the line was cleared. */
    redraw(): void {
      (this as unknown as { lastDrawnString: string | null }).lastDrawnString = null;
      this.render();
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
    // One column is left free: a full line would wrap on some terminals.
    format: (options, { progress }, shown: Progress) => progressLine(shown, (stream.columns ?? 80) - 1, (barsize) => Format.BarFormat(progress, { ...options, barsize })),
  });
  let active = false;
  const around = new AroundBar(stream, () => live.redraw());
  const own = <R>(draw: () => R): R => around.drawing(draw);
  const show = (progress: Progress): void =>
    own(() => {
      // Of a stream the end is not known: the bar stays empty until it is reached.
      const total = progress.steps ?? Infinity;
      if (!active) {
        live.start(total, progress.step, { ...progress });
        around.begin();
      } else live.update(progress.step, progress);
      active = true;
    });
  const stop = (): void => {
    if (!active) return;
    own(() => live.stop());
    active = false;
    around.end();
  };
  return {
    interval: 50,
    show,
    finish: (progress, stays) => {
      show(progress);
      if (stays) stop();
    },
    say: (text) => void stream.write(`${text}\n`),
    close: stop,
  };
}

/** A stream of a terminal, as far as it is used. */
type Output = NodeJS.WritableStream & { readonly isTTY?: boolean };
type Write = (this: unknown, text: string | Uint8Array, ...rest: unknown[]) => boolean;

const CLEAR_LINE = '\r\u001b[K';

/**
 * Keeps a line at the bottom of a terminal free of what else is written there: the line is cleared, whole lines are written, and it is drawn again below
 * them. The start of a line waits for its end. While the line is there, write() of the stream, and of standard error on the same terminal, is watched.
 */
export class AroundBar {
  readonly #streams: readonly Output[];
  readonly #redraw: () => void;
  readonly #restore: (() => void)[] = [];
  #waiting = '';
  #drawing = false;

  constructor(stream: Output, redraw: () => void) {
    this.#redraw = redraw;
    const { stdout, stderr } = process;
    this.#streams = stream === (stdout as unknown) && stderr.isTTY ? [stream, stderr] : [stream];
  }

  /** Runs `draw`, which writes the line itself. */
  drawing<R>(draw: () => R): R {
    const before = this.#drawing;
    this.#drawing = true;
    try {
      return draw();
    } finally {
      this.#drawing = before;
    }
  }

  begin(): void {
    for (const stream of this.#streams) {
      const own = Object.getOwnPropertyDescriptor(stream, 'write');
      const write = (stream.write as Write).bind(stream);
      const watched: Write = (text, ...rest) => {
        if (this.#drawing) return write(text, ...rest);
        const whole = this.#waiting + (typeof text === 'string' ? text : Buffer.from(text).toString());
        const end = whole.lastIndexOf('\n') + 1;
        this.#waiting = whole.slice(end);
        const callback = rest.find((one): one is () => void => typeof one === 'function');
        if (end === 0) {
          if (callback !== undefined) process.nextTick(callback);
          return true;
        }
        const room = write(CLEAR_LINE + whole.slice(0, end), ...rest);
        this.drawing(this.#redraw);
        return room;
      };
      Object.defineProperty(stream, 'write', { value: watched, configurable: true, writable: true });
      this.#restore.push(() => {
        if (own === undefined) Reflect.deleteProperty(stream, 'write');
        else Object.defineProperty(stream, 'write', own);
      });
    }
  }

  /** Nothing has to be kept free any more. */
  end(): void {
    for (const restore of this.#restore.splice(0)) restore();
    if (this.#waiting !== '') this.#streams[0]!.write(this.#waiting);
    this.#waiting = '';
  }
}
