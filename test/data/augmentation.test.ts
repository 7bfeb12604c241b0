// Augmentation: its values, what they depend on, and where it is not done.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { data, losses, metrics, nn, optim, seed, setThreads, train, Trainer, type Tensor } from 'anneal';
import type { Transform } from '../../src/data/transform.js';
import { fails, refuses } from '../nn/fails.js';
import { affine, crop, Draws, erase, flip, type Image, imageOf, jitter, resizedCrop } from './augmentation-reference.js';
import { pixels, writeFiles } from './image-files.js';

const { randomAffine, randomCrop, randomErasing, randomHorizontalFlip, randomResizedCrop, randomRotation, randomVerticalFlip, colorJitter, cutMix, mixUp, randomChoice } = data.transforms;

const SIZE = 12;
const SEED = 2 ** 33 + 5;
const value = (example: number, c: number, y: number, x: number): number => (example * 37 + c * 91 + y * 13 + x * x * 7) % 256;
const image = (example: number): Image => imageOf(3, 11, 8, (c, y, x) => value(example, c, y, x));
const bytes = Uint8Array.from({ length: SIZE * 3 * 11 * 8 }, (_, i) => image(Math.floor(i / 264)).data[i % 264]!);
const labels = Int32Array.from({ length: SIZE }, (_, i) => i % 4);
const all = data.fromArrays({ x: bytes, y: labels, shape: [3, 11, 8], classes: 4, name: 'images' });
const floats = data.fromArrays({ x: Float32Array.from(bytes), y: labels, shape: [3, 11, 8], classes: 4 });

interface Seen {
  readonly x: Float32Array;
  readonly y: readonly number[];
}

/** One epoch of a loader: the images and targets of each batch, one after the other. */
async function epoch(batches: AsyncIterable<readonly [Tensor, Tensor]>): Promise<Seen> {
  const parts = [];
  for await (const [x, y] of batches) parts.push([await x.data(), await y.data()] as const);
  return { x: Float32Array.from(parts.flatMap(([x]) => [...x])), y: parts.flatMap(([, y]) => [...y]) };
}

const loaderOf = (dataset: unknown, options: object = {}) => data.loader(dataset as data.Dataset, { batchSize: 5, seed: SEED, ...options });

/** Images in the order of the data, by the first epochs of a loader. */
async function seen(dataset: unknown, epochs = 1): Promise<Float32Array[]> {
  const batches = loaderOf(dataset);
  const all: Float32Array[] = [];
  for (let i = 0; i < epochs; i++) all.push((await epoch(batches as never)).x);
  return all;
}

