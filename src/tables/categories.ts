// Columns of categories: which of them were seen in the training rows, and what becomes of the others.
import { ArgumentError } from '../errors.js';
import { suggestion } from '../options.js';
import { Column, type FeatureEncoder, type IndexEncoder, readAll } from './column.js';
import type { Json, JsonReader } from './json.js';
import { murmurHash } from '../murmur-hash.js';
import { categoryOf, type Place, wrongValue } from './values.js';

/** Options of all columns whose categories are learned. */
export interface CategoryOptions {
  /** A category of fewer training rows than this is 'other', so that there is something to learn for those that come later. Default 1. */
  readonly minCount?: number | undefined;
  /** The most categories that are told apart: the most frequent ones. Default: all. */
  readonly maxCategories?: number | undefined;
  /** 'other': a category that was not seen in the training rows is one with those that were too rare. 'error': it is an error. Default 'other'. */
  readonly unknown?: 'other' | 'error' | undefined;
}

/** Categories by number. A gap is a category of its own, behind the others, where the training rows have gaps. */
export class Vocabulary {
  readonly categories: readonly string[];
  readonly hasGap: boolean;
  readonly unknown: 'other' | 'error';
  readonly #numbers: ReadonlyMap<string, number>;

  constructor(categories: readonly string[], hasGap: boolean, unknown: 'other' | 'error') {
    this.categories = categories;
    this.hasGap = hasGap;
    this.unknown = unknown;
    this.#numbers = new Map(categories.map((category, i) => [category, i]));
  }

  get size(): number {
    return this.categories.length + (this.hasGap ? 1 : 0);
  }

  /** The number of a value's category; -1 of an unknown one, and of a gap where there were none. */
  find(value: unknown, place: Place): number {
    const category = categoryOf(value, place);
    const found = category === undefined ? (this.hasGap ? this.categories.length : undefined) : this.#numbers.get(category);
    if (found !== undefined) return found;
    if (this.unknown === 'other') return -1;
    throw unknownCategory(place, value, this.categories);
  }

  get json(): { readonly categories: readonly string[]; readonly hasGap: boolean; readonly unknown: 'other' | 'error' } {
    return { categories: this.categories, hasGap: this.hasGap, unknown: this.unknown };
  }

  static parse(categories: JsonReader, hasGap: JsonReader, unknown: JsonReader): Vocabulary {
    return new Vocabulary(categories.names(), hasGap.flag(), unknown.oneOf(['other', 'error']));
  }
}

/** The error of a category that is not known, with the one that is spelled most alike. */
export function unknownCategory(place: Place, value: unknown, categories: readonly string[]): Error {
  const some = categories.slice(0, 10).join(', ');
  const near = typeof value === 'string' ? suggestion(value, categories, "'") : '';
  return wrongValue(place, value, `one of ${some}${categories.length > 10 ? `, ... (${categories.length})` : ''}`, near === '' ? 'Correct it.' : near.trimStart());
}

/** By UTF-16 code units, the same on every platform. */
const byName = (a: string, b: string): number => (a < b ? -1 : 1);

/** Learns the categories of the training rows, in the order of their names: the order of the rows is nothing to them. */
function vocabularyOf(values: readonly unknown[], place: Place, { minCount = 1, maxCategories = Infinity, unknown = 'other' }: CategoryOptions): Vocabulary {
  const counts = new Map<string | undefined, number>();
  for (const category of readAll(values, place, categoryOf)) counts.set(category, (counts.get(category) ?? 0) + 1);
  const hasGap = counts.delete(undefined);
  const frequent = ([...counts] as [string, number][]).filter(([, count]) => count >= minCount).toSorted(([a, n], [b, m]) => m - n || byName(a, b)).slice(0, maxCategories);
  if (frequent.length === 0 && !hasGap) throw new ArgumentError(`[${place.op}] column '${place.column}': got no category of at least ${minCount} rows, expected one. Give a lower minCount.`, { op: place.op });
  return new Vocabulary(frequent.map(([category]) => category).toSorted(byName), hasGap, unknown);
}

