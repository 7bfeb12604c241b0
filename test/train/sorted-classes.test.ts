import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { data, losses, nn, optim, Trainer } from 'anneal';

const set = (labels: readonly number[]): data.Dataset<[1], [], 'int32'> => data.fromArrays({ x: Float32Array.from(labels), y: labels, shape: [1], name: 'flowers' });
const sorted = set([0, 0, 0, 0, 2, 2, 2, 2, 1, 1, 1, 1]);

function trainer(): Trainer<[1], [3]> {
  const model = nn.sequential([1], nn.linear(1, 3));
  return new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.sgd(model.parameters(), { lr: 0.1 }) }) as unknown as Trainer<[1], [3]>;
}

let warnings: unknown[][];
beforeEach(() => {
  warnings = [];
  vi.spyOn(process, 'emitWarning').mockImplementation((...given: unknown[]) => {
    // Debug mode says of every step that is unlike the others so.
    if ((given[1] as { code?: string } | undefined)?.code !== 'ANNEAL_NEW_PLAN') warnings.push(given);
  });
});
afterEach(() => vi.restoreAllMocks());

test('fit of what needs no shuffling says nothing', async () => {
  await trainer().fit(sorted as never, { batchSize: 4, shuffle: true });
  await trainer().fit(sorted as never, { batchSize: 12 });
  await trainer().fit(set([0, 1, 2, 0, 1, 2]) as never, { batchSize: 2 });
  await trainer().fit(set([0, 1, 2]) as never, { batchSize: 2 });
  await trainer().fit(set([1, 1, 1, 1]) as never, { batchSize: 2 });
  expect(warnings).toEqual([]);
});

test('fit warns once where the classes come one after the other', async () => {
  // Other files of this worker may have been warned already.
  vi.resetModules();
  const fresh = await import('anneal');
  const flowers = fresh.data.fromArrays({ x: new Float32Array(12), y: [0, 0, 0, 0, 2, 2, 2, 2, 1, 1, 1, 1], shape: [1], name: 'flowers' });
  const model = fresh.nn.sequential([1], fresh.nn.linear(1, 3));
  const optimizer = fresh.optim.sgd(model.parameters(), { lr: 0.1 });
  for (let i = 0; i < 3; i++) await new fresh.Trainer(model, { loss: fresh.losses.crossEntropy, optimizer }).fit(flowers, { batchSize: 4 });
  expect(warnings).toEqual([[expect.stringContaining("[fit] the examples of dataset 'flowers' come sorted by class, and are not shuffled"), { type: 'AnnealWarning', code: 'ANNEAL_SORTED_CLASSES' }]]);
});

test('validationSplit takes the options of split()', async () => {
  const mixed = set([0, 1, 2, 0, 1, 2, 0, 1, 2, 0]);
  const sizes = async (validationSplit: number | object): Promise<unknown> => (await trainer().fit(mixed as never, { batchSize: 5, shuffle: true, validationSplit: validationSplit as never })).map(({ examples }) => examples);
  expect(await sizes({ fraction: 0.2 })).toEqual([8]);
  expect(await sizes({ fraction: 0.3, shuffle: false })).toEqual([7]);
  expect(await sizes({ fraction: 0.5, groups: [1, 1, 1, 1, 1, 1, 1, 2, 2, 2] })).toEqual([expect.toSatisfy((count) => count === 7 || count === 3)]);
  const losing = trainer();
  const last = await losing.fit(mixed as never, { batchSize: 7, validationSplit: { fraction: 0.3, shuffle: false } });
  const [past, future] = mixed.split(0.7, { shuffle: false });
  const same = trainer();
  await same.model.loadStateDict(losing.model.stateDict());
  expect((await same.evaluate(future as never)).loss).toBeCloseTo(last.at(-1)!.validation!.loss, 6);
  expect(past.size).toBe(7);
  await expect(sizes({ fraction: 0.2, stratified: true })).rejects.toThrow('Did you mean stratify?');
  await expect(sizes({})).rejects.toThrow('expected a share between 0 and 1');
  await expect(sizes(null as never)).rejects.toMatchObject({ code: 'ANNEAL_INVALID_ARGUMENT' });
});
