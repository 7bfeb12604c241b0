import type { Loader } from '../data/index.js';
import { DivergenceError } from '../errors.js';
import { drawn } from '../generator.js';
import { engine, type Steps } from '../graph/engine.js';
import { noGrad, withoutTracking } from '../graph/recorder.js';
import { isBuiltin, type Loss } from '../losses/loss.js';
import type { Divisor } from '../losses/reduction.js';
import { lossOf, measuredLoss } from '../metrics/batch-loss.js';
import { measure } from '../metrics/field.js';
import type { AnyMetric, Measured } from '../metrics/index.js';
import { forwardOf, type Module } from '../nn/module.js';
import { add, div, equal, mul, where } from '../ops/index.js';
import { scalar } from '../ops/leaf.js';
import type { Optimizer } from '../optim/index.js';
import { rowsOf, type Tensors } from '../records.js';
import { type Shape, sizeOf } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { Callback } from './events.js';
import { type ClassFactors, exampleWeights } from './example-weights.js';
import type { Inspection, LayerStatistics } from './inspection.js';
import { inMemory } from './sources.js';

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

type Floats = Tensor<Shape, 'float32'>;

/**
 * Returns the shares of the mean losses of the batches of a step in that of all their examples: each counts as much as it was divided by. That is known of
 * a batch when it is recorded, and of all when the last one is, while the gradients of the first are added up already. So they are taken
 * as shares of what the first batch lets expect, and the update is scaled where it comes otherwise.
 */
export class Shares {
  readonly #sizes: readonly number[];
  readonly #divisors: Divisor[] = [];
  #expected = 0;

  /** `sizes`: the examples of each batch. */
  constructor(sizes: readonly number[]) {
    this.#sizes = sizes;
  }

  /** Returns the factor of the next batch's mean. */
  next(divisor: Divisor): Tensor | number {
    const own = typeof divisor === 'number' ? divisor : withoutTracking(() => divisor.detach().keep());
    if (this.#divisors.length === 0) {
      const examples = this.#sizes.reduce((total, size) => total + size, 0);
      this.#expected = typeof own === 'number' ? (own / this.#sizes[0]!) * examples : examples;
    }
    this.#divisors.push(own);
    return typeof own === 'number' ? own / this.#expected : withoutTracking(() => div(own as Floats, this.#expected));
  }

  /** Returns the factor of the gradients of all of them together: 0 where nothing counts; undefined where all came as expected. */
  scale(): Tensor | undefined {
    const known = this.#divisors.reduce<number>((sum, one) => (typeof one === 'number' ? sum + one : sum), 0);
    const computed = this.#divisors.filter((one) => typeof one !== 'number') as Floats[];
    if (computed.length === 0) return known === this.#expected ? undefined : scalar(this.#expected / known, 'float32');
    return withoutTracking(() => {
      const total = computed.reduce<Floats | number>((sum, one) => add(one, sum) as Floats, known) as Floats;
      return where(equal(total, 0), 0, div(this.#expected, total)) as Tensor;
    });
  }

  /** Called when the step was submitted. */
  dispose(): void {
    for (const divisor of this.#divisors) if (typeof divisor !== 'number') divisor.dispose();
  }
}

/** Parts of a fit() that decide whether its steps are alike. */
interface FitParts {
  readonly model: Module;
  readonly loss: Loss;
  readonly metrics: readonly AnyMetric[];
  readonly batches: Loader;
  readonly accumulate: number;
  readonly callbacks: readonly Callback[];
}

/**
 * Returns in words why fit() has to record and run one step at a time; undefined where all of them are alike, so that one that was
 * recorded can run several times in one call. Code that is not this library's may do something else in every step.
 */
export function whyStepwise({ model, loss, metrics, batches, accumulate, callbacks }: FitParts): string | undefined {
  if (!inMemory(batches)) return 'the data is not in memory, or comes by a loader of its own kind';
  if (batches.dataset.padded$) return 'the examples differ in length, and with them the batches (data.padded)';
  if (accumulate > 1) return `the gradients of ${accumulate} batches are added up for each step (accumulate)`;
  const custom = model.modules().find((module) => !module.builtin && module.children().every((child) => child.builtin));
  if (custom !== undefined) return `the model contains ${custom.path$ === '' ? '' : `${custom.path$}, `}a custom module (${String(custom)})`;
  if (!model.builtin) return 'the model is a custom module';
  if (!isBuiltin(loss)) return 'the loss is a custom function';
  const metric = metrics.find(({ builtin }) => builtin !== true);
  if (metric !== undefined) return `the metric ${metric.name} is a custom one`;
  if (looksAtSteps(callbacks)) return 'a callback looks at every step (onStep), and does not say that it is passive';
  return undefined;
}

/** Returns whether one of them sees what each step has left, before the next one begins. */
export function looksAtSteps(callbacks: readonly Pick<Callback, 'onStep' | 'passive'>[]): boolean {
  return callbacks.some(({ onStep, passive }) => onStep !== undefined && passive !== true);
}
