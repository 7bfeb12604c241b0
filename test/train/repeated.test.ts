// fit() runs several steps in one call where it may: the same as one by one, in every respect but time.
import { describe, expect, test } from 'vitest';
import { data, losses, mean, metrics, nn, optim, random, seed, tensor, Trainer, type Tensor } from 'anneal';
import { engine } from '../../src/graph/engine.js';
import type { RuntimeEngine } from '../../src/runtime/engine.js';
import type { StepEvent } from '../../src/train/events.js';
import { bits, blobs } from './classifier.js';
import { fails } from '../nn/fails.js';

const planned = process.env['ANNEAL_DEBUG'] !== '1';
const train = blobs(203, 1);

interface Options {
  readonly shuffle?: boolean;
  readonly dropLast?: boolean;
  readonly batchSize?: number;
  readonly epochs?: number;
}

/** Two dropouts of one module, so that a step draws two keys of one stream; a rate that changes with every step. */
function parts() {
  seed(4);
  const dropout = nn.dropout(0.2);
  const model = nn.sequential([2], nn.linear(2, 8), dropout, nn.relu(), nn.linear(8, 8), dropout, nn.dropout(0.1), nn.linear(8, 2));
  return { model, optimizer: optim.adamw(model.parameters(), { lr: optim.schedules.cosine(1e-2, 100) }) };
}

/** Without what differs from one call to the next. */
function comparable(told: object): object {
  return Object.fromEntries(Object.entries(told).filter(([name]) => !['seconds', 'examplesPerSecond', 'stop', 'stepwise'].includes(name)));
}

/** All that fit() leaves behind and tells, but for times. */
async function outcome(passive: boolean, { epochs = 3, ...loading }: Options, source: typeof train = train) {
  const { model, optimizer } = parts();
  const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer, metrics: [metrics.accuracy(), metrics.loss(losses.crossEntropy, 'again')] });
  const events: object[] = [];
  let stepwise: string | undefined;
  const callback = {
    passive,
    onFitStart: (event: { stepwise: string | undefined }) => void (stepwise = event.stepwise),
    onStep: (event: StepEvent) => void events.push({ ...comparable(event), results: event.results }),
  };
  const error = await trainer.fit(source, { batchSize: 16, ...loading, seed: 5, epochs, callbacks: callback }).then(
    () => undefined,
    (reason: Error) => reason.message,
  );
  const left = { history: trainer.history.map(comparable), events, steps: optimizer.steps, random: random.stateDict(), weights: await bits(model), error };
  return { left, stepwise };
}

const runs = (): number => (engine() as RuntimeEngine).session.native.stats().runs;

