// One model's trouble is its own: what fails in one is not refused, changed or evicted in another.
import { data, losses, nn, optim, seed, synchronize, sum, tensor, Trainer, zeros } from 'anneal';
import { describe, expect, test } from 'vitest';
import { engine } from '../../src/graph/engine.js';
import { failure } from './model.js';

const planned = process.env['ANNEAL_DEBUG'] !== '1';

/** Large enough for its runs to be queued instead of run at once, in planned mode. */
function large(features = 256) {
  const width = planned ? 2048 : 8;
  const model = nn.sequential([features as number], nn.linear(features as number, width as number), nn.relu(), nn.linear(width as number, 10));
  const optimizer = optim.adam(model.parameters());
  const x = tensor(Float32Array.from({ length: 64 * features }, (_, i) => Math.sin(i)), { shape: [64, features] });
  const step = (label: number): Promise<void> => {
    losses.crossEntropy(model.forward(x), tensor(new Int32Array(64).fill(label))).backward();
    return optimizer.step();
  };
  const weights = async (): Promise<Float32Array[]> => Promise.all(model.parameters().map((parameter) => parameter.data() as Promise<Float32Array>));
  return { model, optimizer, x, step, weights };
}

function examples(bad: boolean, features = 256) {
  const y = Int32Array.from({ length: 256 }, (_, i) => (bad && i === 100 ? 77 : i % 10));
  return data.fromArrays({ x: Float32Array.from({ length: 256 * features }, (_, i) => Math.sin(i)), y, shape: [features] });
}

const trainerOf = ({ model, optimizer }: ReturnType<typeof large>) => new Trainer(model, { loss: losses.crossEntropy, optimizer });
const OUT_OF_RANGE = { code: 'ANNEAL_INDEX_OUT_OF_RANGE' };
const REFUSED = { code: 'ANNEAL_SESSION_FAILED', cause: OUT_OF_RANGE };

describe.runIf(planned)('a failed run', () => {
  test('has only what depends on it refused: all steps of its own model that were queued, however many, and none of another', async () => {
    seed(1);
    const [a, b] = [large(), large()];
    await Promise.all([a.step(1), b.step(1)]);
    const before = await a.weights();
    const [ends, others] = await Promise.all([
      Promise.allSettled([a.step(10), a.step(1), a.step(2), a.step(3), a.step(4), a.step(5)]),
      Promise.allSettled([b.step(1), b.step(2), b.step(3)]),
    ]);
    expect(ends[0]).toMatchObject({ status: 'rejected', reason: OUT_OF_RANGE });
    for (const end of ends.slice(1)) expect(end).toMatchObject({ status: 'rejected', reason: REFUSED });
    for (const end of others) expect(end.status).toBe('fulfilled');
    expect(await a.weights()).toEqual(before);
    expect([a.optimizer.steps, b.optimizer.steps]).toEqual([1, 4]);
    await a.step(1);
    expect(a.optimizer.steps).toBe(2);
  });

  test('leaves the other with the bits that it has alone', async () => {
    const alone = async (): Promise<Float32Array[]> => {
      const model = large();
      for (let i = 0; i < 4; i++) await model.step(i);
      return model.weights();
    };
    seed(1);
    const expected = await alone();
    seed(1);
    const [b, a] = [large(), large()];
    const steps: Promise<unknown>[] = [];
    for (let i = 0; i < 4; i++) steps.push(b.step(i), failure(() => a.step(10)));
    await Promise.all(steps);
    expect(await b.weights()).toEqual(expected);
  });

  test('of an evaluation does no harm to a fit beside it, nor to its own model', async () => {
    seed(1);
    const [a, b] = [large(), large()];
    const [bad, good] = [examples(true), examples(false)];
    const fits = [trainerOf(a).fit(good, { epochs: 3, batchSize: 64 }), trainerOf(b).fit(good, { epochs: 3, batchSize: 64 })];
    const errors: unknown[] = [];
    for (let i = 0; i < 4; i++) errors.push(await failure(() => trainerOf(b).evaluate(bad, { batchSize: 64 })));
    for (const error of errors) expect(error).toMatchObject(OUT_OF_RANGE);
    for (const history of await Promise.all(fits)) expect(history.length).toBe(3);
  });

  test('ends one of two fits, and predictions of the other go on', async () => {
    seed(1);
    const [a, b] = [large(), large()];
    const [bad, good] = [examples(true), examples(false)];
    const fitting = trainerOf(a).fit(good, { epochs: 4, batchSize: 64 });
    const failing = failure(() => trainerOf(b).fit(bad, { batchSize: 64 }));
    const predictions = await Promise.all(Array.from({ length: 6 }, () => trainerOf(a).predict(a.x)));
    expect(predictions.every(({ shape }) => shape[0] === 64)).toBe(true);
    expect(await failing).toMatchObject(OUT_OF_RANGE);
    expect((await fitting).length).toBe(4);
  });

  test('is reported by what was read of it, and what is computed from that is refused', async () => {
    seed(1);
    const { model, x } = large();
    await model.parameters()[0]!.data();
    const rows = sum(model.forward(x), { axis: 1 });
    const picked = losses.crossEntropy(model.forward(x), tensor(new Int32Array(64).fill(10)));
    const [first, second] = await Promise.allSettled([picked.data(), rows.data()]);
    expect(first).toMatchObject({ status: 'rejected', reason: OUT_OF_RANGE });
    expect(second.status).toBe('fulfilled');
  });

  test('fails the state that is loaded behind it, or is done before it is loaded', async () => {
    seed(1);
    const { model, step, weights } = large();
    await step(1);
    const state = new Map([...model.stateDict()].map(([name, parameter]) => [name, { shape: parameter.shape, dtype: parameter.dtype, data: new Float32Array(parameter.shape.reduce((a, b) => a * b, 1)).fill(3) }]));
    const failing = failure(() => step(10));
    const loading = model.loadStateDict(state).then(() => 'loaded', (error: { code?: string }) => error.code);
    await failing;
    const outcome = await loading;
    const values = await weights();
    if (outcome === 'loaded') expect(values[0]![0]).toBe(3);
    else expect(outcome).toBe('ANNEAL_SESSION_FAILED');
    await model.loadStateDict(state);
    expect((await weights())[0]![0]).toBe(3);
  });
});

test.runIf(planned)('storages that are freed while more than two runs wait are there until the last of them has run', async () => {
  seed(1);
  const { model } = large();
  const head = nn.linear(10, 3);
  const x = tensor(new Float32Array(1024 * 256).fill(0.5), { shape: [1024, 256] });
  const { session } = engine() as unknown as { session: { waiting: readonly unknown[] } };
  const predict = () => head.forward(model.forward(x)).data();
  const expected = await predict();
  const runs = Array.from({ length: 6 }, predict);
  expect(session.waiting.length).toBeGreaterThan(2);
  head.bias!.dispose();
  for (const result of await Promise.all(runs)) expect(result).toEqual(expected);
  await synchronize();
  expect((await zeros([2]).data()).length).toBe(2);
});
