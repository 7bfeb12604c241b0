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
