import { describe, expect, it } from 'vitest';
import { fromArrays, fromIterable, loader, type Loader, type StreamItem } from '../../src/data/index.js';
import { IndexError } from '../../src/errors.js';
import { crossEntropy, mean } from '../../src/ops/index.js';
import '../../src/runtime/index.js';

/** Inputs and targets of one epoch, as they come out of the native gather. */
async function values(batches: Loader): Promise<[number[], number[]][]> {
  const seen: [number[], number[]][] = [];
  for await (const [inputs, targets] of batches) seen.push([[...(await inputs.data())], [...(await targets.data())]]);
  return seen;
}

const pixels = Uint8Array.from({ length: 30 }, (_, i) => (i * 37) % 256);
const numbers = Float32Array.from(pixels, (value) => value / 8 - 7);
const labels = Int32Array.from({ length: 10 }, (_, i) => (i * 3) % 10);
const normalize = { mean: 0.25, std: 0.5 };

/** Values that the documentation promises, in doubles. */
function expected(x: ArrayLike<number>, order: readonly number[], of: (value: number) => number): number[] {
  return order.flatMap((row) => [0, 1, 2].map((i) => of(x[3 * row + i]!)));
}

describe('a batch', () => {
  const orders = [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]];

  it.each([
    ['bytes as they are', pixels, {}, (value: number) => value],
    ['normalised bytes', pixels, { normalize }, (value: number) => (value / 255 - 0.25) / 0.5],
    ['floats as they are', numbers, {}, (value: number) => value],
    ['normalised floats', numbers, { normalize }, (value: number) => (value - 0.25) / 0.5],
  ])('holds %s', async (_, x, options, of) => {
    const array = await values(loader(fromArrays({ x, y: labels, shape: [3], ...options }), { batchSize: 4 }));
    orders.forEach((order, step) => {
      const [inputs, targets] = array[step]!;
      expected(x, order, of).forEach((value, i) => expect(inputs[i]).toBeCloseTo(value, 5));
      expect(targets).toEqual(order.map((row) => labels[row]));
    });
    function* examples(): Generator<StreamItem> {
      for (let row = 0; row < 10; row++) yield { x: x.subarray(3 * row, 3 * row + 3), y: labels[row]! };
    }
    expect(await values(loader(fromIterable(examples, { shape: [3], ...options }), { batchSize: 4 }))).toEqual(array);
  });

  it('keeps floats that are not normalised to the bit', async () => {
    const odd = Float32Array.of(-0, 1e-45, Infinity, -Infinity, NaN, 3.4e38);
    const [first] = await values(loader(fromArrays({ x: odd, y: [0, 1], shape: [3] }), { batchSize: 2 }));
    expect(first![0]).toEqual([...odd]);
  });

  it('gathers shuffled rows, through subsets', async () => {
    const batches = loader(fromArrays({ x: numbers, y: labels, shape: [3] }).subset([9, 4, 4, 0]), { batchSize: 4, shuffle: true, seed: 2 });
    const order = [...batches.order(0)];
    expect([...order].sort((a, b) => a - b)).toEqual([0, 4, 4, 9]);
    const [[inputs, targets]] = (await values(batches)) as [[number[], number[]]];
    expect(inputs).toEqual(expected(numbers, order, (value) => value));
    expect(targets).toEqual(order.map((row) => labels[row]));
  });

  it('holds float targets of any shape', async () => {
    const set = fromArrays({ x: numbers, y: numbers.subarray(0, 20), shape: [3], targetShape: [2, 1] });
    for await (const [, targets] of loader(set, { batchSize: 10 })) {
      expect(targets.shape).toEqual([10, 2, 1]);
      expect([...(await targets.data())]).toEqual([...numbers.subarray(0, 20)]);
    }
  });

  it('is not touched by what happens to the arrays afterwards', async () => {
    const x = Float32Array.of(1, 2, 3);
    const y = Int32Array.of(1);
    const set = fromArrays({ x, y, shape: [3] });
    x.fill(0);
    y.fill(0);
    expect(await values(loader(set))).toEqual([[[1, 2, 3], [1]]]);
  });
});

describe('a label out of range', () => {
  it('is reported with the dataset, the epoch, the step and the example', async () => {
    const wrong = new Int32Array(10);
    wrong[7] = 10;
    const set = fromArrays({ x: numbers, y: wrong, shape: [3], name: 'digits' });
    const batches = loader(set.subset([9, 8, 7, 6]), { batchSize: 2 });
    await values(batches);
    const failures: unknown[] = [];
    for await (const [inputs, targets] of batches) {
      try {
        await mean(crossEntropy(inputs, targets)).item();
      } catch (error) {
        failures.push(error);
      }
    }
    expect(failures.length).toBe(1);
    const [failure] = failures;
    expect(failure).toBeInstanceOf(IndexError);
    expect(failure).toMatchObject({ code: 'ANNEAL_INDEX_OUT_OF_RANGE', value: 10, limit: 3 });
    expect((failure as Error).message).toContain("example 7 of dataset 'digits' (epoch 1, step 1, row 0 of the batch)");
  });
});
