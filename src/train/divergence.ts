import { ArrayLoader, type Loader } from '../data/index.js';
import { DivergenceError } from '../errors.js';
import { drawn, type Keys } from '../generator.js';
import { lossOf } from '../metrics/batch-loss.js';
import { forwardOf } from '../nn/module.js';
import { tensorsOf } from '../records.js';
import { firstNotFinite, gradientNorm, type Beginning, type Recorded } from './first-not-finite.js';
import { faultyExample } from './faulty-example.js';
import type { AnyBatch, StepSetup } from './step.js';
import { exampleWeights } from './example-weights.js';

/** The step that has failed, which has changed nothing. */
export interface FailedStep {
  readonly setup: StepSetup;
  readonly error: DivergenceError;
  readonly epoch: number;
  readonly step: number;
  readonly dataset: string | undefined;
  /** Its batches, and some of those before it. */
  readonly group: readonly AnyBatch[];
  readonly before: readonly AnyBatch[];
  /** Losses of the steps before it, the latest last. */
  readonly losses: readonly number[];
  /** Takes back its draws of random numbers, so that it can be recorded again as it was. Returns what draws them again. */
  rollback(): () => void;
}

/** Batches of a loader in memory, where several of them went into one tensor: the one at fault, and up to three before it. */
export function batchesAround(batches: Loader, epoch: number, step: number): Pick<FailedStep, 'group' | 'before'> | undefined {
  if (!(batches instanceof ArrayLoader) || !batches.builtin) return undefined;
  const steps = [step - 3, step - 2, step - 1, step].filter((at) => at >= 0);
  const around = steps.map((at) => batches.batchAt$(epoch, at));
  return { group: around.slice(-1), before: around.slice(0, -1) };
}

/** The error of a failed step with everything that can be found out about it. */
export async function explained(failed: FailedStep): Promise<DivergenceError> {
  const { setup, error, epoch, step, losses } = failed;
  const { optimizer } = setup;
  // Taken back one by one: somebody else may be drawing from a stream meanwhile.
  const spent: Keys[] = [];
  const redraw = failed.rollback();
  try {
    const beginning = await beginningOf(failed, spent);
    const norms = await normsOf(failed, spent);
    const lr = optimizer.groups[0]!.rateAt(optimizer.steps);
    const parameter = error.parameter ?? beginning?.parameter;
    const found = { value: error.value, epoch, step, lr, losses, gradientNorms: norms, ...(parameter === undefined ? {} : { parameter }), ...(beginning?.layer === undefined ? {} : { layer: beginning.layer }) };
    const example = beginning?.pass === 'data' ? await exampleAtFault(failed.group) : undefined;
    return new DivergenceError(textOf(failed, beginning, lr, norms, example), found, { cause: error, ...(beginning === undefined ? {} : { op: beginning.op }) });
  } finally {
    for (const keys of spent) keys.rollback(1);
    redraw();
  }
}

/** A function that records a batch anew, and notes the random numbers that it has drawn. */
const recorder = ({ model, loss: of, classWeights }: StepSetup, batch: AnyBatch, spent: Keys[]) => (): Recorded => {
  const [inputs, targets] = batch;
  const [loss, keys] = drawn(() => lossOf('Trainer', of, forwardOf(model, inputs), targets, exampleWeights(batch, classWeights)).loss);
  spent.push(keys);
  return { batch: [...tensorsOf(inputs), ...tensorsOf(targets)], loss };
};

async function beginningOf({ setup, group }: FailedStep, spent: Keys[]): Promise<Beginning | undefined> {
  for (const batch of group) {
    const found = await firstNotFinite(setup.model, recorder(setup, batch, spent));
    if (found !== undefined) return found;
  }
  return undefined;
}

async function exampleAtFault(group: readonly AnyBatch[]): Promise<string | undefined> {
  for (const batch of group) {
    const found = await faultyExample(batch);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function normsOf({ setup, before }: FailedStep, spent: Keys[]): Promise<number[]> {
  const norms: number[] = [];
  for (const batch of before) norms.push(await gradientNorm(setup.optimizer.parameters, recorder(setup, batch, spent)));
  return norms;
}

const show = (value: number): string => (Math.abs(value) >= 1e6 && Number.isFinite(value) ? value.toExponential(2).replace('e+', 'e') : String(Number(value.toPrecision(3))));
const list = (values: readonly number[]): string => values.map(show).join(', ');

/** Operands above it, or losses that have grown as much, are no matter of an op's edges. */
const HUGE = 1e6;

function textOf({ error, epoch, step, dataset, losses }: FailedStep, beginning: Beginning | undefined, lr: number, norms: readonly number[], example: string | undefined): string {
  const what = error.parameter === undefined ? 'the loss' : `the gradient of ${error.parameter}`;
  const sentences = [
    `[fit] diverged in epoch ${epoch}, step ${step}${dataset === undefined ? '' : ` of dataset '${dataset}'`}: ${what} is ${error.value}`,
    beginning === undefined ? 'Recorded again, the step was finite: something in it changes from call to call' : whereOf(beginning, example),
    `The learning rate was ${show(lr)}${losses.length === 0 ? '' : `, the losses before it were ${list(losses)}`}${norms.length === 0 ? '' : `, the norms of the gradients of the batches before it, at the weights that it met, ${list(norms)}`}`,
    'The step has changed nothing',
    adviceOn(beginning, losses),
  ];
  return `${sentences.join('. ')}.`;
}

function whereOf({ pass, op, layer, parameter, largest }: Beginning, example: string | undefined): string {
  const place = layer === undefined ? 'outside of all layers, as the loss is' : layer === '' ? 'in the model itself' : `in layer ${layer}`;
  switch (pass) {
    case 'data':
      return `It began with the batch: ${example ?? `the result of ${op} is not finite`}`;
    case 'parameter':
      return `Parameter ${parameter!} was not finite before this step`;
    case 'forward':
      return `It began with the result of ${op}, ${place}, whose operands are finite, of at most ${show(largest)}${parameter === undefined ? '' : `, ${parameter} among them`}`;
    case 'backward':
      return `All results are finite, but the gradient of ${op}, ${place}, is not; its operands are of at most ${show(largest)}`;
  }
}

function adviceOn(beginning: Beginning | undefined, losses: readonly number[]): string {
  if (beginning?.pass === 'data') return 'Look for NaN and infinities in the data, and for a standard deviation of 0 where it was normalized';
  if (beginning?.pass === 'parameter') return 'Load or initialise it anew: an update with checkFinite: false, or a state from elsewhere, has spoilt it';
  const grown = losses.length > 1 && Math.abs(losses.at(-1)!) > HUGE * Math.abs(losses[0]!);
  if (beginning === undefined || beginning.largest > HUGE || grown) {
    return 'The values have grown too large: try a lower rate (findLearningRate suggests one), a warm-up of it, or clip: { globalNorm: 1 } of the optimizer';
  }
  return `Its operands are not large: keep ${beginning.op} off its edges (a logarithm, quotient or root of 0), by an epsilon or clamp; if that is not it, try a lower rate`;
}
