import { compareStrategies, data, losses, metrics, nn, optim, random, seed, type Parameter, type Tensor } from 'anneal';
import { beforeEach, expect, test } from 'vitest';
import { deviation, rank, rounds, survivors } from '../../src/tuning/halving.js';
import { blobs } from '../train/classifier.js';

beforeEach(() => seed(3));

const model = () => nn.sequential([2], nn.linear(2, 8), nn.relu(), nn.dropout(0.2), nn.linear(8, 2));
const common = { model, loss: losses.crossEntropy, data: blobs(64, 5), validation: blobs(32, 9), batchSize: 16 };
const sgd = (lr: number) => ({ optimizer: (parameters: Parameter[]) => optim.sgd(parameters, { lr }) });

test('each strategy trains as it would alone, whatever is compared with it', async () => {
  const seeds = [1, 2];
  const options = { ...common, seeds, epochs: 4 };
  const two = await compareStrategies({ slow: sgd(1e-4), good: sgd(0.1) }, { ...options, halving: false });
  const three = await compareStrategies({ bad: sgd(1e-5), good: sgd(0.1), slow: sgd(1e-4) }, { ...options, halving: true });
  expect(two.rows.map(({ name }) => name)).toEqual(['good', 'slow']);
  const curves = (found: typeof two, name: string) => found.rows.find((row) => row.name === name)!.curves;
  expect(curves(three, 'good')).toEqual(curves(two, 'good'));
  expect(curves(two, 'good')[0]).not.toEqual(curves(two, 'good')[1]);
  expect(curves(two, 'good')[0]).toHaveLength(4);
});

test('losers stop early, and survivors train on as if there had been no round', async () => {
  const strategies = { a: sgd(0.1), b: sgd(0.05), c: sgd(1e-5), d: sgd(1e-6) };
  const options = { ...common, seeds: [1], epochs: 4 };
  const all = await compareStrategies(strategies, { ...options, halving: false });
  const halved = await compareStrategies(strategies, options);
  expect(halved.rows.map(({ name, epochs, stopped }) => [name, epochs, stopped])).toEqual([
    ['a', 4, false],
    ['b', 2, true],
    ['c', 1, true],
    ['d', 1, true],
  ]);
  expect(halved.rows[0]!.curves).toEqual(all.rows[0]!.curves);
  expect(all.rows.every(({ stopped, epochs }) => !stopped && epochs === 4)).toBe(true);
});

test('the same comparison gives the same figures, and leaves the random streams as they were', async () => {
  const before = random.stateDict();
  const run = async () => {
    const { rows } = await compareStrategies({ a: sgd(0.1), b: sgd(0.01) }, { ...common, epochs: 2, seeds: [4, 5] });
    return JSON.stringify(rows.map((row) => ({ ...row, secondsPerEpoch: 0 })));
  };
  expect(await run()).toBe(await run());
  expect(random.stateDict()).toEqual(before);
});

test('strategies may differ in batch size and loss, and know how long they train', async () => {
  const lengths: number[] = [];
  const squared = (outputs: Tensor, targets: Tensor): Tensor => losses.crossEntropy(outputs as Tensor<[number, 2]>, targets as Tensor<[number], 'int32'>).mul(0.5) as Tensor;
  const found = await compareStrategies(
    {
      small: { batchSize: 8, optimizer: (parameters, { steps, stepsPerEpoch, epochs }) => (lengths.push(steps, stepsPerEpoch, epochs), optim.sgd(parameters, { lr: 0.1 })) },
      other: { loss: squared, optimizer: (parameters) => optim.sgd(parameters, { lr: 0.1 }) },
    },
    { ...common, seeds: [1], epochs: 2, metrics: [metrics.accuracy()], by: 'accuracy' },
  );
  expect(lengths).toEqual([16, 8, 2]);
  expect(found).toMatchObject({ by: 'accuracy', mode: 'max' });
  expect(found.rows[0]!.mean).toBeGreaterThanOrEqual(found.rows[1]!.mean);
});

test('a strategy that diverges comes last and says so; the others go on', async () => {
  const wild = { optimizer: (parameters: Parameter[]) => optim.sgd(parameters, { lr: 1e30 }) };
  const found = await compareStrategies({ wild, tame: sgd(0.1) }, { ...common, seeds: [1, 2], epochs: 4 });
  expect(found.rows.map(({ name }) => name)).toEqual(['tame', 'wild']);
  expect(found.rows[1]!.diverged).toMatch(/^\[fit\] diverged in epoch 0, step \d/);
  expect(found.rows[1]!.values).toEqual([NaN, NaN]);
  expect(found.toString()).toMatch(/^wild +- +- +- +\d+ +\S+ +diverged$/m);
  expect(found.toString()).toMatch(/\n\nwild: \[fit\] diverged in epoch 0, step \d.*: the loss is/);
});