class OneHotEncoder implements FeatureEncoder {
  readonly output = 'features';
  readonly names: readonly string[];
  readonly #vocabulary: Vocabulary;

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary;
    this.names = [...vocabulary.categories.map((category) => `=${category}`), ...(vocabulary.hasGap ? [' is missing'] : [])];
  }

  write(value: unknown, place: Place, into: Float32Array, at: number): void {
    const number = this.#vocabulary.find(value, place);
    into.fill(0, at, at + this.names.length);
    if (number >= 0) into[at + number] = 1;
  }

  toJSON(): Json {
    return { kind: 'oneHot', ...this.#vocabulary.json };
  }
}

class OrdinalEncoder implements FeatureEncoder {
  readonly output = 'features';
  readonly names = [''];
  readonly #vocabulary: Vocabulary;

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary;
  }

  write(value: unknown, place: Place, into: Float32Array, at: number): void {
    into[at] = this.#vocabulary.find(value, place);
  }

  toJSON(): Json {
    return { kind: 'ordinal', ...this.#vocabulary.json };
  }
}

class EmbeddingEncoder implements IndexEncoder {
  readonly output = 'index';
  readonly size: number;
  readonly #vocabulary: Vocabulary;

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary;
    this.size = vocabulary.size + 1;
  }

  index(value: unknown, place: Place): number {
    return this.#vocabulary.find(value, place) + 1;
  }

  toJSON(): Json {
    return { kind: 'embedding', ...this.#vocabulary.json };
  }
}

/** Most buckets there may be. */
export const MOST_BUCKETS = 2 ** 24;

class HashedEncoder implements IndexEncoder {
  readonly output = 'index';
  readonly size: number;
  readonly #buckets: number;

  constructor(buckets: number) {
    this.#buckets = buckets;
    this.size = buckets + 1;
  }

  index(value: unknown, place: Place): number {
    const category = categoryOf(value, place);
    return category === undefined ? 0 : 1 + (murmurHash(category) % this.#buckets);
  }

  toJSON(): Json {
    return { kind: 'hashed', buckets: this.#buckets };
  }
}

const described = (name: string, options: object): string => `${name}(${Object.keys(options).length === 0 ? '' : JSON.stringify(options)})`;

export const oneHotColumn = (options: CategoryOptions): Column<'features'> => new Column('features', 'category', described('oneHot', options), (values, place) => new OneHotEncoder(vocabularyOf(values, place, options)));

export const embeddingColumn = (options: CategoryOptions): Column<'index'> => new Column('index', 'category', described('embedding', options), (values, place) => new EmbeddingEncoder(vocabularyOf(values, place, options)));

/** Ranks of categories in the order that is given, or of their names. */
export function ordinalColumn(order: readonly string[] | undefined, unknown: 'other' | 'error'): Column<'features'> {
  return new Column('features', 'category', described('ordinal', { order }), (values, place) => {
    if (order === undefined) return new OrdinalEncoder(vocabularyOf(values.filter((value) => categoryOf(value, place) !== undefined), place, { unknown }));
    const vocabulary = new Vocabulary(order, false, unknown);
    readAll(values, place, (value) => {
      const category = categoryOf(value, place);
      if (category !== undefined && !order.includes(category)) throw unknownCategory(place, value, order);
    });
    return new OrdinalEncoder(vocabulary);
  });
}

export const hashedColumn = (buckets: number): Column<'index'> =>
  new Column('index', 'category', `hashed({ buckets: ${buckets} })`, (values, place) => {
    readAll(values, place, categoryOf);
    return new HashedEncoder(buckets);
  });

export function parseVocabularyColumn(reader: JsonReader, kind: 'oneHot' | 'ordinal' | 'embedding'): FeatureEncoder | IndexEncoder {
  const { categories, hasGap, unknown } = reader.fields(['kind', 'categories', 'hasGap', 'unknown']);
  const vocabulary = Vocabulary.parse(categories, hasGap, unknown);
  if (kind === 'oneHot') return new OneHotEncoder(vocabulary);
  return kind === 'ordinal' ? new OrdinalEncoder(vocabulary) : new EmbeddingEncoder(vocabulary);
}

export function parseHashedColumn(reader: JsonReader): IndexEncoder {
  return new HashedEncoder(reader.fields(['kind', 'buckets']).buckets.integer(1, MOST_BUCKETS));
}
