import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { data, findLearningRate, losses, metrics, nn, optim, seed, Trainer } from 'anneal';
import { png, writeFiles } from '../data/image-files.js';

let directory: string;
let images: data.ImageFolder<[3, 4, 4]>;
const SIZE = { size: [4, 4], normalize: { mean: [0.5, 0.4, 0.3], std: [0.2, 0.3, 0.4] } } as const;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'anneal-train-'));
  const files: Record<string, Buffer> = {};
  for (let i = 0; i < 24; i++) {
    files[`red/${i}.png`] = await png([150 + 4 * i, 3 * i, 40]);
    if (i % 3 === 0) files[`blue/${i}.png`] = await png([3 * i, 40, 150 + 4 * i]);
  }
  images = await data.fromImageFolder(await writeFiles(directory, files), SIZE);
});
afterAll(() => rm(directory, { recursive: true }));

const trainerOf = () => {
  seed(1);
  const model = nn.sequential([3, 4, 4], nn.flatten(), nn.dropout(0.2), nn.linear(48, 2));
  return new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.adam(model.parameters(), { lr: 0.05 }), metrics: [metrics.accuracy()] });
};

async function weights(trainer: { readonly model: nn.Module }): Promise<string> {
  const arrays = await trainer.model.toArrays();
  return Object.values(arrays).map(({ data: values }) => Buffer.from(values.buffer).toString('hex')).join();
}

