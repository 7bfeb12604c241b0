import type { BatchRun, Loader } from '../data/index.js';
import { meanOfMeans } from '../metrics/accumulators.js';
import { type AccumulatorState, type AnyMetric, Running } from '../metrics/index.js';
import { LOSS } from './evaluation.js';
import type { EpochEvent, EpochRecord, FitEvent, Results, StepEvent } from './events.js';
import type { LayerStatistics } from './inspection.js';
import { until } from './signal.js';
import { inMemory, isAsync } from './sources.js';
import type { AnyBatch, MeasuredBatch } from './step.js';

/** The batches of a step, or of as many as there may be, one after the other. */
export interface Group extends Pick<BatchRun, 'maxSteps' | 'consume'> {
  readonly group: readonly AnyBatch[];
}

interface PassOptions {
  /** Another epoch follows. */
  readonly more: boolean;
  /** Batches of a step. */
  readonly accumulate: number;
  readonly signal: AbortSignal | undefined;
}

/** A pass over a loader; of a loader of the user's own the batches are counted as they come. */
interface Told {
  readonly first: number;
  readonly length: number | undefined;
  handedOut(count: number): void;
  complete(): void;
  readonly batches: Iterable<BatchRun> | AsyncIterable<BatchRun>;
}

/** A pass over a loader that trains: batches count as handed out when their step is submitted, so that none is lost where training stops. */
export class EpochPass {
  readonly #pass: Told;
  readonly #accumulate: number;
  #taken = 0;

  constructor(loader: Loader, options: PassOptions) {
    this.#pass = passOver(loader, options);
    this.#accumulate = options.accumulate;
  }

  /** The batch of the epoch that it begins with. */
  get first(): number {
    return this.#pass.first;
  }

