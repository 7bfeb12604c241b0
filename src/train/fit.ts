import { debuglog } from 'node:util';
import { originOf, type Loader, type Stretch } from '../data/index.js';
import { AnnealError, DivergenceError } from '../errors.js';
import type { AnyMetric } from '../metrics/index.js';
import type { Tensor } from '../tensor.js';
import { throwIfAborted } from './abort.js';
import { batchesAround, explained } from './divergence.js';
import { evaluate } from './evaluation.js';
import type { Callback, EpochEvent, FitEvent, Results } from './events.js';
import { Flight, type Submitted } from './flight.js';
import { History } from './history.js';
import { Inspection } from './inspection.js';
import { checkPlateaus, observePlateaus } from './plateaus.js';
import { submit, type AnyBatch, type StepSetup, type Submission } from './step.js';
import { inMemory, whyStepwise } from './stepwise.js';
import { Tally } from './tally.js';
import { ToldStep } from './told-step.js';
import { until } from './until.js';

const debug = debuglog('anneal');

export interface FitSetup<M extends AnyMetric> extends StepSetup {
  readonly metrics: readonly M[];
  readonly batches: Loader;
  readonly validation: Loader | undefined;
  readonly epochs: number;
  /** Batches of a step. */
  readonly accumulate: number;
  /** Layers are looked into every so many steps, from the first one on; undefined: never. */
  readonly inspectEvery: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly callbacks: readonly Callback<M>[];
}

type StepPlace = EpochEvent & { readonly step: number };

/** One call of Trainer.fit(). */
export class Fit<M extends AnyMetric> {
  readonly #setup: FitSetup<M>;
  readonly #note: (history: History<M>) => void;
  /** Why steps run one by one, where they do. */
  readonly #stepwise: string | undefined;
  #history = new History<M>();
  /** Why it is to end before the last epoch. */
  #stopped: string | undefined;
  /** Steps submitted so far. */
  #submitted = 0;
  readonly #recent = new Recent();
  /** The first submission that has failed. */
  #failed: { readonly submission: Submission; readonly group: readonly AnyBatch[]; readonly event: StepPlace } | undefined = undefined;

