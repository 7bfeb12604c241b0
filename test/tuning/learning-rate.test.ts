import { data, findLearningRate, losses, nn, optim, seed, Trainer, type Tensor } from 'anneal';
import { beforeEach, expect, test } from 'vitest';
import { smooth, suggest } from '../../src/tuning/range-test.js';
import { blobs } from '../train/classifier.js';
import { everything, halfTrained, subject } from './subject.js';

beforeEach(() => seed(3));

const loss = losses.crossEntropy;

test('a range test leaves model, optimizer, random streams and loader as they were, bit for bit', async () => {
  const all = await halfTrained();
  const before = await everything(all);
  const found = await findLearningRate(all.model, { loss, optimizer: all.optimizer, data: all.loader, steps: 20, from: 1e-3, to: 1 });
  expect(found.curve.length).toBeGreaterThan(5);
  expect(found.curve[0]!.loss).not.toBe(found.curve[4]!.loss);
  expect(await everything(all)).toBe(before);
});

test('training goes on after it as if it had not been', async () => {
  const run = async (tested: boolean): Promise<string> => {
    seed(3);
    const all = await halfTrained();
    if (tested) await findLearningRate(all.model, { loss, optimizer: all.optimizer, data: all.train, steps: 15 });
    await all.trainer.fit(all.train, { epochs: 1, batchSize: 8 });
    return everything(all);
  };
  expect(await run(true)).toBe(await run(false));
});

test('a step that fails leaves everything as it was, too', async () => {
  const all = await halfTrained();
  const before = await everything(all);
  let steps = 0;
  const failing = (outputs: Tensor, targets: Tensor): Tensor => {
    if (++steps === 5) throw new Error('enough');
    return loss(outputs, targets as Tensor<[number], 'int32'>);
  };
  await expect(findLearningRate(all.model, { loss: failing, optimizer: all.optimizer, data: all.train })).rejects.toThrow('enough');
  expect(await everything(all)).toBe(before);
});

/** y = 3x and some noise, whose loss has the curvature 2 mean(x^2): plain gradient descent diverges above the rate 1 / mean(x^2). */
const x = Float32Array.from({ length: 64 }, (_, i) => (i % 8) - 3.5);
const line = data.fromArrays({ x, y: x.map((v, i) => 3 * v + ((i * 7) % 5) - 2), shape: [1], targetShape: [1] });
const limit = 64 / x.reduce((sum, v) => sum + v * v, 0);

test('where theory knows the largest rate, the suggestion is below it, and the test ends not far above', async () => {
  const model = nn.sequential([1], nn.linear(1, 1, { bias: false }));
  const found = await findLearningRate(model, { loss: losses.meanSquaredError, optimizer: (p) => optim.sgd(p, { lr: 1 }), data: line, batchSize: 16, from: 1e-5, to: 100, steps: 140 });
  expect(found.rate).toBeLessThan(limit);
  expect(found.rate).toBeGreaterThan(limit / 100);
  expect(found.divergedAt).toBeGreaterThan(limit);
  expect(found.divergedAt).toBeLessThan(30 * limit);
  expect(found.curve.at(-1)!.rate).toBeLessThan(found.divergedAt!);
  expect(found.reason).toMatch(/lowest at/);
});

test('the same inputs give the same curve; groups keep their ratio to the first', async () => {
  const { model, optimizer } = subject();
  const rates: number[][] = [];
  const watched = (outputs: Tensor, targets: Tensor): Tensor => {
    rates.push(optimizer.groups.map(({ lr }) => lr as number));
    return loss(outputs, targets as Tensor<[number], 'int32'>);
  };
  const once = await findLearningRate(model, { loss: watched, optimizer, data: blobs(64, 5), steps: 12 });
  const again = await findLearningRate(model, { loss, optimizer, data: blobs(64, 5), steps: 12 });
  expect(again.curve).toEqual(once.curve);
  expect(once.curve.map(({ rate }) => rate)[0]).toBe(1e-6);
  const [first] = rates;
  const ratio = first![0]! / first![1]!;
  for (const [a, b] of rates) expect(a! / b!).toBeCloseTo(ratio, 6);
});

test('of an optimizer over a part of the model, the gradients of the rest are as they were', async () => {
  const { model } = subject();
  const head = optim.sgd(model.parameters().slice(2), { lr: 0.1 });
  const [first] = model.parameters();
  const options = { loss, data: blobs(64, 5), batchSize: 16, from: 1e-4, steps: 10 };
  await findLearningRate(model, { ...options, optimizer: head });
  expect(first!.grad).toBeUndefined();
  await new Trainer(model, { loss, optimizer: head }).fit(blobs(16, 5), { batchSize: 16 });
  const before = await first!.grad!.data();
  await findLearningRate(model, { ...options, optimizer: head });
  expect(await first!.grad!.data()).toEqual(before);
  await expect(findLearningRate(model, { ...options, optimizer: optim.adam(model.parameters()) })).rejects.toThrow('a gradient of 0.weight waits');
});

