/** Text that comes token by token and ends in front of the first of some texts. */
export class StopText {
  readonly #stops: readonly string[];
  #held = '';

  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  /** Takes what comes next. Returns what is certain to stand before every stop, and whether one is reached: then nothing may follow. */
  add(text: string): { readonly text: string; readonly stopped: boolean } {
    const all = this.#held + text;
    const ends = this.#stops.map((stop) => all.indexOf(stop)).filter((at) => at >= 0);
    if (ends.length > 0) {
      this.#held = '';
      return { text: all.slice(0, Math.min(...ends)), stopped: true };
    }
    const certain = all.length - this.#begun(all);
    this.#held = all.slice(certain);
    return { text: all.slice(0, certain), stopped: false };
  }

  /** Returns what was held back. */
  end(): string {
    const rest = this.#held;
    this.#held = '';
    return rest;
  }

  /** Length of the longest end of a text with which a stop begins. */
  #begun(text: string): number {
    const lengthOf = (stop: string): number => {
      for (let length = Math.min(stop.length - 1, text.length); length > 0; length--) if (text.endsWith(stop.slice(0, length))) return length;
      return 0;
    };
    return Math.max(0, ...this.#stops.map(lengthOf));
  }
}
