// Losses against PyTorch: values and gradients, for every reduction. losses.json holds inputs and results.
import { describe, expect, test } from 'vitest';
import { losses, type Tensor } from 'anneal';
import { fixture, named, type Args, type Case } from './fixtures.js';
import { check } from './gradients.js';
import { constants } from './loss-arguments.js';

const { cases } = fixture<{ cases: Case[] }>('losses.json');

type Run = (...inputs: [...Tensor[], Partial<Args>]) => Tensor;

const runs: Readonly<Record<string, Run>> = {
  ...(losses as unknown as Record<string, Run>),
  mse: losses.meanSquaredError as unknown as Run,
};

for (const op of new Set(cases.map((row) => row.op))) {
  describe(op, () => {
    test.each(named(cases, op))('%s', async (_, row) => {
      const run = runs[op];
      expect(run, `${op} is compared`).toBeDefined();
      await check(row, (inputs) => run!(...inputs, ...constants(row.args)));
    });
  });
}
