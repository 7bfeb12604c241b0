// The search itself, of logits that a table gives: against all that there is, by hand, and where it ends.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Beams, type BeamRules, type ScoredCandidate } from '../../src/text/beams.js';

/** Logits of what follows some tokens. */
type Table = (tokens: readonly number[]) => readonly number[];

const rules = (some: Partial<BeamRules> & Pick<BeamRules, 'beams' | 'maxTokens'>): BeamRules => ({ lengthPenalty: 1, earlyStopping: false, stopTokens: new Set([0]), ...some });

/** Runs a search, and the number of steps that it took. */
function run(table: Table, given: BeamRules): { readonly beams: Beams; readonly steps: number } {
  const beams = new Beams(given);
  const V = table([]).length;
  let texts: (readonly number[])[] = Array.from({ length: given.beams }, () => []);
  let steps = 0;
  while (!beams.isDone && steps++ < given.maxTokens) {
    texts = beams.advance(Float32Array.from(texts.flatMap(table)), V).map(({ row, token }) => [...texts[row]!, token]);
  }
  return { beams, steps: Math.min(steps, given.maxTokens) };
}

const logProbabilities = (logits: readonly number[]): number[] => {
  const sum = Math.log(logits.reduce((total, logit) => total + Math.exp(logit), 0));
  return logits.map((logit) => logit - sum);
};

/** All texts that end, or have maxTokens tokens, the best first. */
function everything(table: Table, { lengthPenalty, maxTokens, stopTokens }: BeamRules): { readonly tokens: readonly number[]; readonly score: number }[] {
  const all: { tokens: readonly number[]; score: number }[] = [];
  const visit = (tokens: readonly number[], sum: number): void => {
    const ends = tokens.length === maxTokens || stopTokens.has(tokens.at(-1)!);
    if (ends) all.push({ tokens, score: sum / tokens.length ** lengthPenalty });
    else logProbabilities(table(tokens)).forEach((logProbability, token) => visit([...tokens, token], sum + logProbability));
  };
  visit([], 0);
  return all.toSorted((a, b) => b.score - a.score);
}

/** Logits without order, as float32 has them; the formula is that of test/parity/make/beams.py. */
const scatteredOver = (V: number): Table => (tokens) => Array.from({ length: V }, (_, token) => token).map((token) => Math.fround(2 * Math.sin(1 + [...tokens, token].reduce((hash, one) => (hash * 31 + one + 7) % 1009, 3))));
const scattered = scatteredOver(4);
const shown = (candidates: readonly ScoredCandidate[]): unknown => candidates.map(({ tokens, score }) => ({ tokens, score: Number(score.toFixed(5)) }));

