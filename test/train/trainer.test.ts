// Trainer: the same bits as the loop that users write, what it notes, and how it ends.
import { describe, expect, test } from 'vitest';
import { abs, data, losses, mean, metrics, mul, nn, noGrad, optim, seed, sub, tensor, Trainer, type Tensor } from 'anneal';
import { bits, blobs, classifier, explicitLoop } from './classifier.js';
import { fails, refuses } from '../nn/fails.js';

const train = blobs(100, 1);
const held = blobs(40, 2);
const options = { epochs: 3, batchSize: 32, shuffle: true, seed: 5 } as const;

describe('fit', () => {
  test('gives the same bits as the explicit loop, with metrics, validation, callbacks and predictions in between', async () => {
    const loop = classifier();
    await explicitLoop(loop, train, options);
    const plain = classifier();
    await new Trainer(plain.model, { loss: losses.crossEntropy, optimizer: plain.optimizer }).fit(train, options);
    expect(await bits(plain.model)).toEqual(await bits(loop.model));

    const watched = classifier();
    const trainer = new Trainer(watched.model, { loss: losses.crossEntropy, optimizer: watched.optimizer, metrics: [metrics.accuracy()] });
    const callbacks = { onStep: async () => void (await trainer.predict(tensor([[0, 0]]))) };
    await trainer.fit(train, { ...options, validation: held, callbacks });
    expect(await bits(watched.model)).toEqual(await bits(loop.model));
  });

  test('learns, and notes every epoch', async () => {
    const { model, optimizer } = classifier();
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer, metrics: [metrics.accuracy()] });
    const history = await trainer.fit(train, { ...options, epochs: 20, validation: held });
    expect(history.map(({ epoch }) => epoch)).toEqual([...Array(20).keys()]);
    const last = history.at(-1)!;
    expect(last).toMatchObject({ steps: 4, examples: 100 });
    expect(last.loss).toBeLessThan(history[0]!.loss / 2);
    expect(last.accuracy).toBeGreaterThan(0.9);
    expect(last.validation!.accuracy).toBeGreaterThan(0.9);
    expect(last.seconds).toBeGreaterThan(0);
    expect(last.examplesPerSecond).toBeCloseTo(100 / last.seconds, 6);
    expect(trainer.history).toBe(history);
  });

  test('notes means over examples, however odd the last batch', async () => {
    const { model, optimizer } = classifier({ dropout: 0 });
    optimizer.lr = 0;
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer, metrics: [metrics.accuracy(), metrics.loss(losses.crossEntropy, 'again')] });
    const [epoch] = await trainer.fit(train, { batchSize: 33 });
    const whole = await trainer.evaluate(train, { batchSize: 100 });
    expect(epoch!.loss).toBeCloseTo(whole.loss, 6);
    expect(epoch!.again).toBeCloseTo(whole.loss, 6);
    expect(epoch!.accuracy).toBe(whole.accuracy);
    const outputs = noGrad(() => model.eval().forward(all.inputs));
    expect(whole.loss).toBeCloseTo(await losses.crossEntropy(outputs, all.labels).item(), 6);
  });

  test('takes a loader, which goes on where it stands, and a stream', async () => {
    const loop = classifier();
    await explicitLoop(loop, train, options);
    const { model, optimizer } = classifier();
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer });
    const loader = data.loader(train, { batchSize: 32, shuffle: true, seed: 5 });
    await trainer.fit(loader, { epochs: 1 });
    await trainer.fit(loader, { epochs: 2 });
    expect(await bits(model)).toEqual(await bits(loop.model));

    const stream = data.fromIterable(
      function* () {
        for (let i = 0; i < 10; i++) yield { x: [i, -i], y: i % 2 };
      },
      { shape: [2] },
    );
    const [record] = await trainer.fit(stream, { batchSize: 4 });
    expect(record).toMatchObject({ steps: 3, examples: 10 });
  });

  test('takes a custom module and a custom loss', async () => {
    class Scale extends nn.Module {
      readonly inner = nn.linear(2, 2);

      override forward(x: Tensor): Tensor {
        return mul(this.inner.forward(x), 2);
      }
    }
    const model = new Scale();
    expect(model.builtin).toBe(false);
    const loss = (outputs: Tensor, targets: Tensor): Tensor => mean(abs(sub(outputs, targets)));
    const trainer = new Trainer(model, { loss, optimizer: optim.sgd(model.parameters(), { lr: 0.05 }) });
    const line = data.fromArrays({ x: Float32Array.of(1, 2, 3, 4), y: Float32Array.of(1, 2, 3, 4), shape: [2], targetShape: [2] });
    const history = await trainer.fit(line, { epochs: 50, batchSize: 2 });
    expect(history.at(-1)!.loss).toBeLessThan(history[0]!.loss);
  });

  test('puts a model that was evaluating into training mode for the time of fit only', async () => {
    const { model, optimizer } = classifier();
    const modes: boolean[] = [];
    await new Trainer(model.eval(), { loss: losses.crossEntropy, optimizer }).fit(train, { callbacks: { onStep: () => void modes.push(model.training) } });
    expect(new Set(modes)).toEqual(new Set([true]));
    expect(model.training).toBe(false);
  });
});

