// Texts as tokens in their order: words that the training rows have often, by number.
import { ArgumentError } from '../errors.js';
import { Column, readAll, type TokensEncoder } from './column.js';
import type { Json, JsonReader } from './json.js';
import { type Place, textOf } from './values.js';
import { MOST_WORDS } from './words.js';

/** Options of what is learned: which words have a token, and how many tokens a text has. */
export interface TokensRecipe {
  readonly maxWords: number;
  readonly minCount: number;
  readonly maxTokens: number;
  readonly lowercase: boolean;
}

/** Words with their marks and apostrophes, numbers, and signs one by one; no spaces. */
const PIECES = /\p{L}[\p{L}\p{M}]*(?:['’]\p{L}[\p{L}\p{M}]*)*|\p{N}+|[^\s\p{L}\p{N}]/gu;

const piecesOf = (text: string | undefined, lowercase: boolean): string[] => (lowercase ? text?.toLowerCase() : text)?.match(PIECES) ?? [];

/** Token of a word that the training rows lack; 0 is padding. */
const UNKNOWN = 1;
/** Token of the first word. */
const FIRST = 2;

class WordTokensEncoder implements TokensEncoder {
  readonly output = 'tokens';
  readonly size: number;
  readonly count: number;
  readonly #words: readonly string[];
  readonly #lowercase: boolean;
  readonly #tokens: ReadonlyMap<string, number>;

  constructor(words: readonly string[], lowercase: boolean, count: number) {
    this.size = FIRST + words.length;
    this.count = count;
    this.#words = words;
    this.#lowercase = lowercase;
    this.#tokens = new Map(words.map((word, i) => [word, FIRST + i]));
  }

  tokens(value: unknown, place: Place, into: Int32Array, at: number): number {
    const pieces = piecesOf(textOf(value, place), this.#lowercase).slice(0, this.count);
    // A mean, and attention, over nothing would be no number.
    if (pieces.length === 0) into[at] = UNKNOWN;
    pieces.forEach((piece, i) => (into[at + i] = this.#tokens.get(piece) ?? UNKNOWN));
    return Math.max(pieces.length, 1);
  }

  toJSON(): Json {
    return { kind: 'tokens', words: this.#words, lowercase: this.#lowercase, count: this.count };
  }
}

export const tokensColumn = (recipe: TokensRecipe): Column<'tokens'> =>
  new Column('tokens', 'text', `tokens(${JSON.stringify(recipe)})`, (values, place) => {
    const { maxWords, minCount, maxTokens, lowercase } = recipe;
    const counts = new Map<string, number>();
    const lengths = readAll(values, place, (value) => {
      const pieces = piecesOf(textOf(value, place), lowercase);
      for (const piece of pieces) counts.set(piece, (counts.get(piece) ?? 0) + 1);
      return pieces.length;
    });
    const frequent = [...counts].filter(([, count]) => count >= minCount).toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
    if (frequent.length === 0) throw new ArgumentError(`[${place.op}] column '${place.column}': got no word that the rows have ${minCount} times, expected one. Give a lower minCount.`, { op: place.op });
    return new WordTokensEncoder(frequent.slice(0, maxWords).map(([word]) => word), lowercase, lengths.reduce((most, length) => Math.max(most, Math.min(length, maxTokens)), 1));
  });

export function parseTokensColumn(reader: JsonReader): TokensEncoder {
  const { words, lowercase, count } = reader.fields(['kind', 'words', 'lowercase', 'count']);
  return new WordTokensEncoder(words.names(), lowercase.flag(), count.integer(1, MOST_WORDS));
}
