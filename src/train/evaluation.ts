import { ArgumentError } from '../errors.js';
import { composing } from '../graph/recorder.js';
import type { Loss } from '../losses/index.js';
import { Running, type AnyMetric } from '../metrics/index.js';
import { parts } from '../metrics/running.js';
import type { Batch, TargetDType } from '../data/index.js';
import type { Module } from '../nn/module.js';
import { mul } from '../ops/index.js';
import { sizeOf, showShape, type Shape } from '../shape.js';
import { Tensor } from '../tensor.js';
import { Turns } from './turns.js';

/**
 * Runs `fn`, which records what a model makes of a batch, in evaluation mode and without gradients. What it records is no part
 * of the training step that may be under way. The modes are as before when it returns.
 */
export function inEvaluation<R>(model: Module, fn: () => R): R {
  const modules = model.modules().filter((module) => module.training);
  for (const module of modules) module.training = false;
  try {
    return composing(fn);
  } finally {
    for (const module of modules) module.training = true;
  }
}

/** The loss of a batch. Throws ArgumentError unless `loss` gives a scalar tensor. */
export function scalarLoss(loss: Loss, outputs: Tensor, targets: Tensor): Tensor {
  const value: unknown = loss(outputs, targets);
  if (value instanceof Tensor && sizeOf(value.shape) === 1) return value;
  const got = value instanceof Tensor ? `the shape ${showShape(value.shape)}` : value instanceof Promise ? 'a promise' : String(value);
  throw new ArgumentError(`[Trainer] the loss gave ${got}, expected a tensor of one element. Reduce it, as in mean(...), and leave it unread.`, { op: 'Trainer' });
}

/** The loss and the metrics over all batches. One program a batch; the next is recorded while one runs. */
export async function evaluate(model: Module, loss: Loss, metrics: readonly AnyMetric[], batches: AsyncIterable<Batch<Shape, Shape, TargetDType>>, check: () => void): Promise<Record<string, unknown>> {
  const running = new Running<AnyMetric>([{ name: 'loss', measure: (outputs, targets) => weighted(loss, outputs, targets) }, ...metrics]);
  const turns = new Turns();
  let landed: Promise<void> = Promise.resolve();
  for await (const [inputs, targets] of batches) {
    check();
    const { measured, sums } = inEvaluation(model, () => running.together(model.forward(inputs as Tensor), targets as Tensor));
    const values = sums.data();
    values.catch(() => undefined);
    await landed;
    landed = values.then((data) => running.add(measured, parts(measured, data)));
    landed.catch(() => undefined);
    await turns.breathe();
  }
  await landed;
  check();
  return running.results();
}

function weighted(loss: Loss, outputs: Tensor, targets: Tensor) {
  const count = outputs.shape[0] ?? 1;
  return { sum: mul(scalarLoss(loss, outputs, targets), count), count };
}
