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

/** A token, and the exponential of its logit, which its probability is a share of. */
interface Candidate {
  readonly token: number;
  readonly weight: number;
}

/**
 * Draws a token by its logits: with the repetition penalty, temperature, then topK, topP and minP, in this order, as in Hugging Face's transformers. `draw`: a number in [0, 1), of which the
 * result is a function. Tokens of equal logits count in the order of their numbers.
 */
export function sampleToken(given: Float32Array, seen: ReadonlySet<number>, { temperature, topK, topP, minP, repetitionPenalty }: Sampling, draw: number): number {
  const logits = repetitionPenalty === 1 ? given : penalized(given, seen, repetitionPenalty);
  const likeliest = argmax(logits);
  if (temperature === 0 || topK === 1) return likeliest;
  const candidates = restricted(weightsOf(logits, logits[likeliest]!, temperature), topK, topP, minP);
  const total = candidates.reduce((sum, { weight }) => sum + weight, 0);
  let rest = draw * total;
  for (const { token, weight } of candidates) {
    rest -= weight;
    if (rest < 0) return token;
  }
  return candidates.findLast(({ weight }) => weight > 0)!.token;
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

/** exp((logit - largest) / temperature) of each token; where the largest is infinite, those that are so share alike. */
function weightsOf(logits: Float32Array, largest: number, temperature: number): Float64Array {
  return Float64Array.from(logits, (logit) => {
    if (logit === largest) return 1;
    const weight = Math.exp((logit - largest) / temperature);
    return Number.isNaN(weight) ? 0 : weight;
  });
}

/** The tokens that are left, with their weights. */
function restricted(weights: Float64Array, topK: number, topP: number, minP: number): Candidate[] {
  const cutsRanks = topK < weights.length;
  const all = sumOf(weights);
  // Below this no token is among those that together reach topP, so that few are sorted.
  const least = cutsRanks ? weights.toSorted()[weights.length - topK]! : topP < 1 ? ((1 - topP) * all) / weights.length : 0;
  const candidates: Candidate[] = [];
  for (let token = 0; token < weights.length; token++) if (weights[token]! >= least && weights[token]! > 0) candidates.push({ token, weight: weights[token]! });
  if (cutsRanks || topP < 1) candidates.sort((a, b) => b.weight - a.weight || a.token - b.token);
  if (cutsRanks) candidates.length = Math.min(candidates.length, topK);
  if (topP < 1) {
    const enough = topP * (cutsRanks ? candidates.reduce((sum, { weight }) => sum + weight, 0) : all);
    let sum = 0;
    const last = candidates.findIndex(({ weight }) => (sum += weight) >= enough);
    if (last >= 0) candidates.length = last + 1;
  }
  // The likeliest has the weight 1.
  return minP > 0 ? candidates.filter(({ weight }) => weight >= minP) : candidates;
}

function sumOf(weights: Float64Array): number {
  let sum = 0;
  for (const weight of weights) sum += weight;
  return sum;
}
