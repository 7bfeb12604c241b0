import { describeValue } from '../describe-value.js';
import { ArgumentError } from '../errors.js';
import { checkCount } from '../ops/check.js';

export interface SamplingOptions {
  /** Logits are divided by it: below 1 likely tokens become likelier; 0 takes the likeliest. Default 1. */
  readonly temperature?: number | undefined;
  /** Only the k likeliest tokens. Default: all. */
  readonly topK?: number | undefined;
  /** Only the likeliest tokens whose probabilities together reach p, in (0, 1]. Default 1. Source: Holtzman et al., arXiv:1904.09751. */
  readonly topP?: number | undefined;
  /** Only tokens whose probability is at least p times that of the likeliest, in [0, 1]. Default 0. Source: Nguyen et al., arXiv:2407.01082. */
  readonly minP?: number | undefined;
  /** Logits of tokens that have come up are divided by it where they are above 0, else multiplied. Default 1. Source: Keskar et al., arXiv:1909.05858. */
  readonly repetitionPenalty?: number | undefined;
}

export type Sampling = { readonly [K in keyof SamplingOptions]-?: NonNullable<SamplingOptions[K]> };

/** Options with defaults put in. Throws ArgumentError for one that is wrong. */
export function checkSampling(op: string, { temperature = 1, topK = Infinity, topP = 1, minP = 0, repetitionPenalty = 1 }: SamplingOptions): Sampling {
  const within = (name: string, value: unknown, fits: (value: number) => boolean, expected: string): void => {
    if (!(typeof value === 'number' && fits(value))) throw new ArgumentError(`[${op}] ${name}: got ${describeValue(value)}, expected ${expected}.`, { op });
  };
  within('temperature', temperature, (value) => value >= 0 && value < Infinity, 'a number of at least 0');
  if (topK !== Infinity) checkCount(op, 'topK', topK);
  within('topP', topP, (value) => value > 0 && value <= 1, 'a probability in (0, 1]');
  within('minP', minP, (value) => value >= 0 && value <= 1, 'a probability in [0, 1]');
  within('repetitionPenalty', repetitionPenalty, (value) => value > 0 && value < Infinity, 'a number above 0');
  return { temperature, topK, topP, minP, repetitionPenalty };
}

/** Tokens that may be drawn, undefined: all, and the exponential of the logit of each, which its probability is a share of. */
interface Candidates {
  readonly tokens: readonly number[] | undefined;
  readonly weights: Float64Array;
}

/**
 * Draws a token by its logits: with the repetition penalty, temperature, then topK, topP and minP, in this order, as in Hugging Face's transformers. `draw`: a number in [0, 1), of which the
 * result is a function. Tokens of equal logits count in the order of their numbers.
 */
export function sampleToken(given: Float32Array, seen: ReadonlySet<number>, { temperature, topK, topP, minP, repetitionPenalty }: Sampling, draw: number): number {
  const logits = repetitionPenalty === 1 ? given : penalized(given, seen, repetitionPenalty);
  const likeliest = argmax(logits);
  if (temperature === 0 || topK === 1) return likeliest;
  const { tokens, weights } = restricted(logits, logits[likeliest]!, temperature, topK, topP, minP);
  let rest = draw * sumOf(weights);
  let last = 0;
  for (let i = 0; i < weights.length; i++) {
    rest -= weights[i]!;
    if (weights[i]! > 0) last = i;
    if (rest < 0) break;
  }
  return tokens === undefined ? last : tokens[last]!;
}

function penalized(given: Float32Array, seen: ReadonlySet<number>, penalty: number): Float32Array {
  const logits = given.slice();
  for (const token of seen) if (token < logits.length) logits[token] = logits[token]! > 0 ? logits[token]! / penalty : logits[token]! * penalty;
  return logits;
}

/** The first of the greatest; a NaN counts as less than any number. */
function argmax(logits: Float32Array): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[best]! || Number.isNaN(logits[best]!)) best = i;
  return best;
}

