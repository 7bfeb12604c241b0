// Loops by hand that go on from a checkpoint: two optimizers, gradients that wait, a position in the data, values of one's own.
import { rmSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { data, load, losses, mean, metrics, mul, nn, noGrad, normal, optim, random, seed, sub, train, Trainer, type Tensor } from 'anneal';
import { bits, blobs } from '../train/classifier.js';
import { fails, refuses } from '../nn/fails.js';
import { newDirectory } from './training.js';

const directory = newDirectory();
afterAll(() => rmSync(directory, { recursive: true }));
let directories = 0;
const fresh = (): string => `${directory}/${directories++}`;

const real = blobs(60, 4);

/** A generator against a critic, with noise from a stream of its own and dropout in the critic; each step of the generator adds up the gradients of two batches. */
function made() {
  seed(2);
  const generator = nn.sequential([3], nn.linear(3, 8), nn.tanh(), nn.linear(8, 2));
  const critic = nn.sequential([2], nn.linear(2, 8), nn.leakyRelu(), nn.dropout(0.3), nn.linear(8, 1));
  const generatorOptimizer = optim.adam(generator.parameters(), { lr: 1e-2, average: optim.exponentialMovingAverage({ decay: 0.9 }) });
  const criticOptimizer = optim.rmsprop(critic.parameters(), { lr: optim.schedules.cosine(1e-2, 30) });
  const loader = data.loader(real, { batchSize: 6, shuffle: true, seed: 1 });
  const running = metrics.running([metrics.rocAuc()]);
  return { generator, critic, generatorOptimizer, criticOptimizer, loader, running };
}

type Made = ReturnType<typeof made>;

interface Done {
  /** Losses of the critic. */
  readonly seen: readonly number[];
  /** The step that it began with. */
  readonly from: number;
}

async function loop(parts: Made, checkpoint: train.Checkpoints | undefined, until: number): Promise<Done> {
  const { generator, critic, generatorOptimizer, criticOptimizer, loader, running } = parts;
  const found = await checkpoint?.load({ ...parts });
  const { seen } = (found?.values ?? { seen: [] }) as { readonly seen: number[] };
  const from = found?.step ?? 0;
  const score = (x: Points): Tensor<[], 'float32'> => mean(critic.forward(x));
  for (let step = from; ; ) {
    for await (const [x, labels] of loader) {
      const points = generator.forward(normal([x.shape[0], 3], random.key('noise')));
      const loss = sub(score(points.detach()), score(x));
      criticOptimizer.zeroGrad();
      loss.backward();
      await criticOptimizer.step();
      seen.push(await loss.item());
      mul(score(points), -1).backward();
      // Computed now: the critic's next step changes what it depends on.
      void generator.parameters()[0]!.grad;
      if (step % 2 === 1) {
        await generatorOptimizer.step();
        generatorOptimizer.zeroGrad();
      }
      await running.update(
        noGrad(() => critic.forward(x)),
        labels.cast('float32').reshape([x.shape[0], 1]),
      );
      step++;
      await checkpoint?.save({ ...parts }, { step, epoch: loader.epoch, loss: seen.at(-1)!, values: { seen } });
      if (step === until) return { seen, from };
    }
  }
}

type Points = Tensor<[number, 2], 'float32'>;

async function traces({ generator, critic, generatorOptimizer, criticOptimizer, loader, running }: Made): Promise<object> {
  const optimizers: string[] = [];
  for (const [name, tensor] of [...generatorOptimizer.stateDict(), ...criticOptimizer.stateDict()]) {
    const values = typeof tensor.data === 'function' ? await tensor.data() : tensor.data;
    optimizers.push(`${name} ${Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('hex')}`);
  }
  return { models: [await bits(generator as never), await bits(critic as never)], optimizers, loader: loader.stateDict(), area: running.results().rocAuc };
}

test('two optimizers, accumulated gradients, noise, dropout, a metric and a loader: the same bits, wherever it ends', async () => {
  const whole = made();
  const { seen } = await loop(whole, undefined, 25);
  const expected = await traces(whole);
  const dir = fresh();
  const starts: number[] = [];
  for (const until of [3, 4, 11, 20, 25]) {
    const checkpoint = new train.Checkpoints(dir, { keep: { last: 2 } });
    const parts = made();
    const done = await loop(parts, checkpoint, until);
    await checkpoint.close();
    starts.push(done.from);
    if (until < 25) continue;
    expect(await traces(parts)).toEqual(expected);
    expect(done.seen).toEqual(seen);
  }
  expect(starts).toEqual([0, 3, 4, 11, 20]);
  expect((await new train.Checkpoints(dir).list()).map(({ step }) => step)).toEqual([25, 24]);
});

test('save() takes the state at its call, whatever is done before it resolves', async () => {
  const parts = made();
  const checkpoint = new train.Checkpoints(fresh());
  await loop(parts, undefined, 2);
  const before = await traces(parts);
  const values = { list: [1] };
  const saved = checkpoint.save({ ...parts }, { step: 2, values });
  values.list.push(2);
  await loop(parts, undefined, 5);
  await saved;
  const again = made();
  expect(await checkpoint.load({ ...again })).toMatchObject({ step: 2, epoch: 0, loss: null, values: { list: [1] }, library: '0.1.0' });
  expect(await traces(again)).toEqual(before);
  await checkpoint.close();
});

test('a model takes its weights of such a file by load()', async () => {
  const { model, optimizer } = { model: made().critic, optimizer: made().criticOptimizer };
  const checkpoint = new train.Checkpoints(fresh());
  const path = await checkpoint.save({ model, optimizer }, { step: 1 });
  const other = made().critic;
  await other.loadStateDict(Object.fromEntries([...other.stateDict()].map(([name, { shape, dtype }]) => [name, { shape, dtype, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) }])));
  await other.loadStateDict(await load(path));
  expect(await bits(other as never)).toEqual(await bits(model as never));
  await checkpoint.close();
});

