// Losses against PyTorch: values and gradients, for every reduction. losses.json holds inputs and results.
import { describe, expect, test } from 'vitest';
import { losses, tensor, type Tensor } from 'anneal';
import { fixture, named, type Args, type Case } from './fixtures.js';
import { check } from './gradients.js';

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
      // What has no gradient stands in the arguments.
      const { signs, ...options } = row.args;
      await check(row, (inputs) => (signs === undefined ? run!(...inputs, options) : run!(...inputs, tensor(signs) as Tensor, options)));
    });
  });
}
