import { withoutTracking } from '../graph/recorder.js';
import type { Loss } from '../losses/index.js';
import { meanOfMeans } from '../metrics/accumulators.js';
import { lossOf, measuredLoss } from '../metrics/batch-loss.js';
import { Running, type AnyMetric } from '../metrics/index.js';
import { parts, together } from '../metrics/running.js';
import { measure } from '../metrics/field.js';
import { forwardOf, type Module } from '../nn/module.js';
import { EventLoopTurns } from './turns.js';
import type { AnyBatch } from './step.js';
import { exampleWeights } from './example-weights.js';

/**
 * Runs `fn`, which records what a model makes of a batch, in evaluation mode and without gradients. What it records is no part
 * of the training step that may be under way. The modes are as before when it returns.
 */
export function inEvaluation<R>(model: Module, fn: () => R): R {
  const modules = model.modules().filter((module) => module.training);
  for (const module of modules) module.training = false;
  try {
    return withoutTracking(fn);
  } finally {
    for (const module of modules) module.training = true;
  }
}

/** The loss as what is measured first of a batch, by whoever records the batch. */
export const LOSS: AnyMetric = {
  name: 'loss',
  measure() {
    throw new Error('the loss is measured by who records it');
  },
  accumulator: meanOfMeans,
};

/** The loss and the metrics over all batches; undefined where there are none. One program a batch; the next is recorded while one runs. */
export async function evaluate(model: Module, loss: Loss, metrics: readonly AnyMetric[], batches: AsyncIterable<AnyBatch>, check: () => void): Promise<Record<string, unknown> | undefined> {
  const running = new Running<AnyMetric>([LOSS, ...metrics]);
  const turns = new EventLoopTurns();
  let landed: Promise<void> | undefined;
  for await (const batch of batches) {
    check();
    const { measured, sums } = inEvaluation(model, () => {
      const [inputs, targets] = batch;
      const outputs = forwardOf(model, inputs);
      const all = [measuredLoss(lossOf('Trainer', loss, outputs, targets, exampleWeights(batch, undefined))), ...metrics.map((metric) => measure(metric, outputs, targets))];
      return { measured: all, sums: together(all) };
    });
    const values = sums.data();
    values.catch(() => undefined);
    await landed;
    landed = values.then((data) => running.add(measured, parts(measured, data)));
    landed.catch(() => undefined);
    await turns.yieldToEventLoop();
  }
  await landed;
  check();
  return landed === undefined ? undefined : running.results();
}