describe('several steps in one call', () => {
  test.each<Options>([{}, { shuffle: true }, { shuffle: true, dropLast: true }, { batchSize: 1, epochs: 1 }, { batchSize: 203 }, { batchSize: 29, shuffle: true }])(
    'leave what single steps leave: weights, history, events, random streams (%o)',
    async (options) => {
      const together = await outcome(true, options);
      const single = await outcome(false, options);
      expect(together.stepwise).toBe(undefined);
      expect(single.stepwise).toMatch(/onStep/);
      expect(together.left).toEqual(single.left);
    },
  );

  test('measure what single steps measure: vectors, matrices and kept scores, too', async () => {
    const all = () => [metrics.confusionMatrix(), metrics.f1({ average: 'none' }), metrics.topK(1), metrics.rocAuc(), metrics.perplexity()];
    const measured = async (passive: boolean) => {
      const { model, optimizer } = parts();
      const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer, metrics: all() });
      const matrices: string[] = [];
      let stepwise: string | undefined;
      const callbacks = {
        passive,
        onFitStart: (event: { stepwise: string | undefined }) => void (stepwise = event.stepwise),
        onStep: ({ results }: { results: { confusionMatrix: metrics.ConfusionMatrix } }) => void matrices.push(String(results.confusionMatrix)),
      };
      const history = await trainer.fit(train, { batchSize: 16, epochs: 2, shuffle: true, callbacks });
      return { stepwise, told: { matrices, history: history.map(comparable) } };
    };
    const together = await measured(true);
    const single = await measured(false);
    expect([together.stepwise, single.stepwise]).toEqual([undefined, expect.stringMatching(/onStep/)]);
    expect(together.told).toEqual(single.told);
    expect(together.told.matrices.length).toBe(26);
    expect(together.told.history[1]).toMatchObject({ confusionMatrix: { classes: 2 }, f1: [expect.any(Number), expect.any(Number)] });
  });

  test.runIf(planned)('are few calls', async () => {
    await outcome(true, { epochs: 1 });
    const before = runs();
    await outcome(true, { epochs: 4, dropLast: true });
    const together = runs() - before;
    await outcome(false, { epochs: 4, dropLast: true });
    const single = runs() - before - together;
    // Reading and making the weights takes calls, too, but as many on both sides.
    expect(single - together).toBe(4 * 12 - 4);
  });

  test.runIf(planned)('are few calls for small networks of images, convolutional, augmented, normalised', async () => {
    const steps = 24;
    const x = Uint8Array.from({ length: steps * 8 * 64 }, (_, i) => (i * 37) % 251);
    const { mixUp, randomCrop, randomHorizontalFlip } = data.transforms;
    const photos = data.fromArrays({ x, y: Int32Array.from({ length: steps * 8 }, (_, i) => i % 4), shape: [1, 8, 8], classes: 4, normalize: { mean: 0.5, std: 0.25 } });
    const run = async (passive: boolean) => {
      seed(4);
      const model = nn.sequential([1, 8, 8], nn.conv2d(1, 4, 3, { padding: 1 }), nn.batchNorm2d(4), nn.relu(), nn.maxPool2d(2), nn.dropout2d(0.1), nn.flatten(), nn.linear(64, 4));
      const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.sgd(model.parameters(), { lr: 0.1, momentum: 0.9 }), metrics: [metrics.accuracy()] });
      let stepwise: string | undefined = 'not told';
      const before = runs();
      const callbacks = { passive, onFitStart: (event: { stepwise: string | undefined }) => void (stepwise = event.stepwise), onStep: () => undefined };
      await trainer.fit(photos.augment(randomCrop(8, { padding: 1 }), randomHorizontalFlip(), mixUp()), { batchSize: 8, shuffle: true, callbacks });
      return { stepwise, calls: runs() - before, weights: await bits(model) };
    };
    const [together, single] = [await run(true), await run(false)];
    expect(together.stepwise).toBe(undefined);
    expect(single.calls - together.calls).toBeGreaterThan(steps / 2);
    expect(together.weights).toEqual(single.weights);
  });

  test('a failure in the middle: what came before it is done and told, and the message names the example', async () => {
    const y = Int32Array.from({ length: 203 }, (_, i) => (i === 117 ? 5 : i % 2));
    const broken = data.fromArrays({ x: new Float32Array(406), y, shape: [2], name: 'broken' }) as unknown as typeof train;
    const together = await outcome(true, { epochs: 1 }, broken);
    expect(together.left).toEqual((await outcome(false, { epochs: 1 }, broken)).left);
    expect(together.left.error).toMatch(/example 117 of dataset 'broken' \(epoch 0, step 7, row 5 of the batch\): got 5/);
    expect(together.left).toMatchObject({ steps: 7, history: [] });
    expect(together.left.events.length).toBe(7);
  });

  test('a schedule that fails in the middle ends fit() at its step', async () => {
    const { model } = parts();
    const optimizer = optim.sgd(model.parameters(), { lr: (step) => (step < 5 ? 0.1 : Number.NaN) });
    const steps: number[] = [];
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer });
    await fails(trainer.fit(train, { batchSize: 16, callbacks: { passive: true, onStep: ({ step }) => void steps.push(step) } }), 'ANNEAL_INVALID_ARGUMENT', /lr of step 5 is NaN.*epoch 0, step 5/);
    expect(steps).toEqual([0, 1, 2, 3, 4]);
    expect(optimizer.steps).toBe(5);
  });

  test('a scalar that was recorded before is what it was before', async () => {
    const { model, optimizer } = parts();
    const x = tensor([[1, 2]]);
    model.eval();
    const expected = await mean(model.forward(x)).item();
    const waiting = mean(model.forward(x));
    await new Trainer(model, { loss: losses.crossEntropy, optimizer }).fit(train, { batchSize: 16 });
    expect(await waiting.item()).toBe(expected);
  });

  test('gradients of parameters that another optimizer has wait for it', async () => {
    const both = async (passive: boolean) => {
      const { model } = parts();
      const all = model.parameters();
      const other = optim.sgd(all.slice(2), { lr: 0.1 });
      const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.sgd(all.slice(0, 2), { lr: 0.1 }) });
      await trainer.fit(train, { batchSize: 50, callbacks: { passive, onStep: () => undefined } });
      await other.step();
      return bits(model);
    };
    expect(await both(true)).toEqual(await both(false));
  });

  test('floats as targets, bytes as inputs, and a part of the data', async () => {
    const weights = async (passive: boolean) => {
      seed(2);
      const x = Uint8Array.from({ length: 300 }, (_, i) => (i * 37) % 256);
      const y = Float32Array.from({ length: 100 }, (_, i) => Math.sin(i));
      const [part] = data.fromArrays({ x, y, shape: [3], targetShape: [1], normalize: { mean: 0.5, std: 0.2 } }).split(0.7, { seed: 3 });
      const model = nn.sequential([3], nn.linear(3, 5), nn.tanh(), nn.linear(5, 1));
      const trainer = new Trainer(model, { loss: losses.meanSquaredError, optimizer: optim.sgd(model.parameters(), { lr: 0.05, momentum: 0.9 }) });
      const history = await trainer.fit(part, { batchSize: 8, epochs: 2, shuffle: true, callbacks: { passive, onStep: () => undefined } });
      return [await bits(model), history.map(({ loss }) => loss)];
    };
    expect(await weights(true)).toEqual(await weights(false));
  });

  test('a loader goes on where it stands', async () => {
    const loader = data.loader(train, { batchSize: 16, shuffle: true, seed: 5 });
    const { model, optimizer } = parts();
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer });
    await trainer.fit(loader, { epochs: 1 });
    expect(loader.stateDict()).toMatchObject({ epoch: 1, step: 0 });
    await trainer.fit(loader, { epochs: 2 });
    expect(await bits(model)).toEqual((await outcome(true, { shuffle: true })).left.weights);
  });

  test('an abort ends it between two calls; the message says how many steps were done', async () => {
    const { model, optimizer } = parts();
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 20);
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer });
    const error: unknown = await trainer.fit(blobs(2000, 1), { batchSize: 1, epochs: 10_000, signal: stop.signal }).catch((reason: unknown) => reason);
    const [, epoch, step] = /epoch (\d+), before step (\d+)/.exec(String(error))!;
    expect(optimizer.steps).toBe(2000 * Number(epoch) + Number(step));
  });
});