  constructor(setup: FitSetup<M>, note: (history: History<M>) => void) {
    this.#setup = setup;
    this.#note = note;
    this.#stepwise = whyStepwise(setup);
    debug('fit: %s', this.#stepwise ?? 'several steps in one call');
  }

  async run(): Promise<History<M>> {
    const event = this.#event();
    const { model, optimizer, metrics, epochs } = this.#setup;
    const start = { ...event, type: 'fitStart', model, optimizer, metrics, validated: this.#validated } as const;
    let failure: unknown;
    try {
      checkPlateaus(optimizer, start);
      await this.#tell((callback) => callback.onFitStart?.(start));
      for (let epoch = 0; epoch < epochs && this.#stopped === undefined; epoch++) await this.#epoch({ ...event, epoch });
      if (this.#stopped !== undefined) this.#write(this.#history.with$([], { stopped: this.#stopped }));
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      await this.#tell((callback) => callback.onFitEnd?.({ ...event, type: 'fitEnd', history: this.#history, error: failure }));
    }
    return this.#history;
  }

  get #validated(): boolean {
    return this.#setup.validation !== undefined;
  }

  #write(history: History<M>): void {
    this.#history = history;
    this.#note(history);
  }

  async #epoch(event: EpochEvent): Promise<void> {
    this.#checkSignal(event.epoch, 0);
    await this.#tell((callback) => callback.onEpochStart?.({ ...event, type: 'epochStart' }));
    const tally = new Tally<M>(event.epoch, this.#setup.metrics);
    const complete = await this.#steps(event, tally);
    if (tally.steps === 0 || !complete) return;
    const trained = tally.record();
    const { validation, optimizer, metrics } = this.#setup;
    const record = validation === undefined ? trained : { ...trained, validation: await this.#validate(validation, event.epoch) };
    this.#write(this.#history.with$([record]));
    observePlateaus(optimizer, { metrics, validated: this.#validated }, record);
    const markBest = (): void => this.#write(this.#history.with$([], { best: event.epoch }));
    await this.#tell((callback) => callback.onEpochEnd?.({ ...event, type: 'epochEnd', record, markBest }));
  }

  /** Runs the steps of an epoch; whether all of them. At most two submissions are under way. */
  async #steps(event: EpochEvent, tally: Tally<M>): Promise<boolean> {
    const flight = new Flight();
    try {
      let step = 0;
      for await (const { group, most, take } of this.#groups(event.epoch + 1 < event.epochs)) {
        this.#checkSignal(event.epoch, step);
        if (this.#stopped !== undefined) break;
        const { count, ...submitted } = this.#submit(group, most, { ...event, step }, tally);
        take(count);
        step += count;
        await flight.add(submitted);
      }
      await flight.drain();
      this.#checkSignal(event.epoch, step);
    } catch (error) {
      await flight.abandon();
      throw error instanceof DivergenceError ? await this.#explained(error) : error;
    }
    return this.#stopped === undefined;
  }

  /** What can be found out about a step that was not finite, now that nothing is under way. */
  async #explained(error: DivergenceError): Promise<DivergenceError> {
    if (this.#failed === undefined) return error;
    const { submission, group, event } = this.#failed;
    const { batches, accumulate } = this.#setup;
    const further = submission.completed();
    const origin = originOf(group[0]![0] as Tensor);
    const around = origin === undefined || accumulate > 1 ? undefined : batchesAround(batches, origin.epoch, origin.step + further);
    const rewind = (): (() => void) => submission.rewind();
    return explained({ setup: this.#setup, error, epoch: event.epoch, step: event.step + further, dataset: origin?.dataset, group, before: [], ...around, losses: this.#recent.losses, rewind });
  }

  /** What there is to train on in an epoch: as many batches at once as there are, or one by one as they come. */
  #groups(more: boolean): AsyncIterable<Group> | Iterable<Group> {
    const { batches, signal, accumulate } = this.#setup;
    if (!inMemory(batches)) return grouped(until(batches, signal), accumulate);
    const stretches = batches.stretches$(more);
    return accumulate === 1 ? alone(stretches) : grouped(singly(stretches), accumulate);
  }

  /** Records a step and submits it, as often as it may run at once: the loop that users write. */
  #submit(group: readonly AnyBatch[], most: number, event: StepPlace, tally: Tally<M>): Submitted & { readonly count: number } {
    try {
      const { inspectEvery, model } = this.#setup;
      const place = inspectEvery === undefined ? 0 : this.#submitted % inspectEvery;
      const inspection = inspectEvery !== undefined && place === 0 ? new Inspection(model) : undefined;
      const free = inspectEvery === undefined ? most : inspection === undefined ? Math.min(most, inspectEvery - place) : 1;
      const submission = submit(this.#setup, group, { most: this.#stepwise === undefined ? free : 1, watched: this.#stepwise !== undefined, inspection });
      this.#submitted += submission.count;
      submission.done?.catch(() => (this.#failed ??= { submission, group, event }));
      return { count: submission.count, done: submission.done, land: () => this.#land(submission, event, tally) };
    } catch (error) {
      this.#setup.optimizer.zeroGrad();
      // In its turn: the steps before it land first.
      return { count: 1, done: Promise.reject(atStep(error, event, originOf(group[0]![0] as Tensor)?.dataset)), land: nothing };
    }
  }

  /** Adds what the steps have measured, each in its turn. */
  async #land(submission: Submission, event: StepPlace, tally: Tally<M>): Promise<void> {
    const completed = submission.completed();
    if (completed === 0) return;
    const batches = await submission.measured();
    const layers = await submission.layers?.();
    if (layers !== undefined) tally.layers = layers;
    for (let i = 0; i < completed; i++) {
      const loss = tally.add(batches, i);
      this.#recent.add(loss);
      if (this.#setup.callbacks.length === 0) continue;
      const told = new ToldStep<M>(event, event.step + i, loss, tally, layers);
      for (const callback of this.#setup.callbacks) {
        const answer = callback.onStep?.(told);
        if (answer !== undefined) await answer;
      }
    }
  }

  async #validate(validation: Loader, epoch: number): Promise<Results<M>> {
    const { model, loss, metrics } = this.#setup;
    const results = await evaluate(model, loss, metrics, until(validation, this.#setup.signal), () => this.#checkSignal(epoch, undefined));
    return results as Results<M>;
  }

  #event(): FitEvent {
    return {
      epochs: this.#setup.epochs,
      stepsPerEpoch: stepsOf(this.#setup),
      stepwise: this.#stepwise,
      stop: (reason = 'a callback asked for it') => {
        this.#stopped ??= reason;
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

/** The batches of a step, or of as many as there may be, one after the other. */
interface Group extends Pick<Stretch, 'most' | 'take'> {
  readonly group: readonly AnyBatch[];
}

/** The losses of the last few steps. */
class Recent {
  readonly #ring = new Float64Array(5);
  #count = 0;

  add(loss: number): void {
    this.#ring[this.#count++ % this.#ring.length] = loss;
  }

  /** The latest last. */
  get losses(): number[] {
    const { length } = this.#ring;
    return Array.from({ length: Math.min(this.#count, length) }, (_, i) => this.#ring[(this.#count - Math.min(this.#count, length) + i) % length]!);
  }
}

const nothing = (): Promise<void> => Promise.resolve();

/** So many batches at a time; fewer at the end. */
async function* grouped(batches: AsyncIterable<AnyBatch> | Iterable<AnyBatch>, size: number): AsyncGenerator<Group> {
  let group: AnyBatch[] = [];
  const step = (): Group => ({ group, most: 1, take: () => undefined });
  for await (const batch of batches) {
    group.push(batch);
    if (group.length < size) continue;
    yield step();
    group = [];
  }
  if (group.length > 0) yield step();
}

function* alone(stretches: Iterable<Stretch>): Generator<Group> {
  for (const { batch, most, take } of stretches) yield { group: [batch], most, take };
}

function* singly(stretches: Iterable<Stretch>): Generator<AnyBatch> {
  for (const { batch, take } of stretches) {
    take(1);
    yield batch;
  }
}

function stepsOf<M extends AnyMetric>({ batches, accumulate }: FitSetup<M>): number | undefined {
  return batches.length === undefined ? undefined : Math.ceil(batches.length / accumulate);
}

/** The same error, whose message says in which step it happened. */
function atStep(error: unknown, { epoch, step }: { readonly epoch: number; readonly step: number }, dataset: string | undefined): Error {
  if (error instanceof AnnealError) error.message += ` (In epoch ${epoch}, step ${step} of fit${dataset === undefined ? '' : `, dataset '${dataset}'`}.)`;
  return error as Error;
}
