import { describeValue } from '../describe-value.js';
import { ArgumentError, DataError } from '../errors.js';
import { Tensor } from '../tensor.js';

/** Text to tokens and back. The vocabularies here are some, and so is what fromTokenizerJson() gives; one of your own needs nothing else. */
export interface Tokenizer {
  /** The number of tokens: those of a model's embedding and head. */
  readonly size: number;
  /** Token that stands behind the end of a text; undefined where there is none. */
  readonly endOfText?: number | undefined;
  /** Places at which a text may be cut without that its tokens change: anywhere, in front of spaces, or nowhere within a document. Default 'documents'. */
  readonly boundaries?: 'anywhere' | 'spaces' | 'documents' | undefined;
  /** Tokens in [0, size). */
  encode(text: string): Int32Array | readonly number[];
  /** Text of some tokens. */
  decode(tokens: ArrayLike<number>): string;
}

/** Throws ArgumentError for what is no tokenizer. */
export function checkTokenizer(op: string, tokenizer: unknown): asserts tokenizer is Tokenizer {
  const given = tokenizer as Partial<Tokenizer> | null | undefined;
  if (typeof given === 'object' && given !== null && Number.isInteger(given.size) && typeof given.encode === 'function' && typeof given.decode === 'function') return;
  throw new ArgumentError(`[${op}] tokenizer: got ${describeValue(tokenizer)}, expected one with size, encode() and decode(), as in text.characters(corpus).`, { op });
}

/** Throws for what is no text: DataError, naming the place, for half of a surrogate pair, which no encoding has. */
export function checkText(op: string, text: unknown, name = 'the text'): asserts text is string {
  if (typeof text !== 'string') throw new ArgumentError(`[${op}] ${name}: got ${describeValue(text)}, expected a string.`, { op });
  const at = text.search(/\p{Surrogate}/u);
  if (at < 0) return;
  throw new DataError(`[${op}] ${name} is broken at position ${at}: got half of a surrogate pair (U+${text.charCodeAt(at).toString(16).toUpperCase()}), expected whole characters. Cut texts between characters, as Array.from(text) does.`, { op });
}

/** Throws ArgumentError for what is no array of tokens. */
export function checkTokens(op: string, tokens: unknown): asserts tokens is ArrayLike<number> {
  if (typeof tokens === 'object' && typeof (tokens as Partial<ArrayLike<number>> | null)?.length === 'number') return;
  const advice = tokens instanceof Tensor ? ' Read it first: await tensor.data().' : '';
  throw new ArgumentError(`[${op}] tokens: got ${describeValue(tokens)}, expected an array of tokens.${advice}`, { op });
}
