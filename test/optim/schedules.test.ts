import { describe, expect, test } from 'vitest';
import { optim } from 'anneal';
import { refuses } from '../nn/fails.js';

const { constant, cosine, cosineRestarts, cyclic, inverseSquareRoot, multiStep, oneCycle, product, reduceOnPlateau, sequence, step, warmup } = optim.schedules;

describe('cosine', () => {
  test('falls by half a cosine and stays at the end', () => {
    const lr = cosine(0.1, 1000);
    for (const s of [0, 1, 10, 250, 333, 500, 900, 999]) expect(Math.abs(lr(s) - (0.1 * (1 + Math.cos((Math.PI * s) / 1000))) / 2)).toBeLessThan(1e-16);
    expect(lr(0)).toBe(0.1);
    expect(lr(500)).toBe(0.05);
    expect([lr(1000), lr(5000)]).toEqual([0, 0]);
  });

  test('ends at min', () => {
    const lr = cosine(1, 10, { min: 0.2 });
    expect(lr(0)).toBe(1);
    expect(lr(5)).toBeCloseTo(0.6, 15);
    expect(lr(10)).toBe(0.2);
  });

  test('never rises', () => {
    const lr = cosine(1, 10_007);
    const rates = Array.from({ length: 10_008 }, (_, s) => lr(s));
    expect(rates.findIndex((rate, s) => s > 0 && rate > rates[s - 1]!)).toBe(-1);
  });

  test('refuses numbers of steps that are none', () => {
    refuses(() => cosine(1, 0), 'ANNEAL_INVALID_ARGUMENT', /steps: got 0/);
    refuses(() => cosine(NaN, 10), 'ANNEAL_INVALID_ARGUMENT', /base: got NaN/);
    refuses(() => cosine(1, 10, { minimum: 0 } as never), 'ANNEAL_UNKNOWN_OPTION', /Did you mean min/);
  });
});

test('constant and step', () => {
  expect([0, 7].map(constant(0.5))).toEqual([0.5, 0.5]);
  expect([0, 9, 10, 20].map(step(8, 10, { gamma: 0.5 }))).toEqual([8, 8, 4, 2]);
  refuses(() => step(1, 1.5), 'ANNEAL_INVALID_ARGUMENT', /every: got 1.5/);
});

describe('warmup', () => {
  test('rises to where the next one begins', () => {
    expect([0, 1, 2, 3, 4, 9].map(warmup(4, cosine(1, 10)))).toEqual([0.2, 0.4, 0.6, 0.8, 1, 0.5]);
    expect([0, 1, 2].map(warmup(1, constant(0.5), { start: 0.25 }))).toEqual([0.375, 0.5, 0.5]);
    expect(warmup(0, cosine(1, 10))(0)).toBe(1);
  });

  test('before the inverse square root, as in the transformer’s paper', () => {
    const rate = warmup(4000, inverseSquareRoot(1e-3, 4000));
    const paper = (s: number): number => 1e-3 * Math.sqrt(4000) * Math.min(1 / Math.sqrt(s), s * 4000 ** -1.5);
    for (const s of [4000, 4001, 16_000, 100_000]) expect(rate(s)).toBeCloseTo(paper(s), 12);
    expect(rate(1999)).toBeCloseTo(paper(2000), 6);
  });

  test('wants a schedule', () => {
    refuses(() => warmup(10, 1e-3 as never), 'ANNEAL_INVALID_ARGUMENT', /take schedules\.constant\(0\.001\)/);
    refuses(() => warmup(-1, constant(1)), 'ANNEAL_INVALID_ARGUMENT', /steps: got -1/);
  });
});

