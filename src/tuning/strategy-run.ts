import { loader as loaderOf, type ArrayLoader, type Dataset } from '../data/index.js';
import { AnnealError, ArgumentError } from '../errors.js';
import { Generator, withRandomScope, type RandomScope } from '../generator.js';
import type { Loss } from '../losses/index.js';
import type { Metric } from '../metrics/index.js';
import { Module } from '../nn/module.js';
import type { Shape } from '../shape.js';
import { describeValue } from '../describe-value.js';
import type { Parameter } from '../parameter.js';
import type { Optimizer } from '../optim/index.js';
import { Trainer } from '../train/trainer.js';
import { optimizerFor } from './step.js';

/** Facts known before training begins, of which schedules are made. */
export interface TrainingLength {
  readonly epochs: number;
  readonly stepsPerEpoch: number;
  /** epochs times stepsPerEpoch. */
  readonly steps: number;
}

/** A way to train: the optimizer with its rate and schedule, and what differs from the options of the comparison. */
export interface Strategy {
  readonly optimizer: (parameters: Parameter[], length: TrainingLength) => Optimizer;
  readonly batchSize?: number | undefined;
  readonly loss?: Loss | undefined;
}

/** Options that all runs of a comparison share. */
export interface RunSetup {
  readonly model: () => Module;
  /** The models of all runs. */
  readonly made: Set<Module>;
  readonly loss: Loss;
  readonly metrics: readonly Metric[];
  readonly data: Dataset;
  readonly validation: Dataset | undefined;
  readonly epochs: number;
  readonly batchSize: number;
  /** Name of the result that is compared. */
  readonly by: string;
  readonly signal: AbortSignal | undefined;
}

/** Throws ArgumentError for what is no model, or one that another run has. */
function checkFresh(model: unknown, made: Set<Module>): void {
  const fail = (got: string): ArgumentError => new ArgumentError(`[compareStrategies] model: got ${got}, expected a function that makes one anew for each run, such as () => nn.sequential(...).`, { op: 'compareStrategies' });
  if (!(model instanceof Module)) throw fail(`a function that gave ${describeValue(model)}`);
  if (made.has(model)) throw fail('a function that gave the same model again');
  made.add(model);
}

/** One strategy with one seed: a training that can be gone on with. */
export class StrategyRun {
  /** The measure after each epoch, over the validation data, or the training data without. */
  readonly values: number[] = [];
  readonly trainingLosses: number[] = [];
  seconds = 0;
  /** Reason why there is no going on. */
  diverged: string | undefined = undefined;
  readonly #trainer: Trainer<Shape, Shape, Loss, Metric>;
  readonly #loader: ArrayLoader;
  readonly #setup: RunSetup;
  /** The streams of random numbers that only this run draws from. */
  readonly #streams: RandomScope;

  constructor(setup: RunSetup, strategy: Strategy, readonly seed: number) {
    const { epochs, metrics } = setup;
    this.#setup = setup;
    this.#loader = loaderOf(setup.data, { batchSize: strategy.batchSize ?? setup.batchSize, shuffle: true, seed });
    this.#streams = { generator: new Generator({ seed, counters: {} }) };
    const stepsPerEpoch = this.#loader.length;
    const make = (parameters: Parameter[]): Optimizer => strategy.optimizer(parameters, { epochs, stepsPerEpoch, steps: epochs * stepsPerEpoch });
    this.#trainer = withRandomScope(this.#streams, () => {
      const model = setup.model();
      checkFresh(model, setup.made);
      return new Trainer(model, { loss: strategy.loss ?? setup.loss, optimizer: optimizerFor('compareStrategies', make, model), metrics });
    });
  }

  get last(): number {
    return this.diverged === undefined ? (this.values.at(-1) ?? NaN) : NaN;
  }

  /** Trains until so many epochs are done. */
  async until(epochs: number): Promise<void> {
    if (this.diverged !== undefined) return;
    const { validation, signal, by } = this.#setup;
    const held = validation === undefined ? {} : { validation: loaderOf(validation, { batchSize: Math.min(1024, validation.size) }) };
    try {
      const fit = () => this.#trainer.fit(this.#loader, { epochs: epochs - this.values.length, ...held, ...(signal === undefined ? {} : { signal }) });
      const history = await withRandomScope(this.#streams, fit);
      for (const record of history) this.#note(record, (record.validation ?? record) as unknown as Readonly<Record<string, number>>, by);
    } catch (error) {
      if (!(error instanceof AnnealError && error.code === 'ANNEAL_NON_FINITE')) throw error;
      this.diverged = error.message;
    }
  }

  #note(record: { readonly epoch: number; readonly loss: number; readonly seconds: number }, results: Readonly<Record<string, number>>, by: string): void {
    if (this.diverged !== undefined) return;
    this.trainingLosses.push(record.loss);
    if (typeof results[by] !== 'number') throw new ArgumentError(`[compareStrategies] by: got ${by}, which gives ${describeValue(results[by])}, expected a metric that gives a number.`, { op: 'compareStrategies' });
    this.values.push(results[by]!);
    this.seconds += record.seconds;
    if (!Number.isFinite(record.loss) || !Number.isFinite(results[by])) this.diverged = `the loss of epoch ${this.values.length - 1} is not finite`;
  }
}