describe('callbacks', () => {
  test('are called in order, with what they need', async () => {
    const { model, optimizer } = classifier();
    const seen: string[] = [];
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer, metrics: [metrics.accuracy()] });
    await trainer.fit(train, {
      ...options,
      epochs: 2,
      batchSize: 50,
      callbacks: [
        {
          onFitStart: ({ epochs, stepsPerEpoch }) => void seen.push(`start ${epochs} ${stepsPerEpoch}`),
          onEpochStart: ({ epoch }) => void seen.push(`epoch ${epoch}`),
          onStep: ({ epoch, step, examples, loss, results }) => {
            expect(loss).toBeGreaterThan(0);
            if (step === 0) expect(results.loss).toBeCloseTo(loss, 5);
            expect(results.accuracy).toBeGreaterThanOrEqual(0);
            seen.push(`step ${epoch}.${step} ${examples}`);
          },
          onEpochEnd: ({ record }) => void seen.push(`end ${record.epoch} ${record.steps}`),
          onFitEnd: ({ history }) => void seen.push(`over ${history.length}`),
        },
      ],
    });
    expect(seen).toEqual(['start 2 2', 'epoch 0', 'step 0.0 50', 'step 0.1 100', 'end 0 2', 'epoch 1', 'step 1.0 50', 'step 1.1 100', 'end 1 2', 'over 2']);
  });

  test('may stop training early', async () => {
    const { model, optimizer } = classifier();
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer });
    const history = await trainer.fit(train, { ...options, epochs: 10, callbacks: { onEpochEnd: ({ epoch, stop }) => void (epoch === 1 && stop()) } });
    expect(history.length).toBe(2);
  });

  test('end training when they throw', async () => {
    const { model, optimizer } = classifier();
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer });
    const callbacks = {
      onStep: () => {
        throw new Error('full disk');
      },
    };
    await expect(trainer.fit(train, { callbacks })).rejects.toThrow('full disk');
    await trainer.fit(train);
  });
});

describe('evaluate and predict', () => {
  test('leave modes, gradients and random streams alone', async () => {
    const { model, optimizer } = classifier({ dropout: 0.5 });
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer, metrics: [metrics.accuracy()] });
    const first = await trainer.evaluate(held);
    expect(await trainer.evaluate(held)).toEqual(first);
    expect(model.training).toBe(true);
  });

  test('predict gives all examples in order, and stays readable', async () => {
    const { model, optimizer } = classifier();
    const trainer = new Trainer(model, { loss: losses.crossEntropy, optimizer });
    const before = await trainer.predict(all.inputs, { batchSize: 7 });
    expect(before.shape).toEqual([100, 2]);
    const values = await before.data();
    expect(values).toEqual(await (await trainer.predict(all.inputs)).data());
    expect(values).toEqual(await (await trainer.predict(train, { batchSize: 9 })).data());
    await trainer.fit(train);
    expect(await before.data()).toEqual(values);
    expect(await (await trainer.predict(train)).data()).not.toEqual(values);
  });
});