test('values of any kind come back as they were', async () => {
  const { critic: model } = made();
  const checkpoint = new train.Checkpoints(fresh());
  const values = { a: [NaN, -0, Infinity, -Infinity, 1e-300, 0.1], b: new Float64Array([0.1, NaN]), c: { d: new Uint8Array([1, 2]), e: null, f: 'NaN', g: true }, h: new Float32Array(), i: undefined };
  await checkpoint.save({ model }, { step: 0, values });
  expect((await checkpoint.load({ model }))!.values).toStrictEqual({ a: values.a, b: values.b, c: values.c, h: values.h });
  await checkpoint.close();
});

test('a trainer and a plateau schedule are parts, too', async () => {
  const lr = (): optim.PlateauSchedule => optim.schedules.reduceOnPlateau(0.1, { patience: 0 });
  const trained = async () => {
    seed(2);
    const model = nn.sequential([2], nn.linear(2, 8), nn.dropout(0.1), nn.linear(8, 2));
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.adam(model.parameters()) });
    return { trainer, lr: lr() };
  };
  const parts = await trained();
  await parts.trainer.fit(real, { epochs: 2, batchSize: 6 });
  parts.lr.observe(1);
  parts.lr.observe(2);
  const checkpoint = new train.Checkpoints(fresh());
  await checkpoint.save(parts, { step: 20 });
  await parts.trainer.fit(real, { epochs: 1, batchSize: 6 });
  const expected = await bits(parts.trainer.model);
  const again = await trained();
  await checkpoint.load(again);
  expect([again.trainer.epochs, again.lr(0)]).toEqual([2, parts.lr(0)]);
  await again.trainer.fit(real, { epochs: 1, batchSize: 6 });
  expect(await bits(again.trainer.model)).toEqual(expected);
  await checkpoint.close();
});

