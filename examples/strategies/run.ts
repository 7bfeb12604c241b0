/**
 * Compares training strategies on MNIST and on Fisher's irises, and writes what it finds to results/: JSON, and SVG pictures. The
 * tables of docs/strategies.md are made of these. The same version of the library gives the same accuracies.
 *
 *     npm run example:strategies
 *
 * Expected: a minute or two; on MNIST between 94 % and 98 % after five epochs, but for a rate that is too high on purpose.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { adviseBatchSize, findLearningRate, losses, nn, optim, seed } from 'anneal';
import { mnist } from './data.js';
import { compareAll } from './experiments.js';
import { resultsFolder, withResults } from './page.js';

function keep(name: string, result: object & { plot(options?: { title?: string }): string }, title: string): void {
  writeFileSync(`${resultsFolder}${name}.json`, `${JSON.stringify(result)}\n`);
  writeFileSync(`${resultsFolder}${name}.svg`, result.plot({ title }));
}

const { train } = await mnist();
const model = () => {
  seed(1);
  return nn.sequential([784], nn.linear(784, 128), nn.relu(), nn.linear(128, 10));
};
for (const [name, optimizer] of Object.entries({ 'sgd-momentum': { lr: 0.1, momentum: 0.9 }, 'adam': undefined })) {
  const make = (parameters: Parameters<typeof optim.adam>[0]) => (optimizer === undefined ? optim.adam(parameters) : optim.sgd(parameters, optimizer));
  keep(`mnist-rates-${name}`, await findLearningRate(model(), { loss: losses.crossEntropy, optimizer: make, data: train, batchSize: 128 }), `MNIST: range test of the rate of ${name}`);
}
for (const after of [0, 1000]) {
  const advice = await adviseBatchSize(model(), { loss: losses.crossEntropy, optimizer: optim.adam, data: train, after });
  keep(`mnist-noise-after-${after}`, advice, `MNIST: batch sizes after ${after} steps`);
}
await compareAll((name, comparison) => {
  console.log(`\n${name}\n${String(comparison)}`);
  keep(name, comparison, name.replace('-', ': ').replace('-', ' ').replace('mnist', 'MNIST').replace('iris', 'Irises'));
});
const page = new URL('../../docs/strategies.md', import.meta.url);
writeFileSync(page, withResults(readFileSync(page, 'utf8')));
