// Options of fit() that change what a step is made of: several batches, weights, held-out examples, rates that follow the results.
import { describe, expect, test } from 'vitest';
import { data, losses, metrics, nn, optim, seed, tensor, Trainer, type Tensor } from 'anneal';
import { bits, blobs, classifier } from './classifier.js';
import { fails } from '../nn/fails.js';

const train = blobs(100, 1);

/** A model without randomness, and what trains it. */
function plain(loss: losses.Loss = losses.crossEntropy as losses.Loss) {
  seed(3);
  const model = nn.sequential([2], nn.linear(2, 16), nn.relu(), nn.linear(16, 2));
  return new Trainer(model, { loss, optimizer: optim.sgd(model.parameters(), { lr: 0.1, momentum: 0.9 }), metrics: [metrics.accuracy(), metrics.confusionMatrix()] });
}

async function weights(trainer: { readonly model: nn.Module }): Promise<number[]> {
  const all: number[] = [];
  for (const parameter of trainer.model.parameters()) all.push(...(await parameter.data()));
  return all;
}

function close(actual: readonly number[], expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length);
  actual.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 5));
}

describe('accumulate', () => {
  test.each([
    { batchSize: 20, accumulate: 5, large: 100, source: train },
    // The last step has 3 batches, the last of which is smaller.
    { batchSize: 8, accumulate: 5, large: 40, source: train },
  ])('equals one large batch: $batchSize times $accumulate', async ({ batchSize, accumulate, large, source }) => {
    const few = plain();
    const events: { loss: number; examples: number }[] = [];
    let stepwise: string | undefined;
    const callbacks = {
      onFitStart: (event: { stepwise: string | undefined; stepsPerEpoch: number | undefined }) => {
        stepwise = event.stepwise;
        expect(event.stepsPerEpoch).toBe(Math.ceil(100 / large));
      },
      onStep: ({ loss, examples }: { loss: number; examples: number }) => void events.push({ loss, examples }),
    };
    const history = await few.fit(source, { epochs: 3, batchSize, accumulate, shuffle: true, seed: 4, callbacks });
    expect(stepwise).toMatch(/gradients of 5 batches are added up/);
    const one = plain();
    const losses: number[] = [];
    const expected = await one.fit(source, { epochs: 3, batchSize: large, shuffle: true, seed: 4, callbacks: { onStep: ({ loss }) => void losses.push(loss) } });
    close(await weights(few), await weights(one));
    close(events.map(({ loss }) => loss), losses);
    for (const [i, record] of history.entries()) {
      expect(record).toMatchObject({ steps: Math.ceil(100 / large), examples: 100 });
      expect(record.loss).toBeCloseTo(expected[i]!.loss, 5);
      expect(record.confusionMatrix.total).toBe(100);
    }
    expect(few.optimizer.steps).toBe(one.optimizer.steps);
  });

  test('of a stream and of a loader', async () => {
    const rows = [...data.loader(train)];
    const values = await Promise.all(rows.map(async ([x, y]) => ({ x: await x.data(), y: await y.item() })));
    const streamed = plain();
    await streamed.fit(data.fromIterable(() => values, { shape: [2] }), { batchSize: 9, accumulate: 4, epochs: 2 });
    const loaded = plain();
    await loaded.fit(data.loader(train, { batchSize: 9 }), { accumulate: 4, epochs: 2 });
    expect(await bits(streamed.model)).toEqual(await bits(loaded.model));
    const one = plain();
    await one.fit(train, { batchSize: 36, epochs: 2 });
    close(await weights(loaded), await weights(one));
  });

  test('of weighted examples counts their weights', async () => {
    const values = Float32Array.from({ length: 100 }, (_, i) => (i % 7) / 3);
    const weighted = weightedBlobs(values);
    const few = plain();
    const [small] = await few.fit(weighted, { batchSize: 8, accumulate: 5, shuffle: true });
    const one = plain();
    const [large] = await one.fit(weighted, { batchSize: 40, shuffle: true });
    close(await weights(few), await weights(one));
    expect(small!.loss).toBeCloseTo(large!.loss, 5);
  });

  test('dropout draws the same, and a scalar of an earlier batch is readable', async () => {
    const seen: Tensor[] = [];
    const loss = (outputs: Tensor, labels: Tensor): Tensor => {
      const value = losses.crossEntropy(outputs, labels as Tensor<readonly number[], 'int32'>);
      seen.push(value);
      return value;
    };
    const run = async () => {
      const { model, optimizer } = classifier({ dropout: 0.5 });
      await new Trainer(model, { loss, optimizer }).fit(train, { batchSize: 25, accumulate: 2 });
      return bits(model);
    };
    expect(await run()).toEqual(await run());
    const values = await Promise.all(seen.map((value) => value.item()));
    expect(values.length).toBe(8);
    expect(values.slice(0, 4)).toEqual(values.slice(4));
    expect(new Set(values).size).toBe(4);
  });

  test('a failure in an earlier batch is the one that is told, and nothing has changed', async () => {
    const y = Int32Array.from({ length: 100 }, (_, i) => (i === 33 ? 9 : i % 2));
    const broken = data.fromArrays({ x: new Float32Array(200).fill(1), y, shape: [2], name: 'broken' });
    const trainer = plain();
    await trainer.fit(train, { batchSize: 50 });
    const before = await bits(trainer.model);
    const steps = trainer.optimizer.steps;
    const failure = trainer.fit(broken, { batchSize: 10, accumulate: 5 });
    await fails(failure, 'ANNEAL_INDEX_OUT_OF_RANGE', /example 33 of dataset 'broken'.*got 9/);
    expect(await bits(trainer.model)).toEqual(before);
    expect(trainer.optimizer.steps).toBe(steps);
    await trainer.fit(train, { accumulate: 2 });
  });

  test('a number that is none', async () => {
    await fails(plain().fit(train, { accumulate: 0 }), 'ANNEAL_INVALID_ARGUMENT', /accumulate: got 0/);
  });
});

