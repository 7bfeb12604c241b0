import { describeValue } from '../describe-value.js';
import { ArgumentError } from '../errors.js';
import type { Tokenizer } from './tokenizer.js';

/** Character that a tokenizer's decode() puts in place of bytes that are none. */
const REPLACEMENT = '\uFFFD';
/** A character has up to four bytes, so what is begun has up to three, each of which some tokenizers show by itself. */
const BEGUN = /\uFFFD{1,3}$/;
/** So many in a row begin no character any more. */
const BROKEN = REPLACEMENT.repeat(8);

/**
 * Text of tokens that come one by one behind a prompt. It is what decode() makes of them together with those before, as many tokenizers leave out the space in front of the first one, and
 * characters may have their bytes in several.
 */
export class TokenText {
  readonly #tokenizer: Tokenizer;
  /** Tokens that end with a whole character, and their text. */
  #before: readonly number[] = [];
  #textBefore = '';
  /** Tokens behind those that do not, and the length of what was given of their text. */
  #pending: number[] = [];
  #given = 0;

  constructor(tokenizer: Tokenizer, prompt: readonly number[]) {
    this.#tokenizer = tokenizer;
    // A model may know tokens that its tokenizer does not, such as one to begin with.
    this.#goOnBehind(prompt.slice(prompt.findLastIndex((token) => token >= tokenizer.size) + 1));
  }

  /** Takes the next token. Returns the text that is certain by now. */
  add(token: number): string {
    this.#pending.push(token);
    const text = this.#text();
    if (text.endsWith(REPLACEMENT) && !text.endsWith(BROKEN)) {
      const from = this.#given;
      this.#given = Math.max(from, text.replace(BEGUN, '').length);
      return text.slice(from, this.#given);
    }
    return this.#take(text);
  }

  /** Returns what was held back. */
  end(): string {
    return this.#pending.length > 0 ? this.#take(this.#text()) : '';
  }

  #text(): string {
    return this.#decoded([...this.#before, ...this.#pending]).slice(this.#textBefore.length);
  }

  #take(text: string): string {
    const rest = text.slice(this.#given);
    // Tokens without text, as special ones are, leave the next one where it is.
    if (text !== '') this.#goOnBehind(this.#pending);
    this.#pending = [];
    this.#given = 0;
    return rest;
  }

  #goOnBehind(tokens: readonly number[]): void {
    const text = this.#decoded(tokens);
    const isWhole = !text.endsWith(REPLACEMENT);
    this.#before = isWhole ? tokens : [];
    this.#textBefore = isWhole ? text : '';
  }

  #decoded(tokens: readonly number[]): string {
    const text: unknown = this.#tokenizer.decode(tokens);
    if (typeof text === 'string') return text;
    throw new ArgumentError(`[decode] tokenizer: its decode() gave ${describeValue(text)}, expected a text.`, { op: 'decode' });
  }
}

/** Text of tokens behind a prompt. */
export function textBehind(tokenizer: Tokenizer, prompt: readonly number[], tokens: readonly number[]): string {
  const text = new TokenText(tokenizer, prompt);
  return tokens.map((token) => text.add(token)).join('') + text.end();
}