describe('values are those of plain loops', () => {
  const draws = (e: number, example: number): Draws => new Draws(SEED, e, example, 0);
  const scale = [0.2, 0.9] as const;
  const ratio = [0.5, 2] as const;
  const moves = { degrees: [-50, 70], translate: [0.2, 0.1], scale: [0.6, 1.5], shear: [-20, 10, -5, 15] } as const;
  const factors = { brightness: [0.5, 1.5], contrast: [0.2, 1.8], saturation: [0, 2], hue: [-0.3, 0.3] } as const;
  const cases: [transform: Transform, near: number, wanted: (one: Image, drawn: Draws) => Image][] = [
    [randomHorizontalFlip({ p: 0.4 }), 0, (one, drawn) => flip(one, drawn, 0.4, false)],
    [randomVerticalFlip(), 0, (one, drawn) => flip(one, drawn, 0.5, true)],
    [randomCrop([9, 10], { padding: [2, 3], fill: 17 }), 0, (one, drawn) => crop(one, drawn, [9, 10], [2, 3], 'constant', 17)],
    [randomCrop(8, { padding: 4, paddingMode: 'edge' }), 0, (one, drawn) => crop(one, drawn, [8, 8], [4, 4], 'edge', 0)],
    [randomCrop(12, { padding: 7, paddingMode: 'reflect' }), 0, (one, drawn) => crop(one, drawn, [12, 12], [7, 7], 'reflect', 0)],
    [randomCrop(12, { padding: 8, paddingMode: 'symmetric' }), 0, (one, drawn) => crop(one, drawn, [12, 12], [8, 8], 'symmetric', 0)],
    [randomResizedCrop([6, 14], { scale, ratio }), 1, (one, drawn) => resizedCrop(one, drawn, [6, 14], scale, ratio)],
    [randomAffine([-50, 70], { translate: [0.2, 0.1], scale: moves.scale, shear: moves.shear, fill: 9 }), 0, (one, drawn) => affine(one, drawn, moves, false, 9)],
    [randomAffine([-50, 70], { translate: [0.2, 0.1], scale: moves.scale, shear: moves.shear, fill: 9, interpolation: 'bilinear' }), 1, (one, drawn) => affine(one, drawn, moves, true, 9)],
    [randomRotation([10, 40]), 0, (one, drawn) => affine(one, drawn, { degrees: [-40, -10], translate: [0, 0], scale: [1, 1], shear: [0, 0, 0, 0] }, false, 0)],
    [randomErasing({ p: 0.7, scale, ratio, value: 33 }), 0, (one, drawn) => erase(one, drawn, 0.7, scale, ratio, 33)],
    [colorJitter(factors), 4, (one, drawn) => jitter(one, drawn, factors)],
  ];
  test.each(cases.map(([transform, near, wanted]) => [String(transform), transform, near, wanted] as const))('%s', async (_, transform, near, wanted) => {
    const got = await seen(all.augment(transform as never), 3);
    got.forEach((batch, e) => {
      const expected = Array.from({ length: SIZE }, (__, example) => wanted(image(example), draws(e, example)).data).flat();
      expect(batch.length).toBe(expected.length);
      const off = expected.findIndex((one, i) => !(Math.abs(one - batch[i]!) <= near));
      expect(off, `epoch ${e}, element ${off}: ${batch[off]}, expected ${expected[off]}`).toBe(-1);
      // Levels off come where one rounds up and the other down, which is not often.
      expect(expected.filter((one, i) => Math.abs(one - batch[i]!) > 0.51).length / expected.length).toBeLessThan(0.1);
    });
    const [first, second] = got as [Float32Array, Float32Array];
    expect(second, 'another epoch').not.toEqual(first);
  });

  test('floats are changed as bytes are, but for rounding', async () => {
    for (const [transform, near] of [[randomHorizontalFlip(), 0], [randomCrop(8, { padding: 3, fill: 4 }), 0], [randomResizedCrop(6), 1.01], [randomAffine(30, { interpolation: 'bilinear' }), 0.51], [randomErasing({ value: 2 }), 0]] as const) {
      const [[a], [b]] = [await seen(all.augment(transform as never)), await seen(floats.augment(transform as never))];
      expect(Math.max(...a!.map((one, i) => Math.abs(one - b![i]!))), String(transform)).toBeLessThanOrEqual(near);
    }
  });

  test('the chain goes on with what the transform before it leaves, and normalises at the end', async () => {
    const normalize = { mean: 0.5, std: 0.25 };
    const chain = data.fromArrays({ x: bytes, y: labels, shape: [3, 11, 8], normalize }).augment(randomCrop(9, { padding: 2, fill: 10 }), randomVerticalFlip(), randomErasing({ p: 1, value: 200 }));
    expect(chain.shape).toEqual([3, 9, 9]);
    const wanted = Array.from({ length: SIZE }, (_, example) => {
      const drawn = (place: number): Draws => new Draws(SEED, 0, example, place);
      const cut = crop(image(example), drawn(0), [9, 9], [2, 2], 'constant', 10);
      return erase(flip(cut, drawn(1), 0.5, true), drawn(2), 1, [0.02, 0.33], [0.3, 3.3], 200).data;
    }).flat();
    const [got] = await seen(chain);
    wanted.forEach((one, i) => expect(got![i]).toBeCloseTo((one / 255 - 0.5) / 0.25, 5));
  });
});