test('it draws its curve, with the suggestion', async () => {
  const { model, optimizer } = subject();
  const found = await findLearningRate(model, { loss, optimizer, data: blobs(64, 5), batchSize: 16, from: 1e-4, steps: 60 });
  expect(found.plot()).toMatch(/>learning rate<.*>smoothed<.*>loss of each batch</s);
  expect(found.plot()).toContain('>suggested: ');
  expect(JSON.parse(JSON.stringify(found))).toMatchObject({ rate: found.rate, curve: found.curve });
  expect(String(found)).toBe(`Learning rate ${Number(found.rate!.toPrecision(2))}. ${found.reason}`);
});

const curve = (values: readonly number[]) => values.map((value, i) => ({ rate: 10 ** (i / 10 - 4), loss: value, smoothed: value }));

test('what is read from a curve: the steepest descent; a tenth of the lowest where that is too near; nothing from noise', () => {
  const valley = curve(Array.from({ length: 40 }, (_, i) => 2 - 1.5 / (1 + Math.exp(10 - i)) + (i > 30 ? (i - 30) ** 2 / 10 : 0)));
  const steep = suggest(valley);
  expect(steep).toMatchObject({ rule: 'steepest' });
  expect(Math.log10(steep.rate!)).toBeCloseTo(-3, 1);
  const cliff = suggest(curve(Array.from({ length: 40 }, (_, i) => (i < 30 ? 2 - i / 1000 : i < 32 ? 1 : 5))));
  expect(cliff).toMatchObject({ rule: 'tenth' });
  expect(Math.log10(cliff.rate!)).toBeCloseTo(3 - 4 - 1, 5);
  expect(suggest(curve(Array.from({ length: 40 }, (_, i) => 2 + i / 100)))).toMatchObject({ rate: undefined, reason: expect.stringMatching(/^The loss never fell clearly/) });
  expect(suggest(curve(Array.from({ length: 40 }, (_, i) => 2 - i / 40)))).toMatchObject({ reason: expect.stringMatching(/still falling at the end/) });
  const noisy = Array.from({ length: 40 }, (_, i) => 2 + ((i * 7919) % 13) / 10);
  expect(suggest(noisy.map((value, i) => ({ rate: 10 ** i, loss: value, smoothed: smooth(noisy, 2)[i]! }))).rate).toBeUndefined();
});

test('smoothing keeps lines and lags behind nothing', () => {
  const ramp = [0, 1, 2, 3, 4, 5, 6];
  expect(smooth(ramp, 2).slice(2, -2)).toEqual([2, 3, 4]);
  const peak = smooth([0, 0, 0, 1, 0, 0, 0], 2);
  expect(peak.indexOf(Math.max(...peak))).toBe(3);
  expect(peak).toEqual(peak.toReversed());
});

test('wrong options are said', async () => {
  const { model, optimizer } = subject();
  const options = { loss, optimizer, data: blobs(16, 5) };
  await expect(findLearningRate(model, { ...options, from: 1, to: 0.1 })).rejects.toThrow('[findLearningRate] from and to: got 1 and 0.1, expected 0 < from < to, such as 1e-6 and 10.');
  await expect(findLearningRate(model, { ...options, steps: 3 })).rejects.toThrow('[findLearningRate] steps: got 3, expected an integer of at least 10.');
  await expect(findLearningRate(model, { ...options, optimizer: (() => 5) as never })).rejects.toThrow('[findLearningRate] optimizer: got 5, expected an optimizer, or a function of the parameters');
  await expect(findLearningRate(model, undefined as never)).rejects.toThrow('[findLearningRate] options: got none, expected an object such as { loss: ... }.');
  await expect(findLearningRate(model, { ...options, optimizer: subject().optimizer })).rejects.toThrow("[findLearningRate] optimizer: got one of 4 parameters, none of which is this model's");
  await expect(findLearningRate(new Trainer(model, { loss, optimizer }) as never, options)).rejects.toThrow('[findLearningRate] the model: got a Trainer, expected a Module');
  const [inputs, labels] = [...data.loader(blobs(8, 5), { batchSize: 8 })][0]!;
  loss(model.forward(inputs), labels).backward();
  await expect(findLearningRate(model, options)).rejects.toThrow('[findLearningRate] a gradient of 0.bias waits for a step, and would be lost. Call optimizer.step() or zeroGrad() first.');
  optimizer.zeroGrad();
  const trainer = new Trainer(model, { loss, optimizer });
  await trainer.fit(blobs(16, 5), { epochs: 1 });
});
