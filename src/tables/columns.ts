// What columns of a table become, with the names and results of scikit-learn's transformers where it has them.
import { describeList, describeValue } from '../describe-value.js';
import { ArgumentError } from '../errors.js';
import { checkChoice, checkFlags, checkOptions, checkRequired } from '../options.js';
import { type CategoryOptions, embeddingColumn, hashedColumn, MOST_BUCKETS, oneHotColumn, ordinalColumn } from './categories.js';
import type { Column } from './column.js';
import { type Cycle, CYCLES, dateColumn } from './dates.js';
import { clipping, fitClip, fitMinMax, fitQuantile, fitStandardize, type FitStep, imputing, logging, momentsOf, mostFrequent, NumberStep, present, quantileOf } from './number-steps.js';
import { tokensColumn } from './tokens.js';
import { denseWordsColumn, MOST_WORDS, sparseWordsColumn, type WordsRecipe } from './words.js';

export { Column, type ColumnOutput } from './column.js';
export type { CategoryOptions } from './categories.js';
export type { Cycle } from './dates.js';
export { NumberStep } from './number-steps.js';

/**
 * Subtracts the mean of the training rows and divides by their deviation: (x - mean) / std. A column whose numbers are all alike becomes 0.
 * As sklearn.preprocessing.StandardScaler.
 *
 *     const columns = { age: data.columns.standardize() };
 */
export function standardize(): NumberStep {
  return new NumberStep('standardize()', fitStandardize);
}

/**
 * Brings the least number of the training rows to range[0] and the greatest to range[1]; later ones may lie outside. Default [0, 1].
 * As sklearn.preprocessing.MinMaxScaler. Throws ArgumentError for what is no range.
 *
 *     const columns = { age: data.columns.minMax({ range: [-1, 1] }) };
 */
export function minMax(options: { readonly range?: readonly [low: number, high: number] | undefined } = {}): NumberStep {
  checkOptions('data.columns.minMax', options, ['range']);
  const { range = [0, 1] } = options;
  checkAscending('minMax', 'range', range);
  return new NumberStep(`minMax({ range: [${range.join(', ')}] })`, fitMinMax([range[0], range[1]]));
}

export interface QuantileOptions {
  /** Quantiles that are kept; between two of them in proportion. At most one a row. Default 1000. */
  readonly quantiles?: number | undefined;
  /** 'uniform': 0 to 1. 'normal': on to the normal distribution's. Default 'uniform'. */
  readonly distribution?: 'uniform' | 'normal' | undefined;
}

/**
 * Replaces a number by the share of the training rows that are below: whatever their distribution was, it becomes an even one, or the normal one. Numbers
 * outside of the training rows' become 0 or 1. As sklearn.preprocessing.QuantileTransformer, without drawing a subsample. Throws ArgumentError.
 *
 *     const columns = { income: data.columns.quantile({ distribution: 'normal' }) };
 */
export function quantile(options: QuantileOptions = {}): NumberStep {
  checkOptions('data.columns.quantile', options, ['quantiles', 'distribution']);
  const { quantiles = 1000, distribution = 'uniform' } = options;
  checkCount('quantile', 'quantiles', quantiles, 2, 2 ** 16);
  checkChoice('data.columns.quantile', 'distribution', distribution, ['uniform', 'normal']);
  return new NumberStep(`quantile({ quantiles: ${quantiles}, distribution: '${distribution}' })`, fitQuantile(quantiles, distribution));
}

/**
 * Natural logarithm: log(x + offset), in nats. Default offset 0; 1 takes 0 as well. A number that has none is DataError, with its column and row.
 *
 *     const columns = { income: [data.columns.log({ offset: 1 }), data.columns.standardize()] };
 */
export function log(options: { readonly offset?: number | undefined } = {}): NumberStep {
  checkOptions('data.columns.log', options, ['offset']);
  const { offset = 0 } = options;
  checkFinite('log', 'offset', offset);
  return new NumberStep(`log({ offset: ${offset} })`, () => logging(offset));
}

export interface ClipOptions {
  /** Least number, and greatest. Default: none. */
  readonly min?: number | undefined;
  readonly max?: number | undefined;
  /** Instead of these: shares in [0, 1], by which they are quantiles of the training rows. */
  readonly quantiles?: readonly [low: number, high: number] | undefined;
}

/**
 * Brings what is below `min` or above `max` to them, or to quantiles of the training rows. Throws ArgumentError unless there is something to clip to.
 *
 *     const columns = { age: data.columns.clip({ min: 0, max: 100 }), price: data.columns.clip({ quantiles: [0.01, 0.99] }) };
 */