/** The tokens that are left, with their weights. */
function restricted(logits: Float32Array, largest: number, temperature: number, topK: number, topP: number, minP: number): Candidates {
  let left: Candidates = topK < logits.length ? weighed(logits, likeliestOf(logits, topK), largest, temperature) : { tokens: undefined, weights: weightsOf(logits, largest, temperature) };
  if (topP < 1) left = reaching(topP, left);
  // The likeliest has the weight 1.
  return minP > 0 ? picked(left, (weight) => weight >= minP) : left;
}

/** exp((logit - largest) / temperature) of each token; where the largest is infinite, those that are so share alike. */
function weightsOf(logits: Float32Array, largest: number, temperature: number): Float64Array {
  const weights = new Float64Array(logits.length);
  for (let i = 0; i < logits.length; i++) {
    const weight = Math.exp((logits[i]! - largest) / temperature);
    weights[i] = logits[i] === largest ? 1 : Number.isNaN(weight) ? 0 : weight;
  }
  return weights;
}

function weighed(logits: Float32Array, tokens: readonly number[], largest: number, temperature: number): Candidates {
  return { tokens, weights: weightsOf(Float32Array.from(tokens, (token) => logits[token]!), largest, temperature) };
}

/** Numbers of ranks up to which it is faster to keep the likeliest in order than to sort all. */
const FEW_RANKS = 256;

/** The k likeliest tokens, the likeliest first, of equal ones the first. */
function likeliestOf(logits: Float32Array, k: number): number[] {
  const least = k > FEW_RANKS ? logits.toSorted()[logits.length - k]! : kthLargest(logits, k);
  const tokens: number[] = [];
  for (let token = 0; token < logits.length; token++) if (logits[token]! >= least) tokens.push(token);
  return tokens.sort((a, b) => difference(logits[b]!, logits[a]!) || a - b).slice(0, k);
}

const difference = (a: number, b: number): number => (a === b ? 0 : a - b);

function kthLargest(values: Float32Array, k: number): number {
  const largest = new Float32Array(k).fill(-Infinity);
  for (const value of values) {
    if (!(value > largest[k - 1]!)) continue;
    let at = k - 1;
    for (; at > 0 && value > largest[at - 1]!; at--) largest[at] = largest[at - 1]!;
    largest[at] = value;
  }
  return largest[k - 1]!;
}

/** The likeliest of these that together have `share` of the probability, the likeliest first. */
function reaching(share: number, given: Candidates): Candidates {
  const enough = share * sumOf(given.weights);
  // None that is less is among them, so that few are sorted.
  const least = ((1 - share) * sumOf(given.weights)) / given.weights.length;
  const ranked = given.tokens === undefined ? sorted(picked(given, (weight) => weight >= least)) : given;
  let [sum, count] = [0, 0];
  while (count < ranked.weights.length && sum < enough) sum += ranked.weights[count++]!;
  return { tokens: ranked.tokens!.slice(0, count), weights: ranked.weights.subarray(0, count) };
}

function sorted({ tokens, weights }: Candidates): Candidates {
  const order = Array.from(weights, (_, i) => i).sort((a, b) => weights[b]! - weights[a]! || a - b);
  return { tokens: order.map((i) => tokens![i]!), weights: Float64Array.from(order, (i) => weights[i]!) };
}

function picked({ tokens, weights }: Candidates, isLeft: (weight: number) => boolean): Candidates {
  const places: number[] = [];
  for (let i = 0; i < weights.length; i++) if (weights[i]! > 0 && isLeft(weights[i]!)) places.push(i);
  return { tokens: tokens === undefined ? places : places.map((i) => tokens[i]!), weights: Float64Array.from(places, (i) => weights[i]!) };
}

function sumOf(weights: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < weights.length; i++) sum += weights[i]!;
  return sum;
}