describe('combinations', () => {
  test('a sequence counts each part from 0', () => {
    expect([0, 1, 2, 3, 4, 5].map(sequence([constant(3), 2], [step(1, 2, { gamma: 0.5 })]))).toEqual([3, 3, 1, 1, 0.5, 0.5]);
    refuses(() => sequence(), 'ANNEAL_INVALID_ARGUMENT', /no schedules/);
    refuses(() => sequence([constant(1)], [constant(2)]), 'ANNEAL_INVALID_ARGUMENT', /steps of part 0: got undefined/);
  });

  test('know how long they go on, and what they are', () => {
    expect(warmup(10, cosine(1, 90)).steps).toBe(100);
    expect(sequence([constant(1), 5], [cosine(1, 7)]).steps).toBe(12);
    expect(product(cosine(1, 7), 2).steps).toBe(7);
    expect(warmup(10, (at) => at).steps).toBe(Infinity);
    expect(String(warmup(10, cosine(1, 90)))).toBe('warmup(10, cosine(1, 90, { min: 0 }))');
    expect(String(product(constant(1), (at) => at))).toBe('product(constant(1), a function)');
  });
});

test('each schedule refuses what makes no sense', () => {
  refuses(() => multiStep(1, [5, 3]), 'ANNEAL_INVALID_ARGUMENT', /that rise/);
  refuses(() => cosineRestarts(1, 5, { factor: 1.5 }), 'ANNEAL_INVALID_ARGUMENT', /factor: got 1.5/);
  refuses(() => cyclic(1, 2, { mode: 'triangle' as never }), 'ANNEAL_INVALID_ARGUMENT', /Did you mean 'triangular'/);
  refuses(() => oneCycle(1, 100, { rise: 0.6, threePhases: true }), 'ANNEAL_INVALID_ARGUMENT', /rise: got 0.6, expected a finite number in \[0, 0.5\]/);
  refuses(() => oneCycle(1, 100, { momentum: 0.9 as never }), 'ANNEAL_INVALID_ARGUMENT', /two numbers/);
  refuses(() => reduceOnPlateau(1, { factor: 1 }), 'ANNEAL_INVALID_ARGUMENT', /factor: got 1/);
});

test('a plateau schedule goes on where it was', () => {
  const one = reduceOnPlateau(1, { patience: 1, factor: 0.5 });
  for (const metric of [3, 3]) one.observe(metric);
  const other = reduceOnPlateau(1, { patience: 1, factor: 0.5 });
  other.loadStateDict(JSON.parse(JSON.stringify(one.stateDict())) as optim.PlateauState);
  expect([other.observe(3), other(0)]).toEqual([true, 0.5]);
});

test('a plateau schedule refuses a state that is none', () => {
  const lr = reduceOnPlateau(1);
  refuses(() => lr.loadStateDict({} as never), 'ANNEAL_INVALID_ARGUMENT', /\[schedules\.reduceOnPlateau\] loadStateDict: got \{\}, expected \{ rate, best, bad, cooling \}/);
  refuses(() => lr.loadStateDict(undefined as never), 'ANNEAL_INVALID_ARGUMENT', /got undefined/);
  refuses(() => lr.loadStateDict({ ...lr.stateDict(), rate: Number.NaN }), 'ANNEAL_INVALID_ARGUMENT', /Pass what stateDict\(\) gave/);
  expect(lr(0)).toBe(1);
});

test('rates are made of operations that every engine rounds alike', async () => {
  const { power, cosineOfHalfTurns } = await import('../../src/optim/schedules/exact.js');
  for (const [base, exponent] of [[0.3, 0.9], [0.999, 1234], [0.5, 2.5], [2, -1.7], [1e-9, 0.1], [0.97, 0.37], [1, 0.3]] as const) {
    expect(Math.abs(power(base, exponent) / base ** exponent - 1)).toBeLessThan(4e-15 * Math.max(1, exponent / 10));
  }
  expect([power(0, 0), power(0, 0.3), power(0, 2)]).toEqual([1, 0, 0]);
  for (const t of [0, 0.1, 0.25, 0.5, 0.9, 1]) expect(Math.abs(cosineOfHalfTurns(t) - Math.cos(Math.PI * t))).toBeLessThan(3e-16);
});
