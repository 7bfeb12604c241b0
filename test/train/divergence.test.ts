import { configure, data, DivergenceError, losses, nn, optim, random, seed, tensor, Trainer, type Tensor } from 'anneal';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { bits, blobs } from './classifier.js';

beforeEach(() => seed(3));

const line = (y: (i: number) => number, x = (i: number) => (i % 16) / 8 - 1) =>
  data.fromArrays({ x: Float32Array.from({ length: 64 }, (_, i) => x(i)), y: Float32Array.from({ length: 64 }, (_, i) => y(i)), shape: [1], targetShape: [1], name: 'line' });

async function failureOf(run: () => Promise<unknown>): Promise<DivergenceError> {
  const error = await run().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(DivergenceError);
  return error as DivergenceError;
}

const deep = () => nn.sequential([2], nn.linear(2, 16), nn.relu(), nn.dropout(0.1), nn.linear(16, 16), nn.relu(), nn.linear(16, 2));

test('a rate far too high ends fit with step, op, layer, parameter, rate, losses and gradient norms, before weights are spoilt', async () => {
  const model = deep();
  const optimizer = optim.sgd(model.parameters(), { lr: 1e4 });
  const trainer = new Trainer(model, { loss: losses.meanSquaredError, optimizer });
  const y = Float32Array.from({ length: 128 }, (_, i) => i % 3);
  const twice = data.fromArrays({ x: y.map((v) => v - 1), y, shape: [2], targetShape: [2], name: 'twos' });
  const error = await failureOf(() => trainer.fit(twice, { epochs: 20, batchSize: 8 }));
  expect(error).toMatchObject({ code: 'ANNEAL_NON_FINITE', epoch: 0, lr: 1e4, step: optimizer.steps });
  expect(error.op).toBeTypeOf('string');
  expect(error.layer).toMatch(/^[0-6]$/);
  expect(error.losses!.length).toBe(Math.min(5, error.step!));
  expect(error.losses!.every(Number.isFinite)).toBe(true);
  expect(error.gradientNorms!.length).toBe(Math.min(3, error.step!));
  expect(error.message).toMatch(/^\[fit\] diverged in epoch 0, step \d+ of dataset 'twos': the loss is (NaN|Infinity)\. It began with the result of \w+, in layer \d, whose operands are finite, of at most /);
  expect(error.message).toMatch(/The learning rate was 10000, the losses before it were .*The step has changed nothing\. The values have grown too large: try a lower rate/);
  for (const parameter of model.parameters()) expect((await parameter.data()).every(Number.isFinite)).toBe(true);
});

test('the weights are those of the steps before, and the random streams those after it, bit for bit', async () => {
  const run = async (epochs: number, checkFinite: boolean, lr: (step: number) => number) => {
    seed(3);
    const model = deep();
    const optimizer = optim.adam(model.parameters(), { lr });
    const loss = new Trainer(model, { loss: losses.crossEntropy, optimizer }).fit(blobs(64, 5), { epochs, batchSize: 8, checkFinite });
    return { error: await loss.then(() => undefined, (error: unknown) => error as DivergenceError), bits: await bits(model), steps: optimizer.steps, streams: random.stateDict() };
  };
  // The 9th update makes weights of 1e30, with which the 10th step overflows.
  const failed = await run(3, true, (step) => (step === 8 ? 1e30 : 1e-3));
  expect(failed.error).toMatchObject({ epoch: 1, step: 1 });
  expect(failed.steps).toBe(9);
  const spoilt = await run(3, false, (step) => (step === 8 ? 1e30 : 1e-3));
  expect(spoilt.error).toBeUndefined();
  expect(spoilt.bits).not.toEqual(failed.bits);
});

/** sqrt(|x|) has the gradient infinity at 0, where its own value is fine. */
const rooted = (outputs: Tensor, targets: Tensor): Tensor => outputs.sub(targets).abs().sqrt().mean() as Tensor;

test('a gradient that is not finite, behind a loss that is, names the op whose gradient it is, and its parameter', async () => {
  const model = nn.sequential([1], nn.linear(1, 1));
  await model.loadStateDict({ '0.weight': Float32Array.of(1), '0.bias': Float32Array.of(0) });
  const trainer = new Trainer(model, { loss: rooted, optimizer: optim.sgd(model.parameters(), { lr: 0.1 }) });
  const error = await failureOf(() => trainer.fit(line((i) => (i % 16) / 8 - 1), { batchSize: 8 }));
  expect(error).toMatchObject({ epoch: 0, step: 0, op: 'sqrt', value: 'NaN' });
  expect(error.parameter).toMatch(/^0\./);
  expect(error.message).toMatch(/the gradient of 0\.\w+ is NaN\. All results are finite, but the gradient of sqrt, outside of all layers, as the loss is, is not; its operands are of at most 0\. .* keep sqrt off its edges/);
  expect(await model.parameters()[0]!.data()).toEqual(Float32Array.of(1));
});

test('NaN in the data is named as such', async () => {
  const model = nn.sequential([1], nn.linear(1, 1));
  const trainer = new Trainer(model, { loss: losses.meanSquaredError, optimizer: optim.sgd(model.parameters(), { lr: 0.1 }) });
  const error = await failureOf(() => trainer.fit(line((i) => (i === 21 ? NaN : 1)), { batchSize: 8 }));
  expect(error).toMatchObject({ epoch: 0, step: 2 });
  expect(error.message).toMatch(/It began with the batch: element 0 of y is NaN in example 21 of dataset 'line' \(epoch 0, step 2, row 5 of the batch\)\. .* Look for NaN and infinities in the data/);
});

