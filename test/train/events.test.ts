// Training as a loop over its events: in order, at the pace of who asks, and over when the loop is left.
import { describe, expect, test } from 'vitest';
import { losses, metrics, Trainer, type train, type Tensor } from 'anneal';
import { bits, blobs, classifier } from './classifier.js';
import { fails } from '../nn/fails.js';

const points = blobs(100, 1);
const options = { epochs: 2, batchSize: 25, shuffle: true, seed: 5 } as const;

function made() {
  const { model, optimizer } = classifier();
  return new Trainer(model, { loss: losses.crossEntropy, optimizer, metrics: [metrics.accuracy()] });
}

describe.each([false, true])('events (passive: %s)', (passive) => {
  test('are those that callbacks get, and leave what fit() leaves', async () => {
    const trainer = made();
    const seen: string[] = [];
    for await (const event of trainer.events(points, { ...options, passive, validation: points })) {
      switch (event.type) {
        case 'fitStart':
          expect(event.model).toBe(trainer.model);
          seen.push(`${event.type} ${event.stepwise === undefined ? 'together' : 'single'}`);
          break;
        case 'epochStart':
          seen.push(`${event.type} ${event.epoch}`);
          break;
        case 'step':
          seen.push(`${event.type} ${event.epoch}.${event.step} ${event.examples}`);
          expect(event.results.accuracy).toBeGreaterThanOrEqual(0);
          break;
        case 'epochEnd':
          seen.push(`${event.type} ${event.record.steps} ${event.record.validation!.accuracy > 0}`);
          break;
        case 'fitEnd':
          seen.push(`${event.type} ${event.history.length} ${String(event.error)}`);
      }
    }
    const epoch = (n: number): string[] => [`epochStart ${n}`, ...[1, 2, 3, 4].map((k) => `step ${n}.${k - 1} ${25 * k}`), 'epochEnd 4 true'];
    expect(seen).toEqual([`fitStart ${passive ? 'together' : 'single'}`, ...epoch(0), ...epoch(1), 'fitEnd 2 undefined']);
    const fitted = made();
    await fitted.fit(points, options);
    expect(await bits(trainer.model)).toEqual(await bits(fitted.model));
    expect(trainer.history.length).toBe(2);
  });

  test('wait for who asks', async () => {
    const trainer = made();
    const stepsBefore: number[] = [];
    for await (const event of trainer.events(points, { ...options, passive })) {
      const { steps } = trainer.optimizer;
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(trainer.optimizer.steps).toBe(steps);
      if (event.type === 'step') stepsBefore.push(trainer.optimizer.steps);
    }
    // Step by step at most one other is under way.
    if (!passive) stepsBefore.forEach((steps, i) => expect(steps - i).toBeLessThanOrEqual(3));
    expect(trainer.optimizer.steps).toBe(8);
  });

  test('end training when the loop is left, and the model can be trained again', async () => {
    const trainer = made();
    const told: string[] = [];
    const callbacks = { onFitEnd: ({ error }: train.FitEndEvent) => void told.push(String(error)) };
    for await (const event of trainer.events(points, { ...options, epochs: 1000, passive, callbacks })) if (event.type === 'epochEnd' && event.epoch === 1) break;
    expect(told).toEqual(['undefined']);
    expect([trainer.history.length, trainer.history.stopped]).toEqual([2, 'its events were not asked for any more']);
    expect(trainer.optimizer.steps).toBeLessThan(20);
    await trainer.fit(points);
    const thrown = async (): Promise<void> => {
      for await (const event of trainer.events(points, { passive })) if (event.type === 'step') throw new Error('enough');
    };
    await expect(thrown()).rejects.toThrow('enough');
    await trainer.fit(points);
  });
});

describe('what goes wrong', () => {
  const all = async (trainer: { events: (data: typeof points, options: object) => AsyncIterable<{ type: string }> }, extra: object): Promise<string[]> => {
    const seen: string[] = [];
    for await (const { type } of trainer.events(points, extra)) seen.push(type);
    return seen;
  };

  test('arguments, a busy model, an abort and a failing loss are thrown in the loop', async () => {
    const trainer = made();
    await fails(all(trainer, { epoch: 1 }), 'ANNEAL_UNKNOWN_OPTION', /Did you mean epochs/);
    await fails(all(trainer, { signal: AbortSignal.abort() }), 'ANNEAL_ABORTED', /epoch 0/);
    for await (const { type } of trainer.events(points)) if (type === 'step') await fails(all(trainer, {}), 'ANNEAL_BUSY', /being trained/);
    const { model, optimizer } = classifier();
    const broken = new Trainer(model, { loss: (outputs: Tensor) => outputs, optimizer });
    await fails(all(broken, {}), 'ANNEAL_INVALID_ARGUMENT', /the loss gave the shape/);
    await trainer.fit(points);
  });

  test('the last event has the error', async () => {
    const stop = new AbortController();
    const trainer = made();
    const seen: unknown[] = [];
    const run = async (): Promise<void> => {
      for await (const event of trainer.events(points, { ...options, signal: stop.signal })) {
        if (event.type === 'epochEnd') stop.abort();
        if (event.type === 'fitEnd') seen.push((event.error as { code: string }).code, event.history.length);
      }
    };
    await fails(run(), 'ANNEAL_ABORTED', /epoch 1, before step 0/);
    expect(seen).toEqual(['ANNEAL_ABORTED', 1]);
    expect(trainer.history.length).toBe(1);
  });
});
