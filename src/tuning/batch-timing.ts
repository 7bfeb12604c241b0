import { loader as loaderOf, type Dataset } from '../data/index.js';
import { engine } from '../graph/engine.js';
import type { Loss } from '../losses/index.js';
import type { Module } from '../nn/module.js';
import type { Optimizer } from '../optim/index.js';
import { Trainer } from '../train/trainer.js';
import { lossOf } from './step.js';
import type { AnyBatch } from '../train/step.js';

/** Cost of training at one batch size on this machine. */
export interface BatchSizeFigures {
  readonly batchSize: number;
  readonly examplesPerSecond: number;
  readonly secondsPerStep: number;
  /** Of a step's temporaries: activations, gradients, scratch; by the library's plan. 0 in eager mode, which has none. */
  readonly temporaryBytes: number;
  /** Of the whole process, after these steps. */
  readonly residentBytes: number;
}

/** Steps before the clock starts: they plan, and grow memory. */
const WARM = 3;

/** Trains with rate 0, so that nothing changes, until `seconds` have passed and some steps were done. */
export async function measure(model: Module, optimizer: Optimizer, loss: Loss, data: Dataset, batchSize: number, seconds: number): Promise<BatchSizeFigures> {
  for (const group of optimizer.groups) group.lr = 0;
  const loader = loaderOf(data, { batchSize, shuffle: true, dropLast: true });
  const temporaryBytes = await temporaries(model, optimizer, loss, loader);
  let steps = 0;
  let start = { steps: 0, time: 0 };
  let end = { steps: 0, time: 0 };
  const onStep = ({ stop }: { readonly stop: () => void }): void => {
    const now = { steps: ++steps, time: performance.now() };
    if (steps <= WARM) start = now;
    else end = now;
    if (steps > WARM && now.time - start.time >= 1000 * seconds) stop();
  };
  const epochs = Number.MAX_SAFE_INTEGER;
  await new Trainer(model, { loss, optimizer }).fit(loader, { epochs, callbacks: { passive: true, onStep } });
  const secondsPerStep = (end.time - start.time) / 1000 / (end.steps - start.steps);
  return { batchSize, examplesPerSecond: batchSize / secondsPerStep, secondsPerStep, temporaryBytes, residentBytes: process.memoryUsage.rss() };
}

async function temporaries(model: Module, optimizer: Optimizer, loss: Loss, loader: AsyncIterable<AnyBatch>): Promise<number> {
  for await (const batch of loader) {
    const { loss: value } = lossOf(model, loss, batch);
    optimizer.zeroGrad();
    value.backward();
    const steps = engine().steps(optimizer, { watched: [value] });
    await steps.done;
    return steps.temporaryBytes;
  }
  return 0;
}