test('of shuffled data, in the path of a custom loss and of several batches a step, the example that is not finite is named as the user numbers it', async () => {
  const x = Float32Array.from({ length: 64 * 3 }, (_, i) => (i === 40 * 3 + 2 ? Infinity : i % 7));
  const wide = data.fromArrays({ x, y: Float32Array.from({ length: 64 }, (_, i) => i % 3), shape: [3], targetShape: [1], name: 'wide' });
  const own = (outputs: Tensor, targets: Tensor): Tensor => outputs.sub(targets).abs().mean() as Tensor;
  for (const loss of [losses.meanSquaredError, own]) {
    for (const accumulate of [1, 4]) {
      const model = nn.sequential([3], nn.linear(3, 1));
      const trainer = new Trainer(model, { loss, optimizer: optim.sgd(model.parameters(), { lr: 1e-3 }) });
      const error = await failureOf(() => trainer.fit(wide, { batchSize: 8, accumulate, shuffle: true, seed: 2 }));
      expect(error.message).toMatch(/It began with the batch: element 2 of x is Infinity in example 40 of dataset 'wide' \(epoch 0, step \d, row \d of the batch\)/);
    }
  }
});

test('a parameter that was spoilt before is named', async () => {
  const model = nn.sequential([1], nn.linear(1, 4), nn.relu(), nn.linear(4, 1));
  await model.loadStateDict({ '2.weight': Float32Array.of(1, NaN, 1, 1) }, { strict: false });
  const trainer = new Trainer(model, { loss: losses.meanSquaredError, optimizer: optim.sgd(model.parameters(), { lr: 0.1 }) });
  const error = await failureOf(() => trainer.fit(line(() => 1), { batchSize: 8 }));
  expect(error).toMatchObject({ parameter: '2.weight' });
  expect(error.message).toMatch(/Parameter 2\.weight was not finite before this step/);
});

test('after the error, training can go on with a lower rate', async () => {
  const model = nn.sequential([1], nn.linear(1, 1));
  const optimizer = optim.sgd(model.parameters(), { lr: 1e20 });
  const trainer = new Trainer(model, { loss: losses.meanSquaredError, optimizer });
  const error = await failureOf(() => trainer.fit(line(() => 1), { epochs: 9, batchSize: 8 }));
  expect(error.epoch).toBe(0);
  await model.loadStateDict({ '0.weight': Float32Array.of(0), '0.bias': Float32Array.of(0) });
  optimizer.lr = 0.1;
  const [last] = await trainer.fit(line(() => 1), { epochs: 1, batchSize: 8 });
  expect(last!.loss).toBeLessThan(1);
});

afterEach(() => configure({ debug: process.env['ANNEAL_DEBUG'] === '1' }));

test.runIf(process.env['ANNEAL_DEBUG'] !== '1')('in a loop of one\'s own, configure({ checkFinite: true }) has step() fail, and all gradients looked at', async () => {
  configure({ checkFinite: true });
  const model = nn.sequential([1], nn.linear(1, 8192, { bias: false }), nn.linear(8192, 1, { bias: false }));
  const optimizer = optim.sgd(model.parameters(), { lr: 0.1 });
  const before = await bits(model);
  rooted(model.forward(tensor([[0]])), tensor([[0]])).backward();
  const error = await failureOf(() => optimizer.step());
  expect(error.message).toMatch(/^\[step\] the gradient of [01]\.weight is not finite: got (NaN|Infinity), expected a number\. Nothing was updated\./);
  expect(await bits(model)).toEqual(before);
  expect(optimizer.steps).toBe(0);
});

test.each([0, 1, 2, 3])('every batch of an accumulated step is looked at: the loss of batch %i is not finite', async (at) => {
  const model = nn.sequential([1], nn.linear(1, 1));
  const optimizer = optim.sgd(model.parameters(), { lr: 0.1 });
  const trainer = new Trainer(model, { loss: losses.meanAbsoluteError, optimizer });
  const before = await bits(model);
  const set = data.fromIterable(() => Array.from({ length: 4 }, (_, i) => ({ x: [1], y: [i === at ? 1e39 : 2] })), { shape: [1], targetShape: [1] });
  const error = await failureOf(() => trainer.fit(set, { batchSize: 1, accumulate: 4 }));
  expect(error).toMatchObject({ value: 'Infinity', epoch: 0, step: 0 });
  expect(error.message).toContain('It began with the batch');
  expect([await bits(model), optimizer.steps]).toEqual([before, 0]);
  await trainer.fit(set, { batchSize: 1, accumulate: 4, checkFinite: false });
});

test.runIf(process.env['ANNEAL_DEBUG'] !== '1')('so is every loss whose gradients are added up in a loop of one’s own, with configure({ checkFinite: true })', async () => {
  configure({ checkFinite: true });
  const model = nn.sequential([1], nn.linear(1, 1));
  const optimizer = optim.sgd(model.parameters(), { lr: 0.1 });
  const error = await failureOf(async () => {
    for (const y of [1e39, 2]) losses.meanAbsoluteError(model.forward(tensor([[1]])), tensor([[y]])).backward();
    await optimizer.step();
  });
  expect(error.value).toBe('Infinity');
});