describe('mixing', () => {
  test('mixUp: images and targets by one share, with the example before in the order', async () => {
    const batches = loaderOf(all.augment(mixUp({ alpha: 0.4 })), { shuffle: true });
    const order = [...batches.order(0)];
    const { x, y } = await epoch(batches as never);
    order.forEach((example, i) => {
      const before = order.at(i - 1)!;
      const target = Array.from({ length: 4 }, (_, c) => y[i * 4 + c]!);
      expect(target.reduce((a, b) => a + b)).toBeCloseTo(1, 6);
      if (labels[example] === labels[before]) return;
      const share = target[labels[example]!]!;
      expect(target[labels[before]!]).toBeCloseTo(1 - share, 6);
      const [a, b] = [image(example).data, image(before).data];
      a.forEach((one, j) => expect(x[i * 264 + j]).toBeCloseTo(share * one + (1 - share) * b[j]!, 3));
    });
  });

  test('cutMix: each element is of one of both images, in the shares of the targets', async () => {
    const many = data.fromArrays({ x: new Uint8Array(400 * 64).map((_, i) => Math.floor(i / 64) % 2 * 255), y: Int32Array.from({ length: 400 }, (_, i) => i % 2), shape: [8, 8], classes: 2 });
    const { x, y } = await epoch(loaderOf(many.augment(cutMix({ p: 0.8 }))) as never);
    let mixed = 0;
    for (let i = 0; i < 400; i++) {
      const own = Array.from({ length: 64 }, (_, j) => x[i * 64 + j]! === (i % 2) * 255).filter(Boolean).length;
      expect(y[i * 2 + (i % 2)]).toBeCloseTo(own / 64, 6);
      if (own < 64) mixed++;
    }
    expect(mixed).toBeGreaterThan(200);
    expect(mixed).toBeLessThan(330);
  });

  test('randomChoice: each image by one of both, in the shares of the weights', async () => {
    const count = 2000;
    const many = data.fromArrays({ x: new Uint8Array(count * 64).map((_, i) => (Math.floor(i / 64) % 2) * 255), y: Int32Array.from({ length: count }, (_, i) => i % 2), shape: [8, 8], classes: 2 });
    const chosen = { up: 0, cut: 0, neither: 0 };
    const { x, y } = await epoch(loaderOf(many.augment(randomChoice([mixUp({ alpha: 4, p: 0.5 }), cutMix({ alpha: 4 })], { p: [3, 1] })), { batchSize: 500 }) as never);
    for (let i = 0; i < count; i++) {
      const values = new Set(x.slice(i * 64, (i + 1) * 64));
      const own = x.slice(i * 64, (i + 1) * 64).reduce((sum, one) => sum + Math.abs(one - (1 - (i % 2)) * 255) / 255, 0) / 64;
      expect(y[i * 2 + (i % 2)]).toBeCloseTo(own, 4);
      chosen[values.size === 2 ? 'cut' : own === 1 ? 'neither' : 'up']++;
    }
    expect(chosen.up / count).toBeCloseTo(0.375, 1);
    expect(chosen.cut / count).toBeCloseTo(0.25, 1);
    expect(Math.abs(chosen.neither / count - 0.375)).toBeLessThan(0.04);
  });

  test('randomChoice of one alone leaves the bits of that one, also of a choice in a choice', async () => {
    const of = async (transform: Transform): Promise<Seen> => epoch(loaderOf(all.augment(transform as never)) as never);
    const [up, cut] = [mixUp({ alpha: 0.4, p: 0.7 }), cutMix()];
    expect(await of(randomChoice([up, cut], { p: [2, 0] }))).toEqual(await of(up));
    expect(await of(randomChoice([up, cut], { p: [0, 1] }))).toEqual(await of(cut));
    expect(await of(randomChoice([randomChoice([up]), randomChoice([cut, up], { p: [1, 0] })]))).toEqual(await of(randomChoice([up, cut])));
  });

  test.each([0.1, 0.5, 1, 4])('shares are of Beta(a, a): a = %f', async (alpha) => {
    const count = 4000;
    const two = data.fromArrays({ x: new Uint8Array(count * 4), y: Int32Array.from({ length: count }, (_, i) => i % 2), shape: [2, 2], classes: 2 });
    const { y } = await epoch(loaderOf(two.augment(mixUp({ alpha })), { batchSize: 500 }) as never);
    const shares = Array.from({ length: count }, (_, i) => y[i * 2 + (i % 2)]!);
    const mean = shares.reduce((a, b) => a + b) / count;
    const variance = shares.reduce((a, b) => a + (b - mean) ** 2, 0) / count;
    const expected = 1 / (4 * (2 * alpha + 1));
    expect(mean).toBeGreaterThan(0.5 - 4 * Math.sqrt(expected / count));
    expect(mean).toBeLessThan(0.5 + 4 * Math.sqrt(expected / count));
    expect(variance / expected).toBeGreaterThan(0.93);
    expect(variance / expected).toBeLessThan(1.07);
  });

  test('cross entropy and accuracy take the targets, and evaluation has class indices', async () => {
    seed(1);
    const model = nn.sequential([3, 11, 8], nn.flatten(), nn.linear(264, 4));
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.sgd(model.parameters(), { lr: 1e-6 }), metrics: [metrics.accuracy()] });
    const mixed = all.augment(randomHorizontalFlip(), cutMix());
    const [record] = await trainer.fit(mixed, { batchSize: 4, validation: mixed });
    expect(Number.isFinite(record!.loss)).toBe(true);
    expect(record!.validation).toEqual(await trainer.evaluate(all, { batchSize: 4 }));
  });
});