export function clip(options: ClipOptions): NumberStep {
  checkRequired('data.columns.clip', options, ['min', 'max', 'quantiles']);
  const { min, max, quantiles } = options;
  if (quantiles !== undefined) {
    if (min !== undefined || max !== undefined) throw fail('clip', 'quantiles: got them beside min or max, expected one or the other. Leave one out.');
    checkAscending('clip', 'quantiles', quantiles);
    if (quantiles[0] < 0 || quantiles[1] > 1) throw fail('clip', `quantiles: got ${describeList(quantiles)}, expected two shares in [0, 1], as in [0.01, 0.99].`);
    return new NumberStep(`clip({ quantiles: [${quantiles.join(', ')}] })`, fitClip(quantiles[0], quantiles[1]));
  }
  if (min === undefined && max === undefined) throw fail('clip', 'min, max: got neither, expected one of them, as in clip({ min: 0 }).');
  const [low, high] = [min ?? -Number.MAX_VALUE, max ?? Number.MAX_VALUE];
  checkFinite('clip', 'min', low);
  checkFinite('clip', 'max', high);
  if (low > high) throw fail('clip', `min: got ${low}, expected at most max, ${high}. Exchange them.`);
  return new NumberStep(`clip({ min: ${low}, max: ${high} })`, () => clipping(low, high));
}

const STRATEGIES = ['mean', 'median', 'mostFrequent'] as const;

export interface ImputeOptions {
  /** A second number, 1 where there was a gap and else 0: always, never, or where the training rows have gaps. Default 'auto'. */
  readonly indicator?: boolean | 'auto' | undefined;
}

/**
 * Fills gaps by the mean, the median or the most frequent number of the training rows, or by a number that is given. Default 'mean'.
 * As sklearn.impute.SimpleImputer. Throws ArgumentError for another strategy.
 *
 *     const columns = { age: [data.columns.impute('median', { indicator: true }), data.columns.standardize()] };
 */
export function impute(by: (typeof STRATEGIES)[number] | number = 'mean', options: ImputeOptions = {}): NumberStep {
  checkOptions('data.columns.impute', options, ['indicator']);
  const { indicator = 'auto' } = options;
  if (typeof by === 'number') checkFinite('impute', 'by', by);
  else checkChoice('data.columns.impute', 'strategy', by, STRATEGIES);
  if (typeof indicator !== 'boolean' && indicator !== 'auto') throw fail('impute', `indicator: got ${describeValue(indicator)}, expected true, false or 'auto'.`);
  const fit: FitStep = (values, place) => {
    if (typeof by === 'number') return imputing(by);
    const found = present(values, place);
    return imputing(by === 'mean' ? momentsOf(found).mean : by === 'median' ? quantileOf(found.toSorted(), 0.5) : mostFrequent(found));
  };
  return new NumberStep(`impute(${typeof by === 'number' ? by : `'${by}'`}, { indicator: ${String(indicator)} })`, fit, indicator);
}

/**
 * One number for each category of the training rows: 1 for the row's own, else 0. An unknown category, and one that is too rare, is 0 everywhere; a gap is a category of its own where
 * the training rows have gaps, else 0 everywhere. As sklearn.preprocessing.OneHotEncoder(handle_unknown='ignore'). Throws ArgumentError.
 *
 *     const columns = { city: data.columns.oneHot({ minCount: 5 }) };
 */
export function oneHot(options: CategoryOptions = {}): Column<'features'> {
  return oneHotColumn(checkCategories('oneHot', options));
}

/**
 * The index of a category, int32, for an embedding that the model learns: a field of inputs with the column's name. 0 is an unknown category, one that is too rare, and a gap where the
 * training rows have none; `pipeline.embeddings` has the number of indices. Throws ArgumentError.
 *
 *     const columns = { city: data.columns.embedding({ minCount: 5 }) };
 */
export function embedding(options: CategoryOptions = {}): Column<'index'> {
  return embeddingColumn(checkCategories('embedding', options));
}

export interface OrdinalOptions {
  /** Categories from the least to the greatest. Default: those of the training rows, by name. */
  readonly order?: readonly string[] | undefined;
  /** 'other': -1 for a category that is not among them; 'error'. A gap is as unknown. Default 'other'. */
  readonly unknown?: 'other' | 'error' | undefined;
}

/**
 * The rank of a category, from 0. Of a training row, a category that `order` lacks is an error.
 * As sklearn.preprocessing.OrdinalEncoder(handle_unknown='use_encoded_value', unknown_value=-1). Throws ArgumentError.
 *
 *     const columns = { size: data.columns.ordinal({ order: ['small', 'medium', 'large'] }) };
 */