describe('what goes wrong', () => {
  const made = () => {
    const { model, optimizer } = classifier();
    return new Trainer(model, { loss: losses.crossEntropy, optimizer });
  };

  test('a second fit while one runs', async () => {
    const trainer = made();
    const first = trainer.fit(train, options);
    await fails(trainer.fit(train), 'ANNEAL_BUSY', /being trained/);
    const other = new Trainer(trainer.model, { loss: losses.crossEntropy, optimizer: trainer.optimizer });
    await fails(other.fit(train as never), 'ANNEAL_BUSY', /being trained/);
    await first;
    await trainer.fit(train);
  });

  test('an abort: whole steps are done, complete epochs stay, and training can go on', async () => {
    const trainer = made();
    const stop = new AbortController();
    const callbacks = { onStep: ({ epoch, step }: { epoch: number; step: number }) => void (epoch === 1 && step === 1 && stop.abort(new Error('enough'))) };
    const error: unknown = await trainer.fit(train, { ...options, signal: stop.signal, callbacks }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'AbortError', code: 'ANNEAL_ABORTED', cause: new Error('enough') });
    expect(trainer.history.length).toBe(1);
    await fails(trainer.fit(train, { signal: AbortSignal.abort() }), 'ANNEAL_ABORTED', /epoch 1, before step 0/);
    expect((await trainer.fit(train)).length).toBe(1);
  });

  test('an abort while the data keeps everybody waiting', async () => {
    let closed = false;
    const silent = data.fromIterable(
      async function* () {
        try {
          yield { x: [0, 1], y: 1 };
          await new Promise((resolve) => setTimeout(resolve, 300));
        } finally {
          closed = true;
        }
      },
      { shape: [2] },
    );
    const trainer = made();
    const start = performance.now();
    await fails(trainer.fit(silent, { batchSize: 1, signal: AbortSignal.timeout(30) }), 'ANNEAL_ABORTED', /epoch 0, before step 1/);
    expect(performance.now() - start).toBeLessThan(250);
    expect(trainer.optimizer.steps).toBe(1);
    await fails(trainer.evaluate(silent, { signal: AbortSignal.abort() }), 'ANNEAL_ABORTED', /evaluate/);
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(closed).toBe(true);
  });

  test('a label out of range: the data, the step and the example are named, and the parameters are as before the step', async () => {
    const labels = Int32Array.from({ length: 100 }, (_, i) => (i === 71 ? 9 : i % 2));
    const broken = data.fromArrays({ x: new Float32Array(200), y: labels, shape: [2], name: 'broken' });
    const trainer = made();
    const steps: number[] = [];
    const running = trainer.fit(broken, { batchSize: 10, callbacks: { onStep: ({ step }) => void steps.push(step) } });
    await fails(running, 'ANNEAL_INDEX_OUT_OF_RANGE', /^\[crossEntropy\] index out of range at example 71 of dataset 'broken' \(epoch 0, step 7, row 1 of the batch\): got 9/);
    expect(steps).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(trainer.history).toEqual([]);
    for (const parameter of trainer.model.parameters()) expect((await parameter.data()).every(Number.isFinite)).toBe(true);
    await trainer.fit(train);
  });

  test('a shape that does not fit names the layer and the step', async () => {
    const wide = data.fromArrays({ x: new Float32Array(30), y: new Int32Array(10), shape: [3], name: 'wide' });
    await fails(made().fit(wide as never), 'ANNEAL_SHAPE_MISMATCH', /got \[10,3\], expected \[batch,2\].*In epoch 0, step 0 of fit, dataset 'wide'/);
  });

  test('options and arguments', async () => {
    const trainer = made();
    await fails(trainer.fit(train, { epoch: 2 } as never), 'ANNEAL_UNKNOWN_OPTION', /Did you mean epochs/);
    await fails(trainer.fit(train, { epochs: 1.5 }), 'ANNEAL_INVALID_ARGUMENT', /epochs: got 1.5/);
    await fails(trainer.fit([1, 2] as never), 'ANNEAL_INVALID_ARGUMENT', /got an Array, expected a dataset/);
    await fails(trainer.fit(data.loader(train), { batchSize: 3 }), 'ANNEAL_INVALID_ARGUMENT', /batchSize: the data is a loader/);
    await fails(trainer.evaluate(train, { batch: 3 } as never), 'ANNEAL_UNKNOWN_OPTION', /Did you mean batchSize/);
    const { model, optimizer } = trainer;
    const loss = losses.crossEntropy;
    refuses(() => new Trainer(nn.relu as never, { loss, optimizer }), 'ANNEAL_INVALID_ARGUMENT', /expected a Module/);
    refuses(() => new Trainer(model, { loss, optimiser: optimizer } as never), 'ANNEAL_UNKNOWN_OPTION', /Did you mean optimizer/);
    refuses(() => new Trainer(model, { loss: 'mse' as never, optimizer }), 'ANNEAL_INVALID_ARGUMENT', /loss: got 'mse'/);
    refuses(() => new Trainer(model, { loss, optimizer, metrics: [metrics.accuracy as never] }), 'ANNEAL_INVALID_ARGUMENT', /Call the function/);
    refuses(() => new Trainer(model, { loss, optimizer, metrics: [metrics.loss(loss, 'loss')] }), 'ANNEAL_INVALID_ARGUMENT', /another name/);
    refuses(() => new Trainer(model, { loss, optimizer, metrics: [metrics.accuracy(), metrics.accuracy()] }), 'ANNEAL_INVALID_ARGUMENT', /'accuracy', expected names that differ/);
    const whole = new Trainer(model, { loss: (outputs: Tensor) => outputs, optimizer });
    await fails(whole.fit(train), 'ANNEAL_INVALID_ARGUMENT', /the loss gave the shape \[32,2\]/);
  });
});

const all = (() => {
  const [inputs, labels] = [...data.loader(train, { batchSize: 100 })][0]!;
  return { inputs, labels };
})();
seed(0);
