import type * as Levenshtein from 'fastest-levenshtein';
import { describeValue } from '../describe-value.js';
import { ArgumentError } from '../errors.js';
import { lazyRequire } from '../lazy-require.js';

const levenshtein = lazyRequire<typeof Levenshtein>('fastest-levenshtein');

/** Tokens of any kind: numbers, or words. Of a text the characters: Array.from(text). */
export type TokenSequence = Int32Array | readonly number[] | readonly string[];

/** Distance of predictions from what was right. */
export interface ErrorRate {
  /** Edits for each token of the references: the word, phoneme or character error rate, by what tokens are. May be above 1. NaN where the references have no tokens. */
  readonly errorRate: number;
  /** Share of the sequences that are not right as a whole. */
  readonly sequenceErrorRate: number;
  readonly edits: number;
  /** Tokens of the references. */
  readonly length: number;
}

const isSequence = (value: unknown): value is TokenSequence =>
  value instanceof Int32Array || (Array.isArray(value) && value.every((token) => typeof token === 'number' || typeof token === 'string'));

function checkSequence(op: string, name: string, value: unknown): TokenSequence {
  if (isSequence(value)) return value;
  throw new ArgumentError(`[${op}] ${name}: got ${describeValue(value)}, expected an array of tokens. Of a text take its characters, Array.from(text), or its words.`, { op });
}

/**
 * Levenshtein's distance: the fewest tokens that have to be put in, left out or replaced to make `b` of `a`. Throws ArgumentError for what is no array of tokens.
 *
 *     console.log(metrics.editDistance(Array.from('kitten'), Array.from('sitting')));      // 3
 */
export function editDistance(a: TokenSequence, b: TokenSequence): number {
  const op = 'metrics.editDistance';
  return distanceOf(op, checkSequence(op, 'a', a), checkSequence(op, 'b', b));
}

function distanceOf(op: string, a: TokenSequence, b: TokenSequence): number {
  // A UTF-16 code unit for each token, which is what is compared.
  const units = new Map<number | string, number>();
  const written = (tokens: TokenSequence): string => {
    let text = '';
    for (const token of tokens) {
      const unit = units.get(token) ?? units.size;
      units.set(token, unit);
      text += String.fromCharCode(unit);
    }
    return text;
  };
  const texts = [written(a), written(b)] as const;
  if (units.size > 2 ** 16) throw new ArgumentError(`[${op}] got ${units.size} different tokens in two sequences, expected at most 65536. Compare them in parts.`, { op });
  return levenshtein().distance(...texts);
}

/**
 * Edits that make references of predictions, for each token of the references, all sequences together; and the share of the sequences that need any. A reference may be several sequences that are all right: the nearest
 * counts, of equally near ones the first. Where tokens are phonemes of a word, `errorRate` is the phoneme error rate and `sequenceErrorRate` the word error rate; where they are words of a sentence, `errorRate` is the word
 * error rate, as jiwer.wer. Throws ArgumentError for lists of several lengths, and for what is no array of tokens.
 *
 *     const rates = metrics.errorRate([['a', 'cat', 'sat'], ['no']], [['the', 'cat', 'sat', 'down'], [['yes'], ['no']]]);
 *     console.log(rates.errorRate, rates.sequenceErrorRate);      // 0.4 0.5
 */
export function errorRate(predicted: readonly TokenSequence[], references: readonly (TokenSequence | readonly TokenSequence[])[]): ErrorRate {
  const op = 'metrics.errorRate';
  if (!Array.isArray(predicted) || !Array.isArray(references)) throw new ArgumentError(`[${op}] got ${describeValue(predicted)} and ${describeValue(references)}, expected arrays of sequences.`, { op });
  if (predicted.length !== references.length) throw new ArgumentError(`[${op}] got ${predicted.length} predictions for ${references.length} references, expected as many.`, { op });
  let [edits, length, wrong] = [0, 0, 0];
  predicted.forEach((given, i) => {
    const prediction = checkSequence(op, `predicted[${i}]`, given);
    const nearest = choicesOf(op, `references[${i}]`, references[i]).map((reference) => ({ length: reference.length, edits: distanceOf(op, prediction, reference) })).reduce((best, one) => (one.edits < best.edits ? one : best));
    edits += nearest.edits;
    length += nearest.length;
    if (nearest.edits > 0) wrong++;
  });
  return { errorRate: edits / length, sequenceErrorRate: wrong / predicted.length, edits, length };
}

/** The sequences of which each is right. */
function choicesOf(op: string, name: string, reference: unknown): readonly TokenSequence[] {
  if (isSequence(reference)) return [reference];
  if (!Array.isArray(reference)) return [checkSequence(op, name, reference)];
  return reference.map((one, i) => checkSequence(op, `${name}[${i}]`, one));
}