describe('what makes fit() go step by step', () => {
  class Twice extends nn.Module {
    override forward(x: Tensor): Tensor {
      return x.mul(2);
    }
  }

  const reason = async (change: { model?: nn.Module; loss?: typeof losses.crossEntropy; metric?: metrics.AnyMetric; source?: typeof train; onStep?: () => void; passive?: boolean }) => {
    const { model, optimizer } = parts();
    const trained = change.model ?? model;
    const trainer = new Trainer(trained, {
      loss: change.loss ?? losses.crossEntropy,
      optimizer: change.model === undefined ? optimizer : optim.sgd(trained.parameters(), { lr: 0.1 }),
      metrics: change.metric === undefined ? [] : [change.metric],
    });
    let found: string | undefined = 'never told';
    const { onStep, passive = false } = change;
    const callback = { passive, onFitStart: (event: { stepwise: string | undefined }) => void (found = event.stepwise), ...(onStep === undefined ? {} : { onStep }) };
    await trainer.fit((change.source ?? train) as never, { epochs: 1, callbacks: [callback as never] });
    return found;
  };

  test('nothing of the library does', async () => {
    expect(await reason({})).toBe(undefined);
    const { accuracy, confusionMatrix, f1, meanAbsoluteError, perplexity, precision, r2, recall, rocAuc, rootMeanSquaredError, topK } = metrics;
    for (const metric of [accuracy(), confusionMatrix(), f1(), perplexity(), precision(), recall(), rocAuc(), topK(1)]) expect(await reason({ metric })).toBe(undefined);
    for (const metric of [meanAbsoluteError(), r2(), rootMeanSquaredError()]) expect(metric.builtin).toBe(true);
    expect(await reason({ onStep: () => undefined, passive: true })).toBe(undefined);
  });

  test('everything else does', async () => {
    expect(await reason({ model: nn.sequential([2], nn.linear(2, 2), new Twice()) })).toBe('the model contains 1, a custom module (Twice)');
    const patched = nn.sequential([2], nn.linear(2, 2));
    const { forward } = patched;
    patched.forward = function (x) {
      return forward.call(this, x as never) as never;
    };
    expect(await reason({ model: patched })).toMatch(/custom module/);
    expect(await reason({ loss: ((outputs: Tensor, labels: Tensor) => losses.crossEntropy(outputs, labels as never)) as never })).toBe('the loss is a custom function');
    expect(await reason({ metric: { name: 'mine', measure: metrics.accuracy().measure } })).toBe('the metric mine is a custom one');
    expect(await reason({ onStep: () => undefined })).toMatch(/onStep/);
    const loader = data.loader(train, { batchSize: 20 });
    expect(await reason({ source: { shape: [2], length: loader.length, size: 203, batchSize: 20, [Symbol.asyncIterator]: () => loader[Symbol.asyncIterator]() } as never })).toMatch(/loader of its own/);
    const stream = data.fromIterable([{ x: [0, 1], y: 1 }], { shape: [2] });
    expect(await reason({ source: stream as never })).toMatch(/not in memory/);
  });
});
