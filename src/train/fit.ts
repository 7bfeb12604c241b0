import { debuglog } from 'node:util';
import { originOf, type Batch, type Loader, type Stretch, type TargetDType } from '../data/index.js';
import { AnnealError } from '../errors.js';
import { engine, type Steps } from '../graph/engine.js';
import { composing, noGrad } from '../graph/recorder.js';
import type { Loss } from '../losses/index.js';
import { Running, type AnyMetric, type Measured } from '../metrics/index.js';
import type { Module } from '../nn/module.js';
import type { Optimizer } from '../optim/index.js';
import { generator } from '../random.js';
import { sizeOf, type Shape } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { evaluate, scalarLoss } from './evaluation.js';
import type { Callback, EpochEvent, EpochRecord, FitEvent, History, Results, StepEvent } from './events.js';
import { Flight, type Submitted } from './flight.js';
import { throwIfAborted } from './abort.js';
import { inMemory, whyStepwise } from './stepwise.js';
import { until } from './until.js';

const debug = debuglog('anneal');

export interface FitSetup<M extends AnyMetric> {
  readonly model: Module;
  readonly optimizer: Optimizer;
  readonly loss: Loss;
  readonly metrics: readonly M[];
  readonly batches: Loader;
  readonly validation: Loader | undefined;
  readonly epochs: number;
  readonly signal: AbortSignal | undefined;
  readonly callbacks: readonly Callback<M>[];
}

/** What an epoch has come to: means so far, and how much went into them. */
interface Tally {
  readonly epoch: number;
  readonly running: Running<AnyMetric>;
  readonly start: number;
  steps: number;
  examples: number;
}

type StepPlace = EpochEvent & { readonly step: number };

/** One call of Trainer.fit(). */
export class Fit<M extends AnyMetric> {
  readonly #setup: FitSetup<M>;
  readonly #note: (history: History<M>) => void;
  /** Why steps run one by one, where they do. */
  readonly #stepwise: string | undefined;
  #history: History<M> = [];
  #stopped = false;

