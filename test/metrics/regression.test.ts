// Metrics of numbers, over uneven batches and far from 0.
import { describe, expect, test } from 'vitest';
import { metrics, tensor } from 'anneal';
import { mean, r2, stream } from './reference.js';
import { fails } from '../nn/fails.js';

const SIZES = [1, 9, 30, 2];

/** All of them over rows of outputs and targets, in batches of odd sizes. */
async function over(outputs: readonly (readonly number[])[], targets: readonly (readonly number[])[]) {
  const running = metrics.running([metrics.meanAbsoluteError(), metrics.rootMeanSquaredError(), metrics.r2()]);
  let from = 0;
  for (const size of SIZES) {
    const rows = (all: readonly (readonly number[])[]) => tensor(all.slice(from, from + size).map((row) => [...row]));
    await running.update(rows(outputs), rows(targets));
    from += size;
  }
  return running.results();
}

function rows(center: number, columns = 2) {
  const random = stream(9);
  const targets = Array.from({ length: 42 }, () => Array.from({ length: columns }, () => Math.fround(center + random())));
  const outputs = targets.map((row) => row.map((target) => Math.fround(target + (random() - 0.5) / 4)));
  return { outputs, targets };
}

describe.each([0, 3, 1000, -40_000])('around %i', (center) => {
  test('they equal what all examples at once give', async () => {
    const { outputs, targets } = rows(center);
    const errors = outputs.flatMap((row, i) => row.map((y, k) => y - targets[i]![k]!));
    const results = await over(outputs, targets);
    expect(results.meanAbsoluteError).toBeCloseTo(mean(errors.map(Math.abs)), 6);
    expect(results.rootMeanSquaredError).toBeCloseTo(Math.sqrt(mean(errors.map((e) => e * e))), 6);
    const column = (all: readonly (readonly number[])[], k: number): number[] => all.map((row) => row[k]!);
    expect(results.r2).toBeCloseTo(mean([0, 1].map((k) => r2(column(outputs, k), column(targets, k)))), 5);
  });
});

describe('r2', () => {
  const of = async (outputs: number[], targets: number[]): Promise<number> => {
    const running = metrics.running([metrics.r2()]);
    await running.update(tensor(outputs), tensor(targets));
    return running.results().r2;
  };

  test('of equal targets is 1 where they are met, else 0; NaN of fewer than two', async () => {
    expect(await of([2, 2], [2, 2])).toBe(1);
    expect(await of([2, 3], [2, 2])).toBe(0);
    expect(await of([1], [2])).toBe(NaN);
    expect(await of([1, NaN], [2, 3])).toBe(NaN);
    expect(metrics.running([metrics.r2()]).results().r2).toBe(NaN);
  });

  test('may be below 0', async () => {
    expect(await of([3, 1], [1, 3])).toBe(-3);
  });
});

test('nothing gives NaN, and shapes that differ are named', async () => {
  expect(metrics.running([metrics.meanAbsoluteError(), metrics.rootMeanSquaredError()]).results()).toEqual({ meanAbsoluteError: NaN, rootMeanSquaredError: NaN });
  for (const metric of [metrics.meanAbsoluteError(), metrics.rootMeanSquaredError(), metrics.r2()]) {
    await fails(metrics.running([metric]).update(tensor([[1], [2]]), tensor([1, 2])), 'ANNEAL_SHAPE_MISMATCH', /outputs \[2,1\], targets \[2\]/);
  }
});
