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
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { data, losses, metrics, optim, plot, seed, train, Trainer } from 'anneal';
import { collect, emojiIn } from './emoji/pictures.js';
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

const emoji = emojiIn(values.data);
const images = { size: [side, side], background: [255, 255, 255], normalize: { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } } as const;
const training = await (await data.fromImageFolder(await collect(values.data, emoji, ['google', 'openmoji'], join(values.out, 'emoji/train')), images)).load();
const tested = await data.fromImageFolder(await collect(values.data, emoji, ['twitter'], join(values.out, 'emoji/test')), images);
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
