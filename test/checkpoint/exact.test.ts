// Training that ends in the middle and goes on from its last checkpoint leaves what uninterrupted training leaves, to the last bit.
import { rmSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import type { train } from 'anneal';
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
