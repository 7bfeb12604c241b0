// Where training stops, and where it goes on: no batch is lost or seen twice, and what belongs to an epoch is done once.
import { describe, expect, test } from 'vitest';
import { data, losses, metrics, nn, optim, seed, Trainer, type train as training } from 'anneal';
import { bits, blobs } from './classifier.js';
import { fails } from '../nn/fails.js';

const train = blobs(80, 1);
const held = blobs(20, 2);

function made(lr: optim.Scheduled = 0.1) {
  seed(3);
  const model = nn.sequential([2], nn.linear(2, 8), nn.relu(), nn.linear(8, 2));
  return new Trainer(model, { loss: losses.crossEntropy, optimizer: optim.sgd(model.parameters(), { lr, momentum: 0.9 }), metrics: [metrics.accuracy()] });
}

const stream = () =>
  data.fromIterable(
    async function* () {
      for (let i = 0; i < 80; i++) {
        if (i % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
        yield { x: [Math.sin(i), Math.cos(i)], y: i % 2 };
      }
    },
    { shape: [2] },
  );

const sources = {
  'arrays': { loader: () => data.loader(train, { batchSize: 4, shuffle: true, seed: 5 }), accumulate: 1 },
  'arrays, two batches a step': { loader: () => data.loader(train, { batchSize: 2, shuffle: true, seed: 5 }), accumulate: 2 },
  'a stream': { loader: () => data.loader(stream(), { batchSize: 4 }), accumulate: 1 },
  'a stream, two batches a step': { loader: () => data.loader(stream(), { batchSize: 2, prefetch: 2 }), accumulate: 2 },
} as const;

type Leave = (trainer: ReturnType<typeof made>, loader: data.Loader<[2], [], 'int32'>, accumulate: number) => Promise<void>;

const STOP = 7;
const ways: Readonly<Record<string, Leave>> = {
  'stop()': async (trainer, loader, accumulate) => {
    await trainer.fit(loader, { accumulate, callbacks: { onStep: ({ step, stop }) => void (step + 1 === STOP && stop()) } });
  },
  'stop() of a passive callback': async (trainer, loader, accumulate) => {
    await trainer.fit(loader, { accumulate, callbacks: { passive: true, onStep: ({ step, stop }) => void (step + 1 === STOP && stop()) } });
  },
  'a signal': async (trainer, loader, accumulate) => {
    const controller = new AbortController();
    const callbacks = { onStep: ({ step }: training.StepEvent) => void (step + 1 === STOP && controller.abort()) };
    await fails(trainer.fit(loader, { accumulate, signal: controller.signal, callbacks }), 'ANNEAL_ABORTED', /before step 7/);
  },
  'an error of a callback': async (trainer, loader, accumulate) => {
    const onStep = ({ step }: training.StepEvent): void => {
      if (step + 1 === STOP) throw new Error('enough');
    };
    await expect(trainer.fit(loader, { accumulate, callbacks: { onStep } })).rejects.toThrow('enough');
  },
  'events that are not asked for any more': async (trainer, loader, accumulate) => {
    for await (const event of trainer.events(loader, { accumulate })) if (event.type === 'step' && event.step + 1 === STOP) break;
  },
};

describe.each(Object.keys(sources) as (keyof typeof sources)[])('training on %s', (name) => {
  const { loader: loaderOf, accumulate } = sources[name];

  test.each(Object.keys(ways))('that is left by %s goes on with the next batch', async (way) => {
    const whole = made();
    await whole.fit(loaderOf(), { accumulate });
    expect(whole.optimizer.steps).toBe(20);

    const first = made();
    const loader = loaderOf();
    await ways[way]!(first, loader, accumulate);
    const done = first.optimizer.steps;
    if (way !== 'stop() of a passive callback') expect(done).toBe(STOP);
    // Small steps may all have run by the time a passive callback hears of them.
    if (done === 20) return expect(loader.stateDict()).toMatchObject({ epoch: 1, step: 0 });
    expect(loader.stateDict()).toMatchObject({ epoch: 0, step: done * accumulate });

    const second = made();
    await second.loadStateDict(first.stateDict());
    const again = loaderOf();
    again.loadStateDict(loader.stateDict());
    const steps: number[] = [];
    await second.fit(again, { accumulate, callbacks: { onStep: ({ step }) => void steps.push(step) } });
    expect(steps).toEqual(Array.from({ length: 20 - done }, (_, i) => done + i));
    expect(second.optimizer.steps).toBe(20);
    expect(await bits(second.model)).toEqual(await bits(whole.model));
    expect(again.stateDict()).toMatchObject({ epoch: 1, step: 0 });
  });
});

test('a step that fails is the last whose batch was taken, however many were under way', async () => {
  const labels = Int32Array.from({ length: 80 }, (_, i) => (i === 30 ? 9 : i % 2));
  const broken = data.fromArrays({ x: new Float32Array(160), y: labels, shape: [2] });
  for (const callbacks of [[], [{ onStep: () => undefined }]]) {
    const loader = data.loader(broken, { batchSize: 4 });
    const trainer = made();
    await fails(trainer.fit(loader, { callbacks }), 'ANNEAL_INDEX_OUT_OF_RANGE', /got 9/);
    expect(trainer.optimizer.steps).toBe(7);
    expect(loader.stateDict()).toMatchObject({ epoch: 0, step: 8 });
  }
});

test('a stream that answers after the signal has given no batch away', async () => {
  const controller = new AbortController();
  const slow = data.fromIterable(
    async function* () {
      for (let i = 0; i < 9; i++) {
        if (i === 3) await new Promise((resolve) => (setTimeout(() => controller.abort(), 5), setTimeout(resolve, 60)));
        yield { x: [1, i], y: 1 };
      }
    },
    { shape: [2] },
  );
  const loader = data.loader(slow, { batchSize: 1, prefetch: 0 });
  const trainer = made();
  await fails(trainer.fit(loader, { signal: controller.signal }), 'ANNEAL_ABORTED', /before step 3/);
  await new Promise((resolve) => setTimeout(resolve, 90));
  expect([trainer.optimizer.steps, loader.stateDict().step]).toEqual([3, 3]);
});

describe('an abort exactly at the end of an epoch', () => {
  const { reduceOnPlateau } = optim.schedules;
  const watched = (monitor: string) => {
    const told: number[] = [];
    const lr = reduceOnPlateau(0.1, { monitor });
    const observe = lr.observe.bind(lr);
    Object.assign(lr, { observe: (value: number) => (told.push(value), observe(value)) });
    return { told, lr };
  };
  const abortAt = (last: number) => {
    const controller = new AbortController();
    return { signal: controller.signal, callbacks: { onStep: ({ step }: training.StepEvent) => void (step === last && controller.abort()) } };
  };

  test('completes it', async () => {
    const { told, lr } = watched('loss');
    const trainer = made(lr);
    const loader = data.loader(train, { batchSize: 4 });
    await fails(trainer.fit(loader, { epochs: 2, ...abortAt(19) }), 'ANNEAL_ABORTED', /epoch 1, before step 0/);
    expect(trainer.history.map(({ loss }) => loss)).toEqual(told);
    expect([told.length, trainer.epochs]).toEqual([1, 1]);
    expect(loader.stateDict()).toMatchObject({ epoch: 1, step: 0 });
  });

  test.each(['loss', 'validation.loss'])('but for its validation, which is done when training goes on: %s is observed once', async (monitor) => {
    const whole = watched(monitor);
    await made(whole.lr).fit(data.loader(train, { batchSize: 4 }), { epochs: 2, validation: held });

    const { told, lr } = watched(monitor);
    const trainer = made(lr);
    const loader = data.loader(train, { batchSize: 4 });
    await fails(trainer.fit(loader, { epochs: 2, validation: held, ...abortAt(19) }), 'ANNEAL_ABORTED', /epoch 0, validation/);
    expect([trainer.history.length, trainer.epochs]).toEqual([0, 0]);
    expect(loader.stateDict()).toMatchObject({ epoch: 0, step: 20 });
    const again = data.loader(train, { batchSize: 4 });
    again.loadStateDict(loader.stateDict());
    const history = await trainer.fit(again, { epochs: 2, validation: held });
    expect(history.map(({ epoch }) => epoch)).toEqual([1]);
    expect(told).toEqual(whole.told);
  });

  test('as stop() does', async () => {
    const trainer = made();
    const history = await trainer.fit(train, { epochs: 3, batchSize: 4, validation: held, callbacks: { onStep: ({ step, stop }) => void (step === 19 && stop('enough')) } });
    expect([history.length, history.stopped, history[0]!.validation !== undefined]).toEqual([1, 'enough', true]);
  });
});

describe('epochs', () => {
  test('are numbered on, from 0, through all fits and after a resume', async () => {
    const first = made();
    const numbers = async (trainer: typeof first, epochs: number): Promise<unknown[]> => {
      const seen: unknown[] = [];
      const callbacks: training.Callback<metrics.Metric<'accuracy'>> = {
        onFitStart: ({ firstEpoch, epochs: asked }) => void seen.push([firstEpoch, asked]),
        onEpochStart: ({ epoch }) => void seen.push(epoch),
        onEpochEnd: ({ epoch, record, markBest }) => (markBest(), void seen.push(epoch, record.epoch)),
      };
      const history = await trainer.fit(train, { epochs, callbacks });
      return [...seen, history.best?.epoch, trainer.epochs];
    };
    expect(await numbers(first, 1)).toEqual([[0, 1], 0, 0, 0, 0, 1]);
    expect(await numbers(first, 2)).toEqual([[1, 2], 1, 1, 1, 2, 2, 2, 2, 3]);
    const second = made();
    await second.loadStateDict(first.stateDict());
    expect(await numbers(second, 1)).toEqual([[3, 1], 3, 3, 3, 3, 4]);
    const older = first.stateDict();
    older.delete('epochs');
    await second.loadStateDict(older);
    expect(second.epochs).toBe(0);
    const odd = first.stateDict().set('epochs', { shape: [], dtype: 'int32', data: Int32Array.of(-1) });
    await fails(second.loadStateDict(odd), 'ANNEAL_STATE_MISMATCH', /'epochs' is no count of epochs: got -1/);
  });

  test.each([{}, { seed: 5 }])('of a shuffled dataset come in the order of their numbers, fit by fit and after a resume: %o', async (given) => {
    const options = { batchSize: 16, shuffle: true, ...given };
    const whole = made();
    await whole.fit(train, { epochs: 4, ...options });
    const parts = made();
    for (let i = 0; i < 2; i++) await parts.fit(train, { epochs: 1, ...options });
    const resumed = made();
    await resumed.loadStateDict(parts.stateDict());
    await resumed.fit(train, { epochs: 2, ...options });
    expect(await bits(resumed.model)).toEqual(await bits(whole.model));
    const loop = made();
    const loader = data.loader(train, options);
    for (let i = 0; i < 4; i++) await loop.fit(loader);
    expect(await bits(loop.model)).toEqual(await bits(whole.model));
  });
});

describe('a callback that looks at every step', () => {
  const weights = async (trainer: ReturnType<typeof made>): Promise<number[]> => {
    const all: number[] = [];
    for (const parameter of trainer.model.parameters()) all.push(...(await parameter.data()));
    return all;
  };

  test.each(['arrays', 'a stream'] as const)('sees the weights after exactly that step, and acts on the next one: %s', async (name) => {
    const { loader } = sources[name];
    const loop = made();
    const wanted: number[][] = [];
    for await (const [inputs, labels] of loader() as data.Loader<[2], [], 'int32'>) {
      const loss = losses.crossEntropy(loop.model.forward(inputs as never) as never, labels);
      loop.optimizer.zeroGrad();
      loss.backward();
      await loop.optimizer.step();
      wanted.push(await weights(loop));
      loop.optimizer.lr *= 0.5;
    }
    const trainer = made();
    const seen: number[][] = [];
    await trainer.fit(loader(), {
      callbacks: {
        async onStep({ step }) {
          expect(trainer.optimizer.steps).toBe(step + 1);
          seen.push(await weights(trainer));
          trainer.optimizer.lr *= 0.5;
        },
      },
    });
    expect(seen).toEqual(wanted);
    const events = made();
    seen.length = 0;
    for await (const event of events.events(loader())) {
      if (event.type !== 'step') continue;
      seen.push(await weights(events));
      events.optimizer.lr *= 0.5;
    }
    expect(seen).toEqual(wanted);
  });
});

describe('evaluate, predict and validation', () => {
  test('take a shuffled loader in the order of its dataset, and leave it where it is', async () => {
    const trainer = made();
    const loader = data.loader(train, { batchSize: 16, shuffle: true, seed: 5 });
    const iterator = loader[Symbol.iterator]();
    iterator.next();
    const before = loader.stateDict();
    const own = await (await trainer.predict(train)).data();
    expect(await (await trainer.predict(loader)).data()).toEqual(own);
    expect(await trainer.evaluate(loader)).toEqual(await trainer.evaluate(train, { batchSize: 16 }));
    await trainer.fit(held, { validation: loader });
    expect(loader.stateDict()).toEqual(before);
    const streamed = data.loader(stream(), { batchSize: 16 });
    expect((await trainer.predict(streamed)).shape).toEqual([80, 2]);
    await trainer.evaluate(streamed);
    expect(streamed.stateDict()).toMatchObject({ epoch: 0, step: 0 });
  });

  test('an evaluation that was aborted leaves the loader where it is', async () => {
    const loader = data.loader(stream(), { batchSize: 4 });
    const controller = new AbortController();
    const evaluated = made().evaluate(loader, { signal: controller.signal });
    setImmediate(() => controller.abort());
    await fails(evaluated, 'ANNEAL_ABORTED', /evaluate/);
    expect(loader.stateDict()).toMatchObject({ epoch: 0, step: 0 });
  });
});

describe('data that gives nothing is an error', () => {
  const of = (source: () => Iterable<data.StreamItem>) => data.fromIterable(source, { shape: [2], name: 'rows' });
  const nothing = () => of(() => []);

  test('in fit, evaluate, validation and predict', async () => {
    const trainer = made();
    const text = /stream 'rows' gave no batch.*expected at least one\. A generator gives its examples once: give a function/;
    await fails(trainer.fit(nothing(), { epochs: 3 }), 'ANNEAL_DATA', text);
    await fails(trainer.evaluate(nothing()), 'ANNEAL_DATA', text);
    await fails(trainer.predict(nothing()), 'ANNEAL_DATA', text);
    await fails(trainer.fit(train, { validation: nothing() }), 'ANNEAL_DATA', /for the validation of epoch 0/);
  });

  test('also where a function gives the same generator again', async () => {
    const generator = (function* () {
      for (let i = 0; i < 4; i++) yield { x: [i, 1], y: 0 };
    })();
    const trainer = made();
    await fails(trainer.fit(of(() => generator), { epochs: 3 }), 'ANNEAL_DATA', /gave no batch in epoch 1/);
    expect(trainer.history.length).toBe(1);
  });

  test('and of loaders of one’s own', async () => {
    const own = Object.assign(data.loader(train), { [Symbol.asyncIterator]: async function* () {} }) as unknown as ReturnType<typeof data.loader<[2], [], 'int32'>>;
    await fails(made().fit(own), 'ANNEAL_DATA', /the data gave no batch in epoch 0/);
    await fails(made().predict(own), 'ANNEAL_DATA', /\[predict\] the data gave no batch/);
  });
});
