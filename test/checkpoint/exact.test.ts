// Training that ends in the middle and goes on from its last checkpoint leaves what uninterrupted training leaves, to the last bit.
import { rmSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import type { train } from 'anneal';
import { fails } from '../nn/fails.js';
import { newDirectory, traces, TRAININGS } from './training.js';

const directory = newDirectory();
afterAll(() => rmSync(directory, { recursive: true }));
let directories = 0;

/** A callback that ends training as a kill does: no checkpoint is written any more. */
function crash(after: number, passive: boolean): train.Callback {
  let steps = 0;
  const onStep = (): void => {
    if (++steps === after) throw new Error('killed');
  };
  return { passive, onStep };
}

const EPOCHS = 3;

describe.each(Object.keys(TRAININGS))('%s', (name) => {
  const make = TRAININGS[name]!;

  test('ends with the same bits, however often it is interrupted', { timeout: 20_000 }, async () => {
    const whole = make();
    await whole.trainer.fit(whole.data as never, { ...whole.options, epochs: EPOCHS });
    const expected = await traces(whole);
    expect(whole.trainer.history.length).toBeGreaterThan(1);

    for (const [everySteps, crashes] of [[5, [7, 9]], [12, [13]], [Infinity, [14]]] as const) {
      const dir = `${directory}/${directories++}`;
      const options = { epochs: EPOCHS, checkpoint: { dir, ...(everySteps === Infinity ? { everyEpochs: 1 } : { everySteps }) }, resume: 'latest' } as const;
      for (const [i, after] of crashes.entries()) {
        const { trainer, data, options: own } = make();
        const callbacks = [own.callbacks ?? [], crash(after, i % 2 === 0)].flat();
        await expect(trainer.fit(data as never, { ...own, ...options, callbacks })).rejects.toThrow('killed');
      }
      const last = make();
      const steps: number[] = [];
      const counting: train.Callback = { passive: true, onStep: ({ epoch, step }) => void steps.push(100 * epoch + step) };
      const history = await last.trainer.fit(last.data as never, { ...last.options, ...options, callbacks: [last.options.callbacks ?? [], counting].flat() });
      expect(steps[0]).toBeGreaterThan(8);
      expect(await traces(last)).toEqual(expected);
      expect(history).toBe(last.trainer.history);
      // What has come to its end is not trained on.
      const again = make();
      await again.trainer.fit(again.data as never, { ...again.options, ...options });
      expect(await traces(again)).toEqual(expected);
    }
  });
});

test('training that is stopped in its last step of an epoch, before the validation, has observed the training loss once', async () => {
  const make = TRAININGS['a plateau of the training loss']!;
  const whole = make();
  await whole.trainer.fit(whole.data as never, { ...whole.options, epochs: 3 });
  const expected = await traces(whole);
  const checkpoint = { dir: `${directory}/${directories++}`, everySteps: 5 };
  const first = make();
  const controller = new AbortController();
  const callbacks: train.Callback = { onStep: ({ step }) => void (step === 11 && controller.abort()) };
  await fails(first.trainer.fit(first.data as never, { ...first.options, epochs: 3, checkpoint, signal: controller.signal, callbacks }), 'ANNEAL_ABORTED', /epoch 0, validation/);
  const second = make();
  await second.trainer.fit(second.data as never, { ...second.options, epochs: 3, checkpoint, resume: 'latest' });
  expect(await traces(second)).toEqual(expected);
});

test('fit() may be asked for more epochs than it had', async () => {
  const make = TRAININGS['weights of examples']!;
  const whole = make();
  await whole.trainer.fit(whole.data as never, { ...whole.options, epochs: 4 });
  const expected = await traces(whole);
  const checkpoint = { dir: `${directory}/${directories++}`, everySeconds: 1e-3 };
  for (const epochs of [1, 4]) {
    const part = make();
    const history = await part.trainer.fit(part.data as never, { ...part.options, epochs, checkpoint, resume: 'latest' });
    expect([history.length, part.trainer.epochs]).toEqual([epochs, epochs]);
    if (epochs === 4) expect(await traces(part)).toEqual(expected);
  }
});

test('events() and a second fit() of a trainer have checkpoints, too', async () => {
  const make = TRAININGS['weights of examples']!;
  const dirs = [1, 2].map(() => `${directory}/${directories++}`);
  const run = async ({ trainer, data, options }: ReturnType<typeof make>, breakAt: number): Promise<void> => {
    await trainer.fit(data as never, { ...options, epochs: 2, checkpoint: { dir: dirs[0]! }, resume: 'latest' });
    for await (const event of trainer.events(data as never, { ...options, epochs: 2, checkpoint: { dir: dirs[1]!, everySteps: 4 }, resume: 'latest' })) {
      if (event.type === 'step' && 100 * event.epoch + event.step === breakAt) throw new Error('killed');
    }
  };
  for (const breakAt of [206, 303]) await expect(run(make(), breakAt)).rejects.toThrow('killed');
  const last = make();
  await run(last, NaN);
  const found = await traces(last);
  expect(last.trainer.epochs).toBe(4);
  const whole = make();
  for (let i = 0; i < 2; i++) await whole.trainer.fit(whole.data as never, { ...whole.options, epochs: 2 });
  expect(found).toEqual(await traces(whole));
});

test('many steps run in one call between two checkpoints, which bound them', async () => {
  const { trainer, data, options } = TRAININGS['weights of examples']!();
  let stepwise: string | undefined = '';
  const taken: number[] = [];
  const callbacks: train.Callback = { onFitStart: (event) => void (stepwise = event.stepwise), stateDict: () => (taken.push(trainer.optimizer.steps), {}) };
  await trainer.fit(data as never, { ...options, epochs: 2, callbacks, checkpoint: { dir: `${directory}/${directories++}`, everySteps: 10 } });
  expect(stepwise).toBe(undefined);
  expect(taken).toEqual([10, 20, 24]);
});
