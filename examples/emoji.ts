/**
 * Trains a small residual network to tell the category of an emoji (food, flags, animals ...) from its picture: on the pictures of Google and OpenMoji, tested on those of Twitter.
 *
 *     npm pack emoji-datasource-google@16.0.0 emoji-datasource-twitter@16.0.0 openmoji@17.0.0
 *     for f in *.tgz; do mkdir ${f%-*} && tar xzf $f -C ${f%-*} --strip-components=1; done
 *     npm run example:emoji -- --data .
 *
 * Expected: test accuracy of about 62 % after the 25 epochs (61.9 % with seed 1), where the largest of nine categories has 20 %. Flags (94 %), smileys (78 %) and symbols (86 %) look alike with all vendors; activities, of
 * which there are 85, are taken for objects. No label of the set was found wrong, and no picture has two: Unicode counts a jack-o'-lantern among activities. Twitter draws 30 families by four pictograms, which
 * the network takes for symbols.
 *
 * The three packages take 140 MB to download; pictures of the result, and the images by category, go to build/examples.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { data, losses, metrics, optim, plot, seed, train, Trainer } from 'anneal';
import sharp from 'sharp';
import { smallResNet } from './models/small-resnet.js';

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: '.' },
    epochs: { type: 'string', default: '25' },
    seed: { type: 'string', default: '1' },
    out: { type: 'string', default: 'build/examples' },
  },
});
const [epochs, runSeed, batchSize, side] = [Number(values.epochs), Number(values.seed), 64, 32];

const needed = ['emoji-datasource-google', 'emoji-datasource-twitter', 'openmoji'];
const missing = needed.filter((name) => !existsSync(join(values.data, name)));
if (missing.length > 0) {
  console.error(`${values.data} has no folder ${missing.join(', ')}. Unpack the npm packages there: npm pack ${missing.join(' ')}, then tar xzf ... --strip-components=1, each into a folder of its name, and give --data.`);
  process.exit(1);
}

/** An entry of emoji.json, as far as it is used. */
interface Emoji {
  readonly name: string;
  readonly unified: string;
  readonly image: string;
  readonly category: string;
}

const emoji = (JSON.parse(readFileSync(join(values.data, 'emoji-datasource-google/emoji.json'), 'utf8')) as Emoji[]).filter(({ category }) => category !== 'Component');

/** Pictures of an emoji by vendor. OpenMoji's are vectors, named without the mark of coloured presentation where that says nothing. */
const vendors: Readonly<Record<string, (one: Emoji) => string[]>> = {
  google: ({ image }) => [join(values.data, 'emoji-datasource-google/img/google/64', image)],
  twitter: ({ image }) => [join(values.data, 'emoji-datasource-twitter/img/twitter/64', image)],
  openmoji: ({ unified }) => [unified, unified.replaceAll('-FE0F', '')].map((name) => join(values.data, `openmoji/color/svg/${name}.svg`)),
};

/** Writes the pictures of some vendors as PNG files into a folder with a directory for each category. */
async function collect(folder: string, names: readonly string[]): Promise<string> {
  rmSync(folder, { recursive: true, force: true });
  for (const one of emoji) {
    const directory = join(folder, one.category.split(' ')[0]!);
    mkdirSync(directory, { recursive: true });
    for (const vendor of names) {
      const file = vendors[vendor]!(one).find(existsSync);
      if (file === undefined) continue;
      await sharp(file).resize(64, 64, { fit: 'contain', background: '#fff0' }).png().toFile(join(directory, `${one.unified}.${vendor}.png`));
    }
  }
  return folder;
}

const images = { size: [side, side], background: [255, 255, 255], normalize: { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } } as const;
const training = await (await data.fromImageFolder(await collect(join(values.out, 'emoji/train'), ['google', 'openmoji']), images)).load();
const tested = await data.fromImageFolder(await collect(join(values.out, 'emoji/test'), ['twitter']), images);
const test = await tested.load();
const classes = tested.classNames;
console.log(`${training.size} pictures to train on, ${test.size} to test on, ${classes.length} categories`);

const { colorJitter, cutMix, randomAffine, randomHorizontalFlip } = data.transforms;
const augmented = training.augment(
  colorJitter({ brightness: 0.2, contrast: 0.3, saturation: 0.4, hue: 0.05 }),
  randomAffine(15, { translate: [0.1, 0.1], scale: [0.8, 1.15], shear: 8, interpolation: 'bilinear', fill: 255 }),
  randomHorizontalFlip(),
  cutMix({ p: 0.3 }),
);

seed(runSeed);
const model = smallResNet([3, side, side], classes.length, { widths: [32, 64, 128] });
const { lr, momentum } = optim.schedules.oneCycle(0.1, epochs * Math.ceil(training.size / batchSize));
const optimizer = optim.sgd(model.parameters(), { lr, momentum, nesterov: true, weightDecay: 1e-3 });
const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer, metrics: [metrics.accuracy()] });
const history = await trainer.fit(augmented, { epochs, batchSize, shuffle: true, seed: runSeed, validation: test, callbacks: [train.progress()] });
const { accuracy, confusionMatrix } = await new Trainer(model, { loss: losses.crossEntropy, optimizer, metrics: [metrics.accuracy(), metrics.confusionMatrix()] }).evaluate(test);

writeFileSync(join(values.out, 'emoji-curves.svg'), plot.learningCurves(history));
writeFileSync(join(values.out, 'emoji-confusion.svg'), plot.confusionMatrix(confusionMatrix, { classes }));

/** Mistakes, the surest first: what to look at for labels that are wrong. */
const logits = await (await trainer.predict(test)).softmax().data();
const names = new Map(emoji.map(({ unified, name }) => [unified, name]));
const mistakes = Array.from(tested.labels, (label, i) => {
  const shares = logits.subarray(i * classes.length, (i + 1) * classes.length);
  const predicted = shares.indexOf(Math.max(...shares));
  return { name: names.get(/([^/]+)\.twitter\.png$/.exec(tested.paths[i]!)![1]!), category: classes[label]!, predicted: classes[predicted]!, share: shares[predicted]! };
}).filter(({ category, predicted }) => category !== predicted);
console.log('The surest mistakes:');
console.table(mistakes.toSorted((a, b) => b.share - a.share).slice(0, 20).map(({ share, ...rest }) => ({ ...rest, share: share.toFixed(3) })));
console.log(`test accuracy ${(100 * accuracy!).toFixed(2)} %`);
