// configure() after a model exists: a storage belongs to its session, and no other session takes it for one of its own of the same number.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { configure, data, losses, nn, ones, optim, seed, tensor, Trainer, type Tensor } from 'anneal';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { failure } from './model.js';

const debug = process.env['ANNEAL_DEBUG'] === '1';
const other = (): void => configure({ debug: !debug });
const back = (): void => configure({ debug });

beforeEach(() => seed(1));
afterEach(back);

const build = () => nn.sequential([3], nn.linear(3, 4), nn.tanh(), nn.linear(4, 2));
const batch = (): [Tensor<[2, 3], 'float32'>, Tensor<[number], 'int32'>] => [ones([2, 3]), tensor(Int32Array.of(0, 1))];
const weights = async (model: nn.Module): Promise<Float32Array[]> => Promise.all(model.parameters().map((parameter) => parameter.data() as Promise<Float32Array>));

function step(model: ReturnType<typeof build>, optimizer: optim.Optimizer): Promise<void> {
  const [x, y] = batch();
  losses.crossEntropy(model.forward(x), y).backward();
  return optimizer.step();
}

const refused = { code: 'ANNEAL_OTHER_SESSION', message: expect.stringMatching(/before configure/) as string };

test('checkFinite may change at any time: what was made before goes on', async () => {
  const expected = build();
  const plain = optim.adam(expected.parameters());
  for (let i = 0; i < 4; i++) await step(expected, plain);

  seed(1);
  const model = build();
  const optimizer = optim.adam(model.parameters());
  const kept = model.parameters()[0]!.mul(2).keep();
  for (let i = 0; i < 4; i++) {
    configure({ debug, checkFinite: i % 2 === 1 });
    await step(model, optimizer);
    if (i === 1) await weights(build());
  }
  expect(await weights(model)).toEqual(await weights(expected));
  expect((await kept.data()).length).toBe(12);
});

test('parameters, kept tensors and the state of optimizers of the mode before are refused, never read or written as other memory', async () => {
  const model = build();
  const optimizer = optim.adam(model.parameters());
  const kept = model.parameters()[1]!.mul(2).keep();
  await step(model, optimizer);
  const before = await weights(model);
  const keptBefore = await kept.data();

  other();
  const newer = build();
  const newerBefore = await weights(newer);
  const [x] = batch();
  expect(await failure(() => model.forward(x).data())).toMatchObject(refused);
  expect(await failure(() => model.parameters()[0]!.data())).toMatchObject(refused);
  expect(await failure(() => kept.data())).toMatchObject(refused);
  expect(await failure(() => newer.parameters()[1]!.add(kept as Tensor).data())).toMatchObject(refused);
  expect(await failure(() => step(model, optimizer))).toMatchObject(refused);
  expect(optimizer.steps).toBe(1);
  expect(await weights(newer)).toEqual(newerBefore);

  back();
  optimizer.zeroGrad();
  expect(await weights(model)).toEqual(before);
  expect(await kept.data()).toEqual(keptBefore);
});

test('a state that was read carries a model over, and its optimizer too', async () => {
  const model = build();
  const optimizer = optim.adam(model.parameters());
  await step(model, optimizer);
  const copied = async (state: ReadonlyMap<string, Tensor>) =>
    new Map(await Promise.all([...state].map(async ([name, one]) => [name, { shape: one.shape, dtype: one.dtype, data: typeof one.data === 'function' ? await one.data() : one.data }] as const)));
  const before = await weights(model);
  const [weightState, optimizerState] = [await copied(model.stateDict()), await copied(optimizer.stateDict() as ReadonlyMap<string, Tensor>)];

  other();
  await model.loadStateDict(weightState);
  expect(await weights(model)).toEqual(before);
  await optimizer.loadStateDict(optimizerState);
  await step(model, optimizer);
  expect(optimizer.steps).toBe(2);
});

test('a data set is in no session, and a model that was not used yet neither', async () => {
  const examples = data.fromArrays({ x: new Float32Array(24).map((_, i) => Math.sin(i)), y: Int32Array.from({ length: 8 }, (_, i) => i % 2), shape: [3] });
  const fresh = build();
  const trainer = new Trainer(fresh, { loss: losses.crossEntropy, optimizer: optim.sgd(fresh.parameters(), { lr: 0.1 }) });
  const used = build();
  await new Trainer(used, { loss: losses.crossEntropy, optimizer: optim.sgd(used.parameters(), { lr: 0.1 }) }).fit(examples, { batchSize: 4 });
  other();
  const history = await trainer.fit(examples, { batchSize: 4, epochs: 2 });
  expect(history.at(-1)!.loss).toBeLessThan(1);
});

test('memory of the mode before that is disposed of, or collected, is freed there: the same number is alive here', async () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const model = build();
  await weights(model);
  const collected = (async () => void (await weights(build())))();
  await collected;

  other();
  const newer = Array.from({ length: 8 }, build);
  const before = await Promise.all(newer.map(weights));
  for (const parameter of model.parameters()) parameter.dispose();
  for (let i = 0; i < 5; i++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  expect(await Promise.all(newer.map(weights))).toEqual(before);
  expect(await failure(() => model.parameters()[0]!.data())).toMatchObject({ code: 'ANNEAL_DISPOSED' });
});