export function ordinal(options: OrdinalOptions = {}): Column<'features'> {
  checkOptions('data.columns.ordinal', options, ['order', 'unknown']);
  const { order, unknown = 'other' } = options;
  checkChoice('data.columns.ordinal', 'unknown', unknown, ['other', 'error']);
  const valid = order === undefined || (Array.isArray(order) && order.length > 0 && order.every((one) => typeof one === 'string') && new Set(order).size === order.length);
  if (!valid) throw fail('ordinal', `order: got ${describeList(order)}, expected strings that all differ, as in ['small', 'large'].`);
  return ordinalColumn(order && [...order], unknown);
}

/**
 * The index of a bucket that the category's name is hashed to, int32, for an embedding: 1 + murmur3(name) % buckets, and 0 for a gap. No category is
 * unknown, and several may share a bucket; for names without end, such as users or products. Throws ArgumentError.
 *
 *     const columns = { user: data.columns.hashed({ buckets: 1000 }) };
 */
export function hashed(options: { readonly buckets: number }): Column<'index'> {
  checkRequired('data.columns.hashed', options, ['buckets']);
  checkCount('hashed', 'buckets', options.buckets, 1, MOST_BUCKETS);
  return hashedColumn(options.buckets);
}

export interface DateOptions {
  /** Periods: 'hour', 'day', 'week', 'month', 'year'. Default: 'week' and 'year', and 'day' where the training rows have times of day. */
  readonly cycles?: readonly Cycle[] | undefined;
  /** Also the time itself, standardised by the training rows. Default false. */
  readonly trend?: boolean | undefined;
}

/**
 * Two numbers for each period, sine and cosine of 2 pi times the share of it that is over, in UTC, so that December is beside January. A gap is (0, 0), the middle of the circle, and
 * where the training rows have gaps a number more says so. Dates are Dates, ISO 8601 texts, or milliseconds since 1970. Throws ArgumentError.
 *
 *     const columns = { when: data.columns.dates({ cycles: ['day', 'week'], trend: true }) };
 */
export function dates(options: DateOptions = {}): Column<'features'> {
  checkOptions('data.columns.dates', options, ['cycles', 'trend']);
  checkFlags('data.columns.dates', options, ['trend']);
  const { cycles, trend = false } = options;
  if (cycles !== undefined && !Array.isArray(cycles)) throw fail('dates', `cycles: got ${describeValue(cycles)}, expected an array, as in ['day', 'week'].`);
  for (const cycle of cycles ?? []) checkChoice('data.columns.dates', 'cycle', cycle, CYCLES);
  if (cycles?.length === 0 && !trend) throw fail('dates', 'cycles: got none and no trend, expected something that a date becomes. Name one, or leave the column out.');
  return dateColumn(cycles && [...cycles], trend);
}

export interface WordsOptions {
  /** Buckets that terms are hashed to. Default 512, or 2^18 with `sparse`. */
  readonly buckets?: number | undefined;
  /** The least and the greatest number of words, or characters, of a term. Default [1, 1]. */
  readonly ngrams?: readonly [least: number, most: number] | undefined;
  /** Terms of words, or of characters. Default 'word'. */
  readonly analyzer?: 'word' | 'char' | undefined;
  /** Default true. */
  readonly lowercase?: boolean | undefined;
  /** Half of the terms count below zero, so that those that share a bucket cancel in the mean. Default true. */
  readonly signed?: boolean | undefined;
  /** Norm of a row that becomes 1: 'l2', 'l1' or 'none'. Default 'l2'. */
  readonly norm?: 'l2' | 'l1' | 'none' | undefined;
  /** Two fields, indices (int32) and their weights, for an embedding, instead of a number for each bucket. Default false. */
  readonly sparse?: boolean | undefined;
  /** With `sparse`, the most terms of a text that are kept: those of the greatest weights. Default 256. */
  readonly maxTerms?: number | undefined;
}

/**
 * Counts of a text's words, or of sequences of them, or of its characters (n-grams), hashed into buckets by murmur3: no word is unknown, and a gap has none. With `sparse: true` they are two
 * fields, `note` with indices and `noteWeights` with their weights, [terms] each, whose embeddings a model adds up.
 * As sklearn.feature_extraction.text.HashingVectorizer. Throws ArgumentError.
 *
 *     const columns = { note: data.columns.bagOfWords({ ngrams: [1, 2] }), title: data.columns.bagOfWords({ sparse: true }) };
 */
