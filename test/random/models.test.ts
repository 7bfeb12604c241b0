// Streams belong to a model: what it draws depends on the seed, on its number among the models made since then, and on nothing that others do.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { compareStrategies, data, losses, nn, normal, ones, optim, random, seed, Trainer, type Tensor } from 'anneal';
import { bits } from '../train/classifier.js';

beforeEach(() => seed(7));
afterEach(() => seed(0));

const build = () => nn.sequential([4], nn.linear(4, 8), nn.relu(), nn.dropout(0.5), nn.linear(8, 2));
const examples = data.fromArrays({ x: Float32Array.from({ length: 160 }, (_, i) => Math.sin(i)), y: Int32Array.from({ length: 40 }, (_, i) => i % 2), shape: [4] });
const trainerOf = (model: ReturnType<typeof build>) => new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.sgd(model.parameters(), { lr: 0.1 }) });
const fit = (model: ReturnType<typeof build>, epochs = 2) => trainerOf(model).fit(examples, { epochs, batchSize: 8 });

class Net extends nn.Module<[4], [2]> {
  first = nn.linear(4, 8);
  drop = nn.dropout(0.5);
  last = nn.linear(8, 2);
  override forward(x: Tensor): Tensor {
    return this.last.forward(this.drop.forward(this.first.forward(x)).add(normal([1, 8], this.randomKey('noise'))) as Tensor);
  }
}

/** A training step by hand. */
async function step(model: nn.Module, optimizer: optim.Optimizer): Promise<void> {
  (model.forward(ones([2, 4])) as Tensor).mul(model.forward(ones([2, 4])) as Tensor).mean().backward();
  await optimizer.step();
}

describe('two models of one structure', () => {
  test('have first weights of their own, whichever is used first', async () => {
    const [a, b] = [build(), build()];
    const expected = [await bits(a), await bits(b)];
    expect(expected[0]).not.toEqual(expected[1]);
    seed(7);
    const [c, d] = [build(), build()];
    const reversed = [await bits(d), await bits(c)];
    expect(reversed.reverse()).toEqual(expected);
  });

  test('have them also before they have names, by the order in which they were made', async () => {
    const outputs = async (reverse: boolean): Promise<number[][]> => {
      seed(7);
      const models = [new Net().eval(), new Net().eval()];
      const order = reverse ? [1, 0] : [0, 1];
      const found: number[][] = [];
      for (const i of order) found[i] = [...(await (models[i]!.first.forward(ones([1, 4])) as Tensor).data())];
      return found;
    };
    expect(await outputs(true)).toEqual(await outputs(false));
  });

  test('of which the second was made the same weights as ever, if there is no other', async () => {
    const alone = await bits(build());
    seed(7);
    const [first] = [build(), build(), new Net()];
    expect(await bits(first)).toEqual(alone);
  });

  test('fit at once as they fit one after the other, in any order', async () => {
    const run = async (fits: (a: ReturnType<typeof build>, b: ReturnType<typeof build>) => Promise<unknown>) => {
      seed(7);
      const [a, b] = [build(), build()];
      await fits(a, b);
      return [await bits(a), await bits(b)];
    };
    const expected = await run(async (a, b) => (await fit(a), fit(b)));
    expect(await run(async (a, b) => (await fit(b), fit(a)))).toEqual(expected);
    expect(await run((a, b) => Promise.all([fit(a), fit(b)]))).toEqual(expected);
    expect(await run((a, b) => Promise.all([fit(b), fit(a), trainerOf(a).evaluate(examples), trainerOf(b).predict(examples)]))).toEqual(expected);
  });

  test('take their steps by turns as they take them one after the other, with streams of their own making too', async () => {
    const run = async (turns: readonly number[]) => {
      seed(7);
      const models = [new Net(), new Net()];
      const optimizers = models.map((model) => optim.sgd(model.parameters(), { lr: 0.1 }));
      for (const i of turns) await step(models[i]!, optimizers[i]!);
      return [await bits(models[0]!), await bits(models[1]!)];
    };
    const expected = await run([0, 0, 0, 1, 1, 1]);
    expect(await run([1, 0, 1, 1, 0, 0])).toEqual(expected);
    expect(expected[0]).not.toEqual(expected[1]);
  });
});