describe('what is drawn depends on seed, epoch and example only', () => {
  const chain = all.augment(randomCrop(8, { padding: 2 }), randomHorizontalFlip(), randomAffine(20), mixUp());

  test.each([1, 4, 12, 100])('not on the batch size (%d), nor on the threads', async (batchSize) => {
    const options = { shuffle: true };
    const expected = await epoch(loaderOf(chain, options) as never);
    for (const threads of [1, 2, 4]) {
      setThreads(threads);
      expect(await epoch(loaderOf(chain, { ...options, batchSize }) as never)).toEqual(expected);
    }
  });

  test('another seed or epoch gives other images', async () => {
    const batches = loaderOf(chain);
    const [first, second] = [await epoch(batches as never), await epoch(batches as never)];
    expect(second.x).not.toEqual(first.x);
    expect(second.y).not.toEqual(first.y);
    expect((await epoch(loaderOf(chain, { seed: 1 }) as never)).x).not.toEqual(first.x);
    expect((await epoch(loaderOf(chain, { seed: SEED - 2 ** 32 }) as never)).x, 'the high word of the seed').not.toEqual(first.x);
  });

  test('an example is changed alike wherever it stands in the order', async () => {
    const flipped = all.augment(randomErasing({ p: 1 }));
    const [whole, shuffled] = [await epoch(loaderOf(flipped) as never), loaderOf(flipped, { shuffle: true })];
    const order = shuffled.order(0);
    const { x } = await epoch(shuffled as never);
    order.forEach((example, i) => expect(x.slice(i * 264, (i + 1) * 264)).toEqual(whole.x.slice(example * 264, (example + 1) * 264)));
    const part = await epoch(loaderOf(flipped.subset([7, 2])) as never);
    expect(part.x.slice(264)).toEqual(whole.x.slice(2 * 264, 3 * 264));
  });

  test('a loader goes on in the middle of an epoch', async () => {
    const options = { shuffle: true };
    const whole = loaderOf(chain, options);
    await epoch(whole as never);
    const expected = await epoch(whole as never);
    const left = loaderOf(chain, options);
    await epoch(left as never);
    for await (const _ of left) break;
    const resumed = loaderOf(chain, options);
    resumed.loadStateDict(left.stateDict());
    const rest = await epoch(resumed as never);
    expect(rest.x).toEqual(expected.x.slice(5 * 3 * 64));
    expect(rest.y).toEqual(expected.y.slice(5 * 4));
  });

  test('fit() sees what a loop sees, step by step and many at once', async () => {
    const run = async (how: 'loop' | 'fit' | 'single'): Promise<number[]> => {
      seed(3);
      const model = nn.sequential([3, 8, 8], nn.flatten(), nn.linear(192, 4));
      const optimizer = optim.sgd(model.parameters(), { lr: 1e-4 });
      const loading = { batchSize: 5, shuffle: true, seed: 2 };
      if (how === 'loop') {
        const batches = data.loader(chain, loading);
        for (let e = 0; e < 3; e++) {
          for (const [x, y] of batches) {
            const loss = losses.crossEntropy(model.forward(x), y);
            optimizer.zeroGrad();
            loss.backward();
            await optimizer.step();
          }
        }
      } else await new Trainer(model, { loss: losses.crossEntropy, optimizer }).fit(chain, { ...loading, epochs: 3, callbacks: how === 'single' ? { onStep: () => undefined } : [] });
      return [...(await model.parameters()[0]!.data())];
    };
    const expected = await run('loop');
    expect(await run('fit')).toEqual(expected);
    expect(await run('single')).toEqual(expected);
  });

  test('a flip comes half of the time, in every example and in every epoch', async () => {
    const two = data.fromArrays({ x: new Uint8Array(500 * 2).map((_, i) => i % 2), y: new Int32Array(500), shape: [1, 2] }).augment(randomHorizontalFlip());
    const epochs = await seen(two, 40);
    const flips = epochs.map((x) => Array.from({ length: 500 }, (_, i) => x[2 * i]!));
    for (const one of flips) expect(Math.abs(one.reduce((a, b) => a + b) / 500 - 0.5)).toBeLessThan(0.09);
    const byExample = Array.from({ length: 500 }, (_, i) => flips.reduce((sum, one) => sum + one[i]!, 0) / 40);
    expect(Math.min(...byExample)).toBeGreaterThan(0.1);
    expect(Math.max(...byExample)).toBeLessThan(0.9);
    expect(flips.flat().reduce((a, b) => a + b) / 20000).toBeCloseTo(0.5, 1);
  });
});