const weightedBlobs = (values: Float32Array) => blobs(values.length, 1, values);

describe('weights', () => {
  const repeated = [...Array(100).keys()].flatMap((i) => (i % 2 === 0 ? [i, i, i] : [i]));

  test('of examples: one that counts three times is as three', async () => {
    const weighted = plain();
    const [epoch] = await weighted.fit(weightedBlobs(Float32Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? 3 : 1))), { batchSize: 100 });
    const thrice = plain();
    const [expected] = await thrice.fit(train.subset(repeated), { batchSize: 200 });
    close(await weights(weighted), await weights(thrice));
    expect(epoch!.loss).toBeCloseTo(expected!.loss, 5);
  });

  test('of classes do the same, and those of examples go with them', async () => {
    const byClass = plain();
    await byClass.fit(train, { batchSize: 100, classWeights: [3, 1] });
    const byExample = plain();
    await byExample.fit(weightedBlobs(Float32Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? 3 : 1))), { batchSize: 100 });
    close(await weights(byClass), await weights(byExample));
    const both = plain();
    await both.fit(weightedBlobs(new Float32Array(100).fill(2)), { batchSize: 100, classWeights: Float32Array.of(3, 1) });
    close(await weights(both), await weights(byClass));
  });

  test("'balanced' makes classes count alike", async () => {
    const uneven = train.subset(repeated);
    const balanced = plain();
    await balanced.fit(uneven, { batchSize: 200, classWeights: 'balanced' });
    const given = plain();
    await given.fit(uneven, { batchSize: 200, classWeights: [200 / (2 * 150), 200 / (2 * 50)] });
    expect(await bits(balanced.model)).toEqual(await bits(given.model));
  });

  test('of batches of any size: the epoch’s loss is the weighted mean, as evaluate() gives it', async () => {
    const weighted = weightedBlobs(Float32Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? 5 : 1)));
    const trainer = plain();
    trainer.optimizer.lr = 0;
    const [epoch] = await trainer.fit(weighted, { batchSize: 33, validation: weighted });
    const whole = await trainer.evaluate(weighted, { batchSize: 100 });
    expect(epoch!.loss).toBeCloseTo(whole.loss, 5);
    expect(epoch!.validation!.loss).toBeCloseTo(whole.loss, 5);
    expect(whole.loss).not.toBeCloseTo((await trainer.evaluate(train)).loss, 3);
    // Metrics count every example alike.
    expect(whole.accuracy).toBe((await trainer.evaluate(train)).accuracy);
  });

  test('leave the fast path as it is', async () => {
    const both = async (passive: boolean) => {
      const trainer = plain();
      let stepwise: string | undefined = 'unset';
      const callbacks = { passive, onStep: () => undefined, onFitStart: (event: { stepwise: string | undefined }) => void (stepwise = event.stepwise) };
      const [half] = weightedBlobs(Float32Array.from({ length: 100 }, (_, i) => i)).split(0.8);
      const history = await trainer.fit(half, { batchSize: 16, shuffle: true, epochs: 2, classWeights: [1, 2], callbacks });
      return { stepwise, left: [await bits(trainer.model), history.map(({ loss }) => loss)] };
    };
    const [together, single] = [await both(true), await both(false)];
    expect([together.stepwise, single.stepwise]).toEqual([undefined, expect.any(String)]);
    expect(together.left).toEqual(single.left);
  });

  test('go to configured losses and to those of one’s own that take them', async () => {
    const weighted = weightedBlobs(Float32Array.from({ length: 100 }, (_, i) => i));
    const own = plain((outputs: Tensor, labels: Tensor, options?: losses.LossOptions) => losses.crossEntropy(outputs, labels as Tensor<readonly number[], 'int32'>, options));
    await own.fit(weighted);
    const built = plain();
    await built.fit(weighted);
    expect(await bits(own.model)).toEqual(await bits(built.model));
    const deaf = plain((outputs: Tensor, labels: Tensor) => losses.crossEntropy(outputs, labels as Tensor<readonly number[], 'int32'>));
    await fails(deaf.fit(weighted), 'ANNEAL_INVALID_ARGUMENT', /takes no weights.*expected one of \(outputs, targets, \{ weights \}\)/);
    const pair = tensor([1, 2]);
    const huber = losses.huber.with({ delta: 0.5 });
    expect(await huber(pair, tensor([0, 0]), { weights: tensor([3, 1]) }).item()).toBeCloseTo((3 * 0.375 + 0.875) / 4, 6);
  });

  test('are a property of batches, and follow subsets', async () => {
    const part = weightedBlobs(Float32Array.from({ length: 100 }, (_, i) => i)).subset([5, 7]);
    for await (const batch of data.loader(part, { batchSize: 2 })) expect([...(await batch.weights!.data())]).toEqual([5, 7]);
    for (const batch of data.loader(train)) expect(batch.weights).toBe(undefined);
  });

  test('that are none', async () => {
    for (const bad of [[1], [], [NaN, 1], [0, 0], [-1, 2]]) {
      const outcome = plain().fit(train, { classWeights: bad });
      await expect(outcome).rejects.toMatchObject({ code: 'ANNEAL_INVALID_ARGUMENT' });
    }
    const stream = data.fromIterable([{ x: [0, 1], y: 1 }], { shape: [2] });
    await fails(plain().fit(stream, { classWeights: 'balanced' }), 'ANNEAL_INVALID_ARGUMENT', /'balanced', expected a dataset or a folder/);
    const x = new Float32Array(4);
    const y = new Int32Array(2);
    expect(() => data.fromArrays({ x, y, shape: [2], weights: [1] })).toThrow(/2 examples, but 1 weights/);
    expect(() => data.fromArrays({ x, y, shape: [2], weights: [1, -1] })).toThrow(/example 1: got -1/);
    expect(() => data.fromArrays({ x, y, shape: [2], weights: [0, 0] })).toThrow(/all 0/);
  });
});