describe('beam search', () => {
  test.each([-1, 0, 0.6, 1, 2])('finds what all continuations together have as the best, length penalty %d', (lengthPenalty) => {
    const given = rules({ beams: 4 ** 4, maxTokens: 4, lengthPenalty, earlyStopping: 'never' });
    const best = everything(scattered, given).slice(0, 20);
    expect(shown(run(scattered, given).beams.best(20))).toEqual(best.map(({ tokens, score }) => ({ tokens, score: Number(score.toFixed(5)) })));
  });

  test('of one beam is the likeliest token at a time', () => {
    const greedy: number[] = [];
    while (greedy.length < 6 && greedy.at(-1) !== 0) greedy.push(scattered(greedy).indexOf(Math.max(...scattered(greedy))));
    expect(run(scattered, rules({ beams: 1, maxTokens: 6 })).beams.best(1)[0]!.tokens).toEqual(greedy);
  });

  // P(1) = 0.6, then P(0 | 1) = 0.3; P(2) = 0.4, then P(0 | 2) = 0.9: the better text begins with the less likely token.
  const misleading: Table = (tokens) => (tokens.length === 0 ? [-Infinity, Math.log(0.6), Math.log(0.4), -Infinity] : tokens.at(-1) === 1 ? [0.3, 0.35, 0.35, 0].map(Math.log) : [0.9, 0.05, 0.05, 0].map(Math.log));

  test('finds what the likeliest first token hides, and gives its probability', () => {
    const [one] = run(misleading, rules({ beams: 2, maxTokens: 2, lengthPenalty: 0 })).beams.best(1);
    expect(one!.tokens).toEqual([2, 0]);
    expect(one!.logProbability).toBeCloseTo(Math.log(0.36), 6);
    expect(one!.score).toBe(one!.logProbability);
    expect(run(misleading, rules({ beams: 1, maxTokens: 2, lengthPenalty: 0 })).beams.best(1)[0]!.tokens).toEqual([1, 1]);
  });

  // Ends at once with 0.4, or goes on with 0.6 and then ends with 0.6, and so on.
  const going: Table = () => [Math.log(0.4), Math.log(0.6)];
  const scoreOf = (length: number, lengthPenalty: number): number => ((length - 1) * Math.log(0.6) + Math.log(0.4)) / length ** lengthPenalty;

  test('divides by the length to the power of the penalty, with the token that ends it', () => {
    for (const lengthPenalty of [0, 0.5, 1, 2]) {
      const found = run(going, rules({ beams: 3, maxTokens: 5, lengthPenalty, earlyStopping: 'never' })).beams.best(3);
      for (const { tokens, score, finished } of found) if (finished === 'stop') expect(score).toBeCloseTo(scoreOf(tokens.length, lengthPenalty), 6);
    }
    const lengths = (lengthPenalty: number): number[] => run(going, rules({ beams: 2, maxTokens: 5, lengthPenalty, earlyStopping: 'never' })).beams.best(2).map(({ tokens }) => tokens.length);
    expect(lengths(0)).toEqual([1, 2]);
    expect(lengths(2)).toEqual([5, 5]);
  });

  test('ends once enough have ended: at once, by what goes on now, or by what it could come to', () => {
    const stepsOf = (earlyStopping: BeamRules['earlyStopping'], lengthPenalty: number): number => run(going, rules({ beams: 2, maxTokens: 9, lengthPenalty, earlyStopping })).steps;
    expect(stepsOf(true, 1)).toBe(2);
    expect(stepsOf('never', 1)).toBe(9);
    // Without a penalty nothing becomes better by going on: log(0.36) is above log(0.24) yet, log(0.216) below.
    expect(stepsOf(false, 0)).toBe(3);
    expect(stepsOf('never', 0)).toBe(3);
    // Ended with log(0.55) = -0.60; what goes on has n log(0.45) / n = -0.80 by now, and n log(0.45) / 9 at best, which is above until n = 7.
    const ending = (earlyStopping: BeamRules['earlyStopping']): number => run(() => [0.55, 0.45].map(Math.log), rules({ beams: 1, maxTokens: 9, earlyStopping })).steps;
    expect([ending(true), ending(false), ending('never')]).toEqual([1, 1, 7]);
  });

  test('leaves out what cannot be, and ends where nothing is left', () => {
    const ending: Table = (tokens) => (tokens.length < 2 ? [-Infinity, 0] : [0, -Infinity]);
    const { beams, steps } = run(ending, rules({ beams: 4, maxTokens: 9 }));
    expect(beams.best(4).map(({ tokens }) => tokens)).toEqual([[1, 1, 0]]);
    expect(steps).toBe(3);
  });

  test('counts no end among the less likely of as many as there are beams', () => {
    // Of two tokens in turn: an end with 0.30, one that goes on with 0.22, an end with 0.20, one that goes on with 0.18.
    const late: Table = (tokens) => (tokens.length === 0 ? [0, 0.52, 0.48] : tokens.at(-1) === 1 ? [0.577, 0.423, 0] : [0.42, 0.38, 0.2]).map(Math.log);
    const { beams, steps } = run(late, rules({ beams: 2, maxTokens: 3, lengthPenalty: 0, earlyStopping: true }));
    expect(steps).toBe(3);
    expect(beams.best(2).map(({ tokens }) => tokens)).toEqual([[1, 0], [1, 1, 0]]);
  });
});

/** A case of test/parity/make/beams.py. */
interface Case extends Omit<BeamRules, 'stopTokens'> {
  readonly stopTokens: readonly number[];
  readonly results: readonly { readonly tokens: readonly number[]; readonly score: number }[];
}

const { transformers, vocabulary, cases } = JSON.parse(readFileSync(join(import.meta.dirname, '../parity/beams.json'), 'utf8')) as { readonly transformers: string; readonly vocabulary: number; readonly cases: readonly Case[] };

describe(`beam search of Hugging Face's transformers ${transformers}`, () => {
  test.each(cases)('has the same texts and scores: $beams beams, length penalty $lengthPenalty, early stopping $earlyStopping, ends $stopTokens', ({ results, stopTokens, ...one }) => {
    const found = run(scatteredOver(vocabulary), { ...one, stopTokens: new Set(stopTokens) }).beams.best(one.beams);
    expect(found.map(({ tokens }) => tokens)).toEqual(results.map(({ tokens }) => tokens));
    found.forEach(({ score }, i) => expect(score).toBeCloseTo(results[i]!.score, 4));
  });
});