describe('evaluation', () => {
  test('sees the images as they are, or their middle where they change their size', async () => {
    seed(1);
    const model = nn.sequential([3, 11, 8], nn.flatten(), nn.linear(264, 4));
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.sgd(model.parameters(), { lr: 1e-6 }), metrics: [metrics.accuracy()] });
    const changed = all.augment(randomErasing({ p: 1 }), randomHorizontalFlip(), colorJitter({ hue: 0.5 }), mixUp());
    expect(await trainer.evaluate(changed)).toEqual(await trainer.evaluate(all));
    expect(await trainer.evaluate(loaderOf(changed, { shuffle: true }))).toEqual(await trainer.evaluate(all, { batchSize: 5 }));
    expect(await (await trainer.predict(changed)).data()).toEqual(await (await trainer.predict(all)).data());
  });

  test('crops the middle', async () => {
    const passes = new (class extends nn.Module {
      readonly scale = nn.linear(1, 1);
      override forward(x: Tensor): Tensor {
        return x;
      }
    })();
    const trainer = new Trainer(passes, { loss: losses.crossEntropy, optimizer: optim.sgd(passes.parameters()) });
    const shown = async (transform: unknown): Promise<number[]> => [...(await ((await trainer.predict(all.augment(transform as never) as never)) as Tensor).data())];
    const images = Array.from({ length: SIZE }, (_, example) => image(example));
    expect(await shown(randomCrop([5, 8]))).toEqual(images.flatMap((one) => crop(one, undefined, [5, 8], [0, 0], 'constant', 0).data));
    expect(await shown(randomResizedCrop([8, 8]))).toEqual(images.flatMap((one) => crop(one, undefined, [8, 8], [0, 0], 'constant', 0).data));
  });
});

describe('a folder of images', () => {
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'anneal-augment-'));
    const files = await Promise.all(Array.from({ length: SIZE }, async (_, i) => [`${i % 4}/${String(i).padStart(2, '0')}.png`, await pixels(11, 8, (y, x) => [0, 1, 2].map((c) => value(i, c, y, x))).png().toBuffer()] as const));
    await writeFiles(folder, { ...Object.fromEntries(files) });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test('gives what the images in memory give, whatever is fetched ahead', async () => {
    const transforms = [randomCrop(8, { padding: 2 }), randomAffine(20), cutMix()] as const;
    const images = await data.fromImageFolder(folder, { size: [11, 8] });
    const expected = await epoch(loaderOf((await images.load()).augment(...transforms), { shuffle: true }) as never);
    for (const options of [{}, { batchSize: 1, prefetch: 0 }, { batchSize: 12, prefetch: 2, concurrency: 3 }]) {
      expect(await epoch(loaderOf(images.augment(...transforms), { shuffle: true, ...options }) as never)).toEqual(expected);
    }
    expect(await epoch(loaderOf(await images.augment(...transforms).load(), { shuffle: true }) as never)).toEqual(expected);
  });

  test('mixes an image whose partner is damaged with itself', async () => {
    await writeFiles(folder, { '1/05.png': 'no image' });
    const images = await data.fromImageFolder(folder, { size: [11, 8], onDamaged: 'skip' });
    const mixed = images.augment(mixUp());
    const order = [...data.loader(mixed, { batchSize: 5 }).order(0)];
    const { x, y } = await epoch(loaderOf(mixed) as never);
    expect(x.length).toBe(11 * 264);
    const behind = order.indexOf(images.paths.indexOf('1/09.png'));
    const damaged = order.indexOf(images.paths.indexOf('1/05.png'));
    expect(behind).toBe(damaged + 1);
    // The batch has lost one, in front of it.
    expect([...Array(4).keys()].map((c) => y[damaged * 4 + c])).toEqual([0, 1, 0, 0]);
    image(9).data.forEach((one, i) => expect(x[damaged * 264 + i]).toBeCloseTo(one, 3));
    expect(images.skipped.map(({ path }) => path)).toEqual(['1/05.png']);
  });
});

