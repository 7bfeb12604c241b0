// What is drawn of logits: the rules of temperature, topK, topP, minP and the repetition penalty, one by one and together.
import { describe, expect, test } from 'vitest';
import { checkSampling, sampleToken, type SamplingOptions } from '../../src/text/sampling.js';

const logits = Float32Array.from([0.5, 0.1, 0.3, 0.05, 0.05], Math.log);
const NONE: ReadonlySet<number> = new Set();

/** Share of each token, of evenly spaced draws. */
function shares(options: SamplingOptions, given = logits, seen = NONE): number[] {
  const sampling = checkSampling('generate', options);
  const counts = Array.from(given, () => 0);
  const draws = 2000;
  for (let i = 0; i < draws; i++) counts[sampleToken(given, seen, sampling, (i + 0.5) / draws)]!++;
  return counts.map((count) => Math.round((count / draws) * 1000) / 1000);
}

describe('a token is drawn', () => {
  test.each<[string, SamplingOptions, number[]]>([
    ['by its probability', {}, [0.5, 0.1, 0.3, 0.05, 0.05]],
    ['more evenly at a high temperature', { temperature: 1e6 }, [0.2, 0.2, 0.2, 0.2, 0.2]],
    ['by the square of it at temperature 1/2', { temperature: 0.5 }, [0.25, 0.01, 0.09, 0.0025, 0.0025].map((p) => p / 0.355)],
    ['of the likeliest at temperature 0', { temperature: 0 }, [1, 0, 0, 0, 0]],
    ['of the k likeliest', { topK: 2 }, [0.625, 0, 0.375, 0, 0]],
    ['of k where equal ones count in their order', { topK: 4 }, [0.5, 0.1, 0.3, 0.05, 0].map((p) => p / 0.95)],
    ['of those that reach p', { topP: 0.79 }, [0.625, 0, 0.375, 0, 0]],
    ['of one more where p is not reached', { topP: 0.81 }, [0.5 / 0.9, 0.1 / 0.9, 0.3 / 0.9, 0, 0]],
    ['of those that reach p of the k likeliest', { topK: 3, topP: 0.6 }, [0.625, 0, 0.375, 0, 0]],
    ['of those that are likely beside the likeliest', { minP: 0.15 }, [0.5 / 0.9, 0.1 / 0.9, 0.3 / 0.9, 0, 0]],
  ])('%s', (_, options, expected) => shares(options).forEach((share, token) => expect(share, `token ${token}`).toBeCloseTo(expected[token]!, 2)));

  test('less often where it has come up, whatever the sign of its logit', () => {
    const signs = Float32Array.of(1, -1, 0, 0);
    const penalized = shares({ repetitionPenalty: 2 }, signs, new Set([0, 1]));
    const expected = [0.5, -2, 0, 0].map(Math.exp);
    const total = expected.reduce((sum, value) => sum + value, 0);
    penalized.forEach((share, token) => expect(share).toBeCloseTo(expected[token]! / total, 2));
    expect([...signs]).toEqual([1, -1, 0, 0]);
  });

  test('of infinite logits, and never one that is -infinity', () => {
    expect(shares({}, Float32Array.of(-Infinity, 0, 0))).toEqual([0, 0.5, 0.5]);
    expect(shares({}, Float32Array.of(Infinity, 5, Infinity))).toEqual([0.5, 0, 0.5]);
    expect(sampleToken(Float32Array.of(0, -Infinity), NONE, checkSampling('generate', {}), 1 - 2 ** -24)).toBe(0);
  });

  test('of 50,000 as of all of them, where few are sorted', () => {
    const many = Float32Array.from({ length: 50_000 }, (_, i) => Math.sin(i * 12.9898) * 6);
    const sorted = [...many.keys()].sort((a, b) => many[b]! - many[a]! || a - b);
    const total = many.reduce((sum, value) => sum + Math.exp(value), 0);
    let sum = 0;
    const enough = sorted.findIndex((token) => (sum += Math.exp(many[token]!)) >= 0.3 * total);
    const allowed = new Set(sorted.slice(0, enough + 1));
    const sampling = checkSampling('generate', { topP: 0.3 });
    const drawn = new Set(Array.from({ length: 50 }, (_, i) => sampleToken(many, NONE, sampling, i / 50)));
    expect([...drawn].every((token) => allowed.has(token))).toBe(true);
    expect(sampleToken(many, NONE, sampling, 1 - 2 ** -24)).toBe(sorted[enough]);
  });

  test.each([2, 40, 256, 257, 2000])('of the %i likeliest of many, some of them alike', (topK) => {
    const many = Float32Array.from({ length: 5000 }, (_, i) => Math.round(Math.sin(i * 12.9898) * 300) / 100);
    const sorted = [...many.keys()].sort((a, b) => many[b]! - many[a]! || a - b);
    const sampling = checkSampling('generate', { topK });
    expect(sampleToken(many, NONE, sampling, 0)).toBe(sorted[0]);
    expect(sampleToken(many, NONE, sampling, 1 - 2 ** -24)).toBe(sorted[topK - 1]);
  });
});