test('a part that became a part of a model is no model: it takes no number', async () => {
  const block = () => nn.sequential([8], nn.linear(8, 8), nn.dropout(0.5));
  const whole = () => nn.sequential([8], block(), block(), nn.linear(8, 2));
  const first = whole();
  const second = nn.sequential([8], nn.linear(8, 2));
  await first.forward(ones([1, 8])).data();
  const plain = await bits(second);
  expect(Object.keys(random.stateDict().counters).filter((name) => name.startsWith('dropout'))).toEqual(['dropout 0.1', 'dropout 1.1']);
  seed(7);
  const [, again] = [nn.sequential([8], nn.linear(8, 2)), nn.sequential([8], nn.linear(8, 2))];
  expect(await bits(again)).toEqual(plain);
});

describe('a state', () => {
  test('of a trainer brings back the streams of its model only, also where it has another number', async () => {
    const [a, b] = [build(), build()];
    await fit(b, 1);
    const trainer = trainerOf(b);
    const state = new Map(await Promise.all([...trainer.stateDict()].map(async ([name, { shape, dtype, data: from }]) => [name, { shape, dtype, data: typeof from === 'function' ? await from.call(trainer.stateDict().get(name)) : from }] as const)));
    await trainer.fit(examples, { epochs: 2, batchSize: 8 });
    const expected = await bits(b);

    seed(7);
    const c = build();
    await fit(c, 1);
    seed(3);
    const d = build();
    const other = build();
    const resumed = trainerOf(d);
    await trainerOf(other).fit(examples, { epochs: 2, batchSize: 8, callbacks: { onEpochEnd: ({ epoch }) => (epoch === 0 ? resumed.loadStateDict(state) : undefined) } });
    await resumed.fit(examples, { epochs: 2, batchSize: 8 });
    expect(await bits(d)).toEqual(expected);

    seed(3);
    const [, alone] = [build(), build()];
    await fit(alone, 2);
    expect(await bits(other)).toEqual(await bits(alone));
    expect(await bits(a)).not.toEqual(await bits(b));
  });

  test('of all streams has those of every model', async () => {
    const [a, b] = [build(), build()];
    const masks = async (model: ReturnType<typeof build>): Promise<number[]> => [...(await model.layers[2]!.forward(ones([1, 8])).data())];
    await masks(a);
    for (let i = 0; i < 3; i++) await masks(b);
    const state = JSON.parse(JSON.stringify(random.stateDict())) as random.RandomState;
    const expected = [await masks(a), await masks(b)];
    expect(expected[0]).not.toEqual(expected[1]);
    random.loadStateDict(state);
    expect([await masks(b), await masks(a)].reverse()).toEqual(expected);
    random.loadStateDict(state);
    expect(random.stateDict()).toEqual(state);
  });
});

test('seed() has the streams of all models start anew', async () => {
  const model = build();
  const mask = async (): Promise<number[]> => [...(await model.layers[2]!.forward(ones([4, 8])).data())];
  seed(1);
  const first = [await mask(), await mask()];
  seed(1);
  expect([await mask(), await mask()]).toEqual(first);
  seed(2);
  expect(await mask()).not.toEqual(first[0]);
});

test('a comparison, and a training that diverges, leave the streams of a training beside them alone', async () => {
  const expected = build();
  await fit(expected, 6);

  seed(7);
  const model = build();
  const strategies = { sgd: { optimizer: (p: Iterable<never>) => optim.sgd(p, { lr: 0.1 }) }, adam: { optimizer: (p: Iterable<never>) => optim.adam(p) } };
  const compared = compareStrategies(strategies as never, { model: build, loss: losses.crossEntropy, data: examples, epochs: 2, seeds: [1, 2] } as never);
  const wild = build();
  const diverging = new Trainer(wild, { loss: losses.crossEntropy, optimizer: optim.sgd(wild.parameters(), { lr: 1e38 }) }).fit(examples, { epochs: 5, batchSize: 8 });
  const ends = await Promise.allSettled([fit(model, 6), diverging, compared]);
  expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(await bits(model)).toEqual(await bits(expected));
});
