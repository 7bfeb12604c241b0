import { DivergenceError } from '../errors.js';
import { drawn } from '../generator.js';
import { engine, type Steps } from '../graph/engine.js';
import { withoutTracking, noGrad } from '../graph/recorder.js';
import type { Loss } from '../losses/index.js';
import type { Divisor } from '../losses/reduction.js';
import { lossOf, measuredLoss } from '../metrics/batch-loss.js';
import type { AnyMetric, Measured } from '../metrics/index.js';
import { measure } from '../metrics/field.js';
import { forwardOf, type Module } from '../nn/module.js';
import { mul } from '../ops/index.js';
import type { Optimizer } from '../optim/index.js';
import { rowsOf, type Tensors } from '../records.js';
import { sizeOf } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { Inspection, LayerStatistics } from './inspection.js';
import { Shares } from './shares.js';
import { exampleWeights, type ClassFactors } from './example-weights.js';

/** A batch of any data: inputs and targets are a tensor each, or a record of tensors. */
export type AnyBatch = readonly [inputs: Tensors, targets: Tensors] & { readonly weights?: Tensor<[number], 'float32'> | undefined };

export interface StepSetup {
  readonly model: Module;
  readonly optimizer: Optimizer;
  readonly loss: Loss;
  readonly metrics: readonly AnyMetric[];
  /** Weight of each class; undefined where all count alike. */
  readonly classWeights: ClassFactors | undefined;
  /** True if a step whose loss or gradients are not finite fails. */
  readonly checkFinite: boolean;
}

/** A batch whose gradients are under way, and what is measured of it, the loss first. */
interface Part {
  readonly steps: Steps;
  readonly measured: readonly Measured[];
  readonly examples: number;
}

/** Steps that were submitted together. */
export interface Submission {
  readonly count: number;
  /** Resolves when all have run, and rejects when one has failed; undefined where they have run already. */
  readonly done: Promise<unknown> | undefined;
  /** Number of steps that have run. Known when `done` is settled. */
  completed(): number;
  /** Takes back what the step that failed has drawn of random numbers. Returns what draws it again. */
  rollback(): () => void;
  /** Results of the batches of each step that has run. */
  measured(): Promise<MeasuredBatch[]>;
  /** Statistics of the layers in it, where it was looked into. */
  readonly layers: (() => Promise<LayerStatistics[]>) | undefined;
}

/** Results of a batch, for each of the steps that ran in one call. */
export interface MeasuredBatch {
  readonly measured: readonly Measured[];
  readonly examples: number;
  row(step: number): ArrayLike<number>[];
}

/** Records the step of one or more batches, whose gradients add up to those of all their examples together, and submits it as often as it may run at once. */
export function submit(setup: StepSetup, group: readonly AnyBatch[], { maxSteps, watched, inspection }: SubmitOptions): Submission {
  const { optimizer } = setup;
  const shares = group.length === 1 ? undefined : new Shares(group.map(examplesOf));
  let diverged: DivergenceError | undefined;
  const [recorded, randomKeys] = drawn(() => {
    try {
      return backward(setup, group, shares, watched, inspection);
    } catch (error) {
      if (!(error instanceof DivergenceError)) throw error;
      diverged = error;
      return undefined;
    }
  });
  const redrawable = (failed: number) => (): (() => void) => {
    randomKeys.rollback(failed);
    return () => randomKeys.rollback(-failed);
  };
  if (recorded === undefined) {
    optimizer.zeroGrad();
    shares?.dispose();
    return { count: 1, done: Promise.reject(diverged!), completed: () => 0, rollback: redrawable(1), measured: async () => [], layers: undefined };
  }
  const { parts, last } = recorded;
  const scale = shares?.scale();
  const look = inspection?.gradients(scale);
  const steps = engine().steps(optimizer, { watched: look === undefined ? sumsOf(last) : [look.norms], randomKeys, maxSteps, scale, ...(setup.checkFinite ? { finite: 'cheap' as const } : {}) });
  shares?.dispose();
  const all: Part[] = look === undefined ? [...parts, { steps, measured: last, examples: examplesOf(group.at(-1)!) }] : parts;
  return {
    count: steps.count,
    done: all.length === 1 && look === undefined ? steps.done : allDone([...all.map((part) => part.steps), steps]),
    completed: () => steps.completed,
    rollback: () => redrawable(steps.begun - steps.completed)(),
    measured: () => Promise.all(all.map(columnsOf)),
    layers: look && layersOf(inspection!, look, all.at(-1)!, steps),
  };
}

