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

/** What a case takes behind its inputs, without gradients: operands that stand in the arguments, and options. */
function constants({ signs, inputLengths, targetLengths, classWeights, positiveWeight, ...options }: Args): [...Tensor[], Partial<Args>] {
  const weights = Object.entries({ classWeights, positiveWeight }).filter(([, given]) => given !== undefined);
  const whole = [inputLengths, targetLengths].filter((given) => given !== undefined).map((given) => tensor(Int32Array.from(given)) as Tensor);
  const made = weights.map(([name, given]) => [name, Array.isArray(given) ? tensor(given as number[]) : given]);
  return [...(signs === undefined ? [] : [tensor(signs) as Tensor]), ...whole, { ...options, ...Object.fromEntries(made) }];
}

for (const op of new Set(cases.map((row) => row.op))) {
  describe(op, () => {
    test.each(named(cases, op))('%s', async (_, row) => {
      const run = runs[op];
      expect(run, `${op} is compared`).toBeDefined();
      await check(row, (inputs) => run!(...inputs, ...constants(row.args)));
    });
  });
}
