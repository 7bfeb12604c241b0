import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { progress } from '../../src/train/progress.js';
import type { Metric } from '../../src/metrics/index.js';
import type { EpochRecord, FitStartEvent, StepEvent } from '../../src/train/events.js';
import { History } from '../../src/train/history.js';

const fit = { epochs: 2, firstEpoch: 0, stepsPerEpoch: 4, stop: () => undefined, stepwise: undefined };
const started = { ...fit, type: 'fitStart', metrics: [], validated: false } as unknown as FitStartEvent;
const ended = (history = new History()) => ({ ...fit, type: 'fitEnd', history, error: undefined }) as const;

/** Text that is written while two epochs of four steps run, each of which takes a second and has 100 examples. */
async function run(isTTY: boolean, options: { interval?: number; failAt?: number; stopped?: string; validation?: { loss: number } } = {}): Promise<string> {
  let text = '';
  let time = 0;
  const sink = new Writable({ write: (piece: Buffer, _, done) => ((text += piece.toString()), done()) });
  const stream = Object.assign(sink, { isTTY, columns: 200, cursorTo: () => true, clearLine: () => true });
  const callback = progress({ stream, now: () => time, ...(options.interval === undefined ? {} : { interval: options.interval }) });
  await callback.onFitStart?.(started);
  for (let epoch = 0; epoch < 2; epoch++) {
    await callback.onEpochStart?.({ ...fit, type: 'epochStart', epoch });
    for (let step = 0; step < 4; step++) {
      if (4 * epoch + step === options.failAt) {
        await callback.onFitEnd?.(ended());
        return text;
      }
      time += 1000;
      const event = { ...fit, type: 'step', epoch, step, loss: 1, results: { loss: 0.5, accuracy: 0.9, perClass: [1, 2] }, examples: 100 * (step + 1), seconds: step + 1 } as const;
      await callback.onStep?.(event satisfies StepEvent<Metric<'accuracy'>>);
    }
    const record = { loss: 0.5, epoch, steps: 4, examples: 400, seconds: 4, examplesPerSecond: 100 } satisfies EpochRecord;
    await callback.onEpochEnd?.({ ...fit, type: 'epochEnd', markBest: () => undefined, epoch, record: options.validation === undefined ? record : { ...record, validation: options.validation } });
  }
  await callback.onFitEnd?.(ended(new History([], { stopped: options.stopped })));
  return text;
}

describe('progress', () => {
  it('writes plain lines where there is no terminal', async () => {
    const values = 'loss 0.5000  accuracy 90.00 %  100 examples/s';
    expect((await run(false, { interval: 5000 })).trimEnd().split('\n')).toEqual([`epoch 0 (1/2)  step 4/4  ${values}  4 s left`, `epoch 1 (2/2)  step 4/4  ${values}  0 s left`]);
    expect((await run(false, { interval: 2000 })).trimEnd().split('\n')).toEqual([
      `epoch 0 (1/2)  step 2/4  ${values}  6 s left`,
      `epoch 0 (1/2)  step 4/4  ${values}  4 s left`,
      `epoch 1 (2/2)  step 2/4  ${values}  2 s left`,
      `epoch 1 (2/2)  step 4/4  ${values}  0 s left`,
    ]);
    expect(await run(false)).not.toContain('\u001b');
  });

  it('draws a bar on a terminal', async () => {
    const text = await run(true);
    for (const epoch of [0, 1]) expect(text).toContain(`${'\u2588'.repeat(20)}  epoch ${epoch} (${epoch + 1}/2)  step 4/4`);
    expect(text.split('\n').length).toBe(3);
  });

  it('shows the validation at the end of an epoch', async () => {
    expect(await run(false, { validation: { loss: 0.25 } })).toContain('validation loss 0.2500  100 examples/s');
  });

  it('ends its line when training fails or is stopped', async () => {
    for (const isTTY of [false, true]) {
      const text = await run(isTTY, { failAt: 2 });
      expect(text).toContain('step 2/4');
      expect(text.endsWith('\n')).toBe(true);
      expect(await run(isTTY, { failAt: 0 })).toBe('');
    }
  });

  it('writes one line an epoch by itself where there is no terminal', async () => {
    expect((await run(false)).trimEnd().split('\n').map((line) => line.slice(0, 23))).toEqual(['epoch 0 (1/2)  step 4/4', 'epoch 1 (2/2)  step 4/4']);
  });

  it('says why training was stopped, and leaves out what is no number', async () => {
    for (const isTTY of [false, true]) {
      const text = await run(isTTY, { stopped: 'enough' });
      expect(text.trimEnd().split('\n').at(-1)).toBe('stopped: enough');
      expect(text).not.toContain('perClass');
    }
  });

  it('leaves a line at most once a second in files, or every so many epochs, and always the last', async () => {
    const history = async (isTTY: boolean, options: object, milliseconds: number): Promise<string> => {
      let [text, time] = ['', 0];
      const sink = new Writable({ write: (piece: Buffer, _, done) => ((text += piece.toString()), done()) });
      const callback = progress({ stream: Object.assign(sink, { isTTY, columns: 200, cursorTo: () => true, clearLine: () => true }), now: () => time, ...options });
      const of = { ...fit, epochs: 200, firstEpoch: 10, stepsPerEpoch: 1 };
      await callback.onFitStart?.(started);
      for (let epoch = 10; epoch < 210; epoch++) {
        await callback.onEpochStart?.({ ...of, type: 'epochStart', epoch });
        time += milliseconds;
        await callback.onStep?.({ ...of, type: 'step', epoch, step: 0, loss: 1, results: { loss: 0.5 }, examples: 100, seconds: 1 });
        await callback.onEpochEnd?.({ ...of, type: 'epochEnd', markBest: () => undefined, epoch, record: { loss: 0.5, epoch, steps: 1, examples: 100, seconds: 1, examplesPerSecond: 100 } });
      }
      await callback.onFitEnd?.({ ...of, type: 'fitEnd', history: new History(), error: undefined });
      return text;
    };
    const numbers = (text: string): number[] => text.trimEnd().split('\n').map((line) => Number(/epoch (\d+) [^\r]*$/.exec(line)![1]));
    expect(numbers(await history(false, {}, 5))).toEqual([10, 209]);
    expect(numbers(await history(false, {}, 400))).toEqual([...Array.from({ length: 67 }, (_, i) => 10 + 3 * i), 209]);
    expect(numbers(await history(false, {}, 2000)).length).toBe(200);
    expect(numbers(await history(false, { every: 60 }, 5))).toEqual([69, 129, 189, 209]);
    expect((await history(true, { every: 60 }, 5)).split('\n').length - 1).toBe(4);
    expect((await history(true, {}, 5)).split('\n').length - 1).toBe(200);
    expect(await history(false, { every: 200 }, 5)).toMatch(/^epoch 209 \(200\/200\)  step 1\/1  loss 0.5000  100 examples\/s  0 s left\n$/);
    expect(() => progress({ every: 0 })).toThrow('[train.progress] every: got 0, expected an integer of at least 1.');
  });

  it('refuses unknown options', () => {
    expect(() => progress({ intervall: 1 } as never)).toThrow('Did you mean interval?');
  });
});
