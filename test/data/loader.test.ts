import 'anneal';
import { describe, expect, it } from 'vitest';
import { fromArrays, fromIterable, loader, originOf, type Loader } from '../../src/data/index.js';
import type { Tensor } from '../../src/tensor.js';

const dataset = fromArrays({ x: Float32Array.from({ length: 20 }, (_, i) => i), y: Int32Array.from({ length: 10 }, (_, i) => i), shape: [2], name: 'ten' });

/** The examples of a batch, by their index in the arrays. */
function examples(batch: Tensor): number[] {
  return Array.from({ length: batch.shape[0]! }, (_, row) => originOf(batch)!.example(row));
}

async function epoch(batches: Loader): Promise<number[][]> {
  const seen: number[][] = [];
  for await (const [inputs] of batches) seen.push(examples(inputs));
  return seen;
}

describe('loader', () => {
  it('gives batches with their shapes and dtypes', async () => {
    const shapes: unknown[] = [];
    for await (const [inputs, labels] of loader(dataset, { batchSize: 4 })) shapes.push([inputs.shape, inputs.dtype, labels.shape, labels.dtype]);
    expect(shapes).toEqual([4, 4, 2].map((size) => [[size, 2], 'float32', [size], 'int32']));
  });

  it('keeps the order, has a last batch or drops it', async () => {
    const whole = loader(dataset, { batchSize: 4 });
    expect(await epoch(whole)).toEqual([[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]);
    expect([whole.length, whole.size]).toEqual([3, 10]);
    const dropping = loader(dataset, { batchSize: 4, dropLast: true });
    expect(await epoch(dropping)).toEqual([[0, 1, 2, 3], [4, 5, 6, 7]]);
    expect([dropping.length, dropping.size]).toEqual([2, 8]);
  });

  it('shuffles every epoch anew, the same for the same seed', async () => {
    const make = (seed: number) => loader(dataset, { batchSize: 4, shuffle: true, seed });
    const first = make(1);
    const epochs = [await epoch(first), await epoch(first)];
    expect(epochs[0]).not.toEqual(epochs[1]);
    const again = make(1);
    expect([await epoch(again), await epoch(again)]).toEqual(epochs);
    expect(await epoch(make(2))).not.toEqual(epochs[0]);
    for (const one of epochs) expect(one.flat().sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('iterates synchronously, too', () => {
    expect([...loader(dataset, { batchSize: 5 })].map(([inputs]) => examples(inputs))).toEqual([[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]);
  });

  it('names the example behind a row', async () => {
    const batches = loader(dataset.subset([9, 8, 7]), { batchSize: 2 });
    await epoch(batches);
    for await (const [inputs, labels] of batches) {
      if (inputs.shape[0] === 2) continue;
      expect(originOf(labels)?.describe(0)).toBe("example 7 of dataset 'ten' (epoch 1, step 1, row 0 of the batch)");
    }
  });

  it('goes on where it stood', async () => {
    const options = { batchSize: 3, shuffle: true, seed: 5 };
    const reference = loader(dataset, options);
    const epochs = [await epoch(reference), await epoch(reference), await epoch(reference)];

    const stopped = loader(dataset, options);
    await epoch(stopped);
    let taken = 0;
    for await (const _ of stopped) if (++taken === 2) break;
    const state = JSON.parse(JSON.stringify(stopped.stateDict())) as ReturnType<typeof stopped.stateDict>;
    expect(state).toEqual({ epoch: 1, step: 2, batchSize: 3, shuffle: true, seed: 5, dropLast: false, size: 10 });

    const resumed = loader(dataset, options);
    resumed.loadStateDict(state);
    expect(resumed.epoch).toBe(1);
    expect(await epoch(resumed)).toEqual(epochs[1]!.slice(2));
    expect(await epoch(resumed)).toEqual(epochs[2]);
    expect(resumed.stateDict()).toMatchObject({ epoch: 3, step: 0 });
  });

  it('counts the epoch as complete with its last batch', async () => {
    const batches = loader(dataset, { batchSize: 5 });
    const states: [number, number][] = [];
    for await (const _ of batches) states.push([batches.stateDict().epoch, batches.stateDict().step]);
    expect(states).toEqual([[0, 1], [1, 0]]);
  });

  it('refuses the state of another loader', () => {
    const state = loader(dataset, { batchSize: 3, shuffle: true }).stateDict();
    const other = loader(dataset, { batchSize: 4, shuffle: true });
    expect(() => other.loadStateDict(state)).toThrow(expect.objectContaining({ code: 'ANNEAL_STATE_MISMATCH' }));
    expect(() => other.loadStateDict(state)).toThrow('batchSize was 3 when the state was saved, but is 4 here');
    expect(() => other.loadStateDict({ ...other.stateDict(), step: -1 })).toThrow('step -1');
  });

  it.each<[string, object]>([
    ['batchSize: got 0', { batchSize: 0 }],
    ['batchSize: got 1.5', { batchSize: 1.5 }],
    ['seed: got -1', { seed: -1, shuffle: true }],
    ['batchSize 11 with dropLast leaves no batch of the 10 examples', { batchSize: 11, dropLast: true }],
    ['Did you mean batchSize?', { batchsize: 4 }],
  ])('%s', (text, options) => {
    expect(() => loader(dataset, options)).toThrow(text);
    expect(() => loader(dataset, options)).toThrow('[data.loader]');
  });
});

describe('an abandoned pass', () => {
  const array = () => loader(dataset, { batchSize: 3, shuffle: true });
  const stream = () => loader(fromIterable(() => Array.from({ length: 12 }, (_, i) => ({ x: [i, i], y: 0 })), { shape: [2] }), { batchSize: 3 });

  it.each([['arrays', array], ['a stream', stream]] as const)('moves the loader no more: %s', async (_, make) => {
    const batches: Loader = make();
    const first = batches[Symbol.asyncIterator]();
    await first.next();
    expect(batches.stateDict()).toMatchObject({ epoch: 0, step: 1 });
    const second = batches[Symbol.asyncIterator]();
    await second.next();
    await second.next();
    expect(batches.stateDict()).toMatchObject({ epoch: 1, step: 2 });
    while ((await first.next()).done !== true) expect(batches.stateDict()).toMatchObject({ epoch: 1, step: 2 });
    expect(batches.stateDict()).toMatchObject({ epoch: 1, step: 2 });

    batches.loadStateDict({ ...batches.stateDict(), epoch: 5, step: 3 });
    while ((await second.next()).done !== true) expect(batches.stateDict()).toMatchObject({ epoch: 5, step: 3 });
    expect(batches.stateDict()).toMatchObject({ epoch: 5, step: 3 });
  });

  it.each([['arrays', array], ['a stream', stream]] as const)('left by break stays where it was: %s', async (_, make) => {
    const batches: Loader = make();
    let seen = 0;
    for await (const batch of batches) if (batch.length > 0 && ++seen === 2) break;
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(batches.stateDict()).toMatchObject({ epoch: 0, step: 2 });
    for await (const batch of batches) if (batch.length > 0) break;
    expect(batches.stateDict()).toMatchObject({ epoch: 1, step: 1 });
  });
});