export interface SubmitOptions {
  /** Number of times that the step may run in one call. */
  readonly maxSteps: number;
  /** True if anybody might look at the step's tensors later. */
  readonly watched: boolean;
  /** Inspection of the step. */
  readonly inspection: Inspection | undefined;
}

/** Records the batches. Gradients of all but the last are under way then; of the last one, too, where somebody looks at them. */
function backward(setup: StepSetup, group: readonly AnyBatch[], shares: Shares | undefined, watched: boolean, inspection: Inspection | undefined): { readonly parts: Part[]; readonly last: readonly Measured[] } {
  const { optimizer } = setup;
  const parts: Part[] = [];
  let last: readonly Measured[] = [];
  for (const [i, batch] of group.entries()) {
    const isLast = i + 1 === group.length;
    const recorded = (): Recorded => record(setup, batch, watched);
    const { loss, divisor, measured } = isLast && inspection !== undefined ? inspection.forward(recorded) : recorded();
    last = measured;
    if (i === 0) optimizer.zeroGrad();
    const share = shares?.next(divisor);
    (share === undefined ? loss : withoutTracking(() => mul(loss, share as Tensor), true)).backward();
    if (isLast && inspection === undefined) break;
    const dead = isLast ? inspection!.dead : [];
    parts.push({ measured, examples: examplesOf(batch), steps: engine().accumulate(optimizer.parameters, [...sumsOf(measured), ...dead], setup.checkFinite ? 'cheap' : undefined) });
  }
  return { parts, last };
}

/** Resolves to the statistics of the layers, once the step has run. Called right after it was submitted. */
function layersOf(inspection: Inspection, { before }: Look, part: Part, steps: Steps): () => Promise<LayerStatistics[]> {
  const moved = inspection.moved(before);
  // A step that failed says so itself.
  moved.catch(() => undefined);
  return async () => inspection.statistics(part.steps.values(part.measured.length), steps.values(0)!, await moved);
}

type Look = ReturnType<Inspection['gradients']>;

const examplesOf = ([inputs]: AnyBatch): number => rowsOf(inputs);

const sumsOf = (measured: readonly Measured[]): Tensor[] => measured.map(({ sum: tensor }) => tensor);

interface Recorded {
  readonly loss: Tensor;
  readonly divisor: Divisor;
  readonly measured: readonly Measured[];
}

function record({ model, loss: of, metrics, classWeights }: StepSetup, batch: AnyBatch, watched: boolean): Recorded {
  const [inputs, targets] = batch;
  const forward = (): Recorded => {
    const weights = exampleWeights(batch, classWeights);
    const outputs = forwardOf(model, inputs);
    const batchLoss = lossOf('Trainer', of, outputs, targets, weights);
    const measured = noGrad(() => metrics.map((metric) => measure(metric, outputs, targets)));
    return { ...batchLoss, measured: [measuredLoss(batchLoss), ...measured] };
  };
  // What is only ours has nobody who could read it later.
  return watched ? forward() : withoutTracking(forward, true);
}

/** Settles when all have, and rejects with the first failure: those behind it are only refused because of it. */
async function allDone(all: readonly Steps[]): Promise<void> {
  const ends = await Promise.allSettled(all.map(({ done }) => done ?? Promise.resolve()));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

async function columnsOf({ steps, measured, examples }: Part): Promise<MeasuredBatch> {
  const columns = await Promise.all(measured.map(async ({ sum: tensor }, i) => ({ values: steps.values(i) ?? (await tensor.data()), size: sizeOf(tensor.shape) })));
  return {
    measured,
    examples,
    row: (step) => columns.map(({ values, size }) => (size === 1 ? [values[step]!] : (values as Float32Array).subarray(step * size, (step + 1) * size))),
  };
}