test('the best one is kept besides', async () => {
  const { critic: model } = made();
  const dir = fresh();
  const checkpoint = new train.Checkpoints(dir, { keep: { last: 1 } });
  for (const step of [1, 2, 3]) await checkpoint.save({ model }, { step, best: step === 1 });
  expect((await checkpoint.list()).map(({ step }) => step)).toEqual([3]);
  expect(await checkpoint.load({ model }, `${dir}/best.safetensors`)).toMatchObject({ step: 1, path: `${dir}/best.safetensors` });
  await checkpoint.close();
});

test('mistakes are named', async () => {
  const { critic: model, criticOptimizer: optimizer, loader } = made();
  const checkpoint = new train.Checkpoints(fresh());
  const save = (parts: unknown, options: unknown = { step: 1 }): Promise<unknown> => checkpoint.save(parts as never, options as never);
  refuses(() => new train.Checkpoints(''), 'ANNEAL_INVALID_ARGUMENT', /\[train\.Checkpoints\] path: got an empty one/);
  refuses(() => new train.Checkpoints('x', { keep: { last: 0 } }), 'ANNEAL_INVALID_ARGUMENT', /keep\.last: got 0, expected an integer of at least 1/);
  refuses(() => new train.Checkpoints('x', { keep: { newest: 3 } } as never), 'ANNEAL_UNKNOWN_OPTION', /newest/);
  await fails(save({}), 'ANNEAL_INVALID_ARGUMENT', /\[checkpoint\.save\] parts: got an Object, expected an object of at least one/);
  await fails(save([model]), 'ANNEAL_INVALID_ARGUMENT', /parts: got an Array/);
  await fails(save({ model, lr: 0.1 }), 'ANNEAL_INVALID_ARGUMENT', /parts\.lr: got 0\.1, expected something with stateDict\(\) and loadStateDict\(\).*Put plain values into values/);
  await fails(save({ random: model }), 'ANNEAL_INVALID_ARGUMENT', /got the name 'random'/);
  await fails(save({ 'a.b': model }), 'ANNEAL_INVALID_ARGUMENT', /got the name 'a\.b', expected letters and digits/);
  await fails(save({ model }, {}), 'ANNEAL_INVALID_ARGUMENT', /step: got undefined, expected an integer of at least 0/);
  await fails(save({ model }, { step: 1.5 }), 'ANNEAL_INVALID_ARGUMENT', /step: got 1\.5/);
  await fails(save({ model }, { step: 1, loss: model }), 'ANNEAL_INVALID_ARGUMENT', /loss: got .*Read a tensor first/);
  await fails(save({ model }, { step: 1, values: { f: () => 1 } }), 'ANNEAL_INVALID_ARGUMENT', /state\.values\.f: got the function f, expected numbers/);
  await fails(save({ model }, { step: 1, values: { m: new Map() } }), 'ANNEAL_INVALID_ARGUMENT', /state\.values\.m: got a Map/);
  const circle: { self?: object } = {};
  circle.self = circle;
  await fails(save({ model }, { step: 1, values: circle }), 'ANNEAL_INVALID_ARGUMENT', /without end/);
  await save({ model, loader });
  await fails(checkpoint.load({ model, optimizer }), 'ANNEAL_STATE_MISMATCH', /the checkpoint has no part 'optimizer': got loader, model/);
  await fails(checkpoint.load({ model: made().generator }), 'ANNEAL_STATE_MISMATCH', /does not fit|of another model/);
  await fails(checkpoint.load({ model }, 'nowhere.safetensors'), 'ANNEAL_INVALID_ARGUMENT', /there is no nowhere\.safetensors/);
  await checkpoint.close();
});

test('another holder of the directory is named', async () => {
  const { critic: model } = made();
  const dir = fresh();
  const [first, second] = [new train.Checkpoints(dir), new train.Checkpoints(dir)];
  await first.save({ model }, { step: 1 });
  await fails(second.save({ model }, { step: 2 }), 'ANNEAL_BUSY', /is being written to by this process, since .*Await what writes to it/);
  await first.close();
  await second.save({ model }, { step: 2 });
  await second.close();
});
