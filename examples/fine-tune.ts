/**
 * Fine-tunes a ResNet-18 to tell animals, food, travel and activities apart, of which there are few pictures: emoji of Twitter. Its body has learnt five other categories (smileys, people,
 * symbols, objects, flags) as Google and OpenMoji draw them. For 5, 10 and 20 pictures of a class it compares a body that is frozen, one that goes on learning at a lower rate than the new head, and
 * the same network trained from scratch.
 *
 *     npm pack emoji-datasource-google@16.0.0 emoji-datasource-twitter@16.0.0 openmoji@17.0.0
 *     for f in *.tgz; do mkdir ${f%-*} && tar xzf $f -C ${f%-*} --strip-components=1; done
 *     npm run example:fine-tune -- --data .
 *
 * Expected: the table of docs/fine-tuning.md, which is made of the results in examples/fine-tune.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { data, load, losses, metrics, optim, save, seed, train, Trainer } from 'anneal';
import { collect, emojiIn } from './emoji/pictures.js';
import { resultsFile, tableOf, withResults, type Results } from './fine-tune/page.js';
import { resnet18, type ResNet } from './models/resnet.js';

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: '.' },
    body: { type: 'string', default: '30' },
    steps: { type: 'string', default: '200' },
    draws: { type: 'string', default: '3' },
    few: { type: 'string', default: '5,10,20' },
    width: { type: 'string', default: '16' },
    out: { type: 'string', default: 'build/examples' },
    keep: { type: 'boolean', default: false },
  },
});
const [bodyEpochs, steps, draws, width] = [Number(values.body), Number(values.steps), Number(values.draws), Number(values.width)];
const perClass = values.few.split(',').map(Number);

const emoji = emojiIn(values.data);
const isNew = ({ category }: { readonly category: string }) => /^(Animals|Food|Travel|Activities)/.test(category);
// One normalisation for both sets, as the body knows no other.
const images = { size: [32, 32], background: [255, 255, 255], normalize: { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } } as const;
const known = await (await data.fromImageFolder(await collect(values.data, emoji.filter((one) => !isNew(one)), ['google', 'openmoji'], join(values.out, 'fine-tune/body')), images)).load();
const folder = await data.fromImageFolder(await collect(values.data, emoji.filter(isNew), ['twitter'], join(values.out, 'fine-tune/few')), images);
const unknown = await folder.load();

const { colorJitter, randomAffine, randomHorizontalFlip } = data.transforms;
const augmented = (dataset: typeof known) =>
  dataset.augment(
    colorJitter({ brightness: 0.2, contrast: 0.3, saturation: 0.4, hue: 0.05 }),
    randomAffine(15, { translate: [0.1, 0.1], scale: [0.8, 1.15], shear: 8, interpolation: 'bilinear', fill: 255 }),
    randomHorizontalFlip(),
  );
const network = (classes: number): ResNet => resnet18(classes, { width, small: true });
const shared = { loss: losses.crossEntropy, metrics: [metrics.accuracy()] } as const;

/** A body that has learnt the known categories, kept as a file. */
async function pretrain(file: string): Promise<number> {
  seed(1);
  const model = network(known.classes!);
  const [seen, unseen] = known.split(0.9, { seed: 1, stratify: true });
  const { lr, momentum } = optim.schedules.oneCycle(0.1, bodyEpochs * Math.ceil(seen.size / 64));
  const trainer = new Trainer(model, { ...shared, optimizer: optim.sgd(model.parameters(), { lr, momentum, nesterov: true, weightDecay: 1e-3 }) });
  await trainer.fit(augmented(seen), { epochs: bodyEpochs, batchSize: 64, shuffle: true, seed: 1, callbacks: [train.progress()] });
  await save(model, file);
  return (await trainer.evaluate(unseen)).accuracy!;
}

const bodyFile = join(values.out, 'fine-tune/body.safetensors');
const bodyAccuracy = await pretrain(bodyFile);
console.log(`accuracy of the body, on a tenth of its pictures: ${(100 * bodyAccuracy).toFixed(2)} %`);

/** A network whose body comes from the file, and whose head is new. */
async function pretrained(): Promise<ResNet> {
  const model = network(unknown.classes!);
  const state = await load(bodyFile);
  for (const name of ['fc.weight', 'fc.bias']) state.delete(name);
  await model.loadStateDict(state, { strict: false });
  return model;
}

const falling = (lr: number) => optim.schedules.cosine(lr, steps);
const ways = {
  'from scratch': async () => {
    const model = network(unknown.classes!);
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

/** Positions of the pictures of each class, in an order by chance. */
function positions(draw: number): number[][] {
  const order = [...data.loader(unknown, { shuffle: true, seed: draw }).order(0)];
  return folder.classNames.map((_, label) => order.filter((i) => folder.labels[i] === label));
}

const most = Math.max(...perClass);
const accuracies: Record<string, number[][]> = {};
let tested = 0;
for (const [way, make] of Object.entries(ways)) {
  accuracies[way] = perClass.map(() => []);
  for (let draw = 0; draw < draws; draw++) {
    const ofClass = positions(draw);
    const test = unknown.subset(ofClass.flatMap((own) => own.slice(most)));
    tested = test.size;
    for (const [i, count] of perClass.entries()) {
      const few = unknown.subset(ofClass.flatMap((own) => own.slice(0, count)));
      seed(draw + 2);
      const { model, optimizer } = await make();
      const trainer = new Trainer(model, { ...shared, optimizer });
      const batchSize = 4 * Math.min(...perClass);
      await trainer.fit(augmented(few), { epochs: Math.ceil(steps / (few.size / batchSize)), batchSize, shuffle: true, seed: draw });
      accuracies[way][i]!.push((await trainer.evaluate(test, { batchSize: 100 })).accuracy!);
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