export function bagOfWords(options: WordsOptions & { readonly sparse: true }): Column<'terms'>;
export function bagOfWords(options?: WordsOptions & { readonly sparse?: false | undefined }): Column<'features'>;
export function bagOfWords(options: WordsOptions = {}): Column<'features'> | Column<'terms'> {
  const op = 'data.columns.bagOfWords';
  checkOptions(op, options, ['buckets', 'ngrams', 'analyzer', 'lowercase', 'signed', 'norm', 'sparse', 'maxTerms']);
  checkFlags(op, options, ['lowercase', 'signed', 'sparse']);
  const { sparse = false, buckets = sparse ? 2 ** 18 : 512, ngrams = [1, 1], analyzer = 'word', lowercase = true, signed = true, norm = 'l2', maxTerms } = options;
  checkCount('bagOfWords', 'buckets', buckets, 1, sparse ? MOST_BUCKETS : MOST_WORDS);
  checkChoice(op, 'analyzer', analyzer, ['word', 'char']);
  checkChoice(op, 'norm', norm, ['l2', 'l1', 'none']);
  const whole = Array.isArray(ngrams) && ngrams.length === 2 && ngrams.every((n) => Number.isInteger(n) && n >= 1 && n <= 64) && ngrams[0] <= ngrams[1];
  if (!whole) throw fail('bagOfWords', `ngrams: got ${describeList(ngrams)}, expected two ascending integers in [1, 64], as in [1, 2].`);
  if (maxTerms !== undefined && !sparse) throw fail('bagOfWords', `maxTerms: got ${describeValue(maxTerms)} without sparse, expected it with { sparse: true }. Leave it out.`);
  if (maxTerms !== undefined) checkCount('bagOfWords', 'maxTerms', maxTerms, 1, MOST_WORDS);
  const recipe: WordsRecipe = { buckets, ngrams: [ngrams[0], ngrams[1]], analyzer, lowercase, signed, norm };
  return sparse ? sparseWordsColumn(recipe, maxTerms ?? 256) : denseWordsColumn(recipe);
}

export interface TokensOptions {
  /** The most words that have a token: the most frequent ones of the training rows. Default 20000. */
  readonly maxWords?: number | undefined;
  /** Times that a word has to come up in the training rows. Default 1. */
  readonly minCount?: number | undefined;
  /** The most tokens of a text, of which the first ones are kept. Default 256. */
  readonly maxTokens?: number | undefined;
  /** Default true. */
  readonly lowercase?: boolean | undefined;
}

/**
 * A text's words, numbers and signs in their order, as tokens: two fields of int32, `note` [tokens], as many as the training row with the most has, and `noteLengths` [], how many of them are the text's; behind them come zeros. A word that the training rows
 * lack is 1, and so is a gap, or a text without words, by itself. `pipeline.embeddings` has the number of tokens. For nn.embeddingBag with lengths, and for nn.embedding and attention with keyLengths.
 * As keras.layers.TextVectorization, which leaves signs out. Throws ArgumentError.
 *
 *     const columns = { note: data.columns.tokens({ maxWords: 10_000, maxTokens: 64 }) };
 */
export function tokens(options: TokensOptions = {}): Column<'tokens'> {
  const op = 'data.columns.tokens';
  checkOptions(op, options, ['maxWords', 'minCount', 'maxTokens', 'lowercase']);
  checkFlags(op, options, ['lowercase']);
  const { maxWords = 20_000, minCount = 1, maxTokens = 256, lowercase = true } = options;
  checkCount('tokens', 'maxWords', maxWords, 1, MOST_BUCKETS);
  checkCount('tokens', 'minCount', minCount, 1, 2 ** 31);
  checkCount('tokens', 'maxTokens', maxTokens, 1, MOST_WORDS);
  return tokensColumn({ maxWords, minCount, maxTokens, lowercase });
}

function checkCategories(name: string, options: CategoryOptions): CategoryOptions {
  checkOptions(`data.columns.${name}`, options, ['minCount', 'maxCategories', 'unknown']);
  const { minCount, maxCategories, unknown } = options;
  if (minCount !== undefined) checkCount(name, 'minCount', minCount, 1, 2 ** 31);
  if (maxCategories !== undefined) checkCount(name, 'maxCategories', maxCategories, 1, MOST_BUCKETS);
  if (unknown !== undefined) checkChoice(`data.columns.${name}`, 'unknown', unknown, ['other', 'error']);
  return options;
}

function checkFinite(name: string, option: string, value: unknown): void {
  if (!Number.isFinite(value)) throw fail(name, `${option}: got ${describeValue(value)}, expected a finite number.`);
}

function checkCount(name: string, option: string, value: unknown, least: number, most: number): void {
  const valid = Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
  if (!valid) throw fail(name, `${option}: got ${describeValue(value)}, expected an integer in [${least}, ${most}].`);
}

function checkAscending(name: string, option: string, value: unknown): void {
  const valid = Array.isArray(value) && value.length === 2 && value.every((end) => Number.isFinite(end)) && value[0] < value[1];
  if (!valid) throw fail(name, `${option}: got ${describeList(value)}, expected two ascending numbers, as in [0, 1].`);
}

function fail(name: string, what: string): ArgumentError {
  return new ArgumentError(`[data.columns.${name}] ${what}`, { op: `data.columns.${name}` });
}
