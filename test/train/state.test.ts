// A trainer's state: what is trained after a restart has the same bits as without one.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { data, load, losses, nn, optim, save, seed, Trainer, type Tensor } from 'anneal';
import type { Described } from '../../src/state.js';
import { bits, blobs, classifier } from './classifier.js';
import { fails } from '../nn/fails.js';

const train = blobs(100, 1);
const loaderOf = () => data.loader(train, { batchSize: 32, shuffle: true, seed: 5 });
const trainerOf = ({ model, optimizer }: ReturnType<typeof classifier>) => new Trainer(model, { loss: losses.crossEntropy, optimizer });

test('training goes on from a file with the same bits, dropout and all', async () => {
  const whole = trainerOf(classifier({ dropout: 0.5 }));
  await whole.fit(loaderOf(), { epochs: 4 });

  const first = trainerOf(classifier({ dropout: 0.5 }));
  const loader = loaderOf();
  await first.fit(loader, { epochs: 2 });
  const folder = await mkdtemp(join(tmpdir(), 'anneal-'));
  const path = join(folder, 'checkpoint.safetensors');
  await save(first, path);
  const position = loader.stateDict();
  await first.fit(loader, { epochs: 1 });

  seed(99);
  const model = nn.sequential([2], nn.linear(2, 16), nn.relu(), nn.dropout(0.5), nn.linear(16, 2));
  const optimizer = optim.adam(model.parameters(), { lr: optim.schedules.cosine(1e-2, 200) });
  const second = new Trainer(model, { loss: losses.crossEntropy, optimizer });
  await second.loadStateDict(await load(path));
  await rm(folder, { recursive: true });
  const resumed = loaderOf();
  resumed.loadStateDict(position);
  await second.fit(resumed, { epochs: 2 });
  expect(await bits(model)).toEqual(await bits(whole.model));
});

test('a state that does not fit changes nothing', async () => {
  const trainer = trainerOf(classifier());
  await trainer.fit(train);
  const before = await bits(trainer.model);
  const state = trainer.stateDict();
  state.delete('optimizer.3.bias.expAvg');
  await fails(trainer.loadStateDict(state), 'ANNEAL_STATE_MISMATCH', /3.bias.expAvg/);
  await fails(trainer.loadStateDict(trainer.model.stateDict()), 'ANNEAL_STATE_MISMATCH', /a model's, not a Trainer's/);
  const other = trainer.stateDict();
  other.delete('random.seed');
  await fails(trainer.loadStateDict(other), 'ANNEAL_STATE_MISMATCH', /model.loadStateDict/);
  expect(await bits(trainer.model)).toEqual(before);
  expect(trainer.optimizer.steps).toBe(4);
  await trainer.loadStateDict(trainer.stateDict());
  expect(await bits(trainer.model)).toEqual(before);
});

test('a checkpoint of an older version is refused by name, and its parts can still be taken', async () => {
  const trainer = trainerOf(classifier());
  await trainer.fit(train);
  const older = new Map([...trainer.stateDict()].filter(([name]) => !name.startsWith('random.model')));
  const fresh = trainerOf(classifier());
  const why = /written by an older version: it lacks 'random.model'.*Pass it to trainer.model.loadStateDict\(\) and to trainer.optimizer.loadStateDict\(\)/;
  await fails(fresh.loadStateDict(older), 'ANNEAL_STATE_MISMATCH', why);
  await fresh.model.loadStateDict(older);
  await fresh.optimizer.loadStateDict(older);
  expect(await bits(fresh.model)).toEqual(await bits(trainer.model));
  expect(fresh.optimizer.steps).toBe(trainer.optimizer.steps);
});

test('a rate that follows a plateau goes on where it was', async () => {
  const made = () => {
    const { model } = classifier();
    const lr = optim.schedules.reduceOnPlateau(0.3, { factor: 0.7, patience: 1, threshold: 1e9, thresholdMode: 'absolute', cooldown: 1 });
    return { lr, trainer: new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.sgd(model.parameters(), { lr }) }) };
  };
  const first = made();
  await first.trainer.fit(train, { epochs: 4 });
  expect(first.lr.stateDict().rate).not.toBe(0.3);
  const folder = await mkdtemp(join(tmpdir(), 'anneal-'));
  const path = join(folder, 'checkpoint.safetensors');
  await save(first.trainer, path);
  const second = made();
  await second.trainer.loadStateDict(await load(path));
  await rm(folder, { recursive: true });
  expect(second.lr.stateDict()).toEqual(first.lr.stateDict());
  const fresh = made();
  await fresh.trainer.loadStateDict(made().trainer.stateDict());
  expect(fresh.lr.stateDict().best).toBe(null);
  const other = first.trainer.stateDict();
  other.delete('plateau.0');
  await fails(second.trainer.loadStateDict(other), 'ANNEAL_STATE_MISMATCH', /lacks 'plateau.0'/);
});

