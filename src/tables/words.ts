// Texts as counts of their words, or of pieces of them, hashed into buckets: nothing has to be learned, and no word is unknown.
import { Column, type FeatureEncoder, readAll, type TermsEncoder } from './column.js';
import { MOST_BUCKETS } from './categories.js';
import type { Json, JsonReader } from './json.js';
import { murmurHash } from '../murmur-hash.js';
import { type Place, textOf } from './values.js';

/** Ways in which texts are cut and counted; all of scikit-learn's HashingVectorizer. */
export interface WordsRecipe {
  readonly buckets: number;
  readonly ngrams: readonly [least: number, most: number];
  readonly analyzer: 'word' | 'char';
  readonly lowercase: boolean;
  readonly signed: boolean;
  readonly norm: 'l2' | 'l1' | 'none';
}

/** Words: letters, digits and underscores, at least two of them. */
const WORDS = /[\p{L}\p{N}_]{2,}/gu;

/** The words of a text, and sequences of them; or sequences of its characters. */
export function ngramsOf(text: string, { ngrams: [least, most], analyzer, lowercase }: Pick<WordsRecipe, 'ngrams' | 'analyzer' | 'lowercase'>): string[] {
  const given = lowercase ? text.toLowerCase() : text;
  const [pieces, between] = analyzer === 'word' ? [given.match(WORDS) ?? [], ' '] : [Array.from(given.replaceAll(/\s\s+/g, ' ')), ''];
  const all: string[] = [];
  for (let n = least; n <= most; n++) for (let i = 0; i + n <= pieces.length; i++) all.push(n === 1 ? pieces[i]! : pieces.slice(i, i + n).join(between));
  return all;
}

/** Weight of each bucket that a text has something in. With `signed` half of the terms count below zero, so that those that share a bucket cancel in the mean. */
export function bucketsOf(text: string | undefined, recipe: WordsRecipe): Map<number, number> {
  const { buckets, signed, norm } = recipe;
  const weights = new Map<number, number>();
  for (const term of text === undefined ? [] : ngramsOf(text, recipe)) {
    const hash = murmurHash(term) | 0;
    const bucket = Math.abs(hash) % buckets;
    weights.set(bucket, (weights.get(bucket) ?? 0) + (signed && hash < 0 ? -1 : 1));
  }
  const length = norm === 'none' ? 1 : [...weights.values()].reduce((sum, one) => sum + (norm === 'l2' ? one * one : Math.abs(one)), 0);
  const scale = norm === 'l2' ? Math.sqrt(length) : length;
  if (scale > 0 && scale !== 1) for (const [bucket, weight] of weights) weights.set(bucket, weight / scale);
  return weights;
}

class DenseWordsEncoder implements FeatureEncoder {
  readonly output = 'features';
  readonly names: readonly string[];
  readonly #recipe: WordsRecipe;

  constructor(recipe: WordsRecipe) {
    this.#recipe = recipe;
    this.names = Array.from({ length: recipe.buckets }, (_, i) => ` #${i}`);
  }

  write(value: unknown, place: Place, into: Float32Array, at: number): void {
    into.fill(0, at, at + this.#recipe.buckets);
    for (const [bucket, weight] of bucketsOf(textOf(value, place), this.#recipe)) into[at + bucket] = weight;
  }

  toJSON(): Json {
    return { kind: 'words', ...this.#recipe };
  }
}

class SparseWordsEncoder implements TermsEncoder {
  readonly output = 'terms';
  readonly size: number;
  readonly count: number;
  readonly #recipe: WordsRecipe;

  constructor(recipe: WordsRecipe, count: number) {
    this.#recipe = recipe;
    this.size = recipe.buckets;
    this.count = count;
  }

  terms(value: unknown, place: Place, indices: Int32Array, weights: Float32Array, at: number): void {
    indices.fill(0, at, at + this.count);
    weights.fill(0, at, at + this.count);
    let found = [...bucketsOf(textOf(value, place), this.#recipe)];
    if (found.length > this.count) found = found.toSorted(([a, v], [b, w]) => Math.abs(w) - Math.abs(v) || a - b).slice(0, this.count);
    found.forEach(([bucket, weight], i) => {
      indices[at + i] = bucket;
      weights[at + i] = weight;
    });
  }

  toJSON(): Json {
    return { kind: 'terms', ...this.#recipe, count: this.count };
  }
}

export const denseWordsColumn = (recipe: WordsRecipe): Column<'features'> =>
  new Column('features', 'text', `bagOfWords(${JSON.stringify(recipe)})`, (values, place) => {
    readAll(values, place, textOf);
    return new DenseWordsEncoder(recipe);
  });

/** As many terms as the training row with the most has, but at most `most`. */
export const sparseWordsColumn = (recipe: WordsRecipe, most: number): Column<'terms'> =>
  new Column('terms', 'text', `bagOfWords(${JSON.stringify({ ...recipe, sparse: true })})`, (values, place) => {
    const counts = readAll(values, place, (value) => bucketsOf(textOf(value, place), recipe).size);
    return new SparseWordsEncoder(recipe, Math.max(Math.min(counts.reduce((a, b) => Math.max(a, b), 0), most), 1));
  });

/** Most numbers that a text may become. */
export const MOST_WORDS = 2 ** 16;

export function parseWordsColumn(reader: JsonReader, kind: 'words' | 'terms'): FeatureEncoder | TermsEncoder {
  const { buckets, ngrams, analyzer, lowercase, signed, norm, count } = reader.fields(['kind', 'buckets', 'ngrams', 'analyzer', 'lowercase', 'signed', 'norm'], ['count']);
  const [least, most, ...rest] = ngrams.list((one) => one.integer(1, 64));
  if (least === undefined || most === undefined || most < least || rest.length > 0) throw ngrams.wrong('two ascending integers');
  const recipe: WordsRecipe = {
    buckets: buckets.integer(1, kind === 'terms' ? MOST_BUCKETS : MOST_WORDS),
    ngrams: [least, most],
    analyzer: analyzer.oneOf(['word', 'char']),
    lowercase: lowercase.flag(),
    signed: signed.flag(),
    norm: norm.oneOf(['l2', 'l1', 'none']),
  };
  if (kind === 'words' && count !== undefined) throw count.wrong('nothing');
  if (kind === 'words') return new DenseWordsEncoder(recipe);
  if (count === undefined) throw reader.wrong('an object with count');
  return new SparseWordsEncoder(recipe, count.integer(1, MOST_WORDS));
}