test('it prints a table and draws a picture', async () => {
  const found = await compareStrategies({ a: sgd(0.1), b: sgd(0.01) }, { ...common, epochs: 2, seeds: [1, 2] });
  expect(String(found)).toMatch(/^strategy +loss +spread over 2 seeds +worst to best +epochs +s\/epoch\n-+/);
  expect(found.plot()).toMatch(/>a<.*>b<.*>Strategies compared</s);
  expect(JSON.parse(JSON.stringify(found))).toMatchObject({ by: 'loss', seeds: [1, 2], rows: [{ name: 'a' }, { name: 'b' }] });
});

test('rounds double, and cost the same with half of the contenders', () => {
  expect(rounds(4, 8)).toEqual([2, 4, 8]);
  expect(rounds(5, 8)).toEqual([1, 2, 4, 8]);
  expect(rounds(2, 10)).toEqual([5, 10]);
  expect(rounds(8, 2)).toEqual([1, 2]);
  expect(rounds(1, 3)).toEqual([3]);
});

test('who survives: the better half, and those whose best seed beats the worst of the leader', () => {
  const of = (name: string, ...values: number[]) => ({ name, values });
  const names = (survived: readonly { name: string }[]) => survived.map(({ name }) => name);
  const four = [of('a', 1, 3), of('b', 2, 4), of('c', 2.9, 9), of('d', 5, 6)];
  expect(names(survivors(four, 'min'))).toEqual(['a', 'b', 'c']);
  expect(names(survivors([of('a', 1, 3), of('b', 2, 4), of('d', 5, 6)], 'max'))).toEqual(['d', 'b']);
  expect(names(survivors([of('a', 1), of('b', NaN)], 'min'))).toEqual(['a']);
  expect(names(rank([of('x', NaN), of('z', 1), of('y', 1)], 'min'))).toEqual(['y', 'z', 'x']);
  expect(deviation([1, 3])).toBeCloseTo(Math.SQRT2, 12);
});

test('wrong options are said', async () => {
  await expect(compareStrategies({ a: sgd(1) }, common)).rejects.toThrow('[compareStrategies] got one strategy, expected at least two by name');
  await expect(compareStrategies({ a: sgd(1), b: { optimizer: optim.sgd(model().parameters(), { lr: 1 }) as never } }, common)).rejects.toThrow('[compareStrategies] b: got no function as optimizer, expected one that makes it anew');
  await expect(compareStrategies({ a: sgd(1), b: sgd(2) }, { ...common, by: 'accuracy' as never })).rejects.toThrow("[compareStrategies] unknown by: got 'accuracy', expected one of 'loss'.");
  await expect(compareStrategies({ a: sgd(1), b: { ...sgd(2), loss: losses.crossEntropy } }, common)).rejects.toThrow('cannot be compared by the loss');
  await expect(compareStrategies({ a: sgd(1), b: sgd(2) }, { ...common, seeds: [] })).rejects.toThrow('[compareStrategies] seeds: got none, expected at least one');
  await expect(compareStrategies({ a: sgd(1), b: sgd(2) }, { ...common, data: data.loader(blobs(8, 1)) as never })).rejects.toThrow('[compareStrategies] data: got an ArrayLoader, expected a dataset');
  const two = { a: sgd(1), b: sgd(2) };
  const refusing = async (options: object, text: string) => expect(compareStrategies(two, { ...common, ...options })).rejects.toThrow(`[compareStrategies] ${text}`);
  const one = model();
  await refusing({ model: one }, 'model: got a Sequential, expected a function that makes it anew for each run');
  await refusing({ model: () => one }, 'model: got a function that gave the same model again, expected a function that makes one anew for each run, such as () => nn.sequential(...).');
  await refusing({ model: () => 3 }, 'model: got a function that gave 3, expected');
  await refusing({ loss: undefined }, 'loss: got undefined, expected a function of (outputs, targets)');
  await refusing({ data: undefined, validation: undefined }, 'data: got undefined, expected a dataset');
  await refusing({ validation: [1] }, 'validation: got an Array, expected a dataset');
  await refusing({ seeds: [1, 1] }, 'seeds: got 1, 1, expected different ones');
  await refusing({ seeds: 3 }, 'seeds: got 3, expected at least one');
  await refusing({ by: 'confusionMatrix', metrics: [metrics.confusionMatrix()] }, 'by: got confusionMatrix, which gives a ConfusionMatrix, expected a metric that gives a number.');
  await expect(compareStrategies(two, undefined as never)).rejects.toThrow('[compareStrategies] options: got none, expected an object such as { model: ... }.');
});