describe('training on a folder of images', () => {
  it('leaves the bits that training on the loaded folder leaves, shuffled and weighed', async () => {
    const seen: string[] = [];
    for (const source of [images, await images.load(), data.loader(images, { batchSize: 5, shuffle: true, seed: 3, concurrency: 7, prefetch: 2 })]) {
      const trainer = trainerOf();
      const options = source instanceof data.FetchedLoader ? {} : { batchSize: 5, shuffle: true, seed: 3 };
      const history = await trainer.fit(source as typeof images, { epochs: 3, classWeights: 'balanced', ...options });
      seen.push(`${await weights(trainer)} ${JSON.stringify(history.map(({ loss, accuracy }) => [loss, accuracy]))}`);
    }
    expect(new Set(seen).size).toBe(1);
  });

  it('validates, evaluates, predicts in the order of the folder, and tells of its steps', async () => {
    const [train, held] = images.split(0.75, { stratify: true, seed: 1 });
    const trainer = trainerOf();
    const steps: (number | undefined)[] = [];
    const history = await trainer.fit(train, { epochs: 4, batchSize: 8, shuffle: true, validation: held, callbacks: [{ onStep: ({ step, stepsPerEpoch }) => void steps.push(step, stepsPerEpoch) }] });
    expect(steps.slice(0, 6)).toEqual([0, 3, 1, 3, 2, 3]);
    expect(history.at(-1)!.validation!.accuracy).toBe(1);
    const shuffled = data.loader(images, { batchSize: 8, shuffle: true });
    const outputs = await trainer.predict(shuffled);
    expect(outputs.shape).toEqual([32, 2]);
    expect(await outputs.data()).toEqual(await (await trainer.predict(await images.load())).data());
    expect(shuffled.epoch).toBe(0);
    expect(await trainer.evaluate(images)).toEqual(await trainer.evaluate(await images.load()));
    expect(String(trainer.summary())).toContain('linear');
  });

  it('takes validationSplit, class weights and accumulated steps', async () => {
    const trainer = trainerOf();
    const history = await trainer.fit(images, { epochs: 1, batchSize: 4, accumulate: 2, shuffle: true, validationSplit: { fraction: 0.25, stratify: true }, classWeights: [1, 2] });
    expect([history[0]!.steps, history[0]!.examples]).toEqual([3, 24]);
    expect(history[0]!.validation).toBeDefined();
    await expect(trainer.fit(images, { epochs: 1, classWeights: [1] })).rejects.toThrow('the data has 2 of them');
  });

  it('goes on in the middle of an epoch', async () => {
    const options = { batchSize: 5, shuffle: true, seed: 3 };
    const whole = trainerOf();
    await whole.fit(data.loader(images, options), { epochs: 2 });
    const [stopped, loader] = [trainerOf(), data.loader(images, options)];
    await stopped.fit(loader, { epochs: 2, callbacks: [{ onStep: ({ step, epoch, stop }) => void (epoch === 0 && step === 2 && stop()) }] });
    const [state, place] = [stopped.stateDict(), loader.stateDict()];
    expect(place.step).toBeGreaterThan(2);
    expect(place.step).toBeLessThan(7);
    const [resumed, rest] = [trainerOf(), data.loader(images, options)];
    await resumed.loadStateDict(state);
    rest.loadStateDict(place);
    await resumed.fit(rest, { epochs: 2 });
    expect(await weights(resumed)).toBe(await weights(whole));
  });

  it('warns where the classes come one after the other', async () => {
    // Other files of this worker may have been warned already.
    vi.resetModules();
    const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const fresh = await import('anneal');
    const folder = await fresh.data.fromImageFolder(directory, SIZE);
    const model = fresh.nn.sequential([3, 4, 4], fresh.nn.flatten(), fresh.nn.linear(48, 2));
    const trainer = new fresh.Trainer(model, { loss: fresh.losses.crossEntropy, optimizer: fresh.optim.sgd(model.parameters(), { lr: 0.1 }) });
    await trainer.fit(folder, { batchSize: 8 });
    const texts = warning.mock.calls.map(([text]) => String(text));
    warning.mockRestore();
    expect(texts).toContainEqual(expect.stringContaining(`[fit] the examples of dataset '${folder.name}' come sorted by class, and are not shuffled`));
  });

  it('ends at a damaged image with the step, the parameters being those of the steps before', async () => {
    const folder = await writeFiles(join(directory, '../', `${directory.split('/').at(-1)}-damaged`), { 'a/1.png': await png([1, 2, 3]), 'a/2.png': 'text', 'b/1.png': await png([1, 2, 3]) });
    const damaged = await data.fromImageFolder(folder, SIZE);
    const trainer = trainerOf();
    await expect(trainer.fit(damaged, { epochs: 1, batchSize: 1, shuffle: true })).rejects.toMatchObject({ code: 'ANNEAL_FILE_FORMAT', message: expect.stringContaining('a/2.png is damaged') as string });
    const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const skipping = await data.fromImageFolder(folder, { ...SIZE, onDamaged: 'skip' });
    const [record] = await trainer.fit(skipping, { epochs: 1, batchSize: 1, shuffle: true });
    expect([record!.steps, record!.examples, skipping.skipped.length]).toEqual([2, 2, 1]);
    await expect(trainer.fit(skipping.subset([1]), { epochs: 1 })).rejects.toThrow("gave no batch in epoch 1, expected at least one. All of its images were left out as damaged: see 'skipped' of the folder");
    warning.mockRestore();
    await rm(folder, { recursive: true });
  });

  it('finds a learning rate, and stops at a signal while images are awaited', async () => {
    seed(1);
    const model = nn.sequential([3, 4, 4], nn.flatten(), nn.linear(48, 2));
    const found = await findLearningRate(model, { loss: losses.crossEntropy, optimizer: optim.sgd(model.parameters(), { lr: 0.1 }), data: images, batchSize: 8 });
    expect(found.curve.length).toBeGreaterThan(3);
    const stop = new AbortController();
    const waits = vi.spyOn(images, 'fetch$').mockImplementation(() => new Promise(() => stop.abort()));
    await expect(trainerOf().fit(images, { epochs: 1, signal: stop.signal })).rejects.toMatchObject({ code: 'ANNEAL_ABORTED' });
    waits.mockRestore();
  });
});
