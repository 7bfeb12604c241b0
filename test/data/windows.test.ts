import { describe, expect, it } from 'vitest';
import { data, losses, nn, optim, seed, tensor, Trainer, type Tensor } from 'anneal';

const ten = Float32Array.from({ length: 10 }, (_, i) => i);
const pairs = Array.from({ length: 6 }, (_, i) => [i, 10 * i]);
const all = async (dataset: unknown): Promise<[unknown[], unknown[]]> => {
  const [x, y] = [...data.loader(dataset as data.Dataset, { batchSize: 100 })][0]! as unknown as [Tensor, Tensor];
  return [(await x.array()) as unknown[], (await y.array()) as unknown[]];
};

describe('windows', () => {
  it('have what comes after them as targets', async () => {
    const [x, y] = await all(data.windows(ten, { length: 3 }));
    expect(x).toEqual([0, 1, 2, 3, 4, 5, 6].map((i) => [i, i + 1, i + 2]));
    expect(y).toEqual([3, 4, 5, 6, 7, 8, 9].map((i) => [i]));
    expect(await all(data.windows(ten, { length: 3, horizon: 2, steps: 2, stride: 3 }))).toEqual([[[0, 1, 2], [3, 4, 5]], [[4, 5], [7, 8]]]);
    expect(await all(data.windows(ten, { length: 8, horizon: 0 }))).toEqual([[[0, 1, 2, 3, 4, 5, 6, 7], [1, 2, 3, 4, 5, 6, 7, 8], [2, 3, 4, 5, 6, 7, 8, 9]], [[7], [8], [9]]]);
  });

  it('have all numbers of a step, and targets of another series', async () => {
    const wide = data.windows(pairs, { length: 2, stride: 2 });
    expect([wide.shape, wide.targetShape, wide.size]).toEqual([[2, 2], [2], 2]);
    expect(await all(wide)).toEqual([[[[0, 0], [1, 10]], [[2, 20], [3, 30]]], [[2, 20], [4, 40]]]);
    expect(await all(data.windows(Int16Array.from(pairs.flat()), { length: 2, stride: 2, shape: [2], normalize: { mean: [0, 0], std: [1, 10] } }))).toEqual([[[[0, 0], [1, 1]], [[2, 2], [3, 3]]], [[2, 2], [4, 4]]]);
    expect((await all(data.windows(pairs, { length: 5, y: [9, 8, 7, 6, 5, 4] })))[1]).toEqual([[4]]);
    const classes = data.windows(pairs, { length: 2, horizon: 0, y: Int32Array.of(0, 1, 2, 0, 1, 2), classes: 3 });
    expect([classes.targetShape, classes.classes, (await all(classes))[1]]).toEqual([[], 3, [1, 2, 0, 1, 2]]);
  });

  it('without targets go up to the last step', async () => {
    const inputs = data.windows(ten, { length: 9, y: 'none' });
    expect([inputs.size, inputs.hasTargets]).toEqual([2, false]);
    expect(await [...data.loader(inputs, { batchSize: 9 })][0]![0].array()).toEqual([[0, 1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 3, 4, 5, 6, 7, 8, 9]]);
  });

  it('cut in two with a gap have no step in common', async () => {
    const [past, future] = data.windows(ten, { length: 2 }).split(0.75, { shuffle: false, gap: 2 });
    const [x, y] = await all(past);
    const [later] = await all(future);
    expect(Math.max(...[x, y].flat(3) as number[])).toBeLessThan(Math.min(...later.flat(2) as number[]));
  });

  it('train as copies of them would, bit for bit, shuffled, many steps in one call', async () => {
    const series = Float32Array.from({ length: 300 }, (_, i) => Math.sin(i / 5));
    const copied = Float32Array.from({ length: 290 * 10 }, (_, i) => series[Math.floor(i / 10) + (i % 10)]!);
    const weights = await Promise.all([data.windows(series, { length: 10 }), data.fromArrays({ x: copied, y: series.subarray(10), shape: [10], targetShape: [1] })].map(async (set) => {
      seed(1);
      const model = nn.sequential([10], nn.linear(10, 4), nn.tanh(), nn.linear(4, 1));
      const trainer = new Trainer(model, { loss: losses.meanSquaredError, optimizer: optim.adam(model.parameters(), { lr: 0.01 }) });
      const history = await trainer.fit(set as never, { epochs: 5, batchSize: 32, shuffle: true, seed: 2 });
      return [history.map(({ loss }) => loss), await model.toArrays(), await (await trainer.predict(tensor(series.slice(0, 10), { shape: [1, 10] }))).data()];
    }));
    expect(weights[0]).toEqual(weights[1]);
  });

  it.each<[unknown, object, string]>([
    [ten, {}, '[data.windows] length: got undefined, expected an integer of at least 1.'],
    [ten, { length: 10 }, "[data.windows] series 'series': got 10 steps, expected at least 11, of one window and its target. Take shorter windows, or a longer series."],
    [ten, { length: 2, horizon: -1 }, '[data.windows] horizon: got -1, expected an integer of at least 0.'],
    [ten, { length: 2, y: [1, 2] }, "[data.windows] series 'series' has 10 steps, but 2 in y, expected one target a step of the series."],
    [ten, { length: 2, y: new Int32Array(10), steps: 2 }, '[data.windows] steps: got 2 with classes, expected 1'],
    [ten, { length: 2, y: Int32Array.from(ten), classes: 3 }, "series 'series', example 3: the label is 3, expected a class in [0, 3)"],
    [ten, { length: 2, classes: 3 }, '[data.windows] classes: got 3 with float targets'],
    [ten, { length: 2, y: 'none', horizon: 2 }, "[data.windows] horizon: got it with y: 'none', expected it with targets."],
    [ten, { window: 2 }, '[data.windows] unknown option: got window, expected one of length'],
    [pairs, { length: 2, normalize: { mean: [1, 2, 3], std: 1 } }, 'normalize.mean: got 3 numbers for series'],
    ['series', { length: 2 }, "[data.windows] series of dataset 'series': got 'series'"],
  ])('say what is wrong: %#', (series, options, message) => {
    expect(() => data.windows(series as never, options as never)).toThrow(message);
  });

  it('are no images', () => {
    expect(() => data.windows(pairs, { length: 2 }).augment(data.transforms.randomHorizontalFlip() as never)).toThrow('images');
  });
});
