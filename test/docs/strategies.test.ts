// docs/strategies.md claims what examples/strategies has measured: its tables are those figures, and each of its claims holds for them.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readResults, withResults, type Results } from '../../examples/strategies/page.js';

const page = readFileSync(new URL('../../docs/strategies.md', import.meta.url), 'utf8');
const text = page.replaceAll(/\s+/g, ' ');

const row = (name: string, strategy: string): Results['rows'][number] => {
  const found = readResults(name).rows.find((one) => one.name === strategy);
  if (found === undefined) throw new Error(`${name}.json has no ${strategy}`);
  return found;
};
const final = (name: string, strategy: string): number => row(name, strategy).mean;
const percent = (value: number): string => (100 * value).toFixed(2);

test('the tables are the figures', () => {
  expect(page, 'npm run example:strategies writes them').toBe(withResults(page));
});

interface Rates {
  readonly rate: number;
}
interface Noise {
  readonly noiseScale: { readonly value: number };
}
const rateOf = (name: string): string => String(Number(readResults<Rates>(`mnist-rates-${name}`).rate.toPrecision(2)));
const noise = (after: number): number => readResults<Noise>(`mnist-noise-after-${after}`).noiseScale.value;
const of = (name: string, strategy: string): string => `${percent(final(name, strategy))} %`;

/** A sentence of the page, made of the figures, and what must hold for it to be true. */
const claims: readonly (readonly [sentence: string, holds: boolean])[] = [
  [`On MNIST it suggests ${rateOf('adam')} for Adam, near its default of 0.001, and ${rateOf('sgd-momentum')} for SGD with momentum 0.9.`, Math.abs(Math.log10(Number(rateOf('adam')) / 1e-3)) < 0.5],
  [
    `On MNIST a cosine to zero ends at ${of('mnist-decay', 'cosine to zero')}, a single fall to a tenth at ${of('mnist-decay', 'a tenth after two thirds')}, the constant rate at ${of('mnist-decay', 'constant rate')}.`,
    final('mnist-decay', 'cosine to zero') > final('mnist-decay', 'constant rate') + 3 * row('mnist-decay', 'constant rate').deviation && final('mnist-decay', 'a tenth after two thirds') > final('mnist-decay', 'constant rate'),
  ],
  [
    `On the irises a decay does not change the mean much (${of('iris-decay', 'cosine to zero')} against ${of('iris-decay', 'constant rate')}), but it makes the seeds agree: they spread by ${percent(row('iris-decay', 'cosine to zero').deviation)} instead of ${percent(row('iris-decay', 'constant rate').deviation)} points.`,
    row('iris-decay', 'cosine to zero').deviation < row('iris-decay', 'constant rate').deviation / 2,
  ],
  [`The noise scale of the fresh network on MNIST is ${Math.round(noise(0))} examples, after 1,000 steps it is ${Math.round(noise(1000))}: the further a model is, the more examples are worth averaging.`, noise(1000) > 1.5 * noise(0)],
  [
    `At the same rate, 5 epochs of MNIST end at ${of('mnist-batch-size', 'batches of 32')} with batches of 32, and at ${of('mnist-batch-size', 'batches of 512')} with 512, which take a sixteenth of the steps.`,
    final('mnist-batch-size', 'batches of 32') > final('mnist-batch-size', 'batches of 128') && final('mnist-batch-size', 'batches of 128') > final('mnist-batch-size', 'batches of 512'),
  ],
  [
    `A higher rate can make up for it: on the irises, batches of 60 end at ${of('iris-batch-size', 'batches of 60')} at the rate that suits batches of 5, and at ${of('iris-batch-size', 'batches of 60, rate times 12')} at 12 times that.`,
    final('iris-batch-size', 'batches of 60, rate times 12') > final('iris-batch-size', 'batches of 60') + 0.05,
  ],
  [
    `But not any rate: 16 times that of 32 is too much for batches of 512 on MNIST, which end at ${of('mnist-batch-size', 'batches of 512, rate times 16')}. Ask findLearningRate again for each batch size.`,
    final('mnist-batch-size', 'batches of 512, rate times 16') < 0.5,
  ],
  [
    `On MNIST Adam ends at ${of('mnist-optimizer', 'Adam')} and AdamW at ${of('mnist-optimizer', 'AdamW')} with their usual rate of 0.001, SGD with a rate of 0.1 at ${of('mnist-optimizer', 'SGD')}.`,
    final('mnist-optimizer', 'Adam') > final('mnist-optimizer', 'SGD') && Math.abs(final('mnist-optimizer', 'Adam') - final('mnist-optimizer', 'AdamW')) < 0.002,
  ],
  [
    `Momentum at the same rate of 0.1 is no gain there (${of('mnist-optimizer', 'SGD with momentum')}): it multiplies the step by up to ten, so it wants a lower rate, or a decay, with which it is above all of these (${of('mnist-decay', 'cosine to zero')}).`,
    final('mnist-optimizer', 'SGD with momentum') < final('mnist-optimizer', 'SGD') && final('mnist-decay', 'cosine to zero') > final('mnist-optimizer', 'AdamW'),
  ],
  [
    `On MNIST cross-entropy ends at ${of('mnist-loss', 'cross-entropy')}, squared error of the probabilities at ${of('mnist-loss', 'squared error')}: it is better, but by no more than seeds differ.`,
    final('mnist-loss', 'cross-entropy') > final('mnist-loss', 'squared error') && final('mnist-loss', 'cross-entropy') - final('mnist-loss', 'squared error') < 2 * row('mnist-loss', 'cross-entropy').deviation,
  ],
  [`On the irises it is ${of('iris-loss', 'cross-entropy')} against ${of('iris-loss', 'squared error')}.`, final('iris-loss', 'cross-entropy') >= final('iris-loss', 'squared error')],
];

test.each(claims)('%s', (sentence, holds) => {
  expect(text).toContain(sentence);
  expect(holds).toBe(true);
});
