// Losses against PyTorch: values and gradients, for every reduction. losses.json holds inputs and results.
import { describe, test } from 'vitest';
import { losses, type Tensor } from 'anneal';
import { fixture, named, type Args, type Case } from './fixtures.js';
import { check } from './gradients.js';

const { cases } = fixture<{ cases: Case[] }>('losses.json');

const runs: Readonly<Record<string, (outputs: Tensor, targets: Tensor, options: Pick<Args, 'reduction'>) => Tensor>> = {
  mse: (outputs, targets, options) => losses.meanSquaredError(outputs, targets, options),
  crossEntropy: (outputs, targets, options) => losses.crossEntropy(outputs, targets, options),
};

describe.each(Object.keys(runs))('%s', (op) => {
  test.each(named(cases, op))('%s', async (_, row) => {
    await check(row, ([outputs, targets]) => runs[op]!(outputs!, targets!, row.args));
  });
});
