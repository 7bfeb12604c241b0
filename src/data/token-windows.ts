/** Windows of tokens: inputs, and the tokens that follow each of them. */
export interface TokenWindow {
  readonly x: Int32Array;
  readonly y: Int32Array;
}

/** Target behind the end of a document, which losses leave out by `ignoreIndex: -100`. */
const NO_TARGET = -100;

/** Cuts a row of tokens that comes in parts into windows of `context` tokens, each `stride` behind the one before. */
export class TokenWindows {
  readonly #context: number;
  readonly #stride: number;
  #tokens: Int32Array;
  #begin = 0;
  #end = 0;
  /** Tokens to leave out before the next window. */
  #skip: number;

  /** `first`: position of the first window. */
  constructor(context: number, stride: number, first: number) {
    this.#context = context;
    this.#stride = stride;
    this.#skip = first;
    this.#tokens = new Int32Array(4 * (context + 1));
  }

  *add(tokens: ArrayLike<number>): Generator<TokenWindow, void, undefined> {
    this.#append(tokens);
    for (let window = this.#next(); window !== undefined; window = this.#next()) yield window;
  }

  /** The last window of a document, which has less tokens than others: behind its end stand `padding` and no targets. What comes next begins anew. */
  rest(padding: number): TokenWindow | undefined {
    const count = this.#end - this.#begin;
    const tokens = this.#tokens.subarray(this.#begin, this.#end);
    const skip = this.#skip;
    this.#begin = this.#end = this.#skip = 0;
    if (count - skip < 2) return undefined;
    const x = new Int32Array(this.#context).fill(padding);
    const y = new Int32Array(this.#context).fill(NO_TARGET);
    x.set(tokens.subarray(skip, count - 1));
    y.set(tokens.subarray(skip + 1));
    return { x, y };
  }

  #next(): TokenWindow | undefined {
    const skipped = Math.min(this.#skip, this.#end - this.#begin);
    this.#begin += skipped;
    this.#skip -= skipped;
    if (this.#skip > 0 || this.#end - this.#begin < this.#context + 1) return undefined;
    const from = this.#begin;
    this.#skip = this.#stride;
    return { x: this.#tokens.slice(from, from + this.#context), y: this.#tokens.slice(from + 1, from + this.#context + 1) };
  }

  #append(tokens: ArrayLike<number>): void {
    const kept = this.#end - this.#begin;
    if (this.#end + tokens.length > this.#tokens.length) {
      const roomy = kept + tokens.length > this.#tokens.length ? new Int32Array(2 * (kept + tokens.length)) : this.#tokens;
      roomy.set(this.#tokens.subarray(this.#begin, this.#end));
      this.#tokens = roomy;
      this.#begin = 0;
      this.#end = kept;
    }
    this.#tokens.set(tokens, this.#end);
    this.#end += tokens.length;
  }
}