describe('validationSplit', () => {
  test('takes away what split() takes, always the same of a seed', async () => {
    const trainer = plain();
    const history = await trainer.fit(train, { epochs: 2, batchSize: 16, shuffle: true, seed: 8, validationSplit: 0.2 });
    expect(history.map(({ examples, validation }) => [examples, validation!.confusionMatrix.total])).toEqual([[80, 20], [80, 20]]);
    const [held, rest] = train.split(0.2, { seed: 8 });
    const expected = plain();
    const same = await expected.fit(rest, { epochs: 2, batchSize: 16, shuffle: true, seed: 8, validation: held });
    expect(await bits(trainer.model)).toEqual(await bits(expected.model));
    expect(history.map(({ validation }) => validation)).toEqual(same.map(({ validation }) => validation));
  });

  test('needs a dataset, a share, and no validation data besides', async () => {
    const stream = data.fromIterable([{ x: [0, 1], y: 1 }], { shape: [2] });
    await fails(plain().fit(stream, { validationSplit: 0.1 }), 'ANNEAL_INVALID_ARGUMENT', /validationSplit: only a dataset or a folder can be split: a stream/);
    await fails(plain().fit(data.loader(train), { validationSplit: 0.1 }), 'ANNEAL_INVALID_ARGUMENT', /only a dataset/);
    await fails(plain().fit(train, { validationSplit: 0.1, validation: train }), 'ANNEAL_INVALID_ARGUMENT', /one of the two/);
    for (const share of [0, 1, -0.5, NaN]) await fails(plain().fit(train, { validationSplit: share }), 'ANNEAL_INVALID_ARGUMENT', /expected a share between 0 and 1/);
    await fails(plain().fit(train, { validationSplit: 0.001 }), 'ANNEAL_INVALID_ARGUMENT', /at least one example on each side/);
  });
});