describe('an average that is given to fit()', () => {
  const averages = {
    exponential: () => optim.exponentialMovingAverage({ decay: 0.9, biasCorrection: true }),
    stochastic: () => optim.stochasticWeightAveraging({ start: 6, every: 2 }),
    lookahead: () => optim.lookahead({ every: 3 }),
  } as const;
  const both = async (trainer: ReturnType<typeof trainerOf>) => [await bits(trainer.model), await trainer.optimizer.withAverage(() => bits(trainer.model))];

  test.each(Object.keys(averages) as (keyof typeof averages)[])('%s: goes on in the next fit(), and from a checkpoint', async (name) => {
    const average = averages[name];
    const whole = trainerOf(classifier());
    await whole.fit(loaderOf(), { epochs: 4, average: average() });

    const halves = trainerOf(classifier());
    const loader = loaderOf();
    await halves.fit(loader, { epochs: 2, average: average() });
    const state = new Map<string, Described>();
    for (const [key, { shape, dtype, data: own }] of halves.stateDict()) state.set(key, { shape, dtype, data: typeof own === 'function' ? await (halves.stateDict().get(key) as Tensor).data() : own.slice() });
    const position = loader.stateDict();
    await halves.fit(loader, { epochs: 2, average: average() });
    expect(await both(halves)).toEqual(await both(whole));

    const resumed = trainerOf(classifier());
    await resumed.loadStateDict(state);
    const again = loaderOf();
    again.loadStateDict(position);
    await resumed.fit(again, { epochs: 2, average: average() });
    expect(await both(resumed)).toEqual(await both(whole));
  });

  test('one by other options begins anew', async () => {
    const trainer = trainerOf(classifier());
    await trainer.fit(loaderOf(), { epochs: 1, average: optim.exponentialMovingAverage({ decay: 0.9 }) });
    const other = optim.exponentialMovingAverage({ decay: 0.99 });
    await trainer.fit(loaderOf(), { epochs: 0, average: other });
    expect(trainer.optimizer.average).toBe(other);
    expect([...(trainer.stateDict().get('optimizer.averageSteps')!.data as Int32Array)]).toEqual([0]);
  });
});

describe('a state of another kind', () => {
  const made = () => trainerOf(classifier());

  test('a checkpoint of a Trainer gives a model its weights, and an optimizer what it remembers', async () => {
    const trainer = made();
    await trainer.fit(train);
    const checkpoint = trainer.stateDict();
    for (const options of [{}, { strict: false }]) {
      seed(99);
      const { model, optimizer } = made();
      seed(98);
      await model.loadStateDict(checkpoint, options);
      await optimizer.loadStateDict(checkpoint);
      expect(await bits(model)).toEqual(await bits(trainer.model));
      expect(optimizer.steps).toBe(trainer.optimizer.steps);
    }
  });

  test('a model’s and an optimizer’s are named where a Trainer’s is wanted, and an optimizer’s where a model’s is', async () => {
    const trainer = made();
    await fails(trainer.loadStateDict(trainer.model.stateDict()), 'ANNEAL_STATE_MISMATCH', /the state is a model's, not a Trainer's\. Pass it to trainer\.model\.loadStateDict\(\)/);
    await fails(trainer.loadStateDict(trainer.optimizer.stateDict()), 'ANNEAL_STATE_MISMATCH', /the state is an optimizer's, not a Trainer's\. Pass it to trainer\.optimizer/);
    await fails(trainer.model.loadStateDict(trainer.optimizer.stateDict()), 'ANNEAL_STATE_MISMATCH', /an optimizer's, not a model's/);
  });

  test('of which nothing fits is an error, also with strict: false', async () => {
    const { model } = made();
    await fails(model.loadStateDict({ 'other.weight': Float32Array.of(1) }, { strict: false }), 'ANNEAL_STATE_MISMATCH', /nothing for this model: it lacks '0.weight'.*it has 'other.weight'/);
    await model.loadStateDict({ '0.bias': new Float32Array(16) }, { strict: false });
  });
});

test('a fit whose rate has ended at 0 is warned of, once; one that repeats itself is not', async () => {
  const warned: unknown[] = [];
  const note = (warning: Error & { code?: string }): void => void (warning.code !== 'ANNEAL_NEW_PLAN' && warned.push(warning.code));
  process.on('warning', note);
  const { cosine, cosineRestarts, constant } = optim.schedules;
  const run = async (lr: optim.schedules.Schedule, epochs: number): Promise<void> => {
    const { model } = classifier();
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.sgd(model.parameters(), { lr }) });
    for (let i = 0; i < epochs; i++) await trainer.fit(train, { batchSize: 50 });
    await new Promise((resolve) => setImmediate(resolve));
  };
  await run(cosine(0.1, 4), 2);
  await run(cosineRestarts(0.1, 2), 3);
  await run(constant(0.1), 2);
  await run(cosine(0.1, 2, { min: 0.01 }), 3);
  expect(warned).toEqual([]);
  await run(cosine(0.1, 2), 3);
  await run(cosine(0.1, 2), 2);
  process.off('warning', note);
  expect(warned).toEqual(['ANNEAL_SCHEDULE_ENDED']);
});
