import { ArgumentError } from '../errors.js';
import type { Loader } from '../data/index.js';
import type { Loss } from '../losses/index.js';
import type { Mean } from '../losses/reduction.js';
import { lossOf as batchLossOf } from '../metrics/batch-loss.js';
import { forwardOf, Module } from '../nn/module.js';
import { Optimizer } from '../optim/index.js';
import { describeValue } from '../describe-value.js';
import type { Parameter } from '../parameter.js';
import { checkOptimizes } from '../train/fit-options.js';
import { exampleWeights } from '../train/example-weights.js';
import type { AnyBatch } from '../train/step.js';

/** An optimizer, or what makes one for a model's parameters, such as `(parameters) => optim.sgd(parameters, { lr: 0.1 })`. */
export type OptimizerOrMaker = Optimizer | ((parameters: Parameter[]) => Optimizer);

/** The optimizer that was given, or is made for these parameters. Throws ArgumentError for anything else. */
export function optimizerFor(op: string, given: OptimizerOrMaker, model: Module): Optimizer {
  const made: unknown = typeof given === 'function' ? given(model.parameters()) : given;
  if (!(made instanceof Optimizer)) throw new ArgumentError(`[${op}] optimizer: got ${describeValue(made)}, expected an optimizer, or a function of the parameters that gives one, such as (parameters) => optim.adam(parameters).`, { op });
  checkOptimizes(op, model, made);
  return made;
}

export function checkParts(op: string, model: unknown, loss: unknown): void {
  if (!(model instanceof Module)) throw new ArgumentError(`[${op}] the model: got ${describeValue(model)}, expected a Module, such as nn.sequential(...).`, { op });
  if (typeof loss !== 'function') throw new ArgumentError(`[${op}] loss: got ${describeValue(loss)}, expected a function of (outputs, targets), such as losses.crossEntropy.`, { op });
}

/** Batches without end: epoch after epoch. Throws ArgumentError for data that has none. */
export async function* batchesOf(op: string, loader: Loader): AsyncGenerator<AnyBatch, never, undefined> {
  for (;;) {
    let some = false;
    for await (const batch of loader) {
      some = true;
      yield batch;
    }
    if (!some) throw new ArgumentError(`[${op}] the data gave no batch, expected at least one. A stream that is to be read again is given as a function.`, { op });
  }
}

/** Records the loss of a batch, whose examples count what their weights say. */
export function lossOf(model: Module, loss: Loss, batch: AnyBatch): Mean {
  const [inputs, targets] = batch;
  return batchLossOf('Trainer', loss, forwardOf(model, inputs), targets, exampleWeights(batch, undefined));
}

/** The mean loss of a batch, and how much it counts beside those of other batches: what it was divided by. */
export interface CountedLoss {
  readonly loss: number;
  readonly counts: number;
}

/** One step of training; resolves with the loss before it. */
export async function trainStep(model: Module, optimizer: Optimizer, loss: Loss, batch: AnyBatch): Promise<CountedLoss> {
  const { loss: value, divisor } = lossOf(model, loss, batch);
  // Scalars that are recorded here are readable after the step.
  const [before, counts] = [value.reshape([]).detach(), typeof divisor === 'number' ? divisor : divisor.detach()];
  optimizer.zeroGrad();
  value.backward();
  await optimizer.step();
  return { loss: await before.item(), counts: typeof counts === 'number' ? counts : await counts.item() };
}