  /** The number of the first step. */
  get firstStep(): number {
    return Math.floor(this.first / this.#accumulate);
  }

  /** Returns whether all batches were taken, where their number is known before. */
  get over(): boolean {
    return this.first + this.#taken >= (this.#pass.length ?? Infinity);
  }

  /** Yields what there is to train on: as many batches at once as there are, or one by one, or as many as a step adds up. */
  groups(): Iterator<Group, void> | AsyncIterator<Group, void> {
    const { batches } = this.#pass;
    if (this.#accumulate > 1) return grouped(batches, this.#accumulate);
    return Symbol.iterator in batches ? ungrouped(batches) : grouped(batches, 1);
  }

  /** Says that the step of a group was submitted, so many times. */
  take({ group, consume }: Group, count: number): void {
    this.#taken += group.length * count;
    consume(count);
  }

  /** Says that training has come to the end of a step, though the batches of further ones were taken. */
  cameTo(step: number): void {
    const count = this.first + (step + 1 - this.firstStep) * this.#accumulate;
    if (count < this.first + this.#taken) this.#pass.handedOut(count);
  }

  /** Says that all that belongs to the epoch is done. */
  complete(): void {
    this.#pass.complete();
  }
}

function passOver(loader: Loader, { more, accumulate, signal }: PassOptions): Told {
  const { length } = loader;
  if (inMemory(loader)) return { ...loader.pass$({ more, single: accumulate > 1 }), length };
  if (isAsync(loader)) {
    const pass = loader.pass$();
    return { ...pass, length, batches: until(pass.batches as AsyncIterable<BatchRun>, signal) };
  }
  return { first: 0, length: undefined, handedOut: nothing, complete: nothing, batches: singly(until(loader, signal)) };
}

const nothing = (): void => undefined;

function* ungrouped(runs: Iterable<BatchRun>): Generator<Group, void> {
  for (const { batch, maxSteps, consume } of runs) yield { group: [batch], maxSteps, consume };
}

/** So many batches at a time; fewer at the end. */
async function* grouped(runs: AsyncIterable<BatchRun> | Iterable<BatchRun>, size: number): AsyncGenerator<Group, void> {
  let some: BatchRun[] = [];
  const step = (all: readonly BatchRun[]): Group => ({ group: all.map(({ batch }) => batch), maxSteps: 1, consume: () => all.forEach(({ consume }) => consume(1)) });
  for await (const run of runs) {
    some.push(run);
    if (some.length < size) continue;
    yield step(some);
    some = [];
  }
  if (some.length > 0) yield step(some);
}

async function* singly(batches: AsyncIterable<AnyBatch>): AsyncGenerator<BatchRun, void> {
  for await (const batch of batches) yield { batch: batch as BatchRun['batch'], maxSteps: 1, consume: nothing };
}

/** An epoch that is under way: results so far, and how much went into them. */
export interface EpochState {
  readonly steps: number;
  readonly examples: number;
  readonly seconds: number;
  readonly layers?: readonly LayerStatistics[] | undefined;
  readonly results: { readonly [metric: string]: AccumulatorState };
}

/** Accumulator of an epoch: results so far, and how much went into them. */
export class EpochAccumulator<M extends AnyMetric> {
  readonly epoch: number;
  readonly #running: Running<AnyMetric>;
  readonly #start = performance.now();
  /** Seconds that passed before it went on from a checkpoint. */
  #before = 0;
  steps = 0;
  examples = 0;
  /** Statistics of the layers when they were last looked at. */
  layers: readonly LayerStatistics[] | undefined;

  constructor(epoch: number, metrics: readonly M[]) {
    this.epoch = epoch;
    this.#running = new Running<AnyMetric>([LOSS, ...metrics]);
  }

  /** Adds the i-th of the steps that ran together, of one or more batches. Its loss, over all of them; NaN where nothing counts in it. */
  add(batches: readonly MeasuredBatch[], i: number): number {
    this.steps++;
    const mean = batches.length === 1 ? undefined : meanOfMeans();
    let loss = NaN;
    for (const { measured, examples, row } of batches) {
      const values = row(i);
      const { 0: own, 1: divisor = measured[0]!.count } = values[0]!;
      this.#running.add(measured, values);
      this.examples += examples;
      mean?.add(values[0]!, divisor);
      if (divisor !== 0) loss = own!;
    }
    return mean === undefined ? loss : mean.result();
  }

  results(): Results<M> {
    return this.#running.results() as Results<M>;
  }

  /** Since the epoch began. */
  get seconds(): number {
    return this.#before + (performance.now() - this.#start) / 1000;
  }

  /** Everything that it knows, for a checkpoint in the middle of the epoch. */
  stateDict(): EpochState {
    const { steps, examples, seconds, layers } = this;
    return { steps, examples, seconds, layers, results: this.#running.stateDict() };
  }

  loadStateDict({ steps, examples, seconds, layers, results }: EpochState): void {
    [this.steps, this.examples, this.layers, this.#before] = [steps, examples, layers, seconds];
    this.#running.loadStateDict(results);
  }

  record(): EpochRecord<M> {
    const { epoch, steps, examples, seconds, layers } = this;
    const looked = layers === undefined ? {} : { layers };
    return { ...this.results(), epoch, steps, examples, seconds, examplesPerSecond: examples / seconds, ...looked } as unknown as EpochRecord<M>;
  }
}

/** A step that has run, as callbacks get it. A class, because there may be a hundred thousand a second. */
export class CompletedStep<M extends AnyMetric> implements StepEvent<M> {
  readonly type = 'step';
  readonly epochs: number;
  readonly firstEpoch: number;
  readonly stepsPerEpoch: number | undefined;
  readonly stepwise: string | undefined;
  readonly stop: FitEvent['stop'];
  readonly epoch: number;
  readonly step: number;
  readonly loss: number;
  readonly examples: number;
  readonly seconds: number;
  declare readonly layers?: readonly LayerStatistics[];
  readonly #accumulator: EpochAccumulator<M>;
  #results: Results<M> | undefined = undefined;

  constructor(event: EpochEvent, step: number, loss: number, accumulator: EpochAccumulator<M>, layers: readonly LayerStatistics[] | undefined) {
    this.epochs = event.epochs;
    this.firstEpoch = event.firstEpoch;
    this.stepsPerEpoch = event.stepsPerEpoch;
    this.stepwise = event.stepwise;
    this.stop = event.stop;
    this.epoch = event.epoch;
    this.step = step;
    this.loss = loss;
    this.examples = accumulator.examples;
    this.seconds = accumulator.seconds;
    if (layers !== undefined) this.layers = layers;
    this.#accumulator = accumulator;
  }

  get results(): Results<M> {
    return (this.#results ??= this.#accumulator.results());
  }
}