  constructor(setup: FitSetup<M>, note: (history: History<M>) => void) {
    this.#setup = setup;
    this.#note = note;
    this.#stepwise = whyStepwise(setup);
    debug('fit: %s', this.#stepwise ?? 'several steps in one call');
  }

  async run(): Promise<History<M>> {
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
    const names: AnyMetric[] = [{ name: 'loss', measure: lossOf }, ...this.#setup.metrics];
    const tally: Tally = { epoch: event.epoch, running: new Running<AnyMetric>(names), start: performance.now(), steps: 0, examples: 0 };
    const complete = await this.#steps(event, tally);
    if (tally.steps === 0 || !complete) return;
    const trained = recordOf(tally);
    const { validation } = this.#setup;
    const record = validation === undefined ? trained : { ...trained, validation: await this.#validate(validation, event.epoch) };
    this.#history = [...this.#history, record];
    this.#note(this.#history);
    await this.#tell((callback) => callback.onEpochEnd?.({ ...event, record }));
  }

  /** Runs the steps of an epoch; whether all of them. At most two submissions are under way. */
  async #steps(event: EpochEvent, tally: Tally): Promise<boolean> {
    const flight = new Flight();
    try {
      let step = 0;
      for await (const stretch of this.#stretches(event.epoch + 1 < event.epochs)) {
        this.#checkSignal(event.epoch, step);
        if (this.#stopped) break;
        const { count, ...submitted } = this.#submit(stretch, { ...event, step }, tally);
        stretch.take(count);
        step += count;
        await flight.add(submitted);
      }
      await flight.drain();
      this.#checkSignal(event.epoch, step);
    } catch (error) {
      await flight.abandon();
      throw error;
    }
    return !this.#stopped;
  }

  /** What there is to train on in an epoch: as many batches at once as there are, or one by one as they come. */
  #stretches(more: boolean): Iterable<Stretch> | AsyncIterable<Stretch> {
    const { batches, signal } = this.#setup;
    return inMemory(batches) ? batches.stretches$(more) : single(until(batches, signal));
  }

  /** Records a step and submits it, as often as it may run at once: the loop that users write. */
  #submit({ batch, most }: Stretch, event: StepPlace, tally: Tally): Submitted & { readonly count: number } {
    const [inputs, targets] = batch as [Tensor, Tensor];
    try {
      const [{ loss, measured }, draws] = generator().drawn(() => this.#record(inputs, targets));
      const watched = [loss, ...measured.map(({ sum }) => sum)];
      const steps = engine().steps(this.#setup.optimizer, { watched, draws, most: this.#stepwise === undefined ? most : 1 });
      const count = inputs.shape[0] ?? 1;
      const sums = [{ sum: loss, count }, ...measured];
      return { count: steps.count, done: steps.done, land: () => this.#land(steps, sums, event, tally) };
    } catch (error) {
      // In its turn: the steps before it land first.
      return { count: 1, done: Promise.reject(atStep(error, event, originOf(inputs)?.dataset)), land: nothing };
    }
  }

  #record(inputs: Tensor, targets: Tensor): { readonly loss: Tensor; readonly measured: readonly Measured[] } {
    const { model, optimizer, loss: lossFunction, metrics } = this.#setup;
    const forward = () => {
      const outputs = model.forward(inputs);
      const loss = scalarLoss(lossFunction, outputs, targets);
      return { loss, measured: noGrad(() => metrics.map((metric) => metric.measure(outputs, targets))) };
    };
    // What is only ours has nobody who could read it later.
    const recorded = this.#stepwise === undefined ? composing(forward, true) : forward();
    optimizer.zeroGrad();
    recorded.loss.backward();
    return recorded;
  }

  /** Adds what the steps have measured, each in its turn. */
  async #land(steps: Steps, measured: readonly Measured[], event: StepPlace, tally: Tally): Promise<void> {
    const { completed } = steps;
    if (completed === 0) return;
    const columns = await Promise.all(measured.map(async ({ sum }, i) => new Column(steps.values(i) ?? (await sum.data()), sizeOf(sum.shape))));
    const [{ count }] = measured as [Measured];
    for (let i = 0; i < completed; i++) {
      const values = columns.map((column) => column.row(i));
      const loss = values[0]![0]!;
      values[0] = [loss * count];
      tally.running.add(measured, values);
      tally.steps++;
      tally.examples += count;
      if (this.#setup.callbacks.length > 0) await this.#landed({ ...event, step: event.step + i }, loss, tally);
    }
  }

  async #landed(event: StepPlace, loss: number, tally: Tally): Promise<void> {
    const { examples, running } = tally;
    const seconds = (performance.now() - tally.start) / 1000;
    let results: Results<M> | undefined;
    const told: StepEvent<M> = {
      ...event,
      loss,
      get results() {
        return (results ??= running.results() as Results<M>);
      },
      examples,
      seconds,
    };
    await this.#tell((callback) => callback.onStep?.(told));
  }

  async #validate(validation: Loader, epoch: number): Promise<Results<M>> {
    const { model, loss, metrics } = this.#setup;
    const results = await evaluate(model, loss, metrics, until(validation, this.#setup.signal), () => this.#checkSignal(epoch, undefined));
    return results as Results<M>;
  }

  #event(): FitEvent {
    return {
      epochs: this.#setup.epochs,
      stepsPerEpoch: this.#setup.batches.length,
      stepwise: this.#stepwise,
      stop: () => {
        this.#stopped = true;
      },
    };
  }

  async #tell(call: (callback: Callback<M>) => void | Promise<void> | undefined): Promise<void> {
    for (const callback of this.#setup.callbacks) {
      const answer = call(callback);
      if (answer !== undefined) await answer;
    }
  }

  #checkSignal(epoch: number, step: number | undefined): void {
    throwIfAborted('fit', this.#setup.signal, ` in epoch ${epoch}, ${step === undefined ? 'validation' : `before step ${step}`}`);
  }
}

/** What several steps have measured, one after the other; each of them `size` numbers. */
class Column {
  readonly #values: ArrayLike<number> & { subarray?(start: number, end: number): ArrayLike<number> };
  readonly #size: number;

  constructor(values: ArrayLike<number>, size: number) {
    this.#values = values;
    this.#size = size;
  }

  row(step: number): ArrayLike<number> {
    return this.#size === 1 ? [this.#values[step]!] : this.#values.subarray!(step * this.#size, (step + 1) * this.#size);
  }
}

const nothing = (): Promise<void> => Promise.resolve();

/** Batches that come one by one. */
async function* single(batches: AsyncIterable<Batch<Shape, Shape, TargetDType>>): AsyncGenerator<Stretch> {
  for await (const batch of batches) yield { batch, most: 1, take: () => undefined };
}

/** The loss of a step is added by the step itself. */
function lossOf(): never {
  throw new Error('the loss is measured by its step');
}

function recordOf<M extends AnyMetric>({ epoch, running, start, steps, examples }: Tally): EpochRecord<M> {
  const seconds = (performance.now() - start) / 1000;
  return { ...running.results(), epoch, steps, examples, seconds, examplesPerSecond: examples / seconds } as unknown as EpochRecord<M>;
}

/** The same error, whose message says in which step it happened. */
function atStep(error: unknown, { epoch, step }: { readonly epoch: number; readonly step: number }, dataset: string | undefined): Error {
  if (error instanceof AnnealError) error.message += ` (In epoch ${epoch}, step ${step} of fit${dataset === undefined ? '' : `, dataset '${dataset}'`}.)`;
  return error as Error;
}
