import { originOf, type Loader } from '../data/index.js';
import { AnnealError } from '../errors.js';
import { noGrad } from '../graph/recorder.js';
import type { Loss } from '../losses/index.js';
import { Running, type Metric } from '../metrics/index.js';
import type { Module } from '../nn/module.js';
import type { Optimizer } from '../optim/index.js';
import type { Tensor } from '../tensor.js';
import { evaluate, scalarLoss } from './evaluation.js';
import type { Callback, EpochEvent, EpochRecord, FitEvent, History, Results } from './events.js';
import { Flight, type Submitted } from './flight.js';
import { throwIfAborted } from './abort.js';
import { until } from './until.js';

export interface FitSetup<N extends string> {
  readonly model: Module;
  readonly optimizer: Optimizer;
  readonly loss: Loss;
  readonly metrics: readonly Metric<N>[];
  readonly batches: Loader;
  readonly validation: Loader | undefined;
  readonly epochs: number;
  readonly signal: AbortSignal | undefined;
  readonly callbacks: readonly Callback<N>[];
}

/** What an epoch has come to: means so far, and how much went into them. */
interface Tally<N extends string> {
  readonly epoch: number;
  readonly running: Running<N | 'loss'>;
  readonly start: number;
  steps: number;
  examples: number;
}

/** One call of Trainer.fit(). */
export class Fit<N extends string> {
  readonly #setup: FitSetup<N>;
  readonly #note: (history: History<N>) => void;
  #history: History<N> = [];
  #stopped = false;

  constructor(setup: FitSetup<N>, note: (history: History<N>) => void) {
    this.#setup = setup;
    this.#note = note;
  }

  async run(): Promise<History<N>> {
    const event = this.#event();
    try {
      await this.#tell((callback) => callback.onFitStart?.(event));
      for (let epoch = 0; epoch < this.#setup.epochs && !this.#stopped; epoch++) await this.#epoch({ ...event, epoch });
    } finally {
      await this.#tell((callback) => callback.onFitEnd?.({ ...event, history: this.#history }));
    }
    return this.#history;
  }

  async #epoch(event: EpochEvent): Promise<void> {
    this.#checkSignal(event.epoch, 0);
    await this.#tell((callback) => callback.onEpochStart?.(event));
    const names = [{ name: 'loss' as const, measure: lossOf }, ...this.#setup.metrics];
    const tally: Tally<N> = { epoch: event.epoch, running: new Running<N | 'loss'>(names), start: performance.now(), steps: 0, examples: 0 };
    const complete = await this.#steps(event, tally);
    if (tally.steps === 0 || !complete) return;
    const trained = recordOf(tally);
    const { validation } = this.#setup;
    const record = validation === undefined ? trained : { ...trained, validation: await this.#validate(validation, event.epoch) };
    this.#history = [...this.#history, record];
    this.#note(this.#history);
    await this.#tell((callback) => callback.onEpochEnd?.({ ...event, record }));
  }

  /** Runs the steps of an epoch; whether all of them. At most two are under way. */
  async #steps(event: EpochEvent, tally: Tally<N>): Promise<boolean> {
    const flight = new Flight();
    try {
      let step = 0;
      for await (const [inputs, targets] of until(this.#setup.batches, this.#setup.signal)) {
        this.#checkSignal(event.epoch, step);
        if (this.#stopped) break;
        await flight.add(this.#submit(inputs as Tensor, targets as Tensor, { ...event, step }, tally));
        step++;
      }
      await flight.drain();
      this.#checkSignal(event.epoch, step);
    } catch (error) {
      await flight.abandon();
      throw error;
    }
    return !this.#stopped;
  }

  /** Records a step and submits it: the loop that users write. */
  #submit(inputs: Tensor, targets: Tensor, event: EpochEvent & { readonly step: number }, tally: Tally<N>): Submitted {
    const { model, optimizer, loss: lossFunction, metrics } = this.#setup;
    try {
      const outputs = model.forward(inputs);
      const loss = scalarLoss(lossFunction, outputs, targets);
      const measured = noGrad(() => metrics.map((metric) => metric.measure(outputs, targets)));
      optimizer.zeroGrad();
      loss.backward();
      const done = optimizer.step();
      const count = inputs.shape[0] ?? 1;
      return {
        done,
        land: async () => {
          const value = await loss.item();
          const sums = await Promise.all(measured.map(({ sum }) => sum.item()));
          tally.running.add([{ sum: loss, count }, ...measured], [value * count, ...sums]);
          tally.steps++;
          tally.examples += count;
          await this.#landed(event, value, tally);
        },
      };
    } catch (error) {
      // In its turn: the steps before it land first.
      return { done: Promise.reject(atStep(error, event, originOf(inputs)?.dataset)), land: nothing };
    }
  }

  async #landed(event: EpochEvent & { readonly step: number }, loss: number, tally: Tally<N>): Promise<void> {
    if (this.#setup.callbacks.length === 0) return;
    const results = tally.running.results() as Results<N>;
    const { examples } = tally;
    const seconds = (performance.now() - tally.start) / 1000;
    await this.#tell((callback) => callback.onStep?.({ ...event, loss, results, examples, seconds }));
  }

  async #validate(validation: Loader, epoch: number): Promise<Results<N>> {
    const { model, loss, metrics } = this.#setup;
    const results = await evaluate(model, loss, metrics, until(validation, this.#setup.signal), () => this.#checkSignal(epoch, undefined));
    return results as Results<N>;
  }

  #event(): FitEvent {
    return {
      epochs: this.#setup.epochs,
      stepsPerEpoch: this.#setup.batches.length,
      stop: () => {
        this.#stopped = true;
      },
    };
  }

  async #tell(call: (callback: Callback<N>) => void | Promise<void> | undefined): Promise<void> {
    for (const callback of this.#setup.callbacks) {
      const answer = call(callback);
      if (answer !== undefined) await answer;
    }
  }

  #checkSignal(epoch: number, step: number | undefined): void {
    throwIfAborted('fit', this.#setup.signal, ` in epoch ${epoch}, ${step === undefined ? 'validation' : `before step ${step}`}`);
  }
}

const nothing = (): Promise<void> => Promise.resolve();

/** The loss of a step is added by the step itself. */
function lossOf(): never {
  throw new Error('the loss is measured by its step');
}

function recordOf<N extends string>({ epoch, running, start, steps, examples }: Tally<N>): EpochRecord<N> {
  const seconds = (performance.now() - start) / 1000;
  return { ...running.results(), epoch, steps, examples, seconds, examplesPerSecond: examples / seconds } as unknown as EpochRecord<N>;
}

/** The same error, whose message says in which step it happened. */
function atStep(error: unknown, { epoch, step }: { readonly epoch: number; readonly step: number }, dataset: string | undefined): Error {
  if (error instanceof AnnealError) error.message += ` (In epoch ${epoch}, step ${step} of fit${dataset === undefined ? '' : `, dataset '${dataset}'`}.)`;
  return error as Error;
}