describe('reduceOnPlateau', () => {
  const { reduceOnPlateau, warmup } = optim.schedules;

  /** Rates of the epochs of a fit() that learns nothing. */
  async function rates(lr: optim.schedules.Schedule, options: object = {}): Promise<number[]> {
    const found: number[] = [];
    const trainer = plain();
    trainer.optimizer.lr = lr;
    await trainer.fit(train, { epochs: 4, batchSize: 50, ...options, callbacks: { onEpochEnd: () => void found.push(trainer.optimizer.lr) } });
    return found;
  }

  test('observes the loss, the validation loss or what it monitors, once an epoch', async () => {
    const never = { patience: 0, threshold: 1e9, thresholdMode: 'absolute' } as const;
    expect(await rates(reduceOnPlateau(1e-4, never))).toEqual([1e-4, 1e-5, 1e-6, 1e-7].map((rate) => expect.closeTo(rate, 12) as number));
    for (const monitor of [undefined, 'accuracy', 'validation.accuracy']) {
      const told: number[] = [];
      const lr = reduceOnPlateau(1e-4, monitor === undefined ? {} : { monitor });
      const observe = lr.observe.bind(lr);
      Object.assign(lr, { observe: (value: number) => (told.push(value), observe(value)) });
      const trainer = plain();
      trainer.optimizer.lr = lr;
      const history = await trainer.fit(train, { epochs: 3, validation: train });
      expect(told).toEqual(history.map(({ accuracy, validation }) => (monitor === undefined ? validation!.loss : monitor === 'accuracy' ? accuracy : validation!.accuracy)));
    }
  });

  test('is found inside other schedules', async () => {
    const lr = reduceOnPlateau(1e-4, { patience: 0, threshold: 1e9, thresholdMode: 'absolute' });
    expect(await rates(warmup(2, lr))).toEqual([1e-4, 1e-5, 1e-6, 1e-7].map((rate) => expect.closeTo(rate, 12) as number));
  });

  test('names what there is to monitor', async () => {
    await fails(rates(reduceOnPlateau(1e-4, { monitor: 'acuracy' })), 'ANNEAL_INVALID_ARGUMENT', /got 'acuracy', expected one of loss, accuracy, confusionMatrix\./);
    await fails(rates(reduceOnPlateau(1e-4, { monitor: 'validation.loss' })), 'ANNEAL_INVALID_ARGUMENT', /Give fit\(\) validation data/);
    await fails(rates(reduceOnPlateau(1e-4, { monitor: 'confusionMatrix' }), { validation: train }), 'ANNEAL_INVALID_ARGUMENT', /'confusionMatrix' gives no number/);
  });
});

test('an abort keeps the history', async () => {
  const trainer = plain();
  const stop = new AbortController();
  const callbacks = { onEpochEnd: ({ epoch }: { epoch: number }) => void (epoch === 2 && stop.abort()) };
  await fails(trainer.fit(train, { epochs: 9, signal: stop.signal, callbacks }), 'ANNEAL_ABORTED', /epoch 3, before step 0/);
  expect(trainer.history.map(({ epoch }) => epoch)).toEqual([0, 1, 2]);
});
