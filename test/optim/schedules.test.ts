import { describe, expect, test } from 'vitest';
import { optim } from 'anneal';
import { refuses } from '../nn/fails.js';

const { constant, cosine, step } = optim.schedules;

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

  test('rises to base before', () => {
    const lr = cosine(1, 14, { warmup: 4 });
    expect([0, 1, 2, 3, 4].map(lr)).toEqual([0.25, 0.5, 0.75, 1, 1]);
    expect(lr(9)).toBe(0.5);
  });

  test('never rises after the warm-up', () => {
    const lr = cosine(1, 10_007);
    const rates = Array.from({ length: 10_008 }, (_, s) => lr(s));
    expect(rates.findIndex((rate, s) => s > 0 && rate > rates[s - 1]!)).toBe(-1);
  });

  test('refuses numbers of steps that are none', () => {
    refuses(() => cosine(1, 0), 'ANNEAL_INVALID_ARGUMENT', /steps: got 0/);
    refuses(() => cosine(1, 10, { warmup: -1 }), 'ANNEAL_INVALID_ARGUMENT', /warmup: got -1/);
    refuses(() => cosine(1, 10, { minimum: 0 } as never), 'ANNEAL_UNKNOWN_OPTION', /Did you mean min/);
  });
});

test('constant and step', () => {
  expect([0, 7].map(constant(0.5))).toEqual([0.5, 0.5]);
  expect([0, 9, 10, 20].map(step(8, 10, { gamma: 0.5 }))).toEqual([8, 8, 4, 2]);
  refuses(() => step(1, 1.5), 'ANNEAL_INVALID_ARGUMENT', /every: got 1.5/);
});