describe('is described', () => {
  const chain = all.augment(randomCrop(8, { padding: [1, 2], paddingMode: 'edge' }), randomHorizontalFlip(), mixUp({ alpha: 0.2 }));
  const text = "randomCrop(8, { padding: [1, 2], paddingMode: 'edge' }), randomHorizontalFlip(), mixUp({ alpha: 0.2 })";

  it('by the dataset', () => {
    expect(chain.augmentation).toBe(text);
    expect(chain.toJSON()).toMatchObject({ shape: [3, 8, 8], targetShape: [4], targetDtype: 'float32', augmentation: text });
    expect(all.augmentation).toBe(undefined);
    expect(chain.split(0.5)[0].augmentation).toBe(text);
  });

  it('in the log of training, once', async () => {
    let written = '';
    const model = nn.sequential([3, 8, 8], nn.flatten(), nn.linear(192, 4));
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.sgd(model.parameters()) });
    await trainer.fit(chain, { epochs: 2, callbacks: train.progress({ stream: { write: (line) => (written += line) } }) });
    expect(written.startsWith(`augmented: ${text}\n`)).toBe(true);
    expect(written.split('augmented:').length).toBe(2);
  });
});

describe('refuses', () => {
  const says = (fn: () => unknown, message: RegExp): void => refuses(fn, 'ANNEAL_INVALID_ARGUMENT', message);

  it('choices of what does not mix, and weights that are none', () => {
    says(() => randomChoice([]), /\[data\.transforms\.randomChoice\] transforms: got \[\], expected a list of what mixes images, as in \[mixUp\(\), cutMix\(\)\]/);
    says(() => randomChoice([randomHorizontalFlip() as never]), /transforms: got .*, expected a list of what mixes images/);
    says(() => randomChoice([mixUp(), cutMix()], { p: [1] }), /p: got \[1\], expected 2 weights of at least 0, not all 0/);
    for (const p of [[0, 0], [1, -1], [1, NaN], [Infinity, 1]]) says(() => randomChoice([mixUp(), cutMix()], { p }), /p: got .*, expected 2 weights of at least 0/);
    says(() => randomChoice([mixUp({ classes: 3 }), cutMix({ classes: 4 })]), /expected one number of classes, not 3 and 4/);
    refuses(() => randomChoice([mixUp()], { weights: [1] } as never), 'ANNEAL_UNKNOWN_OPTION', /unknown option: got weights/);
    expect(String(randomChoice([mixUp({ alpha: 0.2 }), cutMix()], { p: [1, 3] }))).toBe('randomChoice([mixUp({ alpha: 0.2 }), cutMix()], { p: [1, 3] })');
  });

  it('what is no parameter', () => {
    says(() => randomHorizontalFlip({ p: 1.5 }), /\[data\.transforms\.randomHorizontalFlip\] p: got 1.5, expected a number in \[0, 1\]/);
    says(() => randomCrop(0), /size: got 0, expected a whole number of at least 1/);
    says(() => randomCrop(40000), /size: got 40000, expected at most 32767/);
    says(() => randomCrop(8, { paddingMode: 'mirror' as never }), /unknown paddingMode: got 'mirror', expected one of 'constant', 'edge', 'reflect', 'symmetric'/);
    says(() => randomCrop(8, { fill: NaN }), /fill: got NaN, expected a finite number/);
    says(() => randomResizedCrop(8, { scale: [0, 1] }), /scale: got \[0, 1\], expected \[low, high\] within/);
    says(() => randomResizedCrop(8, { ratio: [2, 1] }), /ratio: got \[2, 1\], expected \[low, high\]/);
    says(() => randomAffine(-5), /degrees: got -5, expected a number in \[0, 3600\], or \[low, high\]/);
    says(() => randomAffine(0, { translate: [0.1, 2] }), /translate: got \[0.1, 2\], expected \[horizontal, vertical\]/);
    says(() => randomAffine(0, { shear: 90 }), /shear: got 90, expected a number in \[0, 80\]/);
    says(() => colorJitter({ hue: 0.7 }), /hue: got 0.7, expected a number in \[0, 0.5\]/);
    says(() => colorJitter({ brightness: -1 }), /brightness: got -1/);
    says(() => mixUp({ alpha: 0 }), /alpha: got 0, expected a number in \[0.01, 100\]/);
    says(() => cutMix({ classes: 0 }), /classes: got 0/);
    refuses(() => randomErasing({ prob: 1 } as never), 'ANNEAL_UNKNOWN_OPTION', /prob/);
  });

  it('transforms that do not fit the images', () => {
    const augment = (...transforms: unknown[]) => () => all.augment(...(transforms as never[]));
    says(augment(), /got no transforms/);
    says(augment('flip'), /transform 0: got 'flip', expected one of data.transforms/);
    says(augment(randomHorizontalFlip), /transform 0: got the function randomHorizontalFlip/);
    says(augment(randomCrop(12)), /randomCrop\(12\): got images \[3,11,8\] of bytes, expected images of at least \[12,12\]\. Give more padding/);
    says(augment(randomCrop(4), randomCrop(5)), /got images \[3,4,4\]/);
    says(augment(randomCrop(8, { padding: 8, paddingMode: 'reflect' })), /expected at most \[10,7\] of padding/);
    says(augment(randomCrop(8, { fill: 0.5 })), /expected fill 0.5 to be a byte/);
    says(augment(randomErasing({ value: 300 })), /expected value 300 to be a byte/);
    says(augment(mixUp(), randomHorizontalFlip()), /mixUp\(\): got it before randomHorizontalFlip\(\), expected it last/);
    says(augment(mixUp(), cutMix()), /got it before cutMix\(\), expected it last/);
    says(() => all.augment(randomHorizontalFlip()).augment(randomHorizontalFlip()), /is augmented already, by randomHorizontalFlip\(\)/);
    says(() => floats.augment(colorJitter()), /got images \[3,11,8\] of floats, expected bytes of one channel or three/);
  });

  it('transforms as options of other things, and says where they belong', () => {
    for (const name of ['transform', 'augment']) refuses(() => loaderOf(all, { [name]: [] }), 'ANNEAL_UNKNOWN_OPTION', /Transforms belong to the data: dataset\.augment\(/);
  });

  it('data that is no array of images', () => {
    const flat = data.fromArrays({ x: new Uint8Array(20), y: new Int32Array(10), shape: [2] });
    says(() => (flat as data.Dataset).augment(randomHorizontalFlip()), /got examples \[2\], expected images of bytes or floats \[C,H,W\] or \[H,W\]\. Give their shape/);
    const integers = data.fromArrays({ x: new Int32Array(40), y: new Int32Array(10), shape: [2, 2] });
    says(() => integers.augment(randomHorizontalFlip()), /got examples \[2,2\] int32/);
    const several = data.fromArrays({ x: { a: new Uint8Array(40) }, y: new Int32Array(10), shape: { a: [2, 2] } });
    says(() => (several as unknown as data.Dataset).augment(randomHorizontalFlip()), /got examples \{ a: \[2,2\] \}/);
    const unknown = data.fromArrays({ x: new Uint8Array(40), y: new Int32Array(10), shape: [2, 2] });
    says(() => unknown.augment(mixUp()), /the data does not say how many classes it has/);
    const targets = data.fromArrays({ x: new Uint8Array(40), y: new Float32Array(10), shape: [2, 2], targetShape: [] });
    says(() => targets.augment(mixUp({ classes: 2 })), /no class indices/);
  });

  it('labels that are no class, when a step runs, by the example', async () => {
    const wrong = data.fromArrays({ x: new Uint8Array(40), y: Int32Array.from({ length: 10 }, (_, i) => i), shape: [2, 2], name: 'ten' }).augment(mixUp({ classes: 9 }));
    await fails(epoch(loaderOf(wrong, { batchSize: 10 }) as never), 'ANNEAL_INDEX_OUT_OF_RANGE', /example 9 of dataset 'ten'/);
    const batches = loaderOf(wrong, { batchSize: 2 });
    await fails((async () => { for await (const [, targets] of batches) await targets.data(); })(), 'ANNEAL_INDEX_OUT_OF_RANGE', /example 9 of dataset 'ten' \(epoch 0, step 0, row 0/);
  });
});
